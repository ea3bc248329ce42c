//! Every step of a shrink: never a primary, never more than one member down, never below what is used or the floor, never
//! while CNPG switches, upgrades or recovers; each recorded before, each upon a read of the quorum.

use alloc::collections::BTreeSet;

mod leave;

use super::Case;
use crate::{
    Action, Bytes,
    names::{InstanceName, VolumeName},
    observation::{ClaimPhase, ClaimSeen, Fenced, Freshness, JobSeen, Mark, MemberSeen, Primary, Scaler},
    record::{Course, Shrink, VolumeRecord},
    witness::{DeleteJob, DeletePod, Destroy, DiscardClaim, Promote, SetInstances},
};

/// A read proves something for this long.
const PROVES_SECONDS: i64 = 5;

pub(super) fn check(case: &mut Case<'_>) {
    let decision = case.decision;
    for action in &decision.actions {
        match action {
            Action::Destroy(destroy) => check_destroy(case, destroy),
            Action::Promote(promote) => check_promote(case, promote),
            Action::SetInstances(set) => check_instances(case, set),
            Action::DeleteJob(delete) => check_delete_job(case, delete),
            Action::DeletePod(delete) => check_delete_pod(case, delete),
            Action::DiscardClaim(discard) => check_discard(case, discard),
            Action::Withdraw(withdraw) => {
                let pod = pod_of(case, &withdraw.instance);
                let ours = pod.is_some_and(|pod| pod.id == withdraw.pod && pod.mark == Mark::Ours);
                case.require(ours, "WrongMark");
            }
            Action::Resize(_)
            | Action::RaiseClusterSizes(_)
            | Action::AddFinalizer(..)
            | Action::RemoveFinalizer(..) => {}
        }
    }
    check_record(case);
}

/// An effective size falls only where a shrink that was recorded has replaced every claim.
pub(super) fn lowered(case: &mut Case<'_>, name: &VolumeName, later: &VolumeRecord) {
    let recorded = case.before.shrink.as_ref().and_then(|shrink| shrink.volumes.get(name));
    case.require(recorded.is_some_and(|sizes| sizes.to == later.effective), "EffectiveDecreased");
    let larger = case.seen.members.values().filter_map(|member| member.claims.get(name)).any(|claim| {
        claim.requested > later.effective || claim.capacity.is_none_or(|has| has < later.effective)
    });
    case.require(!larger, "ClaimsNotReplaced");
    // A floor that has been raised since the last claim was made is a growth's: this records what is.
    require_quorum(case);
}

fn check_record(case: &mut Case<'_>) {
    let (before, after) = (case.before.shrink.as_ref(), case.decision.record.shrink.as_ref());
    let (Some(after), before) = (after, before) else { return };
    if before.is_none() {
        require_quorum(case);
        settled(case);
        case.require(case.policy.mode == crate::policy::Mode::Apply, "ShrinkWhileResting");
        case.require(!case.seen.storage.deleting && case.seen.storage.finalizer, "ShrinkUnguarded");
        case.require(after.declared == case.seen.cluster.instances, "ShrinkMiscounted");
    }
    for (name, sizes) in &after.volumes {
        let enabled = case.policy.volumes.get(name).is_some_and(|rules| rules.shrink.enabled);
        case.require(enabled || before.is_some(), "ShrinkUnwanted");
        case.require(sizes.to < sizes.from, "TargetNotSmaller");
        if before.is_none() {
            case.require(sizes.to >= floor(case, name), "BelowFloor");
            require_room(case, name, sizes.to);
        }
    }
    if let Some(before) = before {
        case.require(before.originals == after.originals && before.id == after.id, "ShrinkRewritten");
        let turned = before.course != Course::Smaller && after.course == Course::Smaller;
        case.require(!turned, "ShrinkTurnedTwice");
        let fresh = after.condemned.is_some() && before.condemned != after.condemned;
        if let Some(condemned) = after.condemned.as_ref().filter(|_| fresh) {
            case.require(before.condemned.is_none(), "TwoCondemned");
            require_victim(case, after, &condemned.instance);
        }
    }
}

