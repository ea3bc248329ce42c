//! A replica that joins after a growth, and the ways in which its join is held up.

use headroom_core::{ledger::Cause, names::VolumeName, report::State};

use crate::{
    Act, Cell, Fact, Fixture, Gate, Step, Strike, Topology, Wait,
    catalogue::{
        common::{GI_1, GI_2, MI_1152, MI_1280, cell, data, filled, intent, plain, rest, until, write},
        strike::strike,
    },
    expect::{Control, Expect, Functional, Storage, Timing, all},
    fixture::{PolicyFixture, WindowFixture},
};

/// The plain case.
pub(in crate::catalogue) fn grown(topology: Topology) -> Cell {
    let more = topology.instances() + 1;
    let steps = vec![Step::Do(Act::Scale { instances: more })];
    let title =
        "A replica that joins after a growth is brought to the effective size, without slot or window";
    planned_then("p0_09_scale_up_after_growth", title, topology, steps, vec![one_slot()])
}

/// The storage is slow to make the newcomer's volume: a pending claim is waited for, then repaired.
pub(in crate::catalogue) fn claim_pending(topology: Topology) -> Cell {
    let more = topology.instances() + 1;
    let steps = vec![
        Step::Hold(Gate::Provision),
        Step::Do(Act::Scale { instances: more }),
        until(Fact::Held(Gate::Provision), Wait::Strike),
        until(Fact::ClaimPending(VolumeName::Data), Wait::Join),
        until(Fact::ReasonIs(VolumeName::Data, "WaitingForBinding"), Wait::Decision),
        Step::Release(Gate::Provision),
    ];
    let shown = Control::PassedThroughAs(VolumeName::Data, State::PendingGrowth, "WaitingForBinding");
    let title = "A claim that is pending and too small is waited for, and raised as soon as it is bound";
    planned_then("p0_09_claim_pending", title, topology, steps, vec![shown, one_slot()])
}

/// No node takes the join job's pod.
pub(in crate::catalogue) fn join_waits_for_a_node(topology: Topology) -> Cell {
    let more = topology.instances() + 1;
    let steps = vec![
        strike(Strike::CordonAll),
        Step::Do(Act::Scale { instances: more }),
        until(Fact::ReasonIs(VolumeName::Data, "WaitingForMount"), Wait::Join),
        Step::Do(Act::Uncordon),
    ];
    let shown = Control::PassedThroughAs(VolumeName::Data, State::PendingGrowth, "WaitingForMount");
    let title = "A claim of a join that finds no node is raised at once, and grows when the join gets one";
    planned_then("p0_09_join_waits_for_a_node", title, topology, steps, vec![shown, one_slot()])
}

/// The planned growth took one slot, whatever came after it.
fn one_slot() -> Control {
    Control::LedgerEntries(VolumeName::Data, Cause::Planned, 1)
}

/// A planned growth to 1152Mi, then these steps, then one instance more.
fn planned_then(
    id: &'static str,
    title: &'static str,
    topology: Topology,
    steps: Vec<Step>,
    also: Vec<Control>,
) -> Cell {
    let more = topology.instances() + 1;
    let fixture = filled(plain(topology, WindowFixture::Absent), VolumeName::Data, 84);
    let mut script = vec![
        write(),
        intent(&VolumeName::Data, Cause::Planned),
        until(Fact::EveryClaimHas(VolumeName::Data, MI_1152), Wait::Growth),
        rest(Wait::Growth),
    ];
    script.extend(steps);
    script.extend([
        until(Fact::InstancesAre(more), Wait::Join),
        until(Fact::EveryClaimHas(VolumeName::Data, MI_1152), Wait::Growth),
        until(Fact::Serving, Wait::Recovery),
        rest(Wait::Recovery),
    ]);
    let storage = all([
        Storage::EveryClaimBetween(VolumeName::Data, MI_1152, MI_1280),
        Storage::NeverOutside(VolumeName::Data, GI_1, MI_1280),
        Storage::FreeAtLeast(VolumeName::Data, 20),
    ]);
    let mut control = all([
        Control::PassedThrough(VolumeName::Data, State::Growing),
        Control::NeverShown(VolumeName::Data, State::Emergency),
        Control::LedgerEntries(VolumeName::Data, Cause::Emergency, 0),
    ]);
    control.extend(also);
    joined(id, title, more, fixture, (script, storage, control))
}

/// The volume grows to 2Gi and holds more than 1Gi; then the operator stops and one more instance is wanted.
fn joins_unseen(more: u32) -> Vec<Step> {
    vec![
        write(),
        until(Fact::StateIs(VolumeName::Data, State::Balanced), Wait::Decision),
        Step::Do(Act::Fill { volume: VolumeName::Data, used_percent: 89 }),
        intent(&VolumeName::Data, Cause::Emergency),
        until(Fact::EveryClaimHas(VolumeName::Data, GI_2), Wait::Growth),
        until(Fact::UsedAtLeast(VolumeName::Data, 41), Wait::Fill),
        rest(Wait::Growth),
        Step::Do(Act::Fill { volume: VolumeName::Data, used_percent: 60 }),
        until(Fact::EveryMemberUsedAtLeast(VolumeName::Data, 59), Wait::Fill),
        Step::Do(Act::StopOperator),
        Step::Do(Act::Scale { instances: more }),
    ]
}

