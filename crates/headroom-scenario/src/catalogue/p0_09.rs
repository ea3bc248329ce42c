//! `p0_09_*`: a replica joins during and after a growth. CloudNativePG makes its claims at the size in the Cluster's spec,
//! whatever the others have (trace 05): it must come to the effective size all the same, without slot or window.
//!
//! 89 % of 960 MiB are 854 MiB; with `criticalThreshold` 85 the volume grows to 2Gi (see `p0_00`). 60 % of the 1984 MiB of
//! a 2Gi claim are 1190 MiB: more than the 960 MiB of the 1Gi claim that a newcomer is born with. Only where the policy of
//! `deploy/size-at-birth` is installed it is born with 2Gi.

mod after;

use headroom_core::{ledger::Cause, report::State};

use super::{
    common::until,
    gated::Made,
    strike::{Kind, Struck, calm, strike},
};
use crate::{
    Act, Fact, Gate, Strike, Topology, Wait,
    expect::{Control, Functional, Timing, all},
};

pub(super) use after::{
    born_large, claim_pending, grown, join_fails, join_waits_for_a_node, storage_deleted,
};

/// One more instance while a growth runs.
pub(super) fn during(topology: Topology, gate: Gate) -> Made {
    let title = "A replica that joins while a growth runs ends at the size of the others, in the same slot";
    let kind = Kind::of(topology, gate, 0);
    Ok(joined("p0_09_scale_up_during_growth", title, kind, topology).at(gate))
}

/// `instances` plus one while the gate is held; the newcomer joins once it is let go.
pub(super) fn joined(id: &'static str, title: &'static str, kind: Kind, topology: Topology) -> Struck {
    let volume = kind.volume();
    let more = topology.instances() + 1;
    let strikes = vec![strike(Strike::Change(Act::Scale { instances: more }))];
    let struck = Struck::new(id, title, kind, topology, strikes);
    let functional = all([
        Functional::Healthy,
        Functional::Promotions(0),
        Functional::NoServerRestart,
        Functional::PodsMade(1, 1),
        Functional::Instances(more),
    ]);
    // Where claims are sized at birth the newcomer needs no patch at all.
    let mut control = all([
        Control::PassedThrough(volume.clone(), State::Growing),
        Control::NeverShown(volume.clone(), State::Emergency),
        Control::LedgerEntries(volume.clone(), Cause::Planned, 1),
        Control::LedgerEntries(volume.clone(), Cause::Emergency, 0),
        Control::PatchesPerClaimAtMost(volume.clone(), 1),
    ]);
    control.extend(calm(&volume, kind));
    let after = vec![until(Fact::InstancesAre(more), Wait::Join)];
    let timing = all([Timing::WithinSum(&[Wait::Join, Wait::Recovery, Wait::Growth])]);
    Struck { after, functional, control, timing, ..struck }
}
