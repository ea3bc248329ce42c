//! The ledger: nothing vanishes, nothing is rewritten, no slot is spent that is not there.

use super::{Case, Volume};
use crate::{
    Timestamp,
    ledger::{Cause, LedgerEntry, Outcome},
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
        case.require(entry.started == now && entry.to > entry.from, "LedgerMisdated");
    }
    let ours = fresh().filter(|entry| entry.cause != Cause::External);
    case.require(ours.clone().count() <= 1, "TwoSlots");
    for entry in ours {
        let taken = later.iter().filter(|other| other.id != entry.id && counts(other, now)).count();
        let most = match entry.cause {
            Cause::Planned => volume.rules.budget.per_day.saturating_sub(volume.rules.budget.reserved),
            Cause::Emergency | Cause::External => volume.rules.budget.per_day,
        };
        case.require(taken < usize::from(most), "BudgetExceeded");
    }
    let running: alloc::vec::Vec<_> =
        later.iter().filter(|entry| entry.outcome == Outcome::Running).map(|entry| entry.id).collect();
    let grows: alloc::vec::Vec<_> = volume.later.growth.iter().map(|growth| growth.id).collect();
    case.require(running == grows, "GrowthUnledgered");
}

fn older(entry: &LedgerEntry, now: Timestamp) -> bool {
    now.unix().saturating_sub(entry.started.unix()) >= DAY_SECONDS
}

/// Future-dated entries count.
fn counts(entry: &LedgerEntry, now: Timestamp) -> bool {
    !matches!(entry.outcome, Outcome::Refunded { .. }) && !older(entry, now)
}

/// A closed entry stays; a running one may be closed, or aim lower for a newer spec.
fn continues(entry: &LedgerEntry, kept: &LedgerEntry) -> bool {
    if entry.outcome != Outcome::Running {
        return entry == kept;
    }
    let same = entry.cause == kept.cause && entry.from == kept.from && entry.started == kept.started;
    same && kept.to <= entry.to
}
