//! The scenarios. Sizes are literals, thought through by hand; nothing here calls the code under test.

#![expect(clippy::unnecessary_wraps, reason = "each row of the table makes a cell or says why there is none")]

use crate::{Topology, scenario::Cell};
use gated::{COPIES, EVERY, Gated, LOWERS, SHRINK, STORAGE, SURGED, UNTIL_SMALL};

mod common;
mod gated;
mod glob;
mod strike;

pub mod p0_00;
mod p0_01;
mod p0_02;
mod p0_03;
mod p0_04;
mod p0_05;
mod p0_06;
mod p0_09;
mod p0_10;
mod p1_01;
mod p1_02;
mod p1_03;
mod p1_04;
mod shrink;

/// A scenario of the matrix.
enum Row {
    /// One cell for each topology.
    Plain(fn(Topology) -> Cell),
    /// One for each topology and gate.
    Gated(Gated),
}

const fn gated(
    id: &'static str,
    gates: &'static [crate::Gate],
    make: fn(Topology, crate::Gate) -> gated::Made,
) -> Row {
    Row::Gated(Gated { id, gates, make })
}

/// All but `p0_00`.
const ROWS: [Row; 77] = [
    gated("p0_01_operator_restart", EVERY, p0_01::killed),
    gated("p0_01_operator_away", STORAGE, p0_01::away),
    gated("p0_02_primary_pod_restart", EVERY, p0_02::primary_pod),
    gated("p0_03_failover_during_growth", EVERY, p0_03::failover),
    gated("p0_03_switchover_during_growth", EVERY, p0_03::switchover),
    gated("p0_03_failover_with_required_sync", STORAGE, p0_03::required_sync),
    gated("p0_04_buffer_raised", EVERY, p0_04::buffer_raised),
    gated("p0_04_buffer_lowered", EVERY, p0_04::buffer_lowered),
    gated("p0_04_limit_raised", EVERY, p0_04::limit_raised),
    gated("p0_04_limit_lowered", EVERY, p0_04::limit_lowered),
    gated("p0_04_instances_raised", STORAGE, p0_04::more),
    gated("p0_04_instances_lowered", EVERY, p0_04::fewer),
    gated("p0_04_cluster_size_races_growth", EVERY, p0_04::racing),
    Row::Plain(p0_04::above_limit),
    gated("p0_04_reconciliation_disabled", EVERY, p0_04::reconciliation_off),
    gated("p0_05_node_drain", EVERY, p0_05::drained),
    gated("p0_05_drain_refused", STORAGE, p0_05::refused),
    gated("p0_06_backup_during_growth", EVERY, p0_06::online),
    gated("p0_09_scale_up_during_growth", EVERY, p0_09::during),
    Row::Plain(p0_09::grown),
    Row::Plain(p0_09::claim_pending),
    Row::Plain(p0_09::join_waits_for_a_node),
    Row::Plain(p0_09::join_fails),
    Row::Plain(p0_09::born_large),
    Row::Plain(p0_09::storage_deleted),
    Row::Plain(p0_10::last_planned),
    Row::Plain(p0_10::reserve),
    Row::Plain(p0_10::raised),
    Row::Plain(p0_10::planned_returns),
    Row::Plain(p0_10::emergency_returns),
    Row::Plain(p0_10::refuses),
    gated("p1_01_concurrent_disruptions", EVERY, p1_01::concurrent),
    gated("p1_02_rolling_upgrade", EVERY, p1_02::rolling),
    gated("p1_02_supervised_upgrade", STORAGE, p1_02::supervised),
    gated("p1_03_volume_snapshots", EVERY, p1_03::restored),
    Row::Plain(p1_04::below),
    Row::Plain(p1_04::at_limit),
    Row::Plain(shrink::plain),
    Row::Plain(shrink::without_surge),
    Row::Plain(shrink::again),
    Row::Plain(shrink::tablespace),
    Row::Plain(shrink::wal),
    Row::Plain(shrink::two),
    Row::Plain(shrink::without_hints),
    Row::Plain(shrink::archive_broken),
    Row::Plain(shrink::disruptions_forbidden),
    Row::Plain(shrink::supervised),
    Row::Plain(shrink::from_snapshots),
    gated("shrink_old_primary_broken", LOWERS, shrink::old_primary_broken),
    Row::Plain(shrink::born_too_small),
    Row::Plain(shrink::born_right),
    Row::Plain(shrink::fails),
    Row::Plain(shrink::given_up),
    Row::Plain(shrink::marked_is_elected),
    Row::Plain(shrink::primary_lost_before_pod),
    Row::Plain(shrink::calm),
    Row::Plain(shrink::remembered),
    gated("p0_07_failover_during_shrink", SHRINK, shrink::failover),
    gated("p0_07_primary_pod_during_shrink", SHRINK, shrink::crash),
    gated("p0_07_switchover_during_shrink", SHRINK, shrink::switchover),
    gated("p0_08_request_raised_during_shrink", SHRINK, shrink::raised),
    gated("p0_08_request_lowered_during_shrink", SHRINK, shrink::lowered),
    gated("p0_08_paused_during_shrink", SHRINK, shrink::paused),
    gated("p0_08_shrink_disabled", SHRINK, shrink::disabled),
    gated("p0_08_instances_raised_during_shrink", SHRINK, shrink::more),
    gated("p0_08_instances_lowered_during_shrink", SHRINK, shrink::fewer),
    gated("shrink_operator_killed", SHRINK, shrink::killed),
    gated("shrink_cnpg_away", SHRINK, shrink::cnpg_away),
    gated("shrink_reconciliation_disabled", SHRINK, shrink::reconciliation_off),
    gated("shrink_surge_reverted", SURGED, shrink::reverted),
    gated("shrink_unschedulable", COPIES, shrink::unschedulable),
    gated("shrink_node_cordoned", SHRINK, shrink::cordoned),
    gated("shrink_node_drained", SHRINK, shrink::drained),
    gated("shrink_backup_running", SHRINK, shrink::backed_up),
    gated("shrink_primary_lost_in_join", COPIES, shrink::primary_lost),
    gated("shrink_emergency", UNTIL_SMALL, shrink::emergency),
    gated("shrink_object_deleted", UNTIL_SMALL, shrink::deleted),
];

/// Every cell of the matrix: scenario by scenario, T1, T2, T3, gate by gate.
pub fn all() -> Vec<Cell> {
    let plain = |make: fn(Topology) -> Cell| Topology::ALL.map(make).to_vec();
    let rows = ROWS.iter().flat_map(|row| match row {
        Row::Plain(make) => plain(*make),
        Row::Gated(gated) => gated.cells(),
    });
    p0_00::FAMILY.into_iter().flat_map(plain).chain(rows).collect()
}

/// The cells whose id, with or without topology and gate, matches `glob` (`*` and `?`) and whose topology is in the list.
pub fn select(glob: &str, topologies: &[Topology]) -> Vec<Cell> {
    let wanted = |cell: &Cell| {
        let full = cell.full_id();
        let without_gate = full.split_once('/').map_or(full.as_str(), |(id, _)| id);
        topologies.contains(&cell.topology())
            && [cell.id(), without_gate, &full].iter().any(|id| glob::matches(glob, id))
    };
    all().into_iter().filter(wanted).collect()
}
