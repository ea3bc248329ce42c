//! Copies of a shrink that fail or are lost, and what becomes of the instances beside them.

use headroom_core::{Bytes, names::VolumeName};

use super::{
    shape::{
        AT_MOST, balanced, begun, done, ended, fixture, fuller, functional, large, patient, replaced,
        restored, small,
    },
    struck::{Struck, strike},
};
use crate::{
    Act, Cell, Fact, Fixture, Gate, Pace, Scenario, Step, Strike, Topology, Wait,
    catalogue::{
        common::{GI_1, GI_4, blank, cell, data, scenario, until, write},
        gated::Made,
    },
    expect::{Control, Expect, Functional, Storage, Timing, all},
};

/// New claims are born smaller than the target where no policy sizes them at birth, and raised under their copies.
pub(in crate::catalogue) fn born_too_small(topology: Topology) -> Cell {
    let mut script = fuller(write());
    script.extend([begun(), done(), restored(topology), balanced(VolumeName::Data)]);
    let title = "New claims are born smaller than the target, and are raised to it under their copies";
    measured(scenario("shrink_born_too_small", title, patient(topology), script, fuller_shrinks(topology)))
}

/// Where the policy of `deploy/size-at-birth` is installed a copy's claim has the target from the beginning; a target that
/// rises later raises it, as ever.
pub(in crate::catalogue) fn born_right(topology: Topology) -> Cell {
    let mut script = fuller(write());
    script.extend([begun(), done(), restored(topology), balanced(VolumeName::Data)]);
    let fixture = Fixture { size_at_birth: true, ..patient(topology) };
    let mut expect = fuller_shrinks(topology);
    expect.storage.push(Storage::BornWith(VolumeName::Data, Bytes::mebi(1792)));
    let title = "New claims are born with the target of the shrink";
    measured(scenario("shrink_born_right", title, fixture, script, expect))
}

/// The storage does not raise the claim of the first copy, which ends for lack of space until it does.
pub(in crate::catalogue) fn fails(topology: Topology) -> Cell {
    let title = "A copy fails for lack of space, and succeeds once its claim has grown";
    let (script, expect) = (held_until(topology, Fact::JoinFailed), fuller_shrinks(topology));
    measured(scenario("shrink_copy_fails", title, patient(topology), script, expect))
}

/// The same until Kubernetes gives the Job up: CloudNativePG calls the Cluster unrecoverable and does nothing more
/// (experiments E9). Job and claims are deleted, and made again.
pub(in crate::catalogue) fn given_up(topology: Topology) -> Cell {
    let title = "The Job of a copy is given up for lack of space: the copy is begun anew, and fits";
    let given_up = Fact::PhaseIs("Cluster is unrecoverable and needs manual intervention");
    let (script, expect) = (held_until(topology, given_up), fuller_shrinks(topology));
    let plain = scenario("shrink_copy_given_up", title, patient(topology), script, expect);
    measured(Scenario { pace: Pace::Slow, ..plain })
}

/// The storage's controller raises no claim from before the first copy until this.
fn held_until(topology: Topology, fact: Fact) -> Vec<Step> {
    let mut script = fuller(write());
    script.extend([
        Step::Hold(Gate::ControllerStep),
        begun(),
        until(Fact::Held(Gate::ControllerStep), Wait::Shrink),
        until(fact, Wait::Shrink),
        Step::Release(Gate::ControllerStep),
        done(),
        restored(topology),
        balanced(VolumeName::Data),
    ]);
    script
}

/// What is filled here is much for the claims that it comes to, so that the pace at which WAL was written tells in them.
fn measured(scenario: Scenario) -> Cell {
    let rests_on_pace = Some("how fast WAL was written between two looks sizes the claims");
    Cell::Scenario(Box::new(Scenario { rests_on_pace, ..scenario }))
}

/// What a volume that holds 1210Mi comes to: 1792Mi; on a real server more, as in [`AT_MOST`].
fn fuller_shrinks(topology: Topology) -> Expect {
    Expect {
        functional: functional(topology, topology.instances()),
        storage: all([
            Storage::EveryClaimBetween(VolumeName::Data, Bytes::mebi(1792), Bytes::mebi(2304)),
            Storage::NeverOutside(VolumeName::Data, GI_1, GI_4),
            Storage::FreeAtLeast(VolumeName::Data, 25),
        ]),
        data: data(),
        control: ended(Control::InstancesReplaced(replaced(topology))),
        timing: all([Timing::WithinSum(&[Wait::Shrink, Wait::Recovery])]),
    }
}

