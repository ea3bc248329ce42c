//! `p0_03_*`: failover and switchover while a growth runs. The new primary is a member like any other: its claim is
//! neither skipped nor grown twice, and a switchover is no emergency.

use super::{
    gated::Made,
    p0_02::{promoted, replaced},
    strike::{Kind, Struck, strike},
};
use crate::{
    Fixture, Gate, Strike, Topology,
    expect::{Functional, all},
};

/// The primary's pod is deleted without grace: with replicas a failover (trace 09), alone an outage.
pub(super) fn failover(topology: Topology, gate: Gate) -> Made {
    let title = "The primary is lost while a growth runs: all claims still grow once and alike";
    let kind = Kind::of(topology, gate, 0);
    let mut strikes = vec![strike(Strike::FailOver)];
    strikes.extend(promoted(topology));
    let struck = Struck::new("p0_03_failover_during_growth", title, kind, topology, strikes);
    Ok(Struck { functional: replaced(topology), ..struck }.at(gate))
}

/// A planned promotion: the old primary's container restarts in its pod (trace 07).
pub(super) fn switchover(topology: Topology, gate: Gate) -> Made {
    if topology == Topology::T1 {
        return Err("one instance has nobody to switch over to");
    }
    let title =
        "A replica is promoted while a growth runs: all claims grow once, and nothing calls it an emergency";
    let kind = Kind::of(topology, gate, 1);
    let mut strikes = vec![strike(Strike::SwitchOver)];
    strikes.extend(promoted(topology));
    let struck = Struck::new("p0_03_switchover_during_growth", title, kind, topology, strikes);
    let functional = all([
        Functional::Healthy,
        Functional::Promotions(1),
        Functional::PodsMade(0, 0),
        Functional::ServerRestarts(1, 1),
    ]);
    Ok(Struck { functional, ..struck }.at(gate))
}

/// Every commit waits for a standby: growth must not take the one that is left.
pub(super) fn required_sync(topology: Topology, gate: Gate) -> Made {
    if topology == Topology::T1 {
        return Err("one instance has no standby that a commit could wait for");
    }
    let title = "With a required synchronous standby a failover during growth loses nothing and writes go on";
    let kind = Kind::of(topology, gate, 2);
    let mut strikes = vec![strike(Strike::FailOver)];
    strikes.extend(promoted(topology));
    let struck = Struck::new("p0_03_failover_with_required_sync", title, kind, topology, strikes);
    let fixture = Fixture { synchronous: 1, ..struck.fixture };
    Ok(Struck { functional: replaced(topology), fixture, ..struck }.at(gate))
}
