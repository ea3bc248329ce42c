//! A shrink whose nodes are cordoned or drained, or beside which a Backup runs.

use headroom_core::names::VolumeName;

use super::{
    shape::{done, fixture},
    struck::{Struck, change, strike},
};
use crate::{
    Act, BackupMode, Fact, Fixture, Gate, Scenario, Step, Strike, Topology, Wait, Who,
    catalogue::{common::until, gated::Made},
};

/// The node of an instance is cordoned: the next step waits until it is not. The copy that runs goes on, and the number
/// of instances is restored all the same. Where the primary runs there, CloudNativePG moves it (experiments E10).
pub(in crate::catalogue) fn cordoned(topology: Topology, gate: Gate) -> Made {
    let title = "A node is cordoned at a step of a shrink: the next one waits until it is not";
    // A single instance has no replica before its copy has ended.
    let alone = topology == Topology::T1 && [Gate::BeforeSurge, Gate::Provision].contains(&gate);
    let who = if alone { Who::Primary } else { Who::LastReplica };
    let waits = until(Fact::ReasonIs(VolumeName::Data, "NodeCordoned"), Wait::Shrink);
    let mut strikes = vec![strike(Strike::Cordon(who))];
    let mut after = Vec::new();
    if gate == Gate::Provision {
        // The copy of a single instance is where the primary goes to.
        after.extend((!alone).then_some(waits));
    } else if gate != Gate::BeforeLower {
        strikes.push(waits);
    }
    after.extend([Step::Do(Act::Uncordon), done()]);
    let struck = Struck::new("shrink_node_cordoned", title, topology, strikes, (1, 3));
    Ok(Struck { after, ..struck }.at(gate))
}

/// The primary's node is drained, which needs a switchover where there are replicas; alone it needs `enablePDB: false`.
pub(in crate::catalogue) fn drained(topology: Topology, gate: Gate) -> Made {
    let title = "The primary's node is drained at a step of a shrink, and it ends as planned";
    let drained = until(Fact::Drained, Wait::Shrink);
    let mut strikes = vec![strike(Strike::Drain(Who::Primary))];
    let mut after = Vec::new();
    // While a copy runs CloudNativePG moves no primary (experiments E10).
    if gate == Gate::Provision { &mut after } else { &mut strikes }.push(drained);
    after.extend([until(Fact::Serving, Wait::Recovery), Step::Do(Act::Uncordon), done()]);
    let struck = Struck::new("shrink_node_drained", title, topology, strikes, (1, 3));
    let fixture = Fixture { enable_pdb: topology != Topology::T1, ..fixture(topology) };
    Ok(Struck { fixture, after, serves: false, ..struck }.at(gate))
}

const NO_STORE: &str = "it needs an object store, which the scenarios bring none of";

/// A Backup begins: the next step waits for its end. The number of instances is restored all the same.
pub(in crate::catalogue) fn backed_up(topology: Topology, gate: Gate) -> Made {
    let title = "A Backup begins at a step of a shrink: the next one waits until it has ended";
    let waits = until(Fact::ReasonIs(VolumeName::Data, "BackupRunning"), Wait::Decision);
    let mut strikes = vec![change(Act::StartBackup), until(Fact::BackupBegun, Wait::Backup)];
    let waited = ![Gate::Provision, Gate::BeforeLower].contains(&gate);
    strikes.extend(waited.then_some(waits));
    let after = vec![until(Fact::BackupEnded, Wait::Backup), done()];
    let struck = Struck::new("shrink_backup_running", title, topology, strikes, (1, 1));
    let fixture = Fixture { backups: Some(BackupMode::Store), ..fixture(topology) };
    let scenario = Struck { fixture, after, ..struck }.at(gate);
    Ok(Scenario { simulator_only: Some(NO_STORE), ..scenario })
}
