//! What the world makes of a shrink that runs: the record is fitted to it before anything is done.

use alloc::vec::Vec;

use super::{Scene, acts, health::healthy, stuck};
use crate::{
    Bytes, Observation, Record, Timestamp,
    decide::{
        adopt::close,
        member::{bound_capacity, members},
    },
    decision::Need,
    ledger::Outcome,
    names::{InstanceName, VolumeName},
    observation::{Mark, MemberSeen, PodSeen, Primary, Scaler},
    record::{Condemned, Course, MemberRecord, Shrink, ShrinkSizes, Surging, TurnedBack},
    witness::PROVES_FOR,
};

/// Fits the record, ends the shrink where it is over. Answers what must be read before it can end.
pub(super) fn fit(scene: &Scene<'_>, record: &mut Record) -> Option<Need> {
    let mut shrink = record.shrink.clone()?;
    count(scene, &mut shrink);
    raise(scene, record, &mut shrink);
    if shrink.course == Course::Smaller
        && let Some(why) = turns_back(scene, record, &shrink)
    {
        shrink.course = Course::Back(why);
    }
    spare(scene.seen, &mut shrink, !acts(scene));
    let unchanged = record.shrink.as_ref() == Some(&shrink);
    let need = if unchanged { end(scene, record, &mut shrink) } else { None };
    match over(scene, record, &shrink) {
        Over::Yes => record.shrink = None,
        Over::No => record.shrink = Some(shrink),
        Over::Perhaps => {
            record.shrink = Some(shrink);
            return need.or(Some(Need::Survey));
        }
    }
    need
}

/// Whether nothing is left to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    Yes,
    No,
    /// Unless a Job is left, which only a survey can tell.
    Perhaps,
}

/// `spec.instances`: one more than declared is ours unless somebody else set it; what is neither is somebody else's.
fn count(scene: &Scene<'_>, shrink: &mut Shrink) {
    let instances = scene.seen.cluster.instances;
    let surged = shrink.declared.saturating_add(1);
    let changed = shrink.generation != scene.policy.generation;
    shrink.generation = scene.policy.generation;
    let ours =
        instances == surged && shrink.surge != Surging::No && scene.seen.cluster.scaled_by != Scaler::Others;
    if instances != shrink.declared && !ours {
        shrink.declared = instances;
        if shrink.surge != Surging::No {
            shrink.surge = Surging::Wanted;
        }
        return;
    }
    let lowered = instances == shrink.declared;
    let old = holds_original(scene.seen, shrink);
    shrink.surge = match shrink.surge {
        Surging::Wanted if !lowered => Surging::Seen,
        // The single instance's successor is primary: what is lowered from now on is lowered by us.
        Surging::Seen if !lowered && shrink.declared == 1 && old == Some(false) => Surging::Returning,
        // A failover brought the old one back.
        Surging::Returning if old == Some(true) => {
            if lowered {
                Surging::Wanted
            } else {
                Surging::Seen
            }
        }
        // The user changed something: what was lowered by somebody else may be tried again.
        Surging::Seen if lowered && changed => Surging::Wanted,
        same @ (Surging::No | Surging::Wanted | Surging::Seen | Surging::Returning) => same,
    };
}

/// Whether the primary is an original; `None` while nobody knows who is primary.
fn holds_original(seen: &Observation, shrink: &Shrink) -> Option<bool> {
    let Primary::Known(primary) = &seen.cluster.primary else { return None };
    let member = seen.members.get(primary)?;
    Some(is_original(shrink, primary, member))
}

/// The target rises with what is needed and with the floor, never falls: a newer want is the next shrink.
fn raise(scene: &Scene<'_>, record: &mut Record, shrink: &mut Shrink) {
    if shrink.course != Course::Smaller || !left(scene.seen, shrink) {
        return;
    }
    for (name, sizes) in &mut shrink.volumes {
        let needed = scene.decided.get(name).and_then(|decided| decided.look.needed);
        let Some(needed) = needed.filter(|needed| *needed > sizes.to && *needed < sizes.from) else {
            continue;
        };
        sizes.to = needed;
        let ledger = record.volumes.get_mut(name).map(|volume| &mut volume.ledger);
        let entries = ledger.into_iter().flat_map(|ledger| ledger.entries.iter_mut());
        for entry in entries.filter(|entry| entry.id == shrink.id) {
            entry.to = needed;
        }
    }
}