/// Recorded before, an original, no primary, everybody else there, and room for what it holds.
fn check_destroy(case: &mut Case<'_>, destroy: &Destroy) {
    let Some(shrink) = case.decision.record.shrink.as_ref() else {
        case.object("NoIntent");
        return;
    };
    case.require(case.before.shrink.as_ref() == Some(shrink), "NoIntent");
    let Some(condemned) = shrink.condemned.as_ref() else {
        case.object("NoIntent");
        return;
    };
    let same = condemned.instance == *destroy.instance() && condemned.pod == destroy.pod().uid;
    case.require(same && destroy.id() == &shrink.id, "WrongVictim");
    certain(case);
    require_victim(case, shrink, destroy.instance());
}

fn require_victim(case: &mut Case<'_>, shrink: &Shrink, victim: &InstanceName) {
    if shrink.declared == 1 {
        leave::check(case, shrink, victim);
        return;
    }
    case.require(shrink.course == Course::Smaller, "ShrinkTurned");
    case.require(!is_primary(case, victim), "PrimaryDestroyed");
    settled(case);
    require_archive(case);
    require_disruptable(case, victim);
    require_whole_original(case, shrink, victim);
    let ready = case.seen.members.iter().filter(|(name, member)| *name != victim && ready(member)).count();
    let needed = case.seen.cluster.conduct.synchronous.max(1).saturating_add(1);
    case.require(u32::try_from(ready).is_ok_and(|ready| ready >= needed), "RedundancyLost");
    for (name, sizes) in &shrink.volumes {
        require_room(case, name, sizes.to);
        case.require(sizes.to >= floor(case, name), "BelowFloor");
    }
}

/// It has the claims that the shrink began with, and all of them go.
fn require_whole_original(case: &mut Case<'_>, shrink: &Shrink, victim: &InstanceName) {
    let member = case.seen.members.get(victim);
    let data = member.and_then(|member| member.claims.get(&VolumeName::Data));
    let original = data.is_some_and(|claim| shrink.originals.get(victim) == Some(&claim.id.uid));
    case.require(original, "DestroyedTwice");
    let claims: BTreeSet<_> =
        member.into_iter().flat_map(|member| member.claims.values()).map(|claim| &claim.id.uid).collect();
    let condemned = shrink.condemned.as_ref().map(|condemned| condemned.claims.iter().collect());
    case.require(condemned == Some(claims), "GroupIncomplete");
}

/// The primary says that its archive does not fail, or that it has none (experiments S5).
fn require_archive(case: &mut Case<'_>) {
    let facts = case.seen.evidence.facts();
    let says = match &case.seen.cluster.primary {
        Primary::Known(primary) => facts.and_then(|facts| facts.replication.get(primary)),
        Primary::Moving { .. } | Primary::Unknown => None,
    };
    case.require(says.is_some_and(|says| says.primary && !says.archiver_failing), "ArchiverFailing");
}

/// No budget of somebody else's forbids it.
fn require_disruptable(case: &mut Case<'_>, instance: &InstanceName) {
    let facts = case.seen.evidence.facts();
    let mut budgets = facts.into_iter().flat_map(|facts| &facts.budgets);
    let forbidden = budgets.any(|budget| budget.selects.contains(instance));
    case.require(!forbidden, "DisruptionForbidden");
}

fn check_promote(case: &mut Case<'_>, promote: &Promote) {
    certain(case);
    settled(case);
    require_archive(case);
    if let Primary::Known(primary) = case.seen.cluster.primary.clone() {
        require_disruptable(case, &primary);
    }
    let shrink = case.decision.record.shrink.as_ref();
    case.require(shrink.is_some_and(|shrink| shrink.course == Course::Smaller), "NoIntent");
    case.require(promote.cluster() == &case.seen.cluster.id, "WrongCluster");
    case.require(!is_primary(case, promote.to()), "PromotedAlready");
    case.require(case.seen.members.get(promote.to()).is_some_and(ready), "PromotedUnready");
    case.require(!case.seen.cluster.conduct.supervised, "PromotedSupervised");
    let facts = case.seen.evidence.facts();
    let receiving =
        facts.and_then(|facts| facts.replication.get(promote.to())).is_some_and(|of| of.receiving);
    case.require(receiving, "PromotedBehind");
}

