//! `p0_02_*`: the primary's pod restarts while a growth runs. CloudNativePG fails over as soon as the pod is being
//! deleted (trace 08b); alone the primary comes back on its claim (08a).

use super::{
    common::until,
    gated::Made,
    strike::{Kind, Struck, strike},
};
use crate::{
    Fact, Gate, Step, Strike, Topology, Wait, Who,
    expect::{Functional, all},
};

/// `kubectl delete pod` of the primary.
pub(super) fn primary_pod(topology: Topology, gate: Gate) -> Made {
    let title =
        "The primary's pod is deleted while a growth runs: all claims grow once, nobody else is touched";
    let kind = Kind::of(topology, gate, 2);
    let mut strikes = vec![strike(Strike::DeletePod(Who::Primary))];
    strikes.extend(promoted(topology));
    let struck = Struck::new("p0_02_primary_pod_restart", title, kind, topology, strikes);
    Ok(Struck { functional: replaced(topology), ..struck }.at(gate))
}

/// With replicas somebody else is primary before the gate is let go.
pub(super) fn promoted(topology: Topology) -> Option<Step> {
    (topology != Topology::T1).then(|| until(Fact::PrimaryChanged, Wait::Recovery))
}

/// One pod is made anew and no other server restarts: no needless churn.
pub(super) fn replaced(topology: Topology) -> Vec<Functional> {
    all([
        Functional::Healthy,
        Functional::Promotions(u32::from(topology != Topology::T1)),
        Functional::PodsMade(1, 1),
        Functional::ServerRestarts(0, 1),
    ])
}
