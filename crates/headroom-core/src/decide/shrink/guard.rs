//! What must hold before a step of a shrink that cannot be undone. First what this look shows, then what must be known
//! for certain: five quiet seconds, a survey, a quorum read, in this order, so that the quorum read is the last thing
//! before the act.

use alloc::{collections::BTreeMap, vec::Vec};

use super::{
    Scene,
    facts::{facts_against, pace},
    health::{healthy, steady_at},
    offer::{copied, copy_span},
    old,
};
use crate::{
    Span, Timestamp,
    decision::Need,
    names::{InstanceName, VolumeName},
    observation::{Mark, MemberSeen, ReplicationSeen, SurveySeen},
    report::{Reason, ShrinkReason, Unhealthy},
    window::Windows,
    witness::{PROVES_FOR, Quorum},
};

/// A step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step<'a> {
    /// The shrink is recorded.
    Begin,
    /// An instance is added.
    Surge,
    /// An instance is made anew.
    Replace(&'a InstanceName),
    /// A replica becomes primary.
    Promote,
    /// An instance goes: what is left is what was declared.
    Lower(Lowering),
    /// The old primary of a single instance, which does not come back, goes.
    Leave(&'a InstanceName),
}

/// What lowering the number of instances takes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lowering {
    /// The only other copy of a single instance's data.
    Last,
    /// The further instance, after the last replacement.
    Surplus,
    /// The further instance, because the shrink turned back.
    Back,
}

/// A promotion takes this long at most (experiments E7: 21 to 29 s).
const PROMOTION: Span = Span::minutes(2);
/// Facts that hold a step up are read again after this.
const READ_AGAIN: Span = Span::seconds(30);
/// A survey that failed is tried again after this.
pub(super) const FAILED_AGAIN: Span = Span::minutes(1);
/// A replica may be behind by one WAL segment at a promotion.
const SEGMENT: u64 = 16 << 20;

/// Whether a step may be made now.
#[derive(Debug)]
pub(super) enum Ready<'a> {
    /// Everything is known, and nothing stands against it.
    Go(Quorum<'a>),
    /// This stands against it.
    Held(Reason),
    /// This must be read first.
    Ask(Need),
}

/// What this look shows against a step.
pub(super) fn shown(scene: &Scene<'_>, volumes: &[&VolumeName], step: Step<'_>) -> Option<Reason> {
    let told = |reason| Some(Reason::Shrink(reason));
    let busy = scene
        .decided
        .values()
        .any(|volume| volume.alarmed || !volume.actions.is_empty() || volume.report.running.is_some());
    if busy {
        return told(ShrinkReason::Busy);
    }
    let lowers = matches!(step, Step::Lower(_) | Step::Leave(_));
    if let Some(parameter) = scene.seen.cluster.conduct.single_only.filter(|_| !lowers) {
        return told(ShrinkReason::SingleOnly(parameter));
    }
    if let Step::Leave(name) = step {
        return old::against(scene, name).and_then(told);
    }
    if let Err(unhealthy) = healthy(scene.seen) {
        return told(ShrinkReason::NotHealthy(unhealthy));
    }
    let marked = scene.seen.members.iter().find(|(_, member)| mark(member) != Mark::None);
    if let Some((name, _)) = marked.filter(|(name, _)| step != Step::Replace(name)) {
        return told(ShrinkReason::NotHealthy(Unhealthy::Pod(name.clone())));
    }
    if lowers {
        return None;
    }
    if scene.seen.cluster.conduct.snapshots {
        return told(ShrinkReason::FromSnapshots);
    }
    if let Some(volume) = born_smaller(scene) {
        return told(ShrinkReason::BornSmaller(volume));
    }
    if let Some(unknown) = unknown(scene, volumes, step) {
        return told(ShrinkReason::UsageUnknown(unknown));
    }
    if let Step::Replace(victim) = step
        && !spare(scene, victim)
    {
        return told(ShrinkReason::NeedsSurge);
    }
    windows(scene, volumes, step)
}

pub(super) fn mark(member: &MemberSeen) -> Mark {
    member.pod.as_ref().map_or(Mark::None, |pod| pod.mark)
}

/// A volume that headroom does not size and whose claims are larger than the Cluster says: a new one is born smaller.
fn born_smaller(scene: &Scene<'_>) -> Option<VolumeName> {
    let cluster = &scene.seen.cluster;
    let smaller = |volume: &&VolumeName| {
        let declared = cluster.volumes.get(*volume).and_then(|spec| spec.size);
        let claims = scene.seen.members.values().filter_map(|member| member.claims.get(*volume));
        let mut larger = claims.filter(|claim| declared.is_none_or(|size| claim.requested > size));
        !scene.policy.volumes.contains_key(*volume) && larger.next().is_some()
    };
    cluster.volumes.keys().find(smaller).cloned()
}

