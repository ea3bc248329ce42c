//! A shrink begins: which volumes take part, what it costs, and what it waits for.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use super::{
    Passed, Scene, acts,
    guard::{self, Ready, Step},
    offer::{Offer, copied, copy_span},
};
use crate::{
    Bytes, Record, Span, Timestamp,
    decide::numbers::Numbers,
    ledger::{Cause, LedgerEntry, Outcome},
    names::{InstanceName, Uid, VolumeName},
    policy::Surge,
    record::{Course, Shrink, ShrinkSizes, Surging},
    report::{Notice, Reason, ShrinkReason, State},
};

/// No shrink within this after the last one.
const REST: Span = Span::hours(7 * 24);
/// One that is due waits so long for another volume that will be: one pass makes each instance anew once for both, and
/// apart the second would wait for the seven days after the first.
const GATHERS: Span = Span::hours(1);

/// Records a shrink, or says what it waits for.
pub(super) fn begin(scene: &Scene<'_>, record: &mut Record, numbers: &mut Numbers) -> Passed {
    let mut passed = Passed::nothing();
    let offers: BTreeMap<&VolumeName, Offer> =
        scene.decided.iter().filter_map(|(name, volume)| Some((name, volume.look.offer?))).collect();
    if offers.is_empty() || scene.seen.storage.deleting {
        return passed;
    }
    let mut ready: Vec<&VolumeName> = Vec::new();
    for name in offers.keys() {
        match alone(scene, record, name, &mut passed.edges) {
            Some(held) => tell(&mut passed, name, held),
            None => ready.push(name),
        }
    }
    if ready.is_empty() {
        return passed;
    }
    let held = if let Some(held) = gathers(scene, record, &ready) {
        held
    } else if acts(scene) {
        match guard::ready(scene, &ready, Step::Begin, &mut passed.edges) {
            Ready::Go(_) => {
                start(scene, record, numbers, &ready, &offers);
                for name in ready {
                    let told = (State::Shrinking, Reason::Shrink(ShrinkReason::Confirming));
                    passed.told.insert(name.clone(), told);
                }
                return passed;
            }
            Ready::Held(held) => held,
            Ready::Ask(need) => {
                passed.need = Some(need);
                Reason::Shrink(ShrinkReason::Confirming)
            }
        }
    } else {
        guard::shown(scene, &ready, Step::Begin).unwrap_or(Reason::Shrink(ShrinkReason::Advised))
    };
    for name in ready {
        tell(&mut passed, name, held.clone());
    }
    passed
}

fn tell(passed: &mut Passed, name: &VolumeName, held: Reason) {
    passed.told.insert(name.clone(), (State::PendingShrink, held));
}

/// What keeps one volume from taking part, whatever the others do.
fn alone(
    scene: &Scene<'_>,
    record: &Record,
    name: &VolumeName,
    edges: &mut Vec<Timestamp>,
) -> Option<Reason> {
    let rules = scene.policy.volumes.get(name)?;
    let decided = scene.decided.get(name)?;
    if let Some(until) = record.shrunk_at.map(|at| at.plus(REST)).filter(|until| *until > scene.now) {
        edges.push(until);
        return Some(Reason::Shrink(ShrinkReason::Rests { until }));
    }
    let instances = scene.seen.cluster.instances;
    let standbys = scene.seen.cluster.conduct.synchronous.max(1);
    if rules.shrink.surge == Surge::Never && instances < standbys.saturating_add(2) {
        return Some(Reason::Shrink(ShrinkReason::NeedsSurge));
    }
    if instances == 1 && !rules.shrink.allow_switchover_on_single_instance {
        return Some(Reason::Shrink(ShrinkReason::NeedsConsent));
    }
    if let Some(closed) = guard::windows(scene, &[name], Step::Begin) {
        return Some(closed);
    }
    let slots = decided.report.budget;
    if slots.planned == 0 {
        edges.extend(slots.next_planned);
        return Some(Reason::PlannedBudgetSpent);
    }
    // The finalizer comes first: an object that is deleted in the midst of a shrink must be able to end it.
    (!scene.seen.storage.finalizer && acts(scene)).then_some(Reason::Shrink(ShrinkReason::Confirming))
}

