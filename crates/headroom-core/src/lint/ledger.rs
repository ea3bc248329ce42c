//! The ledger: nothing vanishes, nothing is rewritten, no slot is spent that is not there.

use super::{Case, Volume};
use crate::{
    Timestamp,
    ledger::{Cause, LedgerEntry, Outcome},
    record::Course,
};

const DAY_SECONDS: i64 = 86_400;

pub(super) fn check(case: &mut Case<'_>, volume: &Volume<'_>) {
    let now = case.now;
    let earlier = volume.earlier.map_or(&[][..], |record| record.ledger.entries.as_slice());
    let later = volume.later.ledger.entries.as_slice();
    for entry in earlier {
        let kept = later.iter().find(|kept| kept.id == entry.id);
        let may_go = entry.outcome != Outcome::Running && older(entry, now);
        case.require(kept.is_some() || may_go, "LedgerEntryVanished");
        case.require(kept.is_none_or(|kept| continues(entry, kept)), "LedgerRewritten");
    }
    let fresh = || later.iter().filter(|entry| earlier.iter().all(|known| known.id != entry.id));
    for entry in fresh() {
        let numbered = entry.id.0 > case.before.sequence && entry.id.0 <= case.decision.record.sequence;
        // At the end of the number space the last number repeats.
        case.require(numbered || case.before.sequence == u32::MAX, "LedgerMisnumbered");
        let led = if entry.cause == Cause::Shrink { entry.to < entry.from } else { entry.to > entry.from };
        case.require(entry.started == now && led, "LedgerMisdated");
    }
    let ours = fresh().filter(|entry| entry.cause != Cause::External);
    case.require(ours.clone().count() <= 1, "TwoSlots");
    for entry in ours {
        let taken = later.iter().filter(|other| other.id != entry.id && counts(other, now)).count();
        let most = match entry.cause {
            Cause::Planned | Cause::Shrink => {
                volume.rules.budget.per_day.saturating_sub(volume.rules.budget.reserved)
            }
            Cause::Emergency | Cause::External => volume.rules.budget.per_day,
        };
        case.require(taken < usize::from(most), "BudgetExceeded");
    }
    let running: alloc::vec::Vec<_> =
        later.iter().filter(|entry| entry.outcome == Outcome::Running).map(|entry| entry.id).collect();
    let shrinks = case
        .decision
        .record
        .shrink
        .as_ref()
        .filter(|shrink| shrink.course != Course::Tidy && shrink.volumes.contains_key(volume.name));
    let grows = volume.later.growth.iter().map(|growth| growth.id);
    let known: alloc::collections::BTreeSet<_> = grows.chain(shrinks.map(|shrink| shrink.id)).collect();
    let running: alloc::collections::BTreeSet<_> = running.into_iter().collect();
    case.require(running == known, "GrowthUnledgered");
}

fn older(entry: &LedgerEntry, now: Timestamp) -> bool {
    now.unix().saturating_sub(entry.started.unix()) >= DAY_SECONDS
}

/// Future-dated entries count.
fn counts(entry: &LedgerEntry, now: Timestamp) -> bool {
    !matches!(entry.outcome, Outcome::Refunded { .. }) && !older(entry, now)
}

/// A closed entry stays; a running one may be closed, or aim lower for a newer spec; a shrink less low.
fn continues(entry: &LedgerEntry, kept: &LedgerEntry) -> bool {
    if entry.outcome != Outcome::Running {
        return entry == kept;
    }
    let same = entry.cause == kept.cause && entry.from == kept.from && entry.started == kept.started;
    let aims = if entry.cause == Cause::Shrink { kept.to >= entry.to } else { kept.to <= entry.to };
    same && aims
}
