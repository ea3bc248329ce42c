//! `p0_06_*`: a Backup by volume snapshot begins while a growth runs.

use super::{
    common::until,
    gated::Made,
    strike::{Kind, Struck, strike},
};
use crate::{
    Act, BackupMode, Fact, Fixture, Gate, Strike, Topology, Wait,
    expect::{Functional, all},
};

/// The Backup ends well, or says why it did not; the growth does not care.
pub(super) fn online(topology: Topology, gate: Gate) -> Made {
    let title = "A Backup that begins while a growth runs ends with a clear status, and the growth goes on";
    let kind = Kind::of(topology, gate, 2);
    let strikes = vec![strike(Strike::Change(Act::StartBackup)), until(Fact::BackupBegun, Wait::Backup)];
    let struck = Struck::new("p0_06_backup_during_growth", title, kind, topology, strikes);
    let fixture = Fixture { backups: Some(BackupMode::Online), ..struck.fixture };
    let functional = all([
        Functional::Healthy,
        Functional::Promotions(0),
        Functional::NoServerRestart,
        Functional::PodsMade(0, 0),
        Functional::BackupEndedClearly,
    ]);
    let after = vec![until(Fact::BackupEnded, Wait::Backup)];
    Ok(Struck { fixture, after, functional, ..struck }.at(gate))
}
