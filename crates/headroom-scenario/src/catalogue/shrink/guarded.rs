//! What the experiments S2 and S4 showed, and the guard against each.

use headroom_core::{ledger::Cause, names::VolumeName, report::State};

use super::{
    shape::{balanced, begun, done, fixture, functional, large, once, patient, restored, small, undisturbed},
    struck::{Struck, strike},
};
use crate::{
    Act, BackupMode, Cell, Fact, Fixture, Gate, Step, Strike, Topology, Wait, Who,
    catalogue::{
        common::{GI_1, GI_4, blank, cell, data, rest, until},
        gated::Made,
    },
    expect::{Control, Expect, Functional, Storage, Timing, all},
};

/// `wal_log_hints: off` goes with a single instance only, and CloudNativePG repairs nothing once there are two: no
/// instance is added before it is on again.
pub(in crate::catalogue) fn without_hints(topology: Topology) -> Cell {
    let id = "shrink_wal_log_hints_off";
    if topology != Topology::T1 {
        return blank(id, topology, "CloudNativePG refuses wal_log_hints off beside a second instance");
    }
    let mut script = large();
    // After the fill, which a restart of the server would end.
    script.extend([
        Step::Do(Act::WalLogHints { on: false }),
        until(Fact::ReasonIs(VolumeName::Data, "ParameterForbidsReplicas"), Wait::Shrink),
        Step::Do(Act::WalLogHints { on: true }),
        begun(),
        done(),
        restored(topology),
        rest(Wait::Recovery),
    ]);
    let mut control = once(topology);
    control.extend(all([Control::PassedThroughAs(
        VolumeName::Data,
        State::PendingShrink,
        "ParameterForbidsReplicas",
    )]));
    let expect = Expect {
        functional: functional(topology, 0),
        storage: small(),
        data: data(),
        control,
        timing: all([Timing::WithinSum(&[Wait::Shrink, Wait::Recovery])]),
    };
    let title = "A single instance with wal_log_hints off gets no second one until that is on";
    cell(id, title, patient(topology), script, expect)
}

/// While WAL cannot be archived no instance is added, made anew or promoted: an old primary would not come back before it
/// has archived what it has (experiments S5). Broken before it begins, and again while a copy runs.
pub(in crate::catalogue) fn archive_broken(topology: Topology) -> Cell {
    let broken = [
        Step::Do(Act::BreakArchive { on: true }),
        until(Fact::ReasonIs(VolumeName::Data, "ArchivingBroken"), Wait::Shrink),
        Step::Do(Act::BreakArchive { on: false }),
    ];
    let mut script = large();
    script.extend(broken.clone());
    script.extend([begun(), until(Fact::JoinBegan, Wait::Shrink)]);
    script.extend(broken);
    script.extend([done(), restored(topology), balanced(VolumeName::Data)]);
    let mut control = once(topology);
    control.push(Control::PassedThroughAs(VolumeName::Data, State::PendingShrink, "ArchivingBroken"));
    let expect = undisturbed(topology, topology.instances(), small(), control);
    let title = "A WAL archive that fails holds a shrink before each step, until it works again";
    cell("shrink_archive_broken", title, fixture(topology), script, expect)
}

/// After the switchover of a single instance the old primary's data is damaged: CloudNativePG chooses no instance that is
/// not ready, so after some patience it goes by name, once the number is set back.
pub(in crate::catalogue) fn old_primary_broken(topology: Topology, gate: Gate) -> Made {
    if topology != Topology::T1 {
        return Err("the old primary is made anew like every other instance");
    }
    let title = "The old primary of a single instance never comes back, and is removed all the same";
    let strikes = vec![
        strike(Strike::BreakData(Who::LastReplica)),
        until(Fact::ReadyAtMost(1), Wait::Strike),
        until(Fact::ReasonIs(VolumeName::Data, "OldPrimaryNotReady"), Wait::Shrink),
    ];
    let struck = Struck::new("shrink_old_primary_broken", title, topology, strikes, (1, 1));
    let mut control = struck.control;
    control.retain(|expected| !matches!(expected, Control::InstancesReplacedBetween(..)));
    control.push(Control::InstancesReplaced(1));
    Ok(Struck { control, serves: false, ..struck }.at(gate))
}

