//! Runs that once went wrong are run again, each with its seed, conditions and faults; what is not mended yet is named.

use headroom_sim::explore::{
    kept::{self, Kept},
    swarm,
};

use crate::growth::scenarios;

/// The runs of a list in `seeds/`.
fn listed(name: &str) -> Vec<Kept> {
    let path = format!("{}/seeds/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    kept::read(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn wrong(run: &Kept) -> Vec<String> {
    let scenario = scenarios(&run.id).remove(0);
    swarm::try_once(&scenario, run.seed, &run.plan).wrong
}

#[test]
fn every_run_that_once_went_wrong_passes() {
    let runs = listed("kept");
    assert!(!runs.is_empty(), "some are kept");
    let again = runs.iter().map(|run| (run, wrong(run))).filter(|(_, wrong)| !wrong.is_empty());
    let again: Vec<String> = again.map(|(run, wrong)| format!("{run}: {}", wrong.join("; "))).collect();
    assert!(again.is_empty(), "{} runs go wrong again:\n{}", again.len(), again.join("\n"));
}

#[test]
fn every_run_that_is_not_mended_yet_still_goes_wrong() {
    for run in listed("open") {
        assert!(!wrong(&run).is_empty(), "{run} passes now: move it from seeds/open.txt to seeds/kept.txt");
    }
}

#[test]
fn a_swarm_of_seeds_passes_on_every_cell_but_for_what_is_known() {
    let open = listed("open");
    let mut wrong = Vec::new();
    for (seed, scenario) in (1..).zip(scenarios("*")) {
        let (plan, tried) = swarm::try_seed(&scenario, seed);
        let id = scenario.full_id();
        let known = open.iter().any(|run| run.id == id && run.seed == seed);
        if !tried.wrong.is_empty() && !known {
            wrong.push(format!("{id} {seed} {plan}: {}", tried.wrong.join("; ")));
        }
    }
    assert!(wrong.is_empty(), "{} runs went wrong:\n{}", wrong.len(), wrong.join("\n"));
}