/// A member of which it is not known how much it holds, or the primary where it is not known how fast it fills: a process
/// that has just started must not switch over or take an instance away beside a volume that is full soon.
fn unknown(scene: &Scene<'_>, volumes: &[&VolumeName], step: Step<'_>) -> Option<InstanceName> {
    let disrupts = matches!(step, Step::Replace(_) | Step::Promote);
    volumes.iter().find_map(|volume| {
        let look = &scene.decided.get(*volume)?.look;
        look.unknown.clone().or_else(|| look.glimpsed.clone().filter(|_| disrupts))
    })
}

/// Whether enough replicas are left while this one is made anew: one, and as many as every commit waits for.
pub(super) fn spare(scene: &Scene<'_>, victim: &InstanceName) -> bool {
    let needed = scene.seen.cluster.conduct.synchronous.max(1);
    let ready = |member: &MemberSeen| member.pod.as_ref().is_some_and(|pod| pod.ready && !pod.terminating);
    let others = scene.seen.members.iter().filter(|(name, member)| *name != victim && ready(member)).count();
    u32::try_from(others).is_ok_and(|others| others > needed)
}

/// Open, and for as long as the step takes.
pub(super) fn windows(scene: &Scene<'_>, volumes: &[&VolumeName], step: Step<'_>) -> Option<Reason> {
    let takes = match step {
        Step::Promote => PROMOTION,
        Step::Begin | Step::Surge | Step::Replace(_) | Step::Lower(_) | Step::Leave(_) => {
            copy_span(copied(scene.seen))
        }
    };
    volumes.iter().find_map(|volume| {
        let windows = scene.seen.windows.get(*volume).copied().unwrap_or(Windows::Never);
        match windows {
            Windows::Never => Some(Reason::NoWindowAhead),
            Windows::Next { .. } if !windows.open_at(scene.now) => Some(Reason::OutsideWindow),
            Windows::Next { end, .. } if end.since(scene.now) < takes => {
                let minutes = takes.as_seconds().div_ceil(300).saturating_mul(5);
                Some(Reason::Shrink(ShrinkReason::WindowTooShort { minutes }))
            }
            Windows::Always | Windows::Next { .. } => None,
        }
    })
}

/// Whether the step may be made now: nothing shown stands against it, and all that must be certain is.
pub(super) fn ready<'a>(
    scene: &Scene<'a>,
    volumes: &[&VolumeName],
    step: Step<'_>,
    edges: &mut Vec<Timestamp>,
) -> Ready<'a> {
    if let Some(held) = shown(scene, volumes, step) {
        return Ready::Held(held);
    }
    let steady = steady_at(scene.seen, scene.now);
    if steady > scene.now {
        edges.push(steady);
        return Ready::Held(Reason::Shrink(ShrinkReason::Confirming));
    }
    let survey = scene.seen.evidence.survey.as_ref();
    let Some(known) = survey else { return Ready::Ask(Need::Survey) };
    let age = scene.now.since(known.at);
    let Some(facts) = &known.facts else {
        if age >= FAILED_AGAIN {
            return Ready::Ask(Need::Survey);
        }
        edges.push(known.at.plus(FAILED_AGAIN));
        return Ready::Held(Reason::Shrink(ShrinkReason::FactsUnknown));
    };
    if let Some(held) = facts_against(scene, facts, step).or_else(|| pace(scene, volumes, known, step)) {
        if age >= READ_AGAIN {
            return Ready::Ask(Need::Survey);
        }
        edges.push(known.at.plus(READ_AGAIN));
        return Ready::Held(Reason::Shrink(held));
    }
    if age > PROVES_FOR {
        return Ready::Ask(Need::Survey);
    }
    match scene.seen.quorum(scene.now) {
        Some(quorum) => Ready::Go(quorum),
        None => Ready::Ask(Need::Quorum),
    }
}

/// The replica that becomes primary: made anew, streaming on the primary's timeline, one segment behind at most; the
/// first by `order`. `Err`: who is behind.
pub(super) fn candidate<'a>(
    survey: Option<&SurveySeen>,
    fresh: &[&'a InstanceName],
) -> Result<&'a InstanceName, Option<&'a InstanceName>> {
    let replication = survey.and_then(|survey| survey.facts.as_ref()).map(|facts| &facts.replication);
    let Some(replication) = replication else { return Err(fresh.first().copied()) };
    let follows = |name: &&&InstanceName| follows(replication, name);
    fresh.iter().find(follows).copied().ok_or(fresh.first().copied())
}

fn follows(replication: &BTreeMap<InstanceName, ReplicationSeen>, name: &InstanceName) -> bool {
    let primary = replication.values().find(|seen| seen.primary);
    let (Some(primary), Some(replica)) = (primary, replication.get(name)) else { return false };
    let behind = primary.position.saturating_sub(replica.position);
    replica.receiving && replica.timeline == primary.timeline && behind <= SEGMENT
}
