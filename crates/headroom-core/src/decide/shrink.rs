//! Shrink (design §6): one operation per Cluster. Instances are replaced one by one, and CNPG does the replacing; each
//! step is a predicate of what is observed, so that a process that starts anew goes on where the Cluster is.

mod begin;
mod facts;
mod fit;
mod guard;
mod health;
pub(super) mod offer;
mod old;
mod steps;
mod stuck;

pub(super) use begin::plans;

use alloc::{collections::BTreeMap, vec::Vec};

use super::{numbers::Numbers, volume::Decided};
use crate::{
    Action, Bytes, Observation, Policy, Record, Timestamp,
    action::Withdraw,
    decision::Need,
    names::{InstanceName, VolumeName},
    observation::{Mark, MemberSeen},
    policy::Mode,
    record::{Course, Shrink},
    report::{Reason, State},
};

/// What there is to judge.
pub(super) struct Scene<'a> {
    pub(super) policy: &'a Policy,
    pub(super) seen: &'a Observation,
    pub(super) decided: &'a BTreeMap<VolumeName, Decided>,
    pub(super) now: Timestamp,
}

/// What is decided of a shrink.
#[derive(Debug)]
pub(super) struct Passed {
    /// Withdrawals and rescues: done before anything else.
    pub(super) first: Vec<Action>,
    /// The next step.
    pub(super) next: Option<Action>,
    pub(super) need: Option<Need>,
    /// What is said of the volumes that take part.
    pub(super) told: BTreeMap<VolumeName, (State, Reason)>,
    pub(super) edges: Vec<Timestamp>,
}

impl Passed {
    const fn nothing() -> Self {
        Self { first: Vec::new(), next: None, need: None, told: BTreeMap::new(), edges: Vec::new() }
    }
}

/// The size that new claims of a volume get while a shrink replaces the others.
pub(super) fn leads_to(shrink: &Shrink, volume: &VolumeName) -> Option<Bytes> {
    match shrink.course {
        Course::Smaller => shrink.volumes.get(volume).map(|sizes| sizes.to),
        Course::Back(_) | Course::Tidy => None,
    }
}

/// Whether the claims of an instance came with the shrink.
pub(super) fn anew(seen: &Observation, shrink: &Shrink, name: &InstanceName) -> bool {
    seen.members.get(name).is_some_and(|member| !fit::is_original(shrink, name, member))
}

/// Goes on with the shrink that runs, or begins one. `record` holds what the volumes have decided.
pub(super) fn pass(scene: &Scene<'_>, record: &mut Record, numbers: &mut Numbers) -> Passed {
    if record.shrink.is_none() {
        let mut passed = begin::begin(scene, record, numbers);
        passed.first = withdrawals(scene.seen, None);
        return passed;
    }
    let before = record.clone();
    let mut passed = Passed::nothing();
    passed.need = fit::fit(scene, record);
    if let Some(shrink) = &mut record.shrink {
        if steps::must_spare(scene, shrink) {
            // Claims, pods and Cluster are told by watches of their own: that CNPG has not begun is known of one moment only.
            match scene.seen.quorum(scene.now) {
                Some(_) => shrink.condemned = None,
                None => passed.need = passed.need.or(Some(Need::Quorum)),
            }
        } else if before.shrink.as_ref() == Some(&*shrink) && passed.need.is_none() {
            shrink.condemned = steps::condemn(scene, shrink).or(shrink.condemned.take());
        }
    }
    if let Some(shrink) = &record.shrink {
        passed.first = withdrawals(scene.seen, Some(shrink));
        // What is done next follows from what is written first.
        let written = record.shrink == before.shrink && record.volumes == before.volumes;
        steps::step(scene, shrink, written, &mut passed);
    }
    passed
}

/// While the Cluster is left alone: a mark on a pod is taken off, nothing else is done.
pub(super) fn rest(scene: &Scene<'_>, record: &mut Record) -> Passed {
    let mut passed = Passed::nothing();
    if let Some(shrink) = &mut record.shrink {
        fit::spare(scene.seen, shrink, true);
    }
    passed.first = withdrawals(scene.seen, record.shrink.as_ref());
    passed
}

/// Marks of ours on pods that nobody condemned: CNPG would delete such an instance when it may, at its next demotion if it
/// is primary now (experiments E3).
fn withdrawals(seen: &Observation, shrink: Option<&Shrink>) -> Vec<Action> {
    let condemned = shrink.and_then(|shrink| shrink.condemned.as_ref());
    // What CNPG has begun with goes to its end: without its claims the pod would be Pending for ever (experiments E5).
    let whole = |member: &MemberSeen| !member.claims.values().any(|claim| claim.terminating);
    let members = seen.members.iter().filter(|(_, member)| whole(member));
    let pods = members.filter_map(|(name, member)| Some((name, member.pod.as_ref()?)));
    pods.filter(|(_, pod)| pod.mark == Mark::Ours && !pod.terminating)
        .filter(|(_, pod)| condemned.is_none_or(|condemned| condemned.pod != pod.id.uid))
        .map(|(name, pod)| {
            Action::Withdraw(Withdraw {
                instance: name.clone(),
                pod: pod.id.clone(),
                version: pod.version.clone(),
            })
        })
        .collect()
}

/// Whether anything may be changed.
fn acts(scene: &Scene<'_>) -> bool {
    scene.policy.mode == Mode::Apply
}