/// The join trap (experiments E4, E8): while a copy's Job is unfinished CloudNativePG makes no other pod, not even the
/// primary's. The Job is deleted, so that everybody is back while the storage still makes no volume for the copy; then its
/// claims, for without them alone the copy is begun anew.
pub(in crate::catalogue) fn primary_lost(topology: Topology, gate: Gate) -> Made {
    let title = "The primary is lost while an instance joins: all are back before the join can go on";
    let strikes = vec![
        strike(Strike::FailOver),
        until(Fact::Serving, Wait::Recovery),
        until(Fact::Ready(topology.instances()), Wait::Recovery),
    ];
    let promotions = if topology == Topology::T1 { (1, 1) } else { (1, 3) };
    let struck = Struck::new("shrink_primary_lost_in_join", title, topology, strikes, promotions);
    Ok(Struck { serves: false, ..struck }.at(gate))
}

/// The same by a pod (experiments S8): the copy is there, no node takes its pod, and while that is Pending CloudNativePG
/// makes no pod for the primary either. Deleted, it makes way. Where there are replicas one of them is elected.
pub(in crate::catalogue) fn primary_lost_before_pod(topology: Topology) -> Cell {
    let id = "shrink_primary_lost_beside_pending_pod";
    if topology != Topology::T1 {
        return blank(id, topology, "a replica is ready and is elected instead");
    }
    let mut script = large();
    script.extend([
        begun(),
        until(Fact::JoinBegan, Wait::Shrink),
        strike(Strike::CordonAll),
        until(Fact::HasPod("pg-2"), Wait::Join),
        strike(Strike::FailOver),
        until(Fact::ReadyAtMost(0), Wait::Strike),
        until(Fact::HasPod("pg-1"), Wait::Recovery),
        Step::Do(Act::Uncordon),
        until(Fact::Serving, Wait::Recovery),
        done(),
        restored(topology),
        balanced(VolumeName::Data),
    ]);
    let expect = Expect {
        functional: all([
            Functional::Healthy,
            Functional::Promotions(1),
            Functional::Instances(topology.instances()),
        ]),
        storage: small(),
        data: data(),
        control: ended(Control::InstancesReplaced(replaced(topology))),
        timing: all([Timing::WithinSum(&[Wait::Shrink, Wait::Recovery])]),
    };
    let title = "No node takes the pod of a copy, and the primary is lost: its pod is made all the same";
    cell(id, title, fixture(topology), script, expect)
}

/// The primary is lost just after CloudNativePG was told to make a replica anew, and elects that very one: its election
/// asks for no mark, and an instance that keeps it is deleted at its next demotion (experiments E3, E4).
pub(in crate::catalogue) fn marked_is_elected(topology: Topology) -> Cell {
    let id = "shrink_annotated_primary";
    // Elected is the first by name: pg-2, which is the last replica to be made anew.
    let marks = match topology {
        Topology::T1 => return blank(id, topology, "a single instance is not made anew: no pod is marked"),
        Topology::T2 => 1,
        Topology::T3 => 2,
    };
    let mut script = large();
    script.extend([
        begun(),
        until(Fact::Condemned(marks), Wait::Shrink),
        strike(Strike::FailOver),
        until(Fact::Serving, Wait::Recovery),
        done(),
        restored(topology),
        balanced(VolumeName::Data),
    ]);
    let expect = Expect {
        functional: all([
            Functional::Healthy,
            Functional::PromotionsBetween(1, 3),
            Functional::Instances(topology.instances()),
        ]),
        storage: all([
            Storage::EveryClaimBetween(VolumeName::Data, GI_1, AT_MOST),
            Storage::NeverOutside(VolumeName::Data, GI_1, GI_4),
        ]),
        data: data(),
        control: ended(Control::InstancesReplacedBetween(1, replaced(topology))),
        timing: all([Timing::WithinSum(&[Wait::Shrink, Wait::Recovery])]),
    };
    let title = "A replica that was to be made anew is elected primary: it is spared until another one is";
    cell(id, title, fixture(topology), script, expect)
}