/// Why the shrink turns back, if so. With every original gone it does not: it is done.
fn turns_back(scene: &Scene<'_>, record: &Record, shrink: &Shrink) -> Option<TurnedBack> {
    if !left(scene.seen, shrink) {
        return None;
    }
    if scene.seen.storage.deleting {
        return Some(TurnedBack::Released);
    }
    if scene.decided.values().any(|volume| volume.look.pressed) {
        return Some(TurnedBack::Emergency);
    }
    for (name, sizes) in &shrink.volumes {
        let rules = scene.policy.volumes.get(name);
        if rules.is_none_or(|rules| !rules.shrink.enabled) {
            return Some(TurnedBack::SpecChanged);
        }
        if record.volumes.get(name).is_none_or(|volume| volume.effective != sizes.from) {
            return Some(TurnedBack::External);
        }
        let look = scene.decided.get(name).map(|decided| &decided.look);
        if look.is_some_and(|look| look.short) {
            return Some(TurnedBack::TooSmall);
        }
        if fresh_and_larger(scene.seen, shrink, name) {
            return Some(TurnedBack::External);
        }
    }
    outgrown(scene, shrink)
}

/// Whether more is needed by now than a volume had, or the targets, which never fall, have risen until no volume saves
/// half of what is worth a shrink.
fn outgrown(scene: &Scene<'_>, shrink: &Shrink) -> Option<TurnedBack> {
    let rules = &scene.policy.volumes;
    let little = |(name, sizes): (&VolumeName, &ShrinkSizes)| {
        let half = rules.get(name).map_or(0, |rules| u64::from(rules.shrink.minimum_saving.get()));
        sizes.from.minus_or_zero(sizes.to) < sizes.from.scaled_up(half, 200).unwrap_or(Bytes::MAX)
    };
    let vain = shrink.volumes.iter().all(little);
    shrink.volumes.iter().find_map(|(name, sizes)| {
        let needed = scene.decided.get(name)?.look.needed.unwrap_or(sizes.to).max(sizes.to);
        let request = rules.get(name).and_then(|rules| Some(rules.request?.rounded_up_to(rules.unit)));
        let asked = request.is_some_and(|request| request >= needed);
        let why = if asked { TurnedBack::SpecChanged } else { TurnedBack::TooSmall };
        (vain || needed >= sizes.from).then_some(why)
    })
}

/// A claim that was made anew, or for a new instance, is larger than the shrink makes them.
fn fresh_and_larger(seen: &Observation, shrink: &Shrink, volume: &VolumeName) -> bool {
    let Some(sizes) = shrink.volumes.get(volume) else { return false };
    seen.members.iter().filter(|(name, member)| !is_original(shrink, name, member)).any(|(_, member)| {
        member.claims.get(volume).is_some_and(|claim| !claim.terminating && claim.requested > sizes.to)
    })
}

/// Whether an instance still has the claim that the shrink began with.
pub(super) fn is_original(shrink: &Shrink, name: &InstanceName, member: &MemberSeen) -> bool {
    let data = member.claims.get(&VolumeName::Data);
    shrink.originals.get(name).is_some_and(|uid| data.is_some_and(|claim| claim.id.uid == *uid))
}

/// Whether an original is left.
pub(super) fn left(seen: &Observation, shrink: &Shrink) -> bool {
    seen.members.iter().any(|(name, member)| is_original(shrink, name, member))
}

/// What is left of the condemned: its pod, and how many of its claims.
fn remains<'a>(seen: &'a Observation, condemned: &Condemned) -> (Option<&'a PodSeen>, usize) {
    let member = seen.members.get(&condemned.instance);
    let pod = member.and_then(|member| member.pod.as_ref()).filter(|pod| pod.id.uid == condemned.pod);
    let claims = member.into_iter().flat_map(|member| member.claims.values());
    (pod, claims.filter(|claim| condemned.claims.contains(&claim.id.uid)).count())
}

/// Whether CNPG has begun to delete the condemned: its claims go first, its pod after them. To stop in between would leave
/// an instance without claims (experiments E5).
pub(super) fn begun(seen: &Observation, condemned: &Condemned) -> bool {
    let (pod, held) = remains(seen, condemned);
    let going = |member: &MemberSeen| member.claims.values().any(|claim| claim.terminating);
    pod.is_none_or(|pod| pod.terminating)
        || held < condemned.claims.len()
        || seen.members.get(&condemned.instance).is_some_and(going)
}

/// Lets the condemned go when it is gone, and spares it when it must not go: it is or may become primary, the shrink leads
/// elsewhere, or `rests`. What CNPG has begun to delete is not spared: it cannot be.
pub(super) fn spare(seen: &Observation, shrink: &mut Shrink, rests: bool) {
    let Some(condemned) = &shrink.condemned else { return };
    let (pod, held) = remains(seen, condemned);
    if pod.is_none() && held == 0 {
        shrink.condemned = None;
        return;
    }
    let replica = match &seen.cluster.primary {
        Primary::Known(primary) => *primary != condemned.instance,
        Primary::Moving { .. } | Primary::Unknown => false,
    };
    let goes_on = replica && shrink.course == Course::Smaller && !rests;
    if !goes_on && !begun(seen, condemned) {
        shrink.condemned = None;
    }
}

