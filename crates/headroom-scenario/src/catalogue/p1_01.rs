//! `p1_01_*`: a Backup, a node drain and a growth at the same time.

use super::{
    common::until,
    gated::Made,
    p0_02::promoted,
    strike::{Kind, Struck, strike},
};
use crate::{
    Act, BackupMode, Fact, Fixture, Gate, Level, Scenario, Step, Strike, Topology, Wait, Who,
    expect::{Functional, all},
};

/// A Backup begins, then the primary's node is drained, both while the growth is held at the gate.
pub(super) fn concurrent(topology: Topology, gate: Gate) -> Made {
    let alone = topology == Topology::T1;
    let title =
        "Backup, drain and growth at once: no deadlock, every claim grows once, the Backup's end is clear";
    let kind = Kind::of(topology, gate, 0);
    let mut strikes = vec![
        strike(Strike::Change(Act::StartBackup)),
        until(Fact::BackupBegun, Wait::Backup),
        strike(Strike::Drain(Who::Primary)),
    ];
    strikes.extend(promoted(topology));
    strikes.push(until(Fact::Drained, Wait::Drain));
    let struck = Struck::new("p1_01_concurrent_disruptions", title, kind, topology, strikes);
    let fixture = Fixture { backups: Some(BackupMode::Online), enable_pdb: !alone, ..struck.fixture };
    let functional = all([
        Functional::Healthy,
        Functional::Promotions(u32::from(!alone)),
        Functional::PodsMade(1, 1),
        Functional::ServerRestarts(0, 2),
        Functional::BackupEndedClearly,
    ]);
    let after = vec![
        until(Fact::Serving, Wait::Recovery),
        Step::Do(Act::Uncordon),
        until(Fact::BackupEnded, Wait::Backup),
    ];
    let scenario = Struck { fixture, after, functional, ..struck }.at(gate);
    Ok(Scenario { level: Level::P1, ..scenario })
}
