//! Planned growth (design §5 rule 3): wanted by usage or by `request`, held by everything that says wait.

use super::{
    draft::{Draft, Verdict},
    member::Member,
    numbers::Numbers,
    size::below,
    walfault,
};
use crate::{
    Bytes, Span, Timestamp,
    ledger::{Cause, Outcome},
    names::Text,
    operation::{CANARY_PATIENCE, choose_canary},
    report::{Reason, State},
    usage::Sample,
    window::Windows,
};

/// How long a growth that was stopped at its first claim is not tried again at the same or a larger size, counted from
/// its Refunded entry (durable). Bounded, because not every cure can be seen.
const HOLD_AFTER_STOP: Span = Span::hours(1);

/// How sure a want is. Only a sure one starts a growth; a lone sample on the other side of the buffer changes nothing
/// that people or the status would notice, so that a volume that hovers at its buffer causes no writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Sight {
    /// The newest sample is below the buffer, the one before was not.
    Dip,
    /// It was known to be below, and one of the last two samples says otherwise: what holds it is still told.
    Wavering,
    /// The only sample there is is below the buffer.
    First,
    /// Two samples with different kubelet times, or the user's own `request`.
    Sure,
}

/// What is wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Want {
    /// The size.
    pub(super) to: Bytes,
    /// Whether usage asks for it, rather than `request`.
    by_usage: bool,
    /// How sure that is.
    sight: Sight,
}

/// Starts a planned growth, or says what it waits for. `None`: nothing is wanted.
pub(super) fn step(draft: &mut Draft<'_>, members: &[Member<'_>], numbers: &mut Numbers) -> Option<Verdict> {
    if draft.blocked || draft.record.growth.is_some() || draft.shrinking.is_some() {
        return None;
    }
    let want = want(draft, members).filter(|want| want.sight > Sight::Dip)?;
    if draft.ended {
        // The next growth is judged once this end is recorded; what stopped this one is told at once.
        let more = want.to > draft.record.effective;
        return if more { held_after_stop(draft, members, want.to) } else { None };
    }
    if want.to <= draft.record.effective || draft.bounds.cluster_above.is_some() {
        return Some((State::AtLimit, draft.limit_reason()));
    }
    draft.wanted = Some(want.to);
    let held = held_after_stop(draft, members, want.to).or_else(|| in_flight(draft, members, want.to));
    if held.is_some() {
        return held;
    }
    if want.sight == Sight::First {
        return Some((State::PendingGrowth, Reason::Confirming));
    }
    let gates = gates(draft).or_else(|| if want.by_usage { walfault::hold(draft) } else { None });
    if gates.is_some() {
        return gates;
    }
    if want.sight < Sight::Sure {
        return Some((State::PendingGrowth, Reason::Confirming));
    }
    draft.due = true;
    let canary = choose_canary(members, None);
    let reason = match &canary {
        Some(canary) => Reason::WaitingForCanary(canary.clone()),
        None => Reason::WaitingForStorage { instance: members.first()?.name.clone(), node_step: false },
    };
    draft.start(Cause::Planned, want.to, canary, numbers);
    Some((State::Growing, reason))
}

/// What usage and `request` ask for. Members that are fenced, stale, unmounted or under repair have no want of their own.
pub(super) fn want(draft: &Draft<'_>, members: &[Member<'_>]) -> Option<Want> {
    let requested = draft.bounds.request.filter(|request| *request > draft.record.effective);
    let mut wanted =
        requested.map(|to| Want { to: to.min(draft.bounds.high), by_usage: false, sight: Sight::Sure });
    let base = draft.base();
    // A claim that is still being given the effective size is judged once it has it.
    let whole = |member: &&Member<'_>| member.capacity >= draft.record.effective;
    for member in members.iter().filter(|member| member.counts() && !member.fenced).filter(whole) {
        let Some((sight, sample)) = sight(draft, member) else { continue };
        let to = base.planned(member, sample);
        wanted = Some(match wanted {
            // The surest wants decide; among those the largest.
            Some(known) if known.sight > sight => known,
            Some(known) if known.sight == sight => Want { to: known.to.max(to), by_usage: true, sight },
            Some(_) | None => Want { to, by_usage: true, sight },
        });
    }
    wanted
}

/// What the last two samples say of a member, and which of them is below the buffer. Samples of the claim as it was
/// before it grew, by a repair or by somebody else, say nothing.
fn sight(draft: &Draft<'_>, member: &Member<'_>) -> Option<(Sight, Sample)> {
    let low = |sample: &Sample| below(draft.policy, *sample);
    let as_it_is = |sample: &Sample| member.grown_since.is_none_or(|grown| sample.at > grown);
    let newest = member.current.filter(as_it_is)?;
    let known_low = member.baseline.as_ref().is_some_and(low);
    let earlier = member.earlier().filter(as_it_is);
    match (low(&newest), earlier, earlier.as_ref().is_some_and(low)) {
        (true, None, _) => Some((Sight::First, newest)),
        (true, Some(_), true) => Some((Sight::Sure, newest)),
        (true, Some(_), false) if known_low => Some((Sight::Wavering, newest)),
        (true, Some(_), false) => Some((Sight::Dip, newest)),
        (false, Some(earlier), true) if known_low => Some((Sight::Wavering, earlier)),
        (false, ..) => None,
    }
}

