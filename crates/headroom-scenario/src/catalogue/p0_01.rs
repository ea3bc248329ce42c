//! `p0_01_*`: the operator restarts while a growth runs. It goes on from the record: nothing is done twice.

use super::{
    gated::Made,
    strike::{Kind, Struck, strike},
};
use crate::{
    Act, Gate, Step, Strike, Topology,
    expect::{Functional, all},
};

/// Killed at once, its lease kept until that runs out.
pub(super) fn killed(topology: Topology, gate: Gate) -> Made {
    let title = "An operator that is killed while a growth runs goes on from the record: one slot, one patch per claim";
    let kind = Kind::of(topology, gate, 0);
    let strikes = vec![strike(Strike::KillOperator)];
    let struck = Struck::new("p0_01_operator_restart", title, kind, topology, strikes);
    Ok(Struck { functional: untouched(), ..struck }.at(gate))
}

/// Shut down cleanly, and away while the storage goes on without it.
pub(super) fn away(topology: Topology, gate: Gate) -> Made {
    let title = "What the storage finishes while the operator is away is found done, not done again";
    let kind = Kind::of(topology, gate, 1);
    let strikes = vec![strike(Strike::Change(Act::StopOperator))];
    let struck = Struck::new("p0_01_operator_away", title, kind, topology, strikes);
    let after = vec![Step::Do(Act::StartOperator)];
    Ok(Struck { after, functional: untouched(), ..struck }.at(gate))
}

fn untouched() -> Vec<Functional> {
    all([
        Functional::Healthy,
        Functional::Promotions(0),
        Functional::NoServerRestart,
        Functional::PodsMade(0, 0),
    ])
}
