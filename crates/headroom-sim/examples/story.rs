//! Prints what happens in a scenario on the simulator: `story 'p0_00_*@t1' [SEED] [-v] [stock-kubelet,crash-after@6]`, the
//! conditions and faults as a finding of `cargo e2e --faults` prints them.
#![allow(clippy::print_stdout, reason = "the output is the example's purpose")]

use headroom_scenario::{Cell, Outcome, What, catalogue, run};
use headroom_sim::explore::plan::Plan;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let filter = arguments.first().map_or("*", String::as_str);
    let seed = arguments.get(1).and_then(|text| text.parse().ok()).unwrap_or(1);
    let verbose = arguments.iter().any(|argument| argument == "-v");
    let is_plan = |argument: &&String| *argument != "-v" && argument.parse::<u64>().is_err();
    let words = arguments.iter().skip(1).find(is_plan).map_or("", String::as_str);
    let plan: Plan = match words.parse() {
        Ok(plan) => plan,
        Err(error) => {
            println!("{error}");
            std::process::exit(2);
        }
    };
    for cell in catalogue::select(filter, &headroom_scenario::Topology::ALL) {
        let Cell::Scenario(scenario) = cell else { continue };
        let mut world = plan.conditions.world(&scenario, seed);
        for (request, fault) in &plan.once {
            world.inject(*request, *fault);
        }
        let started = std::time::Instant::now();
        let report = run(&scenario, &mut world);
        let wall = started.elapsed();
        println!(
            "{} {} ({} s simulated in {wall:?})",
            report.full_id,
            report.outcome.name(),
            report.duration_ms / 1000
        );
        if let Some(why) = &report.why {
            println!("  {why}");
        }
        for failure in report.failures() {
            println!("  FAILED {failure:?}");
        }
        if verbose || report.outcome != Outcome::Passed {
            for entry in &report.trace.entries {
                if verbose || !matches!(entry.what, What::Usage { .. } | What::Acknowledged(_)) {
                    println!(
                        "  {:>9.3} {:?}",
                        f64::from(u32::try_from(entry.at_ms).unwrap_or(0)) / 1000.0,
                        entry.what
                    );
                }
            }
        }
    }
}
