//! The running growth: what a newer spec makes of it, its next patches, its end.

use super::{
    draft::{Draft, Verdict},
    member::Member,
    planned,
};
use crate::{
    Bytes, Timestamp,
    decision::Lane,
    ledger::{Cause, Outcome},
    names::InstanceName,
    observation::ResizeStep,
    operation::{Progress, Step, progress, step},
    record::Growth,
    report::{Notice, Reason, State},
    usage::Usage,
};

/// Fits a growth that was derived from an older spec to the present one (design §5 rule 3: newer spec intent re-derives
/// it, what is patched is kept). Its target never rises: a newer want is the next operation. A planned growth of which
/// nothing is patched stays one of the older spec, and is not patched, until there is usage to judge it by or an
/// emergency makes it wanted.
pub(super) fn rederive(draft: &mut Draft<'_>, members: &[Member<'_>], worst: Option<&InstanceName>) {
    let Some(growth) = draft.record.growth.clone().filter(|growth| growth.generation != draft.generation)
    else {
        return;
    };
    let patched = members
        .iter()
        .map(|member| member.claim.requested)
        .filter(|requested| *requested > draft.record.effective && *requested <= growth.to)
        .max();
    let judged = members.iter().any(|member| member.current.is_some());
    if growth.cause == Cause::Planned && patched.is_none() && !judged && worst.is_none() {
        return;
    }
    let ceiling = match growth.cause {
        Cause::Emergency => draft.bounds.emergency,
        Cause::Planned | Cause::External | Cause::Shrink => draft.bounds.high,
    };
    let mut to = growth.to.min(ceiling);
    if growth.cause == Cause::Planned && judged {
        // Judged as if nothing ran, by the present spec.
        let running = draft.record.growth.take();
        let wanted = planned::want(draft, members).map_or(Bytes::ZERO, |want| want.to);
        draft.record.growth = running;
        to = to.min(wanted);
    }
    let to = patched.map_or(to, |patched| to.max(patched));
    if to <= draft.record.effective {
        draft.end(Outcome::Refunded { at: draft.now });
        return;
    }
    for entry in draft.record.ledger.entries.iter_mut().filter(|entry| entry.id == growth.id) {
        entry.to = to;
    }
    draft.record.growth = Some(Growth { to, generation: draft.generation, ..growth });
}

/// Ends the growth when it is over; before anything new is judged.
pub(super) fn settle(draft: &mut Draft<'_>, members: &[Member<'_>], worst: Option<&InstanceName>) {
    let Some(growth) = draft.record.growth.clone() else { return };
    match progress(&growth, members, worst, draft.now) {
        Progress::Finished => {
            let now = draft.now;
            for member in members.iter().filter(|member| step(&growth, member, now) == Step::Done) {
                draft.mark_grown(member, &growth);
            }
            draft.record.effective = growth.to.max(draft.record.effective);
            draft.end(Outcome::Completed { at: draft.now });
            // The growth cures them; what is left is judged once that is recorded.
            draft.alarms.clear();
        }
        Progress::Stopped => draft.end(Outcome::Refunded { at: draft.now }),
        Progress::Recast(canary) => {
            draft.record.growth = Some(Growth { canary, ..growth });
        }
        Progress::Running { .. } => {}
    }
}

/// The next patches of the growth, and what it waits for.
pub(super) fn advance(
    draft: &mut Draft<'_>,
    members: &[Member<'_>],
    worst: Option<&InstanceName>,
) -> Option<Verdict> {
    let growth = draft.record.growth.clone()?;
    let Progress::Running { patch, waits, edges } = progress(&growth, members, worst, draft.now) else {
        return Some((State::Growing, Reason::WaitingForMount(members.first()?.name.clone())));
    };
    if growth.generation != draft.generation {
        return Some((State::Growing, Reason::NoUsage));
    }
    let lane = if worst.is_some() { Lane::Emergency } else { Lane::Running };
    for member in patch {
        if lowered(member, &growth) {
            draft.notices.push(Notice::RequestLowered(member.name.clone()));
        }
        draft.resize(lane, member, growth.to);
    }
    draft.edge(edges);
    let reason = match waits {
        None => Reason::WaitingForMount(members.first()?.name.clone()),
        Some((member, Step::Infeasible)) => planned::unmet(member),
        Some((member, Step::Refused(_))) => planned::refusal(member)?,
        Some((member, _)) if growth.canary.as_ref() == Some(member.name) && member.capacity < growth.to => {
            Reason::WaitingForCanary(member.name.clone())
        }
        Some((member, step)) => {
            let node_step = matches!(step, Step::Storage { node_step: true } | Step::Sample);
            Reason::WaitingForStorage { instance: member.name.clone(), node_step }
        }
    };
    Some((State::Growing, reason))
}

/// Whether the request was raised before and found lowered: CNPG patches claims lock-free from a cache (G8).
fn lowered(member: &Member<'_>, growth: &Growth) -> bool {
    let moving = match member.claim.resize.step {
        ResizeStep::ControllerInProgress | ResizeStep::NodePending | ResizeStep::NodeInProgress => true,
        ResizeStep::None
        | ResizeStep::ControllerInfeasible
        | ResizeStep::NodeInfeasible
        | ResizeStep::Other(_) => member.claim.resize.in_progress,
    };
    member.claim.requested < growth.to && (!member.met() || moving)
}

/// When the growth of a claim was complete: where a sample shows it, just before that sample, so that the sample itself
/// may be judged; else now, and no sample that is known by then is newer.
pub(super) fn grown_at(member: &Member<'_>, growth: &Growth, now: Timestamp) -> Timestamp {
    let proof = match member.usage {
        Usage::Fresh(sample) => {
            let grew = member.baseline.is_some_and(|before| sample.capacity > before.capacity);
            (grew && member.running_since().is_some()).then_some(sample.at)
        }
        Usage::Stale(_) | Usage::Mismatch(_) | Usage::Never => None,
    };
    // Samples are compared with this, so it goes by the kubelet's clock where that is known: ours may be behind it.
    let seen = member.last.map_or(now, |last| last.at.max(now));
    let at = proof.map_or(seen, |at| at.minus(crate::Span::seconds(1)));
    at.max(growth.started)
}
