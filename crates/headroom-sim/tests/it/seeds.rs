//! Runs that once went wrong are run again, each with its seed, conditions and faults.

use headroom_sim::explore::{kept, swarm};

use crate::growth::scenarios;

#[test]
fn every_run_that_once_went_wrong_passes() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/seeds/kept.txt")).unwrap();
    let runs = kept::read(&text).unwrap();
    assert!(!runs.is_empty(), "some are kept");
    let mut wrong = Vec::new();
    for run in runs {
        let scenario = scenarios(&run.id).remove(0);
        let tried = swarm::try_once(&scenario, run.seed, &run.plan);
        if !tried.wrong.is_empty() {
            wrong.push(format!("{run}: {}", tried.wrong.join("; ")));
        }
    }
    assert!(wrong.is_empty(), "{} runs go wrong again:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_swarm_of_seeds_passes_on_every_cell() {
    let mut wrong = Vec::new();
    for (seed, scenario) in (1..).zip(scenarios("*")) {
        let (plan, tried) = swarm::try_seed(&scenario, seed);
        if !tried.wrong.is_empty() {
            wrong.push(format!("{} {seed} {plan}: {}", scenario.full_id(), tried.wrong.join("; ")));
        }
    }
    assert!(wrong.is_empty(), "{} runs went wrong:\n{}", wrong.len(), wrong.join("\n"));
}
