//! Looks for runs that do not pass: `explore GLOB [--seeds N] [--faults] [--stock]`.
//!
//! With `--faults` every fault is tried at every request of every seed. Exits with 1 when a run did not pass.
#![allow(clippy::print_stdout, reason = "the output is the example's purpose")]

use std::{collections::BTreeMap, process::ExitCode, time::Instant};

use headroom_scenario::{Cell, Outcome, Scenario, Topology, What, catalogue, run};
use headroom_sim::{SimWorld, model::Settings, world::Fault};

/// What went wrong, how often, and where it was seen first.
type Findings = BTreeMap<String, (u64, String)>;

/// Reasons of Events that no run must show.
const ALARMS: [&str; 5] =
    ["PlanRefused", "SessionExhausted", "InternalError", "NotSizedByClaim", "UnreadableStatus"];

/// Runs once; answers the requests made.
fn once(scenario: &Scenario, mut world: SimWorld, with: &str, findings: &mut Findings) -> u64 {
    let report = run(scenario, &mut world);
    let mut wrong: Vec<String> = report.failures().map(|failure| failure.text.clone()).collect();
    wrong.extend(report.why.clone());
    if wrong.is_empty() && report.outcome != Outcome::Passed {
        wrong.push(report.outcome.name().to_owned());
    }
    for entry in &report.trace.entries {
        if let What::Event { reason, .. } = &entry.what
            && ALARMS.contains(&reason.as_str())
        {
            wrong.push(format!("Event {reason}"));
        }
    }
    for text in wrong {
        let found = findings.entry(format!("{}: {text}", report.full_id)).or_insert((0, with.to_owned()));
        found.0 += 1;
    }
    world.requests()
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    let glob = arguments.first().map_or("*", String::as_str);
    let seeds: u64 = arguments
        .iter()
        .skip_while(|argument| *argument != "--seeds")
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(1);
    let settings = if has("--stock") { Settings::STOCK } else { Settings::LAB };
    let started = Instant::now();
    let (mut runs, mut findings) = (0_u64, Findings::new());
    for cell in catalogue::select(glob, &Topology::ALL) {
        let Cell::Scenario(scenario) = cell else { continue };
        for seed in 1..=seeds {
            let world = || SimWorld::with_settings(seed, settings);
            let requests = once(&scenario, world(), &format!("seed {seed}"), &mut findings);
            runs += 1;
            for request in (1..=requests).filter(|_| has("--faults")) {
                for fault in Fault::ALL {
                    let mut world = world();
                    world.inject(request, fault);
                    let with = format!("seed {seed}, {fault:?} at request {request}");
                    once(&scenario, world, &with, &mut findings);
                    runs += 1;
                }
            }
        }
    }
    for (text, (count, first)) in &findings {
        println!("{count:>6} x {text} (first: {first})");
    }
    println!("{runs} runs in {:.1} s, {} kinds of failure", started.elapsed().as_secs_f64(), findings.len());
    if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
