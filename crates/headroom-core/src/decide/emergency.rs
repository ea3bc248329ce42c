//! Emergency growth (design §5 rule 2): judged first, whatever else runs.

use alloc::vec::Vec;

use super::{
    alarm::Alarm,
    draft::{Draft, Verdict},
    member::Member,
    numbers::Numbers,
    size::Base,
};
use crate::{
    Bytes,
    ledger::Cause,
    report::{Notice, Reason, State},
};

/// Starts an emergency growth, or makes the running one serve; says how the emergency stands. `None`: there is none.
pub(super) fn step(draft: &mut Draft<'_>, members: &[Member<'_>], numbers: &mut Numbers) -> Option<Verdict> {
    let (worst, alarm) = draft.alarmed(members).next()?;
    let reason = told(worst, alarm);
    if draft.blocked {
        draft.notices.push(Notice::CriticalAt(draft.policy.emergency.critical));
        return None;
    }
    if !draft.policy.emergency.enabled {
        draft.notices.push(Notice::CriticalAt(draft.policy.emergency.critical));
        return Some((State::Emergency, Reason::EmergencyDisabled));
    }
    if let Some(growth) = &mut draft.record.growth {
        growth.canary = None;
    }
    let uncured: Vec<(&Member<'_>, Alarm)> = draft
        .alarmed(members)
        .filter(|(member, alarm)| {
            let coming = draft.heading().max(member.claim.requested);
            draft.base().still_in_emergency(member, *alarm, coming)
        })
        .collect();
    if uncured.is_empty() {
        return Some((State::Emergency, underway(draft, worst).unwrap_or(reason)));
    }
    let slots = draft.budget();
    if slots.emergency == 0 {
        draft.notices.push(Notice::CriticalAt(draft.policy.emergency.critical));
        return Some((State::BudgetExhausted, Reason::BudgetSpent));
    }
    let next_slot = (slots.emergency == 1).then(|| draft.next_return());
    // What is asked for already, and may still come, is not enough: the step is taken from there.
    let coming =
        uncured.iter().filter(|(member, _)| !member.infeasible()).map(|(member, _)| member.claim.requested);
    let effective = coming.max().map_or(draft.heading(), |coming| coming.max(draft.heading()));
    let base = Base { effective, ..draft.base() };
    let target = |member: &Member<'_>, alarm| base.emergency(member, alarm, next_slot, draft.now);
    let to = uncured.iter().map(|(member, alarm)| target(member, *alarm)).max().unwrap_or(Bytes::ZERO);
    let patchable = |(member, _): &(&Member<'_>, Alarm)| to > member.claim.requested;
    if to <= draft.heading() || !uncured.iter().any(patchable) {
        draft.notices.push(Notice::CriticalAt(draft.policy.emergency.critical));
        let stuck = uncured.iter().find(|(member, _)| member.infeasible() && member.claim.requested >= to);
        return Some(match stuck {
            Some((member, _)) => (State::Emergency, super::planned::unmet(member)),
            None => (State::AtLimit, draft.limit_reason()),
        });
    }
    draft.start(Cause::Emergency, to, None, numbers);
    Some((State::Emergency, reason))
}

/// The sign in words for people.
fn told(member: &Member<'_>, alarm: Alarm) -> Reason {
    let name = member.name.clone();
    match alarm {
        Alarm::DiskFull => Reason::DiskFull(name),
        Alarm::Critical => Reason::Critical(name),
        Alarm::FullSoon => Reason::FullSoon(name),
    }
}

/// What the cure waits for, where that is no growth of ours.
fn underway(draft: &Draft<'_>, worst: &Member<'_>) -> Option<Reason> {
    if draft.record.growth.is_some() || worst.met() {
        return None;
    }
    Some(super::planned::unmet(worst))
}
