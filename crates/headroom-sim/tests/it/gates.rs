//! Every gate can be held, is reached, and lets go; killed at any of them the operator finishes what it began, once.

use std::time::Duration;

use headroom_core::{Bytes, ledger::Cause, names::VolumeName};
use headroom_scenario::{Ended, Fact, Gate, Strike, Topology, View, World};
use headroom_sim::SimWorld;

use crate::determinism::fixture;

const LIMIT: Duration = Duration::from_mins(10);

#[track_caller]
fn killed_at(gate: Gate, topology: Topology, seed: u64) {
    let mut world = SimWorld::new(seed);
    world.prepare(&fixture(topology)).unwrap();
    world.hold(gate).unwrap();
    assert_eq!(world.advance(&Fact::Held(gate), LIMIT), Ended::Met, "{gate:?} is reached");
    let before = View::of(world.trace());
    world.run_for(20_000);
    let grown = |view: &View| {
        let enough = |size: Option<Bytes>| size.is_some_and(|size| size > Bytes::gibi(1));
        view.claims.values().filter(|claim| enough(claim.capacity)).count()
    };
    if gate != Gate::BeforeCompletion {
        assert_eq!(
            grown(&View::of(world.trace())),
            grown(&before).max(usize::from(gate == Gate::BetweenClaims))
        );
    }
    world.strike(&Strike::KillOperator).unwrap();
    world.run_for(5_000);
    world.release(gate).unwrap();
    let done =
        Fact::All(vec![Fact::EveryClaimHas(VolumeName::Data, Bytes::mebi(1152)), Fact::Settled, Fact::Quiet]);
    assert_eq!(world.advance(&done, LIMIT), Ended::Met, "{gate:?} at {topology:?}");
    let end = View::of(world.trace());
    let ledger = end.storage.unwrap().volumes.remove(0).ledger;
    assert_eq!(ledger, vec![(Cause::Planned, Bytes::mebi(1152), true)]);
    assert!(end.claims.values().all(|claim| claim.requested == Bytes::mebi(1152)));
}

#[test]
fn a_growth_killed_at_any_gate_is_finished_once() {
    for seed in 1..=5 {
        for gate in [Gate::BeforePatch, Gate::ControllerStep, Gate::NodeStep, Gate::BeforeCompletion] {
            for topology in Topology::ALL {
                killed_at(gate, topology, seed);
            }
        }
        for topology in [Topology::T2, Topology::T3] {
            killed_at(Gate::BetweenClaims, topology, seed);
        }
    }
}

#[test]
fn a_gate_that_is_not_held_cannot_be_let_go() {
    assert!(SimWorld::new(1).release(Gate::NodeStep).is_err());
}
