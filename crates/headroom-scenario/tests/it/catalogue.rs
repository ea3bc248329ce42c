//! The shape of the catalogue: what the requirements ask of every scenario.

use std::collections::BTreeSet;

use headroom_core::{Bytes, names::VolumeName};
use headroom_scenario::{
    Act, BackupMode, Cell, Fact, Gate, Scenario, Shared, Step, Topology, Wait, catalogue,
    expect::{Control, Storage},
};

fn scenarios() -> impl Iterator<Item = Scenario> {
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
    let known: BTreeSet<(&str, Topology)> = cells.iter().map(|cell| (cell.id(), cell.topology())).collect();
    for id in cells.iter().map(Cell::id) {
        for topology in Topology::ALL {
            assert!(known.contains(&(id, topology)), "{id} has no cell in {}", topology.name());
        }
    }
}

#[test]
fn the_cells_of_a_scenario_stand_together() {
    let mut ids: Vec<&str> = catalogue::all().iter().map(Cell::id).collect();
    ids.dedup();
    let distinct: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(ids.len(), distinct.len());
}

#[test]
fn a_blank_says_why() {
    let mut whole: Vec<(String, &str)> = Vec::new();
    for cell in catalogue::all() {
        let Cell::Blank { topology, moment, why, .. } = &cell else { continue };
        match moment {
            None => whole.push((cell.full_id(), why)),
            Some(gate) => {
                // There is no second instance then.
                let single = [Gate::BetweenClaims, Gate::BeforeReplace, Gate::BeforeSurge, Gate::Provision]
                    .contains(gate);
                assert!(*topology == Topology::T1 && single, "{}", cell.full_id());
            }
        }
    }
    let text = |id: &str| id.to_owned();
    let moved = "with replicas CloudNativePG moves the primary and the drain succeeds: see p0_05_node_drain";
    assert_eq!(
        whole,
        [
            (text("p0_00_smaller_member_is_repaired@t1"), "one instance has no sibling to be smaller than"),
            (text("p0_00_emergency_while_canary_hangs@t1"), "one instance has no canary"),
            (text("p0_03_switchover_during_growth@t1"), "one instance has nobody to switch over to"),
            (
                text("p0_03_failover_with_required_sync@t1"),
                "one instance has no standby that a commit could wait for"
            ),
            (text("p0_04_instances_lowered@t1"), "one instance cannot be fewer"),
            (text("p0_05_drain_refused@t2"), moved),
            (text("p0_05_drain_refused@t3"), moved),
            (text("p1_02_supervised_upgrade@t1"), "one instance has nobody to switch over to"),
            (text("shrink_without_surge@t1"), "a single instance needs a second one to move to"),
            (text("shrink_without_surge@t2"), "no replica would remain while the only one is copied"),
            (
                text("shrink_wal_log_hints_off@t2"),
                "CloudNativePG refuses wal_log_hints off beside a second instance"
            ),
            (
                text("shrink_wal_log_hints_off@t3"),
                "CloudNativePG refuses wal_log_hints off beside a second instance"
            ),
            (text("shrink_old_primary_broken@t2"), "the old primary is made anew like every other instance"),
            (text("shrink_old_primary_broken@t3"), "the old primary is made anew like every other instance"),
            (text("shrink_annotated_primary@t1"), "a single instance is not made anew: no pod is marked"),
            (text("shrink_primary_lost_beside_pending_pod@t2"), "a replica is ready and is elected instead"),
            (text("shrink_primary_lost_beside_pending_pod@t3"), "a replica is ready and is elected instead"),
            (text("p0_08_instances_lowered_during_shrink@t1"), "one instance cannot be fewer"),
        ]
    );
}

#[test]
fn only_what_needs_days_a_silent_kubelet_or_an_object_store_is_left_to_the_simulator() {
    for scenario in scenarios() {
        let needs = scenario.script.iter().any(|step| match step {
            Step::Do(Act::PassTime(_) | Act::SilenceKubelet(_)) | Step::Until(_, Wait::Slot) => true,
            Step::Do(_) | Step::Hold(_) | Step::Release(_) | Step::Strike(_) | Step::Until(..) => false,
        });
        let needs = needs || scenario.fixture.backups == Some(BackupMode::Store);
        assert_eq!(scenario.simulator_only.is_some(), needs, "{}", scenario.full_id());
        let on_cluster = Cell::Scenario(Box::new(scenario)).on_cluster();
        assert_eq!(matches!(on_cluster, Cell::Blank { .. }), needs);
    }
}

