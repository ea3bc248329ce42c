//! Growth end to end, under single faults at every request.

use headroom_scenario::{Cell, Outcome, Scenario, Topology, What, catalogue, run};
use headroom_sim::{SimWorld, world::Fault};

fn scenarios(glob: &str) -> Vec<Scenario> {
    let cells = catalogue::select(glob, &Topology::ALL).into_iter();
    let found: Vec<Scenario> = cells
        .filter_map(|cell| if let Cell::Scenario(scenario) = cell { Some(*scenario) } else { None })
        .collect();
    assert!(!found.is_empty(), "nothing is called {glob}");
    found
}

/// What is wrong with a run, if anything, and how many requests it made.
fn outcome(scenario: &Scenario, mut world: SimWorld, with: &str) -> (Option<String>, u64) {
    let report = run(scenario, &mut world);
    let failures: Vec<String> = report.failures().map(|failure| failure.text.clone()).collect();
    let wrong = (report.outcome != Outcome::Passed)
        .then(|| format!("{} {with}: {:?} {:?} {failures:?}", report.full_id, report.outcome, report.why));
    (wrong, world.requests())
}

#[track_caller]
fn none(wrong: &[String]) {
    assert!(wrong.is_empty(), "{} runs did not pass:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_plain_scenario_passes_under_several_seeds() {
    let mut wrong = Vec::new();
    for scenario in scenarios("p0_00_*") {
        for seed in 1..=6 {
            wrong.extend(outcome(&scenario, SimWorld::new(seed), &format!("seed {seed}")).0);
        }
    }
    none(&wrong);
}

#[test]
fn every_cell_of_the_matrix_passes_under_two_seeds() {
    let mut wrong = Vec::new();
    for scenario in scenarios("*") {
        for seed in 1..=2 {
            wrong.extend(outcome(&scenario, SimWorld::new(seed), &format!("seed {seed}")).0);
        }
    }
    none(&wrong);
}

#[test]
fn a_planned_growth_survives_every_single_fault_at_every_request() {
    let mut wrong = Vec::new();
    for scenario in scenarios("p0_00_planned_growth_in_window*") {
        let (failed, requests) = outcome(&scenario, SimWorld::new(3), "without a fault");
        wrong.extend(failed);
        assert!(requests >= 4, "there are requests to disturb");
        for request in 1..=requests {
            for fault in Fault::ALL {
                let mut world = SimWorld::new(3);
                world.inject(request, fault);
                wrong.extend(outcome(&scenario, world, &format!("{fault:?} at request {request}")).0);
            }
        }
    }
    none(&wrong);
}

/// Reasons of Events that a plain run must never show: the second opinion disagreed, a session ran wild, or a healthy
/// volume was called broken.
const ALARMS: [&str; 6] = [
    "PlanRefused",
    "SessionExhausted",
    "InternalError",
    "NotSizedByClaim",
    "StaticVolume",
    "UnreadableStatus",
];

#[test]
fn no_plain_scenario_raises_a_false_alarm() {
    let mut wrong = Vec::new();
    for scenario in scenarios("p0_00_*") {
        for seed in 1..=6 {
            let report = run(&scenario, &mut SimWorld::new(seed));
            for entry in report.trace.entries {
                if let What::Event { reason, message, .. } = entry.what
                    && ALARMS.contains(&reason.as_str())
                {
                    wrong.push(format!("{} seed {seed} at {} ms: {message}", report.full_id, entry.at_ms));
                }
            }
        }
    }
    none(&wrong);
}
