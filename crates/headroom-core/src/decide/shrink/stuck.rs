//! Copies that CNPG does not bring to an end by itself: one whose Job or pod holds everybody else up, and one that has
//! lost its Job.

use alloc::vec::Vec;

use super::{Passed, Scene, acts, fit::is_original, steps::Came};
use crate::{
    Action, Observation, Span,
    decide::trap::{PLACELESS, placeless},
    decision::Need,
    names::{InstanceName, VolumeName},
    observation::{ClaimSeen, JobSeen, MemberSeen, Primary, Survey},
    record::Shrink,
    witness::PROVES_FOR,
};

/// A copy is looked at this often: whether its Job has failed for good, or is gone.
const LOOKED_AT: Span = Span::minutes(1);
/// CNPG makes Job and claims in one go. Claims without a Job where nothing has changed for this long stay without one.
const ABANDONED: Span = Span::seconds(30);

/// The join trap (experiments E4): while a Job that makes an instance is unfinished CNPG recreates no other pod, not even
/// the primary's. The Job holds no data: it is deleted; the same for one that has failed for good (E9). What it leaves is
/// [`abandoned`].
pub(super) fn rescue(scene: &Scene<'_>, shrink: &Shrink, passed: &mut Passed) -> Option<Came> {
    let ours = [shrink.declared, shrink.declared.saturating_add(1)].contains(&scene.seen.cluster.instances);
    let waiting = waiting(scene.seen);
    if !ours || !acts(scene) || (waiting.is_empty() && !unborn(scene.seen, shrink)) {
        return None;
    }
    if let Some(came) = make_way(scene, &waiting, passed) {
        return Some(came);
    }
    let known = scene.seen.evidence.survey.as_ref();
    let recent = known.filter(|known| scene.now.since(known.at) <= PROVES_FOR);
    if recent.is_none() {
        // One instance without a pod is what every copy looks like; two are not. All else is told by its age.
        let again = known.is_none_or(|known| scene.now.since(known.at) > LOOKED_AT);
        if waiting.len() > 1 || primary_waits(scene, &waiting) || again {
            return Some(Came::Ask(Need::Survey));
        }
    }
    passed.edges.extend(known.map(|known| known.at.plus(LOOKED_AT).plus(Span::seconds(1))));
    let facts = recent?.facts.as_ref()?;
    let stuck = |job: &&JobSeen| {
        job.joins && !job.terminating && (job.failed || waiting.iter().any(|name| **name != job.instance))
    };
    let stuck = facts.jobs.iter().find(stuck);
    let abandoned = abandoned(scene, shrink, facts, passed);
    if stuck.is_none() && abandoned.is_none() {
        return None;
    }
    let Some(quorum) = scene.seen.quorum(scene.now) else { return Some(Came::Ask(Need::Quorum)) };
    if let Some(job) = stuck {
        return quorum.delete_job(job).map(|delete| Came::Act(Action::DeleteJob(delete)));
    }
    let (name, claim) = abandoned?;
    quorum.discard(shrink, name, &claim.id).map(|discard| Came::Act(Action::DiscardClaim(discard)))
}

/// While a pod of an instance is Pending CNPG makes no other one, not even the primary's (docs/experiments-shrink.md, S8).
/// Nothing can run in one that no node has taken: once it is deleted the primary's comes first. The patience is no shorter
/// because it cannot be taken back: the primary's pod, if no node takes that either, is in everybody's way from then on.
fn make_way(scene: &Scene<'_>, waiting: &[&InstanceName], passed: &mut Passed) -> Option<Came> {
    if !primary_waits(scene, waiting) {
        return None;
    }
    let (name, pod) = placeless(scene.seen)?;
    // A refusal holds nobody else up.
    let refused = scene.seen.evidence.obstacles.get(&pod.id.uid).map(|refused| refused.at.plus(LOOKED_AT));
    let due = scene.seen.evidence.steady_since?.plus(PLACELESS).max(refused.unwrap_or(scene.now));
    if due > scene.now {
        passed.edges.push(due);
        return None;
    }
    match scene.seen.quorum(scene.now) {
        Some(quorum) => quorum.delete_pod(name).map(|delete| Came::Act(Action::DeletePod(delete))),
        None => Some(Came::Ask(Need::Quorum)),
    }
}

/// A copy without a Job: CNPG waits for ever for its claim to be ready, and while it does it recreates no instance that
/// comes after it (docs/experiments-shrink.md, S7). Its claims hold nothing that anybody misses: without them CNPG begins
/// the copy anew.
fn abandoned<'a>(
    scene: &Scene<'a>,
    shrink: &Shrink,
    facts: &Survey,
    passed: &mut Passed,
) -> Option<(&'a InstanceName, &'a ClaimSeen)> {
    let jobless = |name: &InstanceName| {
        !facts.copied.contains(name) && facts.jobs.iter().all(|job| job.instance != *name)
    };
    let mut members = scene.seen.members.iter();
    let (name, member) = members.find(|(name, member)| is_unborn(shrink, name, member) && jobless(name))?;
    let due = scene.seen.evidence.steady_since?.plus(ABANDONED);
    if due > scene.now {
        passed.edges.push(due);
        return None;
    }
    Some((name, next_claim(member)?))
}

/// Of an instance that never ran: the claim that goes next. Data goes last: without it CNPG takes the others for those
/// of an instance that has run, and makes a pod that waits for ever (experiments E5).
pub(super) fn next_claim(member: &MemberSeen) -> Option<&ClaimSeen> {
    member.claims.values().rev().find(|claim| !claim.terminating)
}

/// Whether an instance has not run yet.
pub(super) fn unborn(seen: &Observation, shrink: &Shrink) -> bool {
    seen.members.iter().any(|(name, member)| is_unborn(shrink, name, member))
}

fn is_unborn(shrink: &Shrink, name: &InstanceName, member: &MemberSeen) -> bool {
    let data = member.claims.get(&VolumeName::Data);
    let initializing = data.is_some_and(|claim| claim.initializing && !claim.terminating);
    member.pod.is_none() && initializing && !is_original(shrink, name, member)
}

/// Instances that have their volumes and no pod.
fn waiting(seen: &Observation) -> Vec<&InstanceName> {
    let whole = |claim: &ClaimSeen| !claim.terminating && claim.capacity.is_some();
    let podless = |member: &MemberSeen| member.pod.is_none() && member.claims.values().all(whole);
    seen.members.iter().filter(|(_, member)| podless(member)).map(|(name, _)| name).collect()
}

fn primary_waits(scene: &Scene<'_>, waiting: &[&InstanceName]) -> bool {
    match &scene.seen.cluster.primary {
        Primary::Known(primary) => waiting.contains(&primary),
        Primary::Moving { .. } | Primary::Unknown => false,
    }
}
