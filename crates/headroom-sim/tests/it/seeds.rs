//! Runs that once went wrong are run again, each with its seed, conditions and faults.

use headroom_sim::explore::{
    kept::{self, Kept},
    swarm,
};

use crate::growth::scenarios;

/// The runs that are kept.
fn kept() -> Vec<Kept> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/seeds/kept.txt");
    kept::read(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn wrong(run: &Kept) -> Vec<String> {
    let scenario = scenarios(&run.id).remove(0);
    swarm::try_once(&scenario, run.seed, &run.plan).wrong
}

#[test]
fn every_run_that_once_went_wrong_passes() {
    let runs = kept();
    assert!(!runs.is_empty(), "some are kept");
    let again = runs.iter().map(|run| (run, wrong(run))).filter(|(_, wrong)| !wrong.is_empty());
    let again: Vec<String> = again.map(|(run, wrong)| format!("{run}: {}", wrong.join("; "))).collect();
    assert!(again.is_empty(), "{} runs go wrong again:\n{}", again.len(), again.join("\n"));
}

#[test]
fn a_swarm_of_seeds_passes_on_every_cell() {
    let mut wrong = Vec::new();
    for (seed, scenario) in (1..).zip(scenarios("*")) {
        let (plan, tried) = swarm::try_seed(&scenario, seed);
        let id = scenario.full_id();
        if !tried.wrong.is_empty() {
            wrong.push(format!("{id} {seed} {plan}: {}", tried.wrong.join("; ")));
        }
    }
    assert!(wrong.is_empty(), "{} runs went wrong:\n{}", wrong.len(), wrong.join("\n"));
}