/// A growth of this size or less was stopped at its first claim a short while ago, and what stopped it is still there.
fn held_after_stop(draft: &mut Draft<'_>, members: &[Member<'_>], to: Bytes) -> Option<Verdict> {
    let (until, size) = draft
        .record
        .ledger
        .entries
        .iter()
        .filter_map(|entry| match entry.outcome {
            Outcome::Refunded { at } if entry.cause == Cause::Planned && entry.to <= to => {
                Some((at.plus(HOLD_AFTER_STOP), entry.to))
            }
            Outcome::Refunded { .. }
            | Outcome::Running
            | Outcome::Completed { .. }
            | Outcome::Superseded { .. } => None,
        })
        .filter(|(until, _)| *until > draft.now)
        .max()?;
    let stuck =
        members.iter().find(|member| !member.met() && member.claim.requested > draft.record.effective);
    let reason = match stuck {
        Some(member) if member.infeasible() => unmet(member),
        Some(member) => Reason::CanaryStuck(member.name.clone()),
        None => refusal(members.iter().find(|member| {
            member
                .obstacle
                .is_some_and(|obstacle| obstacle.wanted == size && super::backoff::refuses(obstacle.cause))
        })?)?,
    };
    draft.edge([until]);
    Some((State::Blocked, reason))
}

/// Somebody else's resize of at least this size is under way: wait for it, as long as for a canary.
fn in_flight(draft: &mut Draft<'_>, members: &[Member<'_>], to: Bytes) -> Option<Verdict> {
    let member = members.iter().find(|member| {
        let patient = member.waiting_since.is_none_or(|since| since.plus(CANARY_PATIENCE) > draft.now);
        member.counts() && !member.met() && member.claim.requested >= to && !member.infeasible() && patient
    })?;
    draft.edge(member.waiting_since.map(|since| since.plus(CANARY_PATIENCE)));
    Some((State::PendingGrowth, unmet(member)))
}

/// Window and planned slot. Where both say wait, the one that ends later is the reason that really holds.
fn gates(draft: &Draft<'_>) -> Option<Verdict> {
    let slots = draft.budget();
    let windows = draft.windows();
    let opens = match windows {
        Windows::Always => None,
        Windows::Next { start, .. } => (!windows.open_at(draft.now)).then_some(start),
        Windows::Never => return Some((State::PendingGrowth, Reason::NoWindowAhead)),
    };
    let spent = (slots.planned == 0).then_some(slots.next_planned);
    let by_budget = match (opens, spent) {
        (None, None) => return None,
        (Some(_), None) => false,
        (None, Some(_)) | (Some(_), Some(None)) => true,
        (Some(opens), Some(Some(returns))) => returns > opens,
    };
    Some(if !by_budget {
        (State::PendingGrowth, Reason::OutsideWindow)
    } else if slots.emergency == 0 {
        (State::BudgetExhausted, Reason::BudgetSpent)
    } else {
        (State::BudgetExhausted, Reason::PlannedBudgetSpent)
    })
}

/// What an unmet request waits for.
pub(super) fn unmet(member: &Member<'_>) -> Reason {
    let instance = member.name.clone();
    if member.infeasible() {
        let words = member.claim.resize.error.clone().unwrap_or_else(|| Text::from(""));
        Reason::Infeasible { instance, words }
    } else {
        Reason::WaitingForStorage { instance, node_step: member.node_step() }
    }
}

/// The refusal of a member's request, in the API server's words.
pub(super) fn refusal(member: &Member<'_>) -> Option<Reason> {
    let obstacle = member.obstacle?;
    Some(Reason::Refused {
        instance: member.name.clone(),
        cause: obstacle.cause,
        words: obstacle.words.clone(),
    })
}

impl Draft<'_> {
    /// The volume's windows; one that nobody resolved is closed.
    pub(super) fn windows(&self) -> Windows {
        self.seen.windows.get(self.name).copied().unwrap_or(Windows::Never)
    }

    /// Why no larger size is allowed.
    pub(super) fn limit_reason(&self) -> Reason {
        match self.bounds.cluster_above {
            Some(cluster_size) => Reason::LimitBelowClusterSize { cluster_size },
            None => Reason::LimitReached,
        }
    }

    /// A moment at which the present window state ends.
    pub(super) fn window_edge(&self) -> Option<Timestamp> {
        self.windows().next_edge(self.now)
    }
}