/// A person has the switchover: headroom asks for it by the instance's name.
pub(in crate::catalogue) fn supervised(topology: Topology) -> Cell {
    let mut script = large();
    script.extend([
        begun(),
        until(Fact::ReasonIs(VolumeName::Data, "PromoteByHand"), Wait::Shrink),
        strike(Strike::SwitchOver),
        done(),
        restored(topology),
        balanced(VolumeName::Data),
    ]);
    // Whoever switches over does not ask whether an instance is about to be made anew.
    let ready = (topology.instances() - 1).max(1);
    let expect = undisturbed(topology, ready, small(), once(topology));
    let title = "With primaryUpdateStrategy supervised a person switches over, and the shrink waits for it";
    cell("shrink_supervised", title, Fixture { supervised: true, ..fixture(topology) }, script, expect)
}

/// CloudNativePG makes replicas of such a Cluster from its newest snapshot, which needs claims as large as that.
pub(in crate::catalogue) fn from_snapshots(topology: Topology) -> Cell {
    let mut script = large();
    let held = "ReplicasComeFromSnapshots";
    script.extend([
        until(Fact::StateSeen(VolumeName::Data, State::PendingShrink), Wait::Shrink),
        until(Fact::ReasonIs(VolumeName::Data, held), Wait::Shrink),
        rest(Wait::Shrink),
    ]);
    let expect = Expect {
        functional: all([
            Functional::Healthy,
            Functional::Promotions(0),
            Functional::Instances(topology.instances()),
            Functional::ReadyAtLeast(topology.instances()),
        ]),
        storage: all([
            Storage::EveryClaimRequests(VolumeName::Data, GI_4),
            Storage::NeverOutside(VolumeName::Data, GI_1, GI_4),
        ]),
        data: data(),
        control: all([
            Control::InstancesReplaced(0),
            Control::LedgerEntries(VolumeName::Data, Cause::Shrink, 0),
            Control::NeverShown(VolumeName::Data, State::Shrinking),
            Control::PassedThrough(VolumeName::Data, State::PendingShrink),
            Control::PassedThroughAs(VolumeName::Data, State::PendingShrink, held),
            Control::QuietAtTheEnd,
        ]),
        timing: all([Timing::WithinSum(&[Wait::Shrink])]),
    };
    let fixture = Fixture { backups: Some(BackupMode::Offline), ..fixture(topology) };
    let title = "A Cluster whose replicas come from snapshots does not shrink, and says why";
    cell("shrink_snapshots_configured", title, fixture, script, expect)
}

/// A PodDisruptionBudget that allows no disruption holds the shrink by name, also one of a single instance.
pub(in crate::catalogue) fn disruptions_forbidden(topology: Topology) -> Cell {
    let mut script = large();
    script.insert(1, Step::Do(Act::ForbidDisruptions { on: true }));
    script.extend([
        until(Fact::ReasonIs(VolumeName::Data, "DisruptionForbidden"), Wait::Shrink),
        Step::Do(Act::ForbidDisruptions { on: false }),
        begun(),
        done(),
        restored(topology),
        rest(Wait::Recovery),
    ]);
    let expect = Expect {
        functional: functional(topology, topology.instances()),
        storage: small(),
        data: data(),
        control: once(topology),
        timing: all([Timing::WithinSum(&[Wait::Shrink, Wait::Recovery])]),
    };
    let title = "A PodDisruptionBudget that allows no disruption holds a shrink until it does";
    cell("shrink_disruption_forbidden", title, fixture(topology), script, expect)
}
