//! The next step of a shrink that runs, from what is observed alone.

use alloc::{collections::BTreeSet, vec::Vec};

use super::{
    Passed, Scene, acts,
    fit::{begun, is_original, left},
    guard::{self, FAILED_AGAIN, Lowering, Ready, Step, candidate},
    old, stuck,
};
use crate::{
    Action,
    decision::Need,
    names::{InstanceName, VolumeName},
    observation::{JobSeen, Mark, MemberSeen, Primary},
    record::{Condemned, Course, Shrink, Surging},
    report::{Reason, ShrinkReason, State},
    witness::PROVES_FOR,
};

/// What a step came to.
pub(super) enum Came {
    /// This is done next.
    Act(Action),
    /// This must be read first.
    Ask(Need),
    /// A safe point: something says wait.
    Held(Reason),
    /// CNPG or the storage works.
    Works(ShrinkReason),
}

/// Names the next step of a shrink whose record is written, and says how it stands.
pub(super) fn step(scene: &Scene<'_>, shrink: &Shrink, written: bool, passed: &mut Passed) {
    let rescue = if written { stuck::rescue(scene, shrink, passed) } else { None };
    let came = match rescue {
        Some(came) => came,
        None => match shrink.course {
            Course::Smaller => smaller(scene, shrink, passed),
            Course::Back(why) => {
                back(scene, shrink, passed).unwrap_or(Came::Works(ShrinkReason::TurningBack(why)))
            }
            Course::Tidy => lower(scene, shrink, Lowering::Surplus, passed),
        },
    };
    let told = match came {
        Came::Act(action) => {
            let told = doing(&action, shrink);
            passed.next = (written && acts(scene)).then_some(action);
            (State::Shrinking, told)
        }
        Came::Ask(need) => {
            let open = written && acts(scene) && passed.need.is_none();
            passed.need = if open { Some(need) } else { passed.need };
            (State::Shrinking, ShrinkReason::Confirming)
        }
        Came::Works(reason) => (State::Shrinking, reason),
        Came::Held(reason) => {
            for name in shrink.volumes.keys() {
                passed.told.insert(name.clone(), (State::PendingShrink, reason.clone()));
            }
            return;
        }
    };
    for name in shrink.volumes.keys() {
        passed.told.insert(name.clone(), (told.0, Reason::Shrink(told.1.clone())));
    }
}

fn doing(action: &Action, shrink: &Shrink) -> ShrinkReason {
    match action {
        Action::Destroy(_) if shrink.declared == 1 => ShrinkReason::RemovingInstance,
        Action::Destroy(destroy) => ShrinkReason::Replacing(destroy.instance().clone()),
        Action::Promote(promote) => ShrinkReason::SwitchingOver(promote.to().clone()),
        Action::SetInstances(set) if set.to() > set.from() => ShrinkReason::AddingInstance,
        Action::DiscardClaim(_) if shrink.course == Course::Smaller => ShrinkReason::Copying,
        Action::SetInstances(_) | Action::DiscardClaim(_) => ShrinkReason::RemovingInstance,
        Action::DeleteJob(_)
        | Action::DeletePod(_)
        | Action::Resize(_)
        | Action::RaiseClusterSizes(_)
        | Action::AddFinalizer(..)
        | Action::RemoveFinalizer(..)
        | Action::Withdraw(_) => ShrinkReason::Copying,
    }
}

/// All volumes that take part.
fn volumes(shrink: &Shrink) -> Vec<&VolumeName> {
    shrink.volumes.keys().collect()
}

