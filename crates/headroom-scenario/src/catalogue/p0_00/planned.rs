//! Planned growth, and the repair that needs no plan.

use headroom_core::{Bytes, ledger::Cause, names::VolumeName, report::State};

use crate::{
    Act, Cell, Fact, Fixture, Step, Topology, Wait, Who,
    catalogue::common::{GI_1, GI_2, MI_1152, cell, data, filled, idx, plain, undisturbed, write},
    expect::{Control, Expect, Storage, Timing, all},
    fixture::{PolicyFixture, WindowFixture},
};

/// A cluster that is 84 % full gets headroom; the window is open.
pub(super) fn in_window(topology: Topology) -> Cell {
    let fixture = filled(plain(topology, WindowFixture::OpenNow), VolumeName::Data, 84);
    let script = vec![
        write(),
        Step::Until(Fact::IntentRecorded { volume: VolumeName::Data, cause: Cause::Planned }, Wait::Decision),
        Step::Until(Fact::EveryClaimHas(VolumeName::Data, MI_1152), Wait::Growth),
        Step::Until(Fact::All(vec![Fact::Settled, Fact::Healthy]), Wait::Growth),
    ];
    let expect = Expect {
        functional: undisturbed(),
        storage: all([
            Storage::EveryClaimRequests(VolumeName::Data, MI_1152),
            Storage::NeverOutside(VolumeName::Data, GI_1, MI_1152),
            Storage::FreeAtLeast(VolumeName::Data, 20),
        ]),
        data: data(),
        control: all([
            Control::PassedThrough(VolumeName::Data, State::Growing),
            Control::NeverShown(VolumeName::Data, State::Blocked),
            Control::LedgerEntries(VolumeName::Data, Cause::Planned, 1),
            Control::LedgerEntries(VolumeName::Data, Cause::Emergency, 0),
            Control::PatchesPerClaim(VolumeName::Data, 1),
            Control::EndsAs(VolumeName::Data, State::Balanced, "EnoughFree"),
            Control::NoDestructiveAct,
            Control::QuietAtTheEnd,
        ]),
        timing: all([Timing::WithinSum(&[Wait::Decision, Wait::Growth])]),
    };
    let title = "A volume below its buffer grows inside the maintenance window";
    cell("p0_00_planned_growth_in_window", title, fixture, script, expect)
}

/// A tablespace volume that is 84 % full grows; the data volume is left as it is.
pub(super) fn tablespace(topology: Topology) -> Cell {
    let plain = plain(topology, WindowFixture::Absent);
    let fixture = filled(Fixture { data: GI_2, tablespace: Some(GI_1), ..plain }, idx(), 84);
    let script = vec![
        write(),
        Step::Until(Fact::IntentRecorded { volume: idx(), cause: Cause::Planned }, Wait::Decision),
        Step::Until(Fact::EveryClaimHas(idx(), MI_1152), Wait::Growth),
        Step::Until(Fact::All(vec![Fact::Settled, Fact::Healthy]), Wait::Growth),
    ];
    let expect = Expect {
        functional: undisturbed(),
        storage: all([
            Storage::EveryClaimRequests(idx(), MI_1152),
            Storage::EveryClaimRequests(VolumeName::Data, GI_2),
            Storage::NeverOutside(idx(), GI_1, MI_1152),
            Storage::FreeAtLeast(idx(), 20),
        ]),
        data: data(),
        control: all([
            Control::PassedThrough(idx(), State::Growing),
            Control::NeverShown(idx(), State::Blocked),
            Control::LedgerEntries(idx(), Cause::Planned, 1),
            Control::LedgerEntries(idx(), Cause::Emergency, 0),
            Control::PatchesPerClaim(idx(), 1),
            Control::NoPatch(VolumeName::Data),
            Control::EndsAs(idx(), State::Balanced, "EnoughFree"),
            Control::NoDestructiveAct,
            Control::QuietAtTheEnd,
        ]),
        timing: all([Timing::WithinSum(&[Wait::Decision, Wait::Growth])]),
    };
    let title = "A tablespace volume below its buffer grows, the data volume does not";
    cell("p0_00_tablespace_grows", title, fixture, script, expect)
}

/// Somebody raises the primary's claim by hand: the replicas follow, without usage, window or planned slot.
pub(super) fn smaller_member(topology: Topology) -> Cell {
    const ID: &str = "p0_00_smaller_member_is_repaired";
    const TO: Bytes = Bytes::mebi(1536);
    if topology == Topology::T1 {
        return Cell::Blank {
            id: ID,
            topology,
            moment: None,
            why: "one instance has no sibling to be smaller than",
        };
    }
    let plain = plain(topology, WindowFixture::FarAway);
    let fixture = Fixture { policy: PolicyFixture { budget: (1, 1), ..plain.policy.clone() }, ..plain };
    let script = vec![
        write(),
        Step::Until(Fact::StateIs(VolumeName::Data, State::Balanced), Wait::Decision),
        Step::Do(Act::PatchClaim { who: Who::Primary, volume: VolumeName::Data, to: TO }),
        Step::Until(Fact::IntentRecorded { volume: VolumeName::Data, cause: Cause::External }, Wait::Growth),
        Step::Until(Fact::EveryClaimHas(VolumeName::Data, TO), Wait::Growth),
        Step::Until(Fact::All(vec![Fact::Settled, Fact::Healthy]), Wait::Growth),
    ];
    let expect = Expect {
        functional: undisturbed(),
        storage: all([
            Storage::EveryClaimRequests(VolumeName::Data, TO),
            Storage::NeverOutside(VolumeName::Data, GI_1, TO),
        ]),
        data: data(),
        control: all([
            Control::PassedThrough(VolumeName::Data, State::Growing),
            Control::NeverShown(VolumeName::Data, State::Blocked),
            Control::LedgerEntries(VolumeName::Data, Cause::External, 1),
            Control::LedgerEntries(VolumeName::Data, Cause::Planned, 0),
            Control::LedgerEntries(VolumeName::Data, Cause::Emergency, 0),
            Control::PatchesInAll(VolumeName::Data, topology.instances() - 1),
            Control::EndsAs(VolumeName::Data, State::Balanced, "EnoughFree"),
            Control::NoDestructiveAct,
            Control::QuietAtTheEnd,
        ]),
        timing: all([Timing::WithinSum(&[Wait::Growth, Wait::Growth])]),
    };
    let title = "Claims smaller than a sibling are raised to its size, without window or slot";
    cell(ID, title, fixture, script, expect)
}
