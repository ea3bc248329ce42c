//! `instances`, raised and lowered.

use crate::{
    Act, Fact, Gate, Strike, Topology, Wait,
    catalogue::{
        common::until,
        gated::Made,
        p0_09::joined,
        strike::{Kind, Struck, strike},
    },
    expect::{Functional, all},
};

/// One more while a growth runs: the newcomer ends like the others.
pub(in crate::catalogue) fn more(topology: Topology, gate: Gate) -> Made {
    let title = "instances is raised while a growth runs: the new instance ends at the size of the others";
    let kind = Kind::of(topology, gate, 1);
    Ok(joined("p0_04_instances_raised", title, kind, topology).at(gate))
}

/// One fewer: the instance that goes may be the one that the growth began with.
pub(in crate::catalogue) fn fewer(topology: Topology, gate: Gate) -> Made {
    if topology == Topology::T1 {
        return Err("one instance cannot be fewer");
    }
    let title = "instances is lowered while a growth runs: whoever goes, the others grow once and alike";
    let kind = Kind::of(topology, gate, 2);
    let left = topology.instances() - 1;
    let strikes = vec![strike(Strike::Change(Act::Scale { instances: left }))];
    let struck = Struck::new("p0_04_instances_lowered", title, kind, topology, strikes);
    let functional = all([
        Functional::Healthy,
        Functional::Promotions(0),
        Functional::PodsMade(0, 0),
        Functional::Instances(left),
    ]);
    let after = vec![until(Fact::InstancesAre(left), Wait::Recovery)];
    Ok(Struck { after, functional, ..struck }.at(gate))
}