fn when_ready(
    scene: &Scene<'_>,
    shrink: &Shrink,
    step: Step<'_>,
    passed: &mut Passed,
    act: impl FnOnce(crate::witness::Quorum<'_>) -> Option<Action>,
) -> Came {
    match guard::ready(scene, &volumes(shrink), step, &mut passed.edges) {
        Ready::Go(quorum) => act(quorum).map_or(Came::Ask(Need::Quorum), Came::Act),
        Ready::Held(reason) => Came::Held(reason),
        Ready::Ask(need) => Came::Ask(need),
    }
}

/// On the way to smaller claims: surge, replace the replicas, switch over, replace the old primary.
fn smaller(scene: &Scene<'_>, shrink: &Shrink, passed: &mut Passed) -> Came {
    // Beside this parameter a second instance makes the Cluster's definition invalid: nobody is being made.
    if let Some(parameter) = scene.seen.cluster.conduct.single_only {
        return Came::Held(Reason::Shrink(ShrinkReason::SingleOnly(parameter)));
    }
    if shrink.surge == Surging::Seen && scene.seen.cluster.instances == shrink.declared {
        let reverted = ShrinkReason::SurgeReverted { declared: shrink.declared };
        return Came::Held(Reason::Shrink(reverted));
    }
    // A surge that is tried again comes first, unless CNPG has been told already.
    let surges = shrink.surge == Surging::Wanted && scene.seen.cluster.instances == shrink.declared;
    if let Some(condemned) = shrink.condemned.as_ref().filter(|it| !(surges && untouched(scene, it))) {
        return replace(scene, shrink, condemned, passed);
    }
    if !left(scene.seen, shrink) {
        return Came::Works(ShrinkReason::Copying);
    }
    if let Some(working) = working(scene, shrink) {
        return Came::Works(working);
    }
    let cluster = &scene.seen.cluster;
    let Primary::Known(primary) = &cluster.primary else {
        return Came::Held(Reason::Shrink(ShrinkReason::NotHealthy(crate::report::Unhealthy::Primary)));
    };
    let primary_is_original = original(scene, shrink, primary);
    let alone = shrink.declared == 1;
    if alone && !primary_is_original {
        return leave(scene, shrink, passed);
    }
    if cluster.instances == shrink.declared {
        match shrink.surge {
            Surging::Wanted => {
                let to = shrink.declared.saturating_add(1);
                return when_ready(scene, shrink, Step::Surge, passed, |quorum| {
                    quorum.set_instances(shrink, to).map(Action::SetInstances)
                });
            }
            // A single instance that has moved is dealt with above.
            Surging::No | Surging::Seen | Surging::Returning => {}
        }
    }
    match next_victim(scene, shrink, primary) {
        // Condemning is a change of the record, which `condemn` makes when everything is ready.
        Some(victim) => match guard::ready(scene, &volumes(shrink), Step::Replace(victim), &mut passed.edges)
        {
            Ready::Go(_) => Came::Works(ShrinkReason::Replacing(victim.clone())),
            Ready::Held(reason) => Came::Held(reason),
            Ready::Ask(need) => Came::Ask(need),
        },
        None => promote(scene, shrink, primary, passed),
    }
}

/// The record with the next victim condemned, when it may be. Everything must be ready, as for the act itself.
pub(super) fn condemn(scene: &Scene<'_>, shrink: &Shrink) -> Option<Condemned> {
    let open = shrink.course == Course::Smaller && shrink.condemned.is_none() && acts(scene);
    if !open || working(scene, shrink).is_some() {
        return None;
    }
    if shrink.declared == 1 {
        let (name, _) = old::old(scene, shrink).filter(|_| scene.seen.cluster.instances == 1)?;
        return named(scene, shrink, name);
    }
    let surging = scene.seen.cluster.instances == shrink.declared && shrink.surge != Surging::No;
    let Primary::Known(primary) = &scene.seen.cluster.primary else { return None };
    let victim = next_victim(scene, shrink, primary).filter(|_| !surging)?;
    named(scene, shrink, victim)
}

/// This instance condemned, when it may go.
fn named(scene: &Scene<'_>, shrink: &Shrink, victim: &InstanceName) -> Option<Condemned> {
    let ready = guard::ready(scene, &volumes(shrink), removal(shrink, victim), &mut Vec::new());
    let Ready::Go(_) = ready else { return None };
    let member = scene.seen.members.get(victim)?;
    let claims: BTreeSet<_> = member.claims.values().map(|claim| claim.id.uid.clone()).collect();
    Some(Condemned { instance: victim.clone(), pod: member.pod.as_ref()?.id.uid.clone(), claims })
}

/// Of a single instance nothing is made anew: the old primary goes.
const fn removal<'a>(shrink: &Shrink, victim: &'a InstanceName) -> Step<'a> {
    if shrink.declared == 1 { Step::Leave(victim) } else { Step::Replace(victim) }
}

fn original(scene: &Scene<'_>, shrink: &Shrink, name: &InstanceName) -> bool {
    scene.seen.members.get(name).is_some_and(|member| is_original(shrink, name, member))
}

/// The original replica with the highest serial.
fn next_victim<'a>(scene: &Scene<'a>, shrink: &Shrink, primary: &InstanceName) -> Option<&'a InstanceName> {
    let members = scene.seen.members.iter();
    members
        .filter(|(name, member)| *name != primary && is_original(shrink, name, member))
        .map(|(name, _)| name)
        .max_by_key(|name| serial(name))
}