fn all_large() -> Vec<Storage> {
    all([
        Storage::EveryClaimRequests(VolumeName::Data, GI_2),
        Storage::NeverOutside(VolumeName::Data, GI_1, GI_2),
        Storage::FreeAtLeast(VolumeName::Data, 20),
    ])
}

/// The data does not fit into what the newcomer is born with, and nobody is there to see it.
pub(in crate::catalogue) fn join_fails(topology: Topology) -> Cell {
    let more = topology.instances() + 1;
    let plain = plain(topology, WindowFixture::FarAway);
    let fixture =
        Fixture { policy: PolicyFixture { critical_threshold: 85, ..plain.policy.clone() }, ..plain };
    let mut script = joins_unseen(more);
    script.extend([
        until(Fact::JoinFailed, Wait::Join),
        Step::Do(Act::StartOperator),
        until(Fact::EveryClaimHas(VolumeName::Data, GI_2), Wait::Recovery),
        until(Fact::InstancesAre(more), Wait::Recovery),
        until(Fact::Serving, Wait::Recovery),
        rest(Wait::Recovery),
    ]);
    let storage = all_large();
    let control = all([
        Control::PassedThrough(VolumeName::Data, State::Emergency),
        Control::LedgerEntries(VolumeName::Data, Cause::Emergency, 1),
        Control::LedgerEntries(VolumeName::Data, Cause::Planned, 0),
    ]);
    let title =
        "A join that has failed because its claim was too small succeeds after the repair, without a slot";
    joined("p0_09_join_fails", title, more, fixture, (script, storage, control))
}

/// The object is deleted after a growth. Its last act was to raise the size in the Cluster's spec, so that a replica which
/// joins when nobody looks after the volumes any more is born with what the others have.
pub(in crate::catalogue) fn storage_deleted(topology: Topology) -> Cell {
    let more = topology.instances() + 1;
    let steps = vec![
        Step::Do(Act::DeleteStorage),
        Step::Do(Act::Scale { instances: more }),
        until(Fact::InstancesAre(more), Wait::Join),
        until(Fact::EveryClaimHas(VolumeName::Data, MI_1152), Wait::Growth),
        Step::Do(Act::CreateStorage),
    ];
    // The growth's own patches: none was needed for the newcomer.
    let patches = Control::PatchesInAll(VolumeName::Data, topology.instances());
    // The ledger went with the object's status.
    let forgotten = Control::LedgerEntries(VolumeName::Data, Cause::Planned, 0);
    let title = "A replica that joins after the DynamicStorage was deleted is born with the effective size";
    planned_then("p0_09_storage_deleted", title, topology, steps, vec![patches, forgotten])
}

/// As [`join_fails`], and the policy of `deploy/size-at-birth` is installed: the newcomer fits from the start.
pub(in crate::catalogue) fn born_large(topology: Topology) -> Cell {
    let more = topology.instances() + 1;
    let plain = plain(topology, WindowFixture::FarAway);
    let policy = PolicyFixture { critical_threshold: 85, ..plain.policy.clone() };
    let fixture = Fixture { policy, size_at_birth: true, ..plain };
    let mut script = joins_unseen(more);
    script.extend([
        until(Fact::InstancesAre(more), Wait::Join),
        until(Fact::EveryClaimHas(VolumeName::Data, GI_2), Wait::Growth),
        Step::Do(Act::StartOperator),
        until(Fact::Serving, Wait::Recovery),
        rest(Wait::Recovery),
    ]);
    let storage = all_large();
    let control = all([
        Control::PassedThrough(VolumeName::Data, State::Emergency),
        Control::LedgerEntries(VolumeName::Data, Cause::Emergency, 1),
        Control::LedgerEntries(VolumeName::Data, Cause::Planned, 0),
        // The growth's own: the newcomer's claim is never patched.
        Control::PatchesInAll(VolumeName::Data, topology.instances()),
    ]);
    let title =
        "A replica that joins after a growth is born with the effective size, and needs no operator for it";
    joined("p0_09_born_large", title, more, fixture, (script, storage, control))
}

fn joined(
    id: &'static str,
    title: &'static str,
    more: u32,
    fixture: Fixture,
    (script, storage, mut control): (Vec<Step>, Vec<Storage>, Vec<Control>),
) -> Cell {
    control.extend([
        Control::PatchesPerClaimAtMost(VolumeName::Data, 1),
        Control::EndsAs(VolumeName::Data, State::Balanced, "EnoughFree"),
        Control::NoDestructiveAct,
        Control::QuietAtTheEnd,
    ]);
    let functional = all([
        Functional::Healthy,
        Functional::Promotions(0),
        Functional::NoServerRestart,
        Functional::PodsMade(1, 1),
        Functional::Instances(more),
    ]);
    let timing = all([Timing::WithinSum(&[Wait::Join, Wait::Recovery, Wait::Growth])]);
    cell(id, title, fixture, script, Expect { functional, storage, data: data(), control, timing })
}