#[test]
fn what_scenarios_share_is_told_by_their_scripts() {
    let check = |id: &str, shared: Shared| {
        let of_id: Vec<Scenario> = scenarios().filter(|scenario| scenario.id == id).collect();
        assert!(!of_id.is_empty() && of_id.iter().all(|scenario| scenario.touches() == shared), "{id}");
    };
    for id in ["p0_02_primary_pod_restart", "p0_03_failover_during_growth", "p1_02_rolling_upgrade"] {
        check(id, Shared::Nothing);
    }
    for id in ["p0_01_operator_restart", "p0_10_exhausted", "p0_00_volume_already_full"] {
        check(id, Shared::Operator);
    }
    for id in ["p0_05_node_drain", "p0_09_join_waits_for_a_node", "p1_01_concurrent_disruptions"] {
        check(id, Shared::Nodes);
    }
    check("shrink_cnpg_away", Shared::All);
}

#[test]
fn a_scenario_of_a_moment_strikes_while_its_gate_is_held() {
    for scenario in scenarios() {
        let Some(gate) = scenario.moment else { continue };
        let at = |wanted: &dyn Fn(&Step) -> bool| scenario.script.iter().position(wanted).unwrap();
        let held = at(&|step| *step == Step::Until(Fact::Held(gate), Wait::Strike));
        let struck = at(&|step| matches!(step, Step::Strike(_)));
        let released = at(&|step| *step == Step::Release(gate));
        assert!(held < struck && struck < released, "{}", scenario.full_id());
    }
}

#[test]
fn each_family_meets_every_gate_and_each_kind_of_strike_every_kind_of_volume() {
    for family in ["p0_01", "p0_02", "p0_03", "p0_04", "p0_05", "p0_06", "p0_09", "p1_01", "p1_02"] {
        let of = || scenarios().filter(|scenario| scenario.id.starts_with(family));
        for gate in Gate::GROWTH {
            assert!(of().any(|scenario| scenario.moment == Some(gate)), "{family} at {}", gate.name());
        }
        assert!(of().any(|scenario| scenario.fixture.wal.is_some()), "{family} beside a WAL volume");
        assert!(of().any(|scenario| scenario.fixture.tablespace.is_some()), "{family} with a tablespace");
    }
}

#[test]
fn every_scenario_asserts_an_intermediate_state_and_a_bound_and_waits_for_an_intermediate_fact() {
    for scenario in scenarios() {
        let id = scenario.full_id();
        let control = &scenario.expect.control;
        assert!(control.iter().any(|what| matches!(what, Control::PassedThrough(..))), "{id}");
        assert!(control.contains(&Control::QuietAtTheEnd), "{id}");
        // What a shrink may replace is counted; everybody else may destroy nothing at all.
        let bounded = control.iter().any(|what| {
            matches!(what, Control::InstancesReplaced(_) | Control::InstancesReplacedBetween(..))
        });
        let shrinks = scenario.fixture.policy.shrink.is_some();
        assert!(if shrinks { bounded } else { control.contains(&Control::NoDestructiveAct) }, "{id}");
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
                let by_user = scenario.script.iter().any(
                    |step| matches!(step, Step::Do(Act::SetClusterSize { size: raised, .. }) if raised == size),
                );
                assert!(*size <= limit.max(scenario.fixture.data) || by_user, "{id}");
            }
        }
    }
}

#[test]
fn a_filter_selects_by_id_with_or_without_topology() {
    assert_eq!(catalogue::select("*", &Topology::ALL).len(), catalogue::all().len());
    assert_eq!(catalogue::select("p0_03_switchover*@t2", &Topology::ALL).len(), Gate::GROWTH.len());
    assert_eq!(catalogue::select("*switchover*@t2/node-step", &Topology::ALL).len(), 1);
    assert_eq!(catalogue::select("p0_00_*limit@t2", &Topology::ALL).len(), 1);
    assert_eq!(catalogue::select("p0_00_at_the_limit", &Topology::ALL).len(), 3);
    assert_eq!(catalogue::select("p0_00_at_the_limit", &[Topology::T3]).len(), 1);
    assert!(catalogue::select("p9_*", &Topology::ALL).is_empty());
}

#[test]
fn only_the_wal_scenario_has_a_wal_volume_and_it_is_never_expected_to_change() {
    for scenario in scenarios().filter(|scenario| scenario.fixture.wal.is_some()) {
        let unpatched = scenario.expect.control.contains(&Control::NoPatch(VolumeName::Wal));
        assert!(unpatched, "{}", scenario.full_id());
    }
}
