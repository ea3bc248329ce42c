//! An undisturbed shrink, and the growth after it.

use headroom_core::{Bytes, ledger::Cause, names::VolumeName, report::State};

use super::shape::{
    WITHOUT_SURGE, balanced, begun, done, fixture, large, once, replaced, restored, served, small,
    undisturbed, with,
};
use crate::{
    Cell, Fact, Topology, Wait,
    catalogue::common::{GI_1, GI_4, MI_1152, blank, cell, fill_unseen, rest, until},
    expect::{Control, Expect, Functional, Storage, Timing, all},
};

/// A volume of 4Gi that holds 0.6Gi comes to 1Gi.
pub(in crate::catalogue) fn plain(topology: Topology) -> Cell {
    let mut script = large();
    script.extend([begun(), done(), restored(topology), balanced(VolumeName::Data)]);
    let expect = undisturbed(topology, topology.instances(), small(), once(topology));
    cell(
        "shrink_plain",
        "A volume far too large shrinks, with one switchover",
        fixture(topology),
        script,
        expect,
    )
}

/// `surge: Never`: one replica less while it is copied, which needs two of them.
pub(in crate::catalogue) fn without_surge(topology: Topology) -> Cell {
    let id = "shrink_without_surge";
    match topology {
        Topology::T1 => return blank(id, topology, "a single instance needs a second one to move to"),
        Topology::T2 => return blank(id, topology, "no replica would remain while the only one is copied"),
        Topology::T3 => {}
    }
    let mut script = large();
    script.extend([begun(), done(), restored(topology), balanced(VolumeName::Data)]);
    let expect = undisturbed(topology, 2, small(), once(topology));
    let fixture = with(topology, WITHOUT_SURGE);
    cell(id, "A volume shrinks without a further instance", fixture, script, expect)
}

/// What has shrunk is filled again, and grows again: 84 % of 1Gi to 1152Mi; of 1536Mi, the most that a real server comes
/// to, 1223 of 1456 MiB ÷ 0.78 × 1536 ÷ 1456 = 1654, + 10 % are 1690, rounded up 1728Mi.
pub(in crate::catalogue) fn again(topology: Topology) -> Cell {
    let mut script = large();
    script.extend([begun(), done(), restored(topology), balanced(VolumeName::Data)]);
    script.extend(fill_unseen(84));
    script.extend([
        until(Fact::Completed(VolumeName::Data, Cause::Planned, 1), Wait::Growth),
        rest(Wait::Growth),
    ]);
    let expect = Expect {
        functional: all([
            Functional::Healthy,
            Functional::Promotions(1),
            Functional::Instances(topology.instances()),
        ]),
        storage: all([
            Storage::EveryClaimBetween(VolumeName::Data, MI_1152, Bytes::mebi(1728)),
            Storage::NeverOutside(VolumeName::Data, GI_1, GI_4),
            Storage::FreeAtLeast(VolumeName::Data, 20),
        ]),
        data: served(),
        control: all([
            Control::PassedThrough(VolumeName::Data, State::Shrinking),
            Control::LedgerEntries(VolumeName::Data, Cause::Shrink, 1),
            Control::LedgerEntries(VolumeName::Data, Cause::Planned, 1),
            Control::LedgerEntries(VolumeName::Data, Cause::Emergency, 0),
            Control::InstancesReplaced(replaced(topology)),
            Control::EndsAs(VolumeName::Data, State::Balanced, "EnoughFree"),
            Control::QuietAtTheEnd,
        ]),
        timing: all([Timing::WithinSum(&[Wait::Growth, Wait::Growth])]),
    };
    cell("shrink_and_grow_again", "What has shrunk grows when it fills", fixture(topology), script, expect)
}
