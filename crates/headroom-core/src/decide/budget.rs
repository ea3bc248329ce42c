//! Slots of the sliding 24 hours (design §5 rule 6).

use alloc::vec::Vec;

use crate::{
    Span, Timestamp,
    ledger::{Ledger, LedgerEntry, Outcome},
    policy::Budget,
    report::BudgetReport,
};

/// When the slot of `entry` returns; `None` when it was given back.
fn returns_at(entry: &LedgerEntry) -> Option<Timestamp> {
    match entry.outcome {
        Outcome::Refunded { .. } => None,
        Outcome::Running | Outcome::Completed { .. } | Outcome::Superseded { .. } => {
            Some(entry.started.plus(Span::DAY))
        }
    }
}

/// When the slots that count at `now` return, soonest first. Entries dated in the future count: a clock that jumped
/// back must not give slots away.
pub(super) fn returns(ledger: &Ledger, now: Timestamp) -> Vec<Timestamp> {
    let mut list: Vec<Timestamp> =
        ledger.entries.iter().filter_map(returns_at).filter(|at| *at > now).collect();
    list.sort_unstable();
    list
}

/// The slots as they stand at `now`. Planned actions leave the reserve alone, whoever spent the others.
pub(super) fn budget(policy: Budget, ledger: &Ledger, now: Timestamp) -> BudgetReport {
    let returns = returns(ledger, now);
    let used = u8::try_from(returns.len()).unwrap_or(u8::MAX);
    let for_planned = policy.per_day.saturating_sub(policy.reserved);
    BudgetReport {
        used,
        planned: for_planned.saturating_sub(used),
        emergency: policy.per_day.saturating_sub(used),
        next_planned: next(&returns, for_planned),
        next_emergency: next(&returns, policy.per_day),
    }
}

/// When fewer than `slots` are in use again; `None` when that is so now or never will be.
fn next(returns: &[Timestamp], slots: u8) -> Option<Timestamp> {
    let slots = usize::from(slots);
    if slots == 0 {
        return None;
    }
    returns.len().checked_sub(slots).and_then(|over| returns.get(over)).copied()
}
