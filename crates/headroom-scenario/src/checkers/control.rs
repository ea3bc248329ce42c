//! Class 4: what the operator itself did and said.

use std::collections::BTreeMap;

use headroom_core::{
    ledger::Cause,
    names::{InstanceName, VolumeName},
    report::State,
};

use super::{Assertion, Case, Class, announced, assertion, require};
use crate::{
    Fact, What,
    evaluate::{holds, silent},
    expect::Control,
    trace::{Entry, VolumeState, Written},
    words,
};

pub(super) fn check(expected: &Control, case: &Case<'_>) -> Assertion {
    let (text, found) = match expected {
        Control::PassedThrough(volume, state) => (
            format!("{volume} passed through {}", words::state(*state)),
            holds(&Fact::StateSeen(volume.clone(), *state), &case.end, case.quiet),
        ),
        Control::NeverShown(volume, state) => {
            let seen = case.end.states.contains(&(volume.clone(), *state));
            let text = format!("{volume} was never {}", words::state(*state));
            (text, require(!seen, || "it was".to_owned()))
        }
        Control::LedgerEntries(volume, of, wanted) => {
            let text = format!("{} actions of {volume} in the ledger: {wanted}", words::cause(*of));
            (text, ledger_entries(case, volume, *of, *wanted))
        }
        Control::PatchesPerClaim(volume, wanted) => (
            format!("each {volume} claim was raised {wanted} times"),
            patches_per_claim(case, volume, *wanted),
        ),
        Control::PatchesInAll(volume, wanted) => {
            let seen = patches(case, volume).values().fold(0, |sum, count| count.saturating_add(sum));
            (
                format!("{volume} claims were raised {wanted} times in all"),
                require(seen == *wanted, || seen.to_string()),
            )
        }
        Control::NoPatch(volume) => {
            let seen = patches(case, volume);
            (
                format!("no {volume} claim was raised"),
                require(seen.is_empty(), || format!("{} were", seen.len())),
            )
        }
        Control::PatchesPerClaimAtMost(volume, most) => {
            let over = patches(case, volume).into_iter().find(|(_, count)| count > most);
            let text = format!("no {volume} claim was raised more than {most} times");
            (text, over.map_or(Ok(()), |(who, count)| Err(format!("{who} was raised {count} times"))))
        }
        Control::PassedThroughAs(volume, state, reason) => {
            let text = format!("{volume} passed through {} ({reason})", words::state(*state));
            (text, require(was_shown(case, volume, *state, reason), || "it never did".to_owned()))
        }
        Control::WritesAtMost(most) => {
            let seen = writes(case);
            (format!("the operator wrote at most {most} times"), require(seen <= *most, || seen.to_string()))
        }
        Control::NoPatchWithin(volume, span) => {
            let text = format!("no {volume} claim was raised in the first {} s", span.as_secs());
            (text, no_patch_within(case, volume, u64::try_from(span.as_millis()).unwrap_or(u64::MAX)))
        }
        Control::NoDestructiveAct => {
            ("nothing was deleted by the operator".to_owned(), no_destructive_act(case))
        }
        Control::InstancesReplaced(wanted) => replaced_between(case, *wanted, *wanted),
        Control::InstancesReplacedBetween(least, most) => replaced_between(case, *least, *most),
        Control::EventSeen(reason) => {
            let seen = announced::events(case, reason) > 0;
            (format!("an Event {reason} was published"), require(seen, || "none".to_owned()))
        }
        Control::EndsAs(volume, state, reason) => {
            let text = format!("{volume} ends as {} ({reason})", words::state(*state));
            (text, ends_as(case, volume, *state, reason))
        }
        Control::QuietAtTheEnd => {
            (format!("no write in the last {} s", case.quiet.as_secs()), silent(&case.end, case.quiet))
        }
    };
    assertion(Class::Control, text, found)
}

