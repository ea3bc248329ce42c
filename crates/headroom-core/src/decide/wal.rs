//! The WAL volume: observed, never resized (design §4, phase 1).

use alloc::vec::Vec;

use super::walfault;
use crate::{
    Observation, Percent, Span, Timestamp,
    decision::Need,
    names::VolumeName,
    report::WalReport,
    usage::{STALE_AFTER, Usage, classify, share},
};

/// CNPG's exit code for "no room for one WAL segment".
const EXIT_NO_WAL_ROOM: i32 = 4;

/// A WAL volume with less free than this is reported.
const LOW: Percent = Percent::clamped(10);

/// What is said of the WAL volume, when the Cluster has one.
pub(super) fn report(seen: &Observation, now: Timestamp) -> Option<WalReport> {
    seen.cluster.volumes.get(&VolumeName::Wal)?;
    let (mut full, mut low) = (Vec::new(), Vec::new());
    for (name, member) in &seen.members {
        let Some(claim) = member.claims.get(&VolumeName::Wal) else { continue };
        let samples = seen.evidence.samples.get(&claim.id.uid);
        let exit = member.pod.as_ref().filter(|pod| !pod.ready).and_then(|pod| pod.last_exit);
        let is_low = match classify(claim, samples, now) {
            Usage::Fresh(sample) => share::free_below(sample, LOW),
            Usage::Stale(_) | Usage::Mismatch(_) | Usage::Never => false,
        };
        if exit.is_some_and(|exit| exit.code == EXIT_NO_WAL_ROOM) {
            full.push(name.clone());
        } else if is_low {
            low.push(name.clone());
        }
    }
    let troubled = !full.is_empty() || !low.is_empty();
    let facts = seen.evidence.wal.as_ref().and_then(|wal| wal.facts.as_ref()).filter(|_| troubled);
    let notices = facts.into_iter().flat_map(walfault::notices).collect();
    Some(WalReport { full, low, notices })
}

/// The cause of a full or nearly full WAL volume is asked for, and asked for again while it lasts.
pub(super) fn need(seen: &Observation, report: Option<&WalReport>, now: Timestamp) -> Option<Need> {
    let troubled = report.is_some_and(|report| !report.full.is_empty() || !report.low.is_empty());
    (troubled && walfault::recent(seen, now).is_none()).then_some(Need::Wal)
}

/// When what is said of the WAL volume goes stale.
pub(super) fn edges(seen: &Observation) -> impl Iterator<Item = Timestamp> {
    let has_volume = seen.cluster.volumes.contains_key(&VolumeName::Wal);
    seen.members
        .values()
        .filter_map(|member| member.claims.get(&VolumeName::Wal))
        .filter_map(|claim| seen.evidence.samples.get(&claim.id.uid)?.newest())
        .map(|sample| sample.at.plus(STALE_AFTER).plus(Span::seconds(1)))
        .chain(seen.evidence.wal.iter().map(walfault::old_at))
        .filter(move |_| has_volume)
}
