//! The shape of the catalogue: what the requirements ask of every scenario.

use std::collections::BTreeSet;

use headroom_core::{Bytes, names::VolumeName};
use headroom_scenario::{
    Cell, Fact, Step, Topology, catalogue,
    expect::{Control, Storage},
};

fn scenarios() -> impl Iterator<Item = headroom_scenario::Scenario> {
    catalogue::all().into_iter().filter_map(|cell| match cell {
        Cell::Scenario(scenario) => Some(*scenario),
        Cell::Blank { .. } => None,
    })
}

#[test]
fn every_scenario_has_a_cell_in_each_topology_and_every_id_is_used_once() {
    let cells = catalogue::all();
    let ids: BTreeSet<String> = cells.iter().map(Cell::full_id).collect();
    assert_eq!(ids.len(), cells.len());
    for id in cells.iter().map(Cell::id) {
        for topology in Topology::ALL {
            assert!(
                ids.contains(&format!("{id}@{}", topology.name())),
                "{id} has no cell in {}",
                topology.name()
            );
        }
    }
}

#[test]
fn a_blank_says_why() {
    let blanks: Vec<(String, &str)> = catalogue::all()
        .iter()
        .filter_map(|cell| match cell {
            Cell::Blank { why, .. } => Some((cell.full_id(), *why)),
            Cell::Scenario(_) => None,
        })
        .collect();
    assert_eq!(
        blanks,
        [(
            "p0_00_smaller_member_is_repaired@t1".to_owned(),
            "one instance has no sibling to be smaller than"
        )]
    );
}

#[test]
fn every_scenario_asserts_an_intermediate_state_and_a_bound_and_waits_for_an_intermediate_fact() {
    for scenario in scenarios() {
        let id = scenario.full_id();
        let control = &scenario.expect.control;
        assert!(control.iter().any(|what| matches!(what, Control::PassedThrough(..))), "{id}");
        assert!(
            control.contains(&Control::QuietAtTheEnd) && control.contains(&Control::NoDestructiveAct),
            "{id}"
        );
        assert!(scenario.expect.storage.iter().any(|what| matches!(what, Storage::NeverOutside(..))), "{id}");
        let intermediate = scenario
            .script
            .iter()
            .any(|step| matches!(step, Step::Until(Fact::IntentRecorded { .. } | Fact::StateSeen(..), _)));
        assert!(intermediate, "{id}");
    }
}

#[test]
fn sizes_are_whole_units_and_lie_within_the_policy() {
    for scenario in scenarios() {
        let (id, limit) = (scenario.full_id(), scenario.fixture.policy.limit);
        let unit = if limit < Bytes::gibi(8) { Bytes::mebi(64) } else { Bytes::gibi(1) };
        for what in &scenario.expect.storage {
            if let Storage::EveryClaimRequests(_, size) = what {
                assert_eq!(size.get() % unit.get(), 0, "{id}");
                assert!(*size <= limit.max(scenario.fixture.data), "{id}");
            }
        }
    }
}

#[test]
fn a_filter_selects_by_id_with_or_without_topology() {
    let all = catalogue::select("p0_00_*", &Topology::ALL).len();
    assert_eq!(all, catalogue::all().len());
    assert_eq!(catalogue::select("*limit@t2", &Topology::ALL).len(), 1);
    assert_eq!(catalogue::select("p0_00_at_the_limit", &Topology::ALL).len(), 3);
    assert_eq!(catalogue::select("p0_00_at_the_limit", &[Topology::T3]).len(), 1);
    assert!(catalogue::select("p9_*", &Topology::ALL).is_empty());
}

#[test]
fn only_the_wal_scenario_has_a_wal_volume_and_it_is_never_expected_to_change() {
    for scenario in scenarios().filter(|scenario| scenario.fixture.wal.is_some()) {
        assert!(
            scenario.expect.control.contains(&Control::NoPatch(VolumeName::Wal)),
            "{}",
            scenario.full_id()
        );
    }
}