/// Every original is replaced: the smaller size is the effective one from now on.
fn end(scene: &Scene<'_>, record: &mut Record, shrink: &mut Shrink) -> Option<Need> {
    if shrink.course != Course::Smaller || left(scene.seen, shrink) || healthy(scene.seen).is_err() {
        return None;
    }
    let alike = shrink.volumes.iter().all(|(name, sizes)| {
        let mut claims = scene.seen.members.values().map(|member| member.claims.get(name));
        claims.all(|claim| {
            claim.is_some_and(|claim| {
                claim.requested == sizes.to && bound_capacity(claim).is_some_and(|has| has >= sizes.to)
            })
        })
    });
    if !alike {
        return None;
    }
    if scene.seen.quorum(scene.now).is_none() {
        return Some(Need::Quorum);
    }
    for (name, sizes) in &shrink.volumes {
        if let Some(volume) = record.volumes.get_mut(name) {
            volume.effective = sizes.to;
            close(&mut volume.ledger, shrink.id, Outcome::Completed { at: scene.now });
        }
    }
    keep_late(scene, record);
    record.shrunk_at = Some(scene.now);
    shrink.course = Course::Tidy;
    None
}

/// A claim that was born small and raised may be shown by its kubelet as it was before: the next process must know.
fn keep_late(scene: &Scene<'_>, record: &mut Record) {
    for (name, volume) in &mut record.volumes {
        let late: Vec<_> = members(scene.seen, name, volume, scene.now)
            .into_iter()
            .filter(|member| member.smaller().is_some())
            .map(|member| {
                let (claim, last_usage) = (member.claim.id.uid.clone(), member.last);
                (member.name.clone(), MemberRecord { claim, grown_at: Some(scene.now), last_usage })
            })
            .collect();
        volume.members.extend(late);
    }
}

/// Whether nothing is left to do; closes the ledgers of a shrink that turned back.
fn over(scene: &Scene<'_>, record: &mut Record, shrink: &Shrink) -> Over {
    let seen = scene.seen;
    let marked = |member: &MemberSeen| member.pod.as_ref().is_some_and(|pod| pod.mark == Mark::Ours);
    let there = u32::try_from(seen.members.len()).unwrap_or(u32::MAX);
    // A copy that is somebody else's wish does not keep an object that is to go.
    let released = shrink.course == Course::Tidy && seen.storage.deleting;
    let settled = seen.cluster.instances == shrink.declared
        && there == shrink.declared
        && shrink.condemned.is_none()
        && (released || !stuck::unborn(seen, shrink))
        && !seen.members.values().any(marked);
    if !settled {
        return Over::No;
    }
    match shrink.course {
        Course::Tidy => Over::Yes,
        Course::Back(_) if uniform(seen, record, shrink) => match surveyed_jobs(scene) {
            None => Over::Perhaps,
            Some(0) => {
                superseded(record, shrink, scene.now);
                keep_late(scene, record);
                Over::Yes
            }
            Some(_) => Over::No,
        },
        Course::Smaller | Course::Back(_) => Over::No,
    }
}

/// How many Jobs a survey of just now found; `None`: there is none of just now.
fn surveyed_jobs(scene: &Scene<'_>) -> Option<usize> {
    let survey = scene.seen.evidence.survey.as_ref()?;
    let recent = scene.now.since(survey.at) <= PROVES_FOR;
    survey.facts.as_ref().filter(|_| recent).map(|facts| facts.jobs.len())
}

/// Whether every claim of the volumes has its effective size again.
fn uniform(seen: &Observation, record: &Record, shrink: &Shrink) -> bool {
    shrink.volumes.keys().all(|name| {
        let effective = record.volumes.get(name).map(|volume| volume.effective);
        let mut claims = seen.members.values().filter_map(|member| member.claims.get(name));
        claims.all(|claim| bound_capacity(claim) >= effective)
    })
}

fn superseded(record: &mut Record, shrink: &Shrink, now: Timestamp) {
    for name in shrink.volumes.keys() {
        if let Some(volume) = record.volumes.get_mut(name) {
            close(&mut volume.ledger, shrink.id, Outcome::Superseded { at: now });
        }
    }
    record.shrunk_at = Some(now);
}
