//! The old primary of a single instance that does not come back after the switchover. CNPG chooses no instance that is
//! not ready when the number is lowered; once it is lowered, the annotation removes it and it is not made anew
//! (experiments S4). So: the number first, then the annotation.

use super::{
    Scene,
    fit::is_original,
    health::{HEALTHY, calm},
};
use crate::{
    Span, Timestamp,
    names::InstanceName,
    observation::{Fenced, Mark, MemberSeen, PodSeen, Primary},
    record::{Course, Shrink},
    report::{ShrinkReason, Unhealthy},
};

/// An old primary may take this long to come back: to rewind, to archive what it has, to start.
pub(super) const PATIENCE: Span = Span::minutes(10);
/// CNPG's word while an instance is not there; with one that is merely not ready its phase stays healthy (S4).
const WAITING: &str = "Waiting for the instances to become active";

/// The old primary beside its successor, and when it has not been ready for long enough. `None`: it is ready, or there is
/// no such instance.
pub(super) fn old<'a>(scene: &Scene<'a>, shrink: &Shrink) -> Option<(&'a InstanceName, Timestamp)> {
    let Primary::Known(primary) = &scene.seen.cluster.primary else { return None };
    if shrink.declared != 1 || shrink.course != Course::Smaller || scene.seen.members.len() != 2 {
        return None;
    }
    let successor = scene.seen.members.get(primary)?;
    let (name, member) = scene.seen.members.iter().find(|(name, _)| *name != primary)?;
    let moved = !is_original(shrink, primary, successor) && is_original(shrink, name, member);
    let since = away(member.pod.as_ref()?)?;
    moved.then_some((name, since.plus(PATIENCE)))
}

fn away(pod: &PodSeen) -> Option<Timestamp> {
    pod.unready_since.filter(|_| !pod.ready && !pod.terminating)
}

/// What this look shows against the removal of an old primary that is not ready.
pub(super) fn against(scene: &Scene<'_>, name: &InstanceName) -> Option<ShrinkReason> {
    let unhealthy = |why| Some(ShrinkReason::NotHealthy(why));
    let cluster = &scene.seen.cluster;
    let Primary::Known(primary) = &cluster.primary else { return unhealthy(Unhealthy::Primary) };
    if cluster.fenced != Fenced::Nobody {
        return unhealthy(Unhealthy::Fenced);
    }
    if cluster.conduct.maintained {
        return unhealthy(Unhealthy::Maintained);
    }
    if cluster.conduct.follows {
        return unhealthy(Unhealthy::Follows);
    }
    if ![HEALTHY, WAITING].contains(&cluster.phase.as_str()) {
        return unhealthy(Unhealthy::Phase);
    }
    let Some(successor) = scene.seen.members.get(primary).filter(|_| primary != name) else {
        return unhealthy(Unhealthy::Primary);
    };
    if !serves(successor) {
        return unhealthy(Unhealthy::Pod(primary.clone()));
    }
    if !successor.claims.values().all(calm) {
        return unhealthy(Unhealthy::Claim(primary.clone()));
    }
    let pod = scene.seen.members.get(name).and_then(|member| member.pod.as_ref());
    let due = pod.filter(|pod| pod.mark != Mark::Foreign).and_then(away).map(|since| since.plus(PATIENCE));
    match due {
        Some(due) if due <= scene.now => None,
        Some(_) | None => unhealthy(Unhealthy::Pod(name.clone())),
    }
}

fn serves(member: &MemberSeen) -> bool {
    member.pod.as_ref().is_some_and(|pod| pod.ready && !pod.terminating && pod.mark == Mark::None)
}
