//! Clusters with further volumes: an instance is replaced with all its claims.

use headroom_core::{ledger::Cause, names::VolumeName, report::State};

use super::shape::{
    balanced, begun, done, fixture, large, once, patient, replaced, restored, small, undisturbed,
};
use crate::{
    Act, Cell, Fact, Fixture, Step, Topology, Wait, Who,
    catalogue::common::{GI_1, GI_2, GI_4, cell, idx, until, write},
    expect::{Control, Storage, all},
};

/// A tablespace is too large: the data volume stays as it is, and every claim of the instance goes with it.
pub(in crate::catalogue) fn tablespace(topology: Topology) -> Cell {
    let script = vec![
        write(),
        Step::Do(Act::PatchClaim { who: Who::Primary, volume: idx(), to: GI_4 }),
        until(Fact::EveryClaimHas(idx(), GI_4), Wait::Growth),
        until(Fact::IntentRecorded { volume: idx(), cause: Cause::Shrink }, Wait::Shrink),
        until(Fact::Completed(idx(), Cause::Shrink, 1), Wait::Shrink),
        restored(topology),
        balanced(idx()),
    ];
    let expect = undisturbed(
        topology,
        topology.instances(),
        all([
            Storage::EveryClaimRequests(idx(), GI_1),
            Storage::EveryClaimRequests(VolumeName::Data, GI_2),
            Storage::NeverOutside(VolumeName::Data, GI_2, GI_2),
        ]),
        all([
            Control::PassedThrough(idx(), State::Shrinking),
            Control::LedgerEntries(idx(), Cause::Shrink, 1),
            Control::LedgerEntries(VolumeName::Data, Cause::Shrink, 0),
            Control::InstancesReplaced(replaced(topology)),
            Control::EndsAs(idx(), State::Balanced, "EnoughFree"),
            Control::QuietAtTheEnd,
        ]),
    );
    let fixture = Fixture { data: GI_2, tablespace: Some(GI_1), ..fixture(topology) };
    cell("shrink_tablespace", "A tablespace far too large shrinks", fixture, script, expect)
}

/// Data and a tablespace are too large at the same time: one pass makes each instance anew once.
pub(in crate::catalogue) fn two(topology: Topology) -> Cell {
    let mut script = large();
    // Both claims at the same time, so that all is known of one when the other is due.
    script.insert(2, Step::Do(Act::PatchClaim { who: Who::Primary, volume: idx(), to: GI_4 }));
    script.insert(3, until(Fact::EveryClaimHas(idx(), GI_4), Wait::Growth));
    script.extend([
        begun(),
        until(Fact::IntentRecorded { volume: idx(), cause: Cause::Shrink }, Wait::Shrink),
        done(),
        until(Fact::Completed(idx(), Cause::Shrink, 1), Wait::Shrink),
        restored(topology),
        balanced(VolumeName::Data),
        balanced(idx()),
    ]);
    let mut storage = small();
    storage.push(Storage::EveryClaimRequests(idx(), GI_1));
    storage.push(Storage::NeverOutside(idx(), GI_1, GI_4));
    let mut control = once(topology);
    control.extend(all([
        Control::PassedThrough(idx(), State::Shrinking),
        Control::LedgerEntries(idx(), Cause::Shrink, 1),
        Control::EndsAs(idx(), State::Balanced, "EnoughFree"),
    ]));
    let expect = undisturbed(topology, topology.instances(), storage, control);
    // That the second is too large is known before the first is due, also to slow kubelets.
    let fixture = Fixture { tablespace: Some(GI_1), ..patient(topology) };
    let title = "Data and a tablespace shrink in one pass: every instance is made anew once";
    cell("shrink_two_volumes", title, fixture, script, expect)
}

/// WAL has a volume of its own, which comes back as large as it was.
pub(in crate::catalogue) fn wal(topology: Topology) -> Cell {
    let mut script = large();
    script.extend([begun(), done(), restored(topology), balanced(VolumeName::Data)]);
    let mut storage = small();
    storage.push(Storage::EveryClaimRequests(VolumeName::Wal, GI_2));
    storage.push(Storage::NeverOutside(VolumeName::Wal, GI_2, GI_2));
    let mut control = once(topology);
    control.push(Control::NoPatch(VolumeName::Wal));
    let expect = undisturbed(topology, topology.instances(), storage, control);
    let fixture = Fixture { wal: Some(GI_2), ..fixture(topology) };
    let title = "A data volume beside a WAL volume shrinks, and the WAL volume stays as it is";
    cell("shrink_walstorage", title, fixture, script, expect)
}