fn check_instances(case: &mut Case<'_>, set: &SetInstances) {
    certain(case);
    let Some(shrink) = case.decision.record.shrink.as_ref() else {
        case.object("NoIntent");
        return;
    };
    let seen = &case.seen.cluster;
    case.require(set.cluster() == &seen.id && *set.from() == seen.instances, "WrongCluster");
    let wanted = [shrink.declared, shrink.declared.saturating_add(1)].contains(set.to());
    case.require(wanted && *set.to() >= 1, "BelowDeclared");
    let raises = set.to() > set.from();
    case.require(raises || seen.scaled_by != Scaler::Others, "NotOurs");
    if raises {
        // CNPG would call the Cluster's definition invalid and repair nothing any more (experiments S2).
        case.require(seen.conduct.single_only.is_none(), "SurgeInvalid");
        settled(case);
        require_archive(case);
        case.require(shrink.course == Course::Smaller, "ShrinkTurned");
    } else if shrink.course == Course::Smaller {
        // A single instance is left only when what is left was made anew.
        if leave::overdue(case, shrink).is_some() {
            leave::require_successor(case);
        } else {
            settled(case);
            require_archive(case);
        }
        let primary = case.seen.members.iter().find(|(name, _)| is_primary(case, name));
        let data = primary.and_then(|(_, member)| member.claims.get(&VolumeName::Data));
        let fresh = data.is_some_and(|claim| shrink.originals.values().all(|uid| *uid != claim.id.uid));
        case.require(fresh && shrink.declared == 1, "LoweredEarly");
    }
}

/// One that joins an instance which has never run.
fn check_delete_job(case: &mut Case<'_>, delete: &DeleteJob) {
    certain(case);
    let job = jobs(case).find(|job| job.id == *delete.job()).cloned();
    case.require(job.is_some_and(|job| job.instance == *delete.instance() && job.joins), "WrongJob");
    let data = case.seen.members.get(delete.instance()).and_then(|it| it.claims.get(&VolumeName::Data));
    case.require(data.is_none_or(|data| data.initializing), "InstanceRuns");
    require_podless(case, delete.instance());
}

/// One that no node has taken, of a replica, while the primary could have one and has none.
fn check_delete_pod(case: &mut Case<'_>, delete: &DeletePod) {
    require_quorum(case);
    let recorded = case.before.shrink.is_some() && case.before.shrink == case.decision.record.shrink;
    case.require(recorded, "NoIntent");
    let pod = pod_of(case, delete.instance()).filter(|pod| pod.id == *delete.pod());
    let idle = pod.is_some_and(|pod| pod.pending && pod.node.is_none() && !pod.terminating);
    case.require(idle, "InstanceRuns");
    case.require(!is_primary(case, delete.instance()), "PrimaryDestroyed");
    let primary = case.seen.members.iter().find(|(name, _)| is_primary(case, name));
    let held_up =
        |member: &MemberSeen| member.pod.is_none() && member.claims.values().all(|claim| !claim.terminating);
    case.require(primary.is_some_and(|(_, member)| held_up(member)), "PodInNobodysWay");
}

/// Of the way back, or of a copy that has lost its Job; never of an instance that has run and was there before.
fn check_discard(case: &mut Case<'_>, discard: &DiscardClaim) {
    certain(case);
    let (shrink, name) = (case.decision.record.shrink.as_ref(), discard.instance());
    let member = case.seen.members.get(name);
    let data = member.and_then(|member| member.claims.get(&VolumeName::Data));
    let facts = case.seen.evidence.facts();
    let jobless = facts.is_some_and(|facts| {
        !facts.copied.contains(name) && !facts.jobs.iter().any(|job| job.instance == *name)
    });
    let abandoned = jobless && data.is_some_and(|claim| claim.initializing);
    let founded = shrink.is_some_and(|shrink| match shrink.originals.get(name) {
        Some(uid) => abandoned && data.is_some_and(|claim| claim.id.uid != *uid),
        None => abandoned || matches!(shrink.course, Course::Back(_)),
    });
    case.require(data.is_none_or(|data| data.initializing), "InstanceRuns");
    case.require(founded, "DiscardUnfounded");
    case.require(!is_primary(case, name), "PrimaryDestroyed");
    require_podless(case, name);
    let mut claims = member.into_iter().flat_map(|member| &member.claims);
    let held = claims.clone().any(|(_, claim)| claim.id == *discard.claim() && !claim.terminating);
    case.require(held, "WrongClaim");
    let is_data = data.is_some_and(|claim| claim.id == *discard.claim());
    let others = claims.any(|(volume, claim)| *volume != VolumeName::Data && !claim.terminating);
    case.require(!is_data || !others, "DataFirst");
}

