//! What all shrinks share: a volume of 4Gi that holds little, in a Cluster that declares 1Gi.

use std::time::Duration;

use headroom_core::{Bytes, ledger::Cause, names::VolumeName, report::State};

use crate::{
    Act, Fact, Fixture, Step, Topology, Wait, Who,
    catalogue::common::{GI_1, GI_4, data, plain, until, write},
    expect::{Control, Data, Expect, Functional, Storage, Timing, all},
    fixture::{PolicyFixture, ShrinkFixture, Stabilization, WindowFixture},
};

/// Shrink once it was calm for longer than a slow fill takes, with a further instance, on a single instance too.
pub(super) const SHRINKS: ShrinkFixture =
    ShrinkFixture { stabilization: Stabilization::Measured, surge: true, allow_switchover: true };

/// One data volume of 1Gi, limit 4Gi, shrink enabled.
pub(super) fn fixture(topology: Topology) -> Fixture {
    with(topology, SHRINKS)
}

/// The same with this `shrink`.
pub(super) fn with(topology: Topology, shrink: ShrinkFixture) -> Fixture {
    let plain = plain(topology, WindowFixture::Absent);
    let policy = PolicyFixture { shrink: Some(shrink), ..plain.policy.clone() };
    Fixture { policy, ..plain }
}

/// The same five minutes for all: what is filled here is so much that its pace would tell in what the claims come to.
pub(super) fn patient(topology: Topology) -> Fixture {
    with(topology, ShrinkFixture { stabilization: Stabilization::Minutes(5), ..SHRINKS })
}

/// Shrink without a further instance.
pub(super) const WITHOUT_SURGE: ShrinkFixture = ShrinkFixture { surge: false, ..SHRINKS };

/// Somebody raises the claims to 4Gi: one by hand, the others by repair. Some 15 % of a file system of 4032Mi are then
/// filled: 605Mi, which 1Gi holds with a third of it free.
pub(super) fn large() -> Vec<Step> {
    large_with(write(), None)
}

/// The same with this writer, and before it is filled the user does this.
pub(super) fn large_with(write: Step, act: Option<Act>) -> Vec<Step> {
    filled(write, act, 15)
}

/// The same with this share filled.
pub(super) fn filled(write: Step, act: Option<Act>, used_percent: u8) -> Vec<Step> {
    let mut script = vec![
        write,
        Step::Do(Act::PatchClaim { who: Who::Primary, volume: VolumeName::Data, to: GI_4 }),
        until(Fact::EveryClaimHas(VolumeName::Data, GI_4), Wait::Growth),
    ];
    script.extend(act.map(Step::Do));
    script.extend([
        Step::Do(Act::Fill { volume: VolumeName::Data, used_percent }),
        until(Fact::EveryMemberUsedAtLeast(VolumeName::Data, used_percent - 3), Wait::Fill),
    ]);
    script
}

/// Rows as 30 % of 4032Mi: 1210Mi, which 1Gi does not hold, and 1792Mi do with a third of them free.
pub(super) fn fuller(write: Step) -> Vec<Step> {
    filled(write, None, 30)
}

/// The shrink is recorded.
pub(super) fn begun() -> Step {
    until(Fact::IntentRecorded { volume: VolumeName::Data, cause: Cause::Shrink }, Wait::Shrink)
}

/// Every instance has been replaced.
pub(super) fn done() -> Step {
    until(Fact::Completed(VolumeName::Data, Cause::Shrink, 1), Wait::Shrink)
}

/// The number of instances is what was declared, which is the last thing that a shrink sees to.
pub(super) fn restored(topology: Topology) -> Step {
    until(Fact::InstancesAre(topology.instances()), Wait::Shrink)
}

/// All is at rest, and the status says that nothing more is wanted: an operator that has just come back says so last.
pub(super) fn balanced(volume: VolumeName) -> Step {
    let facts = vec![Fact::Settled, Fact::Healthy, Fact::StateIs(volume, State::Balanced)];
    until(Fact::All(facts), Wait::Recovery)
}

/// Why a single instance has no such scenario.
pub(super) const ALONE: &str = "one instance cannot be fewer";

/// How many instances are made anew: of a single one the further instance takes the place.
pub(super) const fn replaced(topology: Topology) -> u32 {
    match topology {
        Topology::T1 => 0,
        Topology::T2 => 2,
        Topology::T3 => 3,
    }
}

/// One switchover, as many instances as declared, never fewer ready ones.
pub(super) fn functional(topology: Topology, ready: u32) -> Vec<Functional> {
    all([
        Functional::Healthy,
        Functional::Promotions(1),
        Functional::Instances(topology.instances()),
        Functional::ReadyAtLeast(ready),
    ])
}

/// 605Mi of rows come to 1Gi. On a real server catalogs and WAL come to them, and what is written while a copy runs, which
/// takes as long as the machine makes it: with a third of it free, 1536Mi hold 350Mi more.
pub(super) const AT_MOST: Bytes = Bytes::mebi(1536);

/// Every claim ends at 1Gi, or some more where WAL was written quickly, and never was outside 1Gi to 4Gi.
pub(super) fn small() -> Vec<Storage> {
    all([
        Storage::EveryClaimBetween(VolumeName::Data, GI_1, AT_MOST),
        Storage::NeverOutside(VolumeName::Data, GI_1, GI_4),
        Storage::FreeAtLeast(VolumeName::Data, 30),
    ])
}

/// What CloudNativePG's own switchover may take: writes stop for no longer, and for nothing else.
const SWITCHOVER: Duration = Duration::from_secs(20);

/// The rows, and that there was nothing to wait for but one switchover.
pub(super) fn served() -> Vec<Data> {
    let mut expected = data();
    expected.push(Data::WritesPauseAtMost(Cause::Shrink, SWITCHOVER));
    expected
}

/// What a shrink comes to that nothing disturbs: so many are ready all the time, writes wait for one switchover alone.
pub(super) fn undisturbed(
    topology: Topology,
    ready: u32,
    storage: Vec<Storage>,
    control: Vec<Control>,
) -> Expect {
    Expect {
        functional: functional(topology, ready),
        storage,
        data: served(),
        control,
        timing: all([Timing::WithinSum(&[Wait::Shrink, Wait::Recovery])]),
    }
}

/// One action that is shown and ends, with this many instances made anew, and rest.
pub(super) fn ended(made_anew: Control) -> Vec<Control> {
    all([
        Control::PassedThrough(VolumeName::Data, State::Shrinking),
        Control::LedgerEntries(VolumeName::Data, Cause::Shrink, 1),
        made_anew,
        Control::EndsAs(VolumeName::Data, State::Balanced, "EnoughFree"),
        Control::QuietAtTheEnd,
    ])
}

/// One action, everybody replaced once, and rest.
pub(super) fn once(topology: Topology) -> Vec<Control> {
    all([
        Control::PassedThrough(VolumeName::Data, State::Shrinking),
        Control::NeverShown(VolumeName::Data, State::Emergency),
        Control::LedgerEntries(VolumeName::Data, Cause::Shrink, 1),
        Control::LedgerEntries(VolumeName::Data, Cause::Planned, 0),
        Control::InstancesReplaced(replaced(topology)),
        Control::EndsAs(VolumeName::Data, State::Balanced, "EnoughFree"),
        Control::QuietAtTheEnd,
    ])
}
