//! Repair (design §5 rule 1): a claim smaller than the effective size grows now, without usage, window or slot, since it
//! completes an action that is already paid for. One that has the size and requests less is raised, too: CNPG may lower a
//! request while the storage is about to meet it (experiments G8).
//!
//! A *pending* claim is never patched (422 until it is bound): it is waited for and patched once bound. Deleting it with
//! its job would pay only where the next one is born larger, and growth has no right to delete.

use alloc::vec::Vec;

use super::{
    backoff::held_until,
    draft::{Draft, Verdict},
    member::Member,
    planned,
};
use crate::{
    Bytes,
    decision::Lane,
    observation::ClaimPhase,
    report::{Reason, State},
};

/// Raises the claims that lag behind, the primary's first; also those that no pod mounts.
pub(super) fn step(draft: &mut Draft<'_>, members: &[Member<'_>]) -> Option<Verdict> {
    let effective = draft.whole();
    let mut small: Vec<&Member<'_>> = members
        .iter()
        .filter(|member| is_small(member, effective) && !is_being_grown(draft, member))
        .collect();
    small.sort_by_key(|member| !member.primary);
    let mut verdict = None;
    for member in small {
        if !member.growable() {
            verdict = verdict.or_else(|| Some(super::preflight::not_growable(member)));
            continue;
        }
        let mut told = (State::Growing, Reason::Repairing(member.name.clone()));
        if member.claim.requested < effective {
            if let Some(until) = held_until(member.obstacle, effective).filter(|until| *until > draft.now) {
                draft.edge([until]);
                told.1 = planned::refusal(member).unwrap_or(told.1);
            } else {
                let lane = if member.primary { Lane::RepairPrimary } else { Lane::Running };
                draft.resize(lane, member, effective);
            }
        } else if member.infeasible() {
            told.1 = planned::unmet(member);
        } else if !member.mounted() {
            told = (State::PendingGrowth, Reason::WaitingForMount(member.name.clone()));
        }
        verdict = Some(verdict.unwrap_or(told));
    }
    verdict.or_else(|| pending(draft))
}

/// A claim that has the size is raised only if that can be done: it lacks nothing.
fn is_small(member: &Member<'_>, effective: Bytes) -> bool {
    member.capacity < effective || member.claim.requested < effective && member.growable()
}

/// A growth that is beyond its canary gives the claim more than that.
fn is_being_grown(draft: &Draft<'_>, member: &Member<'_>) -> bool {
    let claimed = draft.actions.iter().any(|(_, resize)| resize.instance == *member.name);
    claimed || draft.record.growth.is_some() && member.claim.requested > draft.whole()
}

/// A claim that cannot be patched yet and will be too small.
fn pending(draft: &Draft<'_>) -> Option<Verdict> {
    draft.seen.members.iter().find_map(|(name, member)| {
        let claim = member.claims.get(draft.name)?;
        let too_small = claim.phase == ClaimPhase::Pending && claim.requested < draft.whole();
        too_small.then(|| (State::PendingGrowth, Reason::WaitingForBinding(name.clone())))
    })
}
