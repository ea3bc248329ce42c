//! `p0_05_*`: the node of the primary is drained while a growth runs.
//!
//! With replicas the cordon alone makes CloudNativePG switch over, and the eviction that was refused at first succeeds
//! (traces 11b, 11c). Alone the primary cannot be evicted under CloudNativePG's default `PodDisruptionBudget` (11a): the
//! T1 fixture says `enablePDB: false` (11d), and `p0_05_drain_refused` shows the other way.

use super::{
    common::until,
    gated::Made,
    p0_02::promoted,
    strike::{Kind, Struck, strike},
};
use crate::{
    Act, Fact, Fixture, Gate, Step, Strike, Topology, Wait, Who,
    expect::{Functional, all},
};

/// The drain succeeds, and the growth goes on wherever the instance comes back.
pub(super) fn drained(topology: Topology, gate: Gate) -> Made {
    let alone = topology == Topology::T1;
    let title = if alone {
        "The only instance's node is drained while a growth runs (enablePDB: false): it grows where it comes back"
    } else {
        "The primary's node is drained while a growth runs (default PDBs): one switchover, one pod moves"
    };
    let kind = Kind::of(topology, gate, 1);
    let mut strikes = vec![strike(Strike::Drain(Who::Primary))];
    strikes.extend(promoted(topology));
    strikes.push(until(Fact::Drained, Wait::Drain));
    let struck = Struck::new("p0_05_node_drain", title, kind, topology, strikes);
    let fixture = Fixture { enable_pdb: !alone, ..struck.fixture };
    let functional = all([
        Functional::Healthy,
        Functional::Promotions(u32::from(!alone)),
        Functional::PodsMade(1, 1),
        Functional::ServerRestarts(0, 2),
    ]);
    let after = vec![until(Fact::Serving, Wait::Recovery), Step::Do(Act::Uncordon)];
    Ok(Struck { fixture, after, functional, ..struck }.at(gate))
}

/// The drain cannot succeed, the status of the Cluster says nothing of it, and the growth is not held up.
pub(super) fn refused(topology: Topology, gate: Gate) -> Made {
    if topology != Topology::T1 {
        return Err(
            "with replicas CloudNativePG moves the primary and the drain succeeds: see p0_05_node_drain",
        );
    }
    let title = "A drain that the default PodDisruptionBudget refuses does not hold up the growth";
    let kind = Kind::of(topology, gate, 2);
    let strikes = vec![strike(Strike::Drain(Who::Primary)), until(Fact::EvictionRefused, Wait::Drain)];
    let struck = Struck::new("p0_05_drain_refused", title, kind, topology, strikes);
    let functional = all([
        Functional::Healthy,
        Functional::Promotions(0),
        Functional::NoServerRestart,
        Functional::PodsMade(0, 0),
    ]);
    // The node is still cordoned while the growth ends.
    let after = vec![
        until(Fact::EveryClaimHas(struck.kind.volume(), struck.least), Wait::Growth),
        Step::Do(Act::Uncordon),
    ];
    Ok(Struck { after, functional, ..struck }.at(gate))
}