/// The number in an instance's name, for an order that people expect.
fn serial(name: &InstanceName) -> u32 {
    name.as_str().rsplit('-').next().and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

/// What CNPG is making, or the storage growing.
fn working(scene: &Scene<'_>, shrink: &Shrink) -> Option<ShrinkReason> {
    let wanted = scene.seen.cluster.instances;
    let there = u32::try_from(scene.seen.members.len()).unwrap_or(u32::MAX);
    let fresh = |(name, member): (&InstanceName, &MemberSeen)| {
        !is_original(shrink, name, member) && !member.pod.as_ref().is_some_and(|pod| pod.ready)
    };
    let making = there < wanted || scene.seen.members.iter().any(fresh);
    let known = matches!(scene.seen.cluster.primary, Primary::Known(_));
    (making && known).then_some(ShrinkReason::Copying)
}

/// The condemned one is marked; then CNPG works.
fn replace(scene: &Scene<'_>, shrink: &Shrink, condemned: &Condemned, passed: &mut Passed) -> Came {
    if !untouched(scene, condemned) {
        return Came::Works(if shrink.declared == 1 {
            ShrinkReason::RemovingInstance
        } else {
            ShrinkReason::Replacing(condemned.instance.clone())
        });
    }
    when_ready(scene, shrink, removal(shrink, &condemned.instance), passed, |quorum| {
        quorum.destroy(shrink).map(Action::Destroy)
    })
}

/// Whether CNPG has not been told yet.
fn untouched(scene: &Scene<'_>, condemned: &Condemned) -> bool {
    let pod = scene.seen.members.get(&condemned.instance).and_then(|member| member.pod.as_ref());
    let same = pod.filter(|pod| pod.id.uid == condemned.pod);
    same.is_some_and(|pod| pod.mark == Mark::None && !pod.terminating)
}

/// Whether a marked pod that CNPG has not begun to delete must be spared: something says wait now.
pub(super) fn must_spare(scene: &Scene<'_>, shrink: &Shrink) -> bool {
    let Some(condemned) = &shrink.condemned else { return false };
    let pod = scene.seen.members.get(&condemned.instance).and_then(|member| member.pod.as_ref());
    let marked =
        pod.is_some_and(|pod| pod.id.uid == condemned.pod && pod.mark == Mark::Ours && !pod.terminating);
    marked
        && !begun(scene.seen, condemned)
        && guard::shown(scene, &volumes(shrink), removal(shrink, &condemned.instance)).is_some()
}

/// The primary is the last original: a replica that was made anew takes over.
fn promote(scene: &Scene<'_>, shrink: &Shrink, primary: &InstanceName, passed: &mut Passed) -> Came {
    let mut fresh: Vec<&InstanceName> = scene
        .seen
        .members
        .iter()
        .filter(|(name, member)| *name != primary && !is_original(shrink, name, member))
        .map(|(name, _)| name)
        .collect();
    fresh.sort_by_key(|name| serial(name));
    if scene.seen.cluster.conduct.supervised {
        return match fresh.first() {
            Some(first) => Came::Held(Reason::Shrink(ShrinkReason::PromoteByHand((*first).clone()))),
            None => Came::Works(ShrinkReason::Copying),
        };
    }
    let survey = scene.seen.evidence.survey.as_ref();
    when_ready(scene, shrink, Step::Promote, passed, |quorum| {
        let to = candidate(survey, &fresh).ok()?;
        quorum.promote(to).map(Action::Promote)
    })
    .unless_behind(candidate(survey, &fresh).err().flatten())
}

impl Came {
    /// Everything was ready but for a replica that follows.
    fn unless_behind(self, behind: Option<&InstanceName>) -> Self {
        match (self, behind) {
            (Self::Ask(Need::Quorum), Some(behind)) => {
                Self::Held(Reason::Shrink(ShrinkReason::Behind(behind.clone())))
            }
            (came, _) => came,
        }
    }
}

/// A single instance has moved: the old primary goes, by the number of instances. One that is not ready is not chosen by
/// CNPG: after some patience the number is set back all the same, and then it is condemned.
fn leave(scene: &Scene<'_>, shrink: &Shrink, passed: &mut Passed) -> Came {
    let Some((name, due)) = old::old(scene, shrink) else {
        return lower(scene, shrink, Lowering::Last, passed);
    };
    if due > scene.now {
        passed.edges.push(due);
        let reason = ShrinkReason::OldPrimaryNotReady { instance: name.clone(), until: due };
        return Came::Held(Reason::Shrink(reason));
    }
    if scene.seen.cluster.instances > shrink.declared {
        return when_ready(scene, shrink, Step::Leave(name), passed, |quorum| {
            quorum.set_instances(shrink, shrink.declared).map(Action::SetInstances)
        });
    }
    // Condemning is a change of the record, which `condemn` makes when everything is ready.
    match guard::ready(scene, &volumes(shrink), Step::Leave(name), &mut passed.edges) {
        Ready::Go(_) => Came::Works(ShrinkReason::RemovingInstance),
        Ready::Held(reason) => Came::Held(reason),
        Ready::Ask(need) => Came::Ask(need),
    }
}

/// The number of instances is restored.
fn lower(scene: &Scene<'_>, shrink: &Shrink, what: Lowering, passed: &mut Passed) -> Came {
    if scene.seen.cluster.instances <= shrink.declared {
        return Came::Works(ShrinkReason::RemovingInstance);
    }
    when_ready(scene, shrink, Step::Lower(what), passed, |quorum| {
        quorum.set_instances(shrink, shrink.declared).map(Action::SetInstances)
    })
}

/// Back: instances first, then the claims of the instance that was never finished, then its Job (experiments E8). `None`:
/// claims grow, or everything is there and waits for CNPG.
fn back(scene: &Scene<'_>, shrink: &Shrink, passed: &mut Passed) -> Option<Came> {
    let cluster = &scene.seen.cluster;
    let unborn = scene.seen.members.iter().find(|(name, member)| {
        member.pod.is_none() && !member.has_run() && !shrink.originals.contains_key(*name)
    });
    if cluster.instances > shrink.declared {
        let Some(_) = unborn else { return Some(lower(scene, shrink, Lowering::Back, passed)) };
        return match certain(scene, passed) {
            Err(first) => Some(first),
            Ok(quorum) => {
                quorum.set_instances(shrink, shrink.declared).map(|set| Came::Act(Action::SetInstances(set)))
            }
        };
    }
    // An instance that is wanted is made, and its Job goes on: somebody may have scaled up meanwhile.
    let there = u32::try_from(scene.seen.members.len()).unwrap_or(u32::MAX);
    let unborn = unborn.filter(|_| there > shrink.declared);
    let idle = |job: &&JobSeen| {
        let claimless = !scene.seen.members.contains_key(&job.instance) && there >= shrink.declared;
        let surplus = unborn.is_some_and(|(name, _)| *name == job.instance);
        job.joins && !job.terminating && (claimless || surplus)
    };
    let orphan = jobs(scene).find(idle);
    if unborn.is_none() && orphan.is_none() {
        return None;
    }
    let quorum = match certain(scene, passed) {
        Err(first) => return Some(first),
        Ok(quorum) => quorum,
    };
    let claim = unborn.and_then(|(name, member)| Some((name, stuck::next_claim(member)?)));
    if let Some((name, claim)) = claim {
        return quorum
            .discard(shrink, name, &claim.id)
            .map(|discard| Came::Act(Action::DiscardClaim(discard)));
    }
    quorum.delete_job(orphan?).map(|delete| Came::Act(Action::DeleteJob(delete)))
}

fn jobs<'a>(scene: &Scene<'a>) -> impl Iterator<Item = &'a JobSeen> {
    let facts = scene.seen.evidence.facts();
    facts.into_iter().flat_map(|facts| &facts.jobs)
}

/// A survey and a quorum read of just now, in this order. `Err`: what comes before.
fn certain<'a>(scene: &Scene<'a>, passed: &mut Passed) -> Result<crate::witness::Quorum<'a>, Came> {
    let Some(known) = scene.seen.evidence.survey.as_ref() else { return Err(Came::Ask(Need::Survey)) };
    let age = scene.now.since(known.at);
    if known.facts.is_none() && age < FAILED_AGAIN {
        passed.edges.push(known.at.plus(FAILED_AGAIN));
        return Err(Came::Works(ShrinkReason::FactsUnknown));
    }
    if known.facts.is_none() || age > PROVES_FOR {
        return Err(Came::Ask(Need::Survey));
    }
    scene.seen.quorum(scene.now).ok_or(Came::Ask(Need::Quorum))
}
