//! An undisturbed shrink, and the growth after it.

use headroom_core::{ledger::Cause, names::VolumeName, report::State};

use super::shape::{
    WITHOUT_SURGE, balanced, begun, done, fixture, functional, large, once, replaced, restored, served,
    small, with,
};
use crate::{
    Act, Cell, Fact, Step, Topology, Wait,
    catalogue::common::{GI_1, GI_4, MI_1152, blank, cell, rest, until},
    expect::{Control, Expect, Functional, Storage, Timing, all},
};

/// A volume of 4Gi that holds 0.6Gi comes to 1Gi.
pub(in crate::catalogue) fn plain(topology: Topology) -> Cell {
    let mut script = large();
    script.extend([begun(), done(), restored(topology), balanced(VolumeName::Data)]);
    let expect = Expect {
        functional: functional(topology, topology.instances()),
        storage: small(),
        data: served(),
        control: once(topology),
        timing: all([Timing::WithinSum(&[Wait::Shrink, Wait::Recovery])]),
    };
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
    let expect = Expect {
        functional: functional(topology, 2),
        storage: small(),
        data: served(),
        control: once(topology),
        timing: all([Timing::WithinSum(&[Wait::Shrink, Wait::Recovery])]),
    };
    let fixture = with(topology, WITHOUT_SURGE);
    cell(id, "A volume shrinks without a further instance", fixture, script, expect)
}

/// What has shrunk is filled again, and grows again.
pub(in crate::catalogue) fn again(topology: Topology) -> Cell {
    let mut script = large();
    script.extend([begun(), done(), restored(topology), balanced(VolumeName::Data)]);
    script.extend([
        Step::Do(Act::Fill { volume: VolumeName::Data, used_percent: 84 }),
        until(Fact::EveryClaimHas(VolumeName::Data, MI_1152), Wait::Growth),
        rest(Wait::Growth),
    ]);
    let expect = Expect {
        functional: all([
            Functional::Healthy,
            Functional::Promotions(1),
            Functional::Instances(topology.instances()),
        ]),
        storage: all([
            Storage::EveryClaimBetween(VolumeName::Data, MI_1152, GI_4),
            Storage::NeverOutside(VolumeName::Data, GI_1, GI_4),
            Storage::FreeAtLeast(VolumeName::Data, 20),
        ]),
        data: served(),
        control: all([
            Control::PassedThrough(VolumeName::Data, State::Shrinking),
            Control::LedgerEntries(VolumeName::Data, Cause::Shrink, 1),
            Control::InstancesReplaced(replaced(topology)),
            // A quick fill is an emergency, after which so much is free that a shrink would be due but for its rest.
            Control::QuietAtTheEnd,
        ]),
        timing: all([Timing::WithinSum(&[Wait::Growth, Wait::Growth])]),
    };
    cell("shrink_and_grow_again", "What has shrunk grows when it fills", fixture(topology), script, expect)
}
