//! Changes of the Cluster that meet a growth: its own sizes, and CloudNativePG told to stand still.

use headroom_core::{ledger::Cause, names::VolumeName, report::State};

use crate::{
    Act, Cell, Fact, Fixture, Gate, Step, Strike, Topology, Wait,
    catalogue::{
        common::{
            GI_1, MI_1088, MI_1152, MI_1280, cell, data, intent, plain, rest, undisturbed, until, write,
        },
        gated::Made,
        strike::{Kind, Struck, calm, strike},
    },
    expect::{Control, Expect, Storage, Timing, all},
    fixture::{PolicyFixture, WindowFixture},
};

/// The Cluster's size is raised above `limit`: CloudNativePG grows, headroom follows and says so, and never fights.
pub(in crate::catalogue) fn above_limit(topology: Topology) -> Cell {
    let data_volume = VolumeName::Data;
    let plain = plain(topology, WindowFixture::Absent);
    let fixture = Fixture { policy: PolicyFixture { limit: MI_1152, ..plain.policy.clone() }, ..plain };
    let script = vec![
        write(),
        until(Fact::StateIs(VolumeName::Data, State::Balanced), Wait::Decision),
        Step::Do(Act::SetClusterSize { volume: VolumeName::Data, size: MI_1280 }),
        intent(&data_volume, Cause::External),
        until(Fact::EveryClaimHas(VolumeName::Data, MI_1280), Wait::Growth),
        until(Fact::ReasonIs(VolumeName::Data, "LimitBelowClusterSize"), Wait::Decision),
        rest(Wait::Growth),
    ];
    let expect = Expect {
        functional: undisturbed(),
        storage: all([
            Storage::EveryClaimRequests(VolumeName::Data, MI_1280),
            Storage::NeverOutside(VolumeName::Data, GI_1, MI_1280),
        ]),
        data: data(),
        control: all([
            Control::PassedThrough(VolumeName::Data, State::AtLimit),
            Control::LedgerEntries(VolumeName::Data, Cause::External, 1),
            Control::LedgerEntries(VolumeName::Data, Cause::Planned, 0),
            Control::NoPatch(VolumeName::Data),
            Control::EndsAs(VolumeName::Data, State::AtLimit, "LimitBelowClusterSize"),
            Control::NoDestructiveAct,
            Control::QuietAtTheEnd,
        ]),
        timing: all([Timing::WithinSum(&[Wait::Decision, Wait::Growth])]),
    };
    let title = "The Cluster's size is raised above limit: headroom adopts it, says so, and does not fight";
    cell("p0_04_cluster_size_above_limit", title, fixture, script, expect)
}

/// The Cluster's size is raised, to less, while a growth runs. CloudNativePG writes claims from a cache, without any
/// precondition, and may lower a request that was just raised (experiments G8): it is raised again, in the same slot.
pub(in crate::catalogue) fn racing(topology: Topology, gate: Gate) -> Made {
    let title =
        "A raise of the Cluster's size races a growth to more: a request that is lowered is raised again";
    let kind = if Kind::of(topology, gate, 0) == Kind::BesideWal { Kind::BesideWal } else { Kind::Data };
    let volume = kind.volume();
    let raise = Act::SetClusterSize { volume: volume.clone(), size: MI_1088 };
    let strikes = vec![strike(Strike::Change(raise))];
    let struck = Struck::new("p0_04_cluster_size_races_growth", title, kind, topology, strikes);
    let mut control = all([
        Control::PassedThrough(volume.clone(), State::Growing),
        Control::NeverShown(volume.clone(), State::Emergency),
        Control::LedgerEntries(volume.clone(), Cause::Planned, 1),
        Control::LedgerEntries(volume.clone(), Cause::Emergency, 0),
        Control::PatchesPerClaimAtMost(volume.clone(), 2),
    ]);
    control.extend(calm(&volume, kind));
    Ok(Struck { control, ..struck }.at(gate))
}

/// `cnpg.io/reconciliationLoop: disabled` while a growth runs: headroom stands still too, says so, and goes on after.
pub(in crate::catalogue) fn reconciliation_off(topology: Topology, gate: Gate) -> Made {
    let title = "With CloudNativePG's reconciliation disabled a growth stands still and says so; then it goes on, once";
    let kind = Kind::of(topology, gate, 1);
    let volume = kind.volume();
    let strikes = vec![
        strike(Strike::Change(Act::Reconciliation { enabled: false })),
        until(Fact::StateSeen(volume.clone(), State::Suspended), Wait::Decision),
    ];
    let struck = Struck::new("p0_04_reconciliation_disabled", title, kind, topology, strikes);
    let mut control = struck.control;
    control.push(Control::PassedThroughAs(volume, State::Suspended, "ReconciliationDisabled"));
    let after = vec![Step::Do(Act::Reconciliation { enabled: true })];
    Ok(Struck { after, control, ..struck }.at(gate))
}