/// The volume that is due so soon that the others wait for it. Nobody waits longer than an hour: one that swings would
/// keep the others waiting for ever. When it is due is looked at again anyway ([`super::offer::look`]).
fn gathers(scene: &Scene<'_>, record: &Record, ready: &[&VolumeName]) -> Option<Reason> {
    let due = |name: &VolumeName| scene.decided.get(name)?.look.due;
    let latest = ready.iter().filter_map(|name| due(name)).min()?.plus(GATHERS);
    let others = scene.decided.keys().filter_map(|name| Some((due(name)?, name)));
    let soon = others.filter(|(due, _)| *due > scene.now && *due <= latest);
    // What one that cannot take part says of itself is no edge of this shrink.
    let mut joins = soon.filter(|(_, name)| alone(scene, record, name, &mut Vec::new()).is_none());
    let (until, volume) = joins.next()?;
    Some(Reason::Shrink(ShrinkReason::Gathers { volume: volume.clone(), until }))
}

fn surges(scene: &Scene<'_>, volumes: &[&VolumeName]) -> bool {
    let never = |name: &&VolumeName| {
        scene.policy.volumes.get(*name).is_some_and(|rules| rules.shrink.surge == Surge::Never)
    };
    !volumes.iter().all(never)
}

/// Records the intent: one slot of each volume, and who is to be replaced.
fn start(
    scene: &Scene<'_>,
    record: &mut Record,
    numbers: &mut Numbers,
    volumes: &[&VolumeName],
    offers: &BTreeMap<&VolumeName, Offer>,
) {
    let (id, started) = (numbers.next(), scene.now);
    let mut sizes = BTreeMap::new();
    for name in volumes {
        let (Some(Offer { from, to }), Some(volume)) =
            (offers.get(name).copied(), record.volumes.get_mut(*name))
        else {
            continue;
        };
        sizes.insert((*name).clone(), ShrinkSizes { from, to });
        let cause = Cause::Shrink;
        volume.ledger.entries.push(LedgerEntry { id, cause, from, to, started, outcome: Outcome::Running });
        volume.calm = None;
    }
    let originals: BTreeMap<InstanceName, Uid> = scene
        .seen
        .members
        .iter()
        .filter_map(|(name, member)| {
            Some((name.clone(), member.claims.get(&VolumeName::Data)?.id.uid.clone()))
        })
        .collect();
    record.sequence = numbers.0;
    record.shrink = Some(Shrink {
        id,
        generation: scene.policy.generation,
        started,
        volumes: sizes,
        declared: scene.seen.cluster.instances,
        surge: if surges(scene, volumes) { Surging::Wanted } else { Surging::No },
        originals,
        condemned: None,
        course: Course::Smaller,
    });
}

/// What the shrink of the offered volumes would cost and save; told with each of them.
pub(in crate::decide) fn plans(scene: &Scene<'_>, record: &Record) -> Vec<(VolumeName, Notice)> {
    let offers: Vec<(&VolumeName, Offer)> =
        scene.decided.iter().filter_map(|(name, volume)| Some((name, volume.look.offer?))).collect();
    if record.shrink.is_some() || offers.is_empty() {
        return Vec::new();
    }
    let volumes: BTreeSet<&VolumeName> = offers.iter().map(|(name, _)| *name).collect();
    let volumes: Vec<&VolumeName> = volumes.into_iter().collect();
    let instances = scene.seen.cluster.instances;
    let copies = match instances {
        // The further instance takes the place of the only one.
        1 => 1,
        _ => instances.saturating_add(u32::from(surges(scene, &volumes))),
    };
    let one = copied(scene.seen);
    let times = |bytes: Bytes, count: u32| bytes.scaled_up(u64::from(count), 1).unwrap_or(Bytes::MAX);
    let minutes = copy_span(one).as_seconds().div_ceil(300).saturating_mul(5).saturating_mul(copies);
    let bytes = times(one, copies).rounded_up_to(Bytes::gibi(1));
    let plan = |(name, Offer { from, to }): (&VolumeName, Offer)| {
        let saving = times(from.minus_or_zero(to), instances);
        (name.clone(), Notice::ShrinkPlan { to, copies, bytes, minutes, saving })
    };
    offers.into_iter().map(plan).collect()
}