/// A quorum read and a survey of just now.
fn certain(case: &mut Case<'_>) {
    require_quorum(case);
    let now = case.now.unix();
    let survey = case.seen.evidence.survey.as_ref();
    let fresh = survey.is_some_and(|survey| {
        survey.facts.is_some() && now.saturating_sub(survey.at.unix()) <= PROVES_SECONDS
    });
    case.require(fresh, "SurveyOld");
}

fn require_quorum(case: &mut Case<'_>) {
    let now = case.now.unix();
    let read = match case.seen.freshness {
        Freshness::Quorum { read_at } => now.saturating_sub(read_at.unix()) <= PROVES_SECONDS,
        Freshness::Cached => false,
    };
    case.require(read, "NoQuorum");
}

/// CNPG is at rest: nothing switches, upgrades or recovers, nobody is down.
fn settled(case: &mut Case<'_>) {
    let cluster = &case.seen.cluster;
    case.require(matches!(cluster.primary, Primary::Known(_)), "SwitchingOver");
    case.require(cluster.phase.as_str() == "Cluster in healthy state", "NotHealthy");
    case.require(cluster.ready_instances == cluster.instances, "MemberDown");
    case.require(!fenced(case), "Fenced");
    let whole = case.seen.members.values().all(|member| ready(member) && member.claims.values().all(whole));
    case.require(whole, "MemberDown");
    let there = u32::try_from(case.seen.members.len());
    case.require(there == Ok(cluster.instances), "MemberDown");
    let idle = jobs(case).next().is_none();
    case.require(idle, "JobRunning");
}

fn fenced(case: &Case<'_>) -> bool {
    case.seen.cluster.fenced != Fenced::Nobody || case.seen.cluster.conduct.maintained
}

fn whole(claim: &ClaimSeen) -> bool {
    claim.phase == ClaimPhase::Bound && !claim.terminating && claim.capacity >= Some(claim.requested)
}

fn ready(member: &MemberSeen) -> bool {
    member.pod.as_ref().is_some_and(|pod| pod.ready && !pod.terminating)
}

fn pod_of<'a>(case: &Case<'a>, name: &InstanceName) -> Option<&'a crate::observation::PodSeen> {
    case.seen.members.get(name)?.pod.as_ref()
}

/// Current or target primary, or nobody knows who is.
fn is_primary(case: &Case<'_>, name: &InstanceName) -> bool {
    match &case.seen.cluster.primary {
        Primary::Known(primary) => primary == name,
        Primary::Moving { .. } | Primary::Unknown => true,
    }
}

fn require_podless(case: &mut Case<'_>, name: &InstanceName) {
    case.require(pod_of(case, name).is_none(), "InstanceRuns");
}

fn jobs<'a>(case: &Case<'a>) -> impl Iterator<Item = &'a JobSeen> {
    let facts = case.seen.evidence.facts();
    facts.into_iter().flat_map(|facts| &facts.jobs)
}

fn floor(case: &Case<'_>, name: &VolumeName) -> Bytes {
    let declared = case.seen.cluster.volumes.get(name).and_then(|spec| spec.size);
    let asked = case.policy.volumes.get(name).and_then(|rules| rules.request);
    declared.max(asked).unwrap_or(Bytes::ZERO)
}

/// The claim holds what every member uses now, and the buffer besides.
fn require_room(case: &mut Case<'_>, name: &VolumeName, size: Bytes) {
    let buffer = case.policy.volumes.get(name).map_or(0, |rules| u64::from(rules.buffer.get()));
    for member in case.seen.members.values() {
        let samples = member.claims.get(name).and_then(|claim| case.seen.evidence.samples.get(&claim.id.uid));
        let Some(sample) = samples.and_then(|samples| samples.as_slice().last()) else {
            case.object("UsageUnknown");
            return;
        };
        let used = u128::from(sample.capacity.get().saturating_sub(sample.available.get()));
        let holds = u128::from(size.get()).saturating_mul(u128::from(100_u64.saturating_sub(buffer)));
        case.require(used.saturating_mul(100) <= holds, "BelowNeed");
    }
}
