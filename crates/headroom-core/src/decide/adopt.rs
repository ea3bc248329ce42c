//! What the claims say of the effective size: an empty record, and growth that others made.

use alloc::{collections::BTreeMap, vec::Vec};

use super::{bounds::Bounds, member::bound_capacity, numbers::Numbers};
use crate::{
    Bytes, Observation, Span, Timestamp,
    decision::Need,
    ledger::{Cause, Ledger, LedgerEntry, Outcome},
    names::VolumeName,
    record::{MemberRecord, VolumeRecord},
    usage::Samples,
};

/// The record of the volume with what the claims add to it; `None` while no bound claim has been seen.
///
/// A claim counts with what is proved, `min(request, capacity)`: a request alone may never be met, and repair must not
/// spread it to the siblings.
/// - Empty record (new, restored, re-created by GitOps): the largest bound claim, never `request` (design §4).
/// - Larger than known, and no growth of ours explains it: the effective size is raised, up to the ceiling, and one
///   External entry counts (design §5 rule 6). Claims above the ceiling are reported, not followed.
pub(super) fn adopt(
    seen: &Observation,
    volume: &VolumeName,
    (record, unsure): (Option<&VolumeRecord>, bool),
    bounds: Bounds,
    numbers: &mut Numbers,
    now: Timestamp,
) -> Option<(VolumeRecord, Option<Need>)> {
    let proved = || {
        seen.members.values().filter_map(|member| {
            let claim = member.claims.get(volume)?;
            bound_capacity(claim).map(|capacity| claim.requested.min(capacity))
        })
    };
    let largest = proved().max();
    let Some(record) = record else {
        return largest.map(|effective| {
            let ledger = Ledger { entries: Vec::new() };
            let members = BTreeMap::new();
            (VolumeRecord { effective, ledger, growth: None, calm: None, members }, None)
        });
    };
    let mut record = record.clone();
    let explained = record.growth.as_ref().map_or(record.effective, |growth| growth.to.max(record.effective));
    let raised = largest.unwrap_or(Bytes::ZERO).min(bounds.emergency);
    if raised > explained && unsure {
        return Some((record, Some(Need::Quorum)));
    }
    if raised > explained {
        end_growth(&mut record, seen, volume, now);
        record.ledger.entries.push(LedgerEntry {
            id: numbers.next(),
            cause: Cause::External,
            from: record.effective,
            to: raised,
            started: now,
            outcome: Outcome::Completed { at: now },
        });
        mark_grown(&mut record, seen, volume, now);
        record.effective = raised;
    }
    Some((record, None))
}

/// For so long after a shrink a watch may still show a claim as it was before its deletion.
const SHRINK_LATE: Span = Span::minutes(10);

/// Whether a claim found larger may be one that a shrink has replaced: a read of the quorum tells.
pub(super) fn unsure(seen: &Observation, shrunk_at: Option<Timestamp>, now: Timestamp) -> bool {
    let recent = shrunk_at.is_some_and(|at| now.since(at) <= SHRINK_LATE);
    recent && seen.quorum(now).is_none()
}

/// A growth that somebody overtook is over: what is left of it is repair's.
fn end_growth(record: &mut VolumeRecord, seen: &Observation, volume: &VolumeName, now: Timestamp) {
    let Some(growth) = record.growth.take() else { return };
    let patched = seen
        .members
        .values()
        .filter_map(|member| member.claims.get(volume))
        .any(|claim| claim.requested == growth.to);
    let outcome = if patched { Outcome::Superseded { at: now } } else { Outcome::Refunded { at: now } };
    close(&mut record.ledger, growth.id, outcome);
}

/// Samples of a claim that somebody grew speak of the smaller one.
fn mark_grown(record: &mut VolumeRecord, seen: &Observation, volume: &VolumeName, now: Timestamp) {
    for (name, member) in &seen.members {
        let Some(claim) = member.claims.get(volume) else { continue };
        if bound_capacity(claim).is_some_and(|capacity| capacity > record.effective) {
            let last_usage = record
                .members
                .get(name)
                .filter(|kept| kept.claim == claim.id.uid)
                .and_then(|kept| kept.last_usage);
            // No sample that is known is newer, however far the kubelet's clock is ahead of ours.
            let newest = seen.evidence.samples.get(&claim.id.uid).and_then(Samples::newest);
            let grown_at = newest.map_or(now, |sample| sample.at.max(now));
            let kept = MemberRecord { claim: claim.id.uid.clone(), grown_at: Some(grown_at), last_usage };
            record.members.insert(name.clone(), kept);
        }
    }
}

/// Writes the outcome of an entry.
pub(super) fn close(ledger: &mut Ledger, id: crate::ledger::ActionId, outcome: Outcome) {
    for entry in ledger.entries.iter_mut().filter(|entry| entry.id == id) {
        entry.outcome = outcome;
    }
}
