//! One seed is one run, whoever runs it and however often it is forked.

use headroom_core::{Bytes, names::VolumeName};
use headroom_scenario::{
    Act, Cell, Fixture, Scenario, Topology, What, World, catalogue,
    fixture::{PolicyFixture, WindowFixture},
    run,
    trace::TraceHash,
};
use headroom_sim::SimWorld;

fn scenario(id: &str) -> Scenario {
    let cell = catalogue::select(id, &Topology::ALL).into_iter().next();
    let Some(Cell::Scenario(scenario)) = cell else { panic!("no scenario {id}") };
    *scenario
}

pub(crate) fn fixture(topology: Topology) -> Fixture {
    Fixture {
        topology,
        data: Bytes::gibi(1),
        wal: None,
        tablespace: None,
        synchronous: 0,
        filled: Some((VolumeName::Data, 84)),
        enable_pdb: true,
        supervised: false,
        backups: None,
        size_at_birth: false,
        policy: PolicyFixture {
            limit: Bytes::gibi(4),
            target_buffer: 20,
            critical_threshold: 95,
            emergency_limit: None,
            budget: (4, 1),
            window: WindowFixture::Absent,
            shrink: None,
        },
    }
}

fn hash_of(scenario: &Scenario, seed: u64) -> TraceHash {
    let mut world = SimWorld::new(seed);
    run(scenario, &mut world).trace_hash.unwrap()
}

#[test]
fn two_hundred_seeds_run_twice_give_the_same_trace() {
    let scenario = scenario("p0_00_planned_growth_in_window@t1");
    let mut hashes = std::collections::BTreeSet::new();
    for seed in 0..200 {
        let first = hash_of(&scenario, seed);
        assert_eq!(first, hash_of(&scenario, seed), "seed {seed}");
        hashes.insert(format!("{first:?}"));
    }
    assert!(hashes.len() > 190, "seeds differ");
}

#[test]
fn a_fork_at_any_event_goes_on_as_its_original() {
    let mut world = SimWorld::new(11);
    world.prepare(&fixture(Topology::T2)).unwrap();
    world.perform(&Act::StartWriter { rows_per_second: 5 }).unwrap();
    for _ in 0..40 {
        for _ in 0..7 {
            world.step();
        }
        let mut fork = world.clone();
        let mut other = world.clone();
        for _ in 0..150 {
            fork.step();
            other.step();
        }
        assert_eq!(fork.trace().entries, other.trace().entries);
    }
    let mut straight = SimWorld::new(11);
    straight.prepare(&fixture(Topology::T2)).unwrap();
    straight.perform(&Act::StartWriter { rows_per_second: 5 }).unwrap();
    for _ in 0..280 {
        straight.step();
    }
    assert_eq!(straight.trace().entries, world.trace().entries);
}

#[test]
fn a_further_instance_does_not_change_what_happens_to_the_first() {
    let first_ready = |topology| {
        let mut world = SimWorld::new(5);
        world.prepare(&Fixture { filled: None, ..fixture(topology) }).unwrap();
        let entries = world.trace().entries.iter();
        let ready =
            |what: &What| matches!(what, What::Pod(pod) if pod.instance.as_str() == "pg-1" && pod.ready);
        entries.into_iter().find(|entry| ready(&entry.what)).map(|entry| entry.at_ms)
    };
    assert!(first_ready(Topology::T1).is_some());
    assert_eq!(first_ready(Topology::T1), first_ready(Topology::T3));
}