fn replaced_between(case: &Case<'_>, least: u32, most: u32) -> (String, Result<(), String>) {
    let seen: u32 = case.trace.made_anew().values().sum();
    let wanted = if least == most { least.to_string() } else { format!("{least} to {most}") };
    (format!("instances made anew: {wanted}"), require((least..=most).contains(&seen), || seen.to_string()))
}

fn was_shown(case: &Case<'_>, volume: &VolumeName, state: State, reason: &str) -> bool {
    let statuses = case.trace.after_ready().iter().filter_map(|entry| entry.what.storage());
    statuses
        .flat_map(|status| &status.volumes)
        .any(|shown| shown.volume == *volume && shown.state == state && shown.reason == reason)
}

fn writes(case: &Case<'_>) -> u32 {
    let written =
        case.trace.after_ready().iter().filter(|entry| matches!(entry.what, What::OperatorWrote(_)));
    u32::try_from(written.count()).unwrap_or(u32::MAX)
}

/// What the status shows of a volume at the end.
pub(super) fn shown<'a>(case: &'a Case<'_>, volume: &VolumeName) -> Option<&'a VolumeState> {
    case.end.storage.as_ref()?.volumes.iter().find(|shown| shown.volume == *volume)
}

fn ledger_entries(case: &Case<'_>, volume: &VolumeName, of: Cause, wanted: u32) -> Result<(), String> {
    let Some(shown) = shown(case, volume) else { return Err("no status".to_owned()) };
    let seen = shown.ledger.iter().filter(|(cause, _, _)| *cause == of).count();
    require(u32::try_from(seen) == Ok(wanted), || seen.to_string())
}

fn ends_as(case: &Case<'_>, volume: &VolumeName, state: State, reason: &str) -> Result<(), String> {
    match shown(case, volume) {
        None => Err("no status".to_owned()),
        Some(now) => require(now.state == state && now.reason == reason, || {
            format!("{} ({})", words::state(now.state), now.reason)
        }),
    }
}

/// How often the operator raised each claim of the volume after the fixture was ready.
fn patches(case: &Case<'_>, volume: &VolumeName) -> BTreeMap<InstanceName, u32> {
    let mut count = BTreeMap::new();
    for (_, instance) in raises(case.trace.after_ready(), volume) {
        let known: &mut u32 = count.entry(instance.clone()).or_insert(0);
        *known = known.saturating_add(1);
    }
    count
}

/// When the operator raised claims of the volume, and whose.
pub(super) fn raises<'a>(
    entries: &'a [Entry],
    volume: &'a VolumeName,
) -> impl Iterator<Item = (u64, &'a InstanceName)> {
    entries.iter().filter_map(move |entry| {
        entry.what.raise().filter(|(_, of, _)| *of == volume).map(|(who, ..)| (entry.at_ms, who))
    })
}

fn patches_per_claim(case: &Case<'_>, volume: &VolumeName, wanted: u32) -> Result<(), String> {
    let count = patches(case, volume);
    let mut claims = case.end.claims_of(volume).peekable();
    require(claims.peek().is_some(), || format!("no {volume} claim"))?;
    for claim in claims {
        let seen = count.get(&claim.instance).copied().unwrap_or(0);
        require(seen == wanted, || format!("{} was raised {seen} times", claim.instance))?;
    }
    Ok(())
}

fn no_patch_within(case: &Case<'_>, volume: &VolumeName, span_ms: u64) -> Result<(), String> {
    let after = case.trace.after_ready();
    let ready = after.first().map_or(0, |entry| entry.at_ms);
    match raises(after, volume).map(|(at, _)| at.saturating_sub(ready)).min() {
        Some(first) => require(first >= span_ms, || format!("one after {} s", first / 1000)),
        None => Ok(()),
    }
}

fn no_destructive_act(case: &Case<'_>) -> Result<(), String> {
    for entry in &case.trace.entries {
        if let What::OperatorWrote(Written::Deleted(what)) = &entry.what {
            return Err(format!("it deleted {what}"));
        }
    }
    Ok(())
}
