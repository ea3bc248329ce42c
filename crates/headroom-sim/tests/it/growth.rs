//! Growth end to end.

use headroom_scenario::{Cell, Outcome, Scenario, Topology, What, catalogue, run};
use headroom_sim::SimWorld;

pub(crate) fn scenarios(glob: &str) -> Vec<Scenario> {
    let cells = catalogue::select(glob, &Topology::ALL).into_iter();
    let found: Vec<Scenario> = cells
        .filter_map(|cell| if let Cell::Scenario(scenario) = cell { Some(*scenario) } else { None })
        .collect();
    assert!(!found.is_empty(), "nothing is called {glob}");
    found
}

/// What is wrong with a run, if anything.
fn outcome(scenario: &Scenario, mut world: SimWorld, with: &str) -> Option<String> {
    let report = run(scenario, &mut world);
    let failures: Vec<String> = report.failures().map(|failure| failure.text.clone()).collect();
    (report.outcome != Outcome::Passed)
        .then(|| format!("{} {with}: {:?} {:?} {failures:?}", report.full_id, report.outcome, report.why))
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
            wrong.extend(outcome(&scenario, SimWorld::new(seed), &format!("seed {seed}")));
        }
    }
    none(&wrong);
}

#[test]
fn every_cell_of_the_matrix_passes_under_two_seeds() {
    let mut wrong = Vec::new();
    for scenario in scenarios("*") {
        for seed in 1..=2 {
            wrong.extend(outcome(&scenario, SimWorld::new(seed), &format!("seed {seed}")));
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
