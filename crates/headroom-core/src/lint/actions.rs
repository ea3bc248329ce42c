//! Every patch of a claim: the right claim, upward, within what was recorded.

use super::Case;
use crate::{
    Action,
    action::Resize,
    names::VolumeName,
    observation::{ClaimPhase, Growable},
    policy::Mode,
    record::Course,
};

pub(super) fn check(case: &mut Case<'_>) {
    let decision = case.decision;
    let deleting = case.seen.storage.deleting;
    let suspended = case.seen.cluster.suspended.is_some();
    // A shrink is ended before the object goes.
    let leaves = deleting && decision.record.shrink.is_none() && case.before.shrink.is_none();
    let resting = leaves || suspended || case.policy.mode != Mode::Apply;
    for (index, action) in decision.actions.iter().enumerate() {
        let allowed = match action {
            Action::Resize(_) | Action::AddFinalizer(..) => !resting,
            Action::RaiseClusterSizes(_) => !resting || deleting && case.policy.mode != Mode::Advise,
            // A shrink is ended first, where it may be: an object must not stay for ever because nothing may be changed.
            Action::RemoveFinalizer(..) => {
                let open = case.policy.mode == Mode::Apply && !suspended;
                deleting && !(open && decision.record.shrink.is_some())
            }
            // Taking a mark off makes a Cluster that is left alone safe to leave.
            Action::Withdraw(_) => true,
            Action::Destroy(_)
            | Action::Promote(_)
            | Action::SetInstances(_)
            | Action::DeleteJob(_)
            | Action::DeletePod(_)
            | Action::DiscardClaim(_) => case.policy.mode == Mode::Apply && !suspended,
        };
        case.require(allowed, "ActionWhileResting");
        if let Action::Resize(resize) = action {
            let again = decision.actions.iter().skip(index.saturating_add(1)).any(|other| match other {
                Action::Resize(other) => other.claim == resize.claim,
                Action::RaiseClusterSizes(_)
                | Action::AddFinalizer(..)
                | Action::RemoveFinalizer(..)
                | Action::Withdraw(_)
                | Action::Destroy(_)
                | Action::Promote(_)
                | Action::SetInstances(_)
                | Action::DeleteJob(_)
                | Action::DeletePod(_)
                | Action::DiscardClaim(_) => false,
            });
            case.require(!again, "ResizedTwice");
            check_resize(case, resize);
        }
    }
}

fn check_resize(case: &mut Case<'_>, resize: &Resize) {
    let (seen, decision) = (case.seen, case.decision);
    let in_policy = case.policy.volumes.contains_key(&resize.volume) && resize.volume != VolumeName::Wal;
    case.require(in_policy, "VolumeNotInPolicy");
    let in_place = seen.cluster.volumes.get(&resize.volume).is_some_and(|spec| spec.resize_in_use);
    case.require(in_place, "OnlineResizeDisabled");
    case.require(resize.to > resize.from, "ResizeNotLarger");
    let member = seen.members.get(&resize.instance);
    let claim = member.and_then(|member| member.claims.get(&resize.volume));
    let Some((member, claim)) = member.zip(claim).filter(|(_, claim)| claim.id == resize.claim) else {
        case.object("WrongClaim");
        return;
    };
    case.require(
        claim.requested == resize.from && claim.requested_text == resize.from_text,
        "ResizeFromUnseen",
    );
    case.require(claim.phase == ClaimPhase::Bound && !claim.terminating, "ClaimNotBound");
    let growable = match claim.growable {
        Growable::Yes | Growable::Unknown => true,
        Growable::ClassForbids | Growable::Static => false,
    };
    case.require(growable, "NotGrowable");
    let Some(record) = decision.record.volumes.get(&resize.volume) else {
        case.object("NoIntent");
        return;
    };
    // What was recorded holds until something else is.
    let smaller = [case.before.shrink.as_ref(), decision.record.shrink.as_ref()].into_iter().flatten();
    let repairs = smaller
        .filter(|shrink| shrink.course == Course::Smaller)
        .any(|shrink| shrink.volumes.get(&resize.volume).is_some_and(|sizes| sizes.to == resize.to));
    if resize.to == record.effective || repairs {
        return;
    }
    case.require(claim.capacity.is_none_or(|capacity| capacity < resize.to), "AlreadyThatLarge");
    let Some(growth) = record.growth.as_ref().filter(|growth| growth.to == resize.to) else {
        case.object("NoIntent");
        return;
    };
    case.require(member.pod.as_ref().is_some_and(|pod| !pod.terminating), "ClaimNotMounted");
    if let Some(canary) = &growth.canary {
        let proved = seen
            .members
            .get(canary)
            .and_then(|member| member.claims.get(&resize.volume)?.capacity)
            .is_some_and(|capacity| capacity >= growth.to);
        case.require(proved || *canary == resize.instance, "CanarySkipped");
    }
}
