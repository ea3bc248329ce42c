//! Invariant 5: no claim is raised twice to the same size, each write was recorded before, each slot was used.

use std::collections::BTreeMap;

use headroom_core::{
    Bytes,
    ledger::Cause,
    names::{InstanceName, VolumeName},
};

use super::volume_of;
use crate::{
    checkers::{Case, require},
    trace::{Entry, StorageState},
};

type Raise<'a> = (&'a Entry, &'a InstanceName, &'a VolumeName, Bytes);

pub(super) fn check(case: &Case<'_>) -> Result<(), String> {
    let raises: Vec<Raise<'_>> = case
        .trace
        .entries
        .iter()
        .filter_map(|entry| entry.what.raise().map(|(instance, volume, to)| (entry, instance, volume, to)))
        .collect();
    once_each(case, &raises)?;
    raises.iter().try_for_each(|raise| intent_before(case, raise))?;
    slots(case, &raises)
}

/// As often as the claim fell below that size again (CNPG writes claims from a cache), or was replaced, it may be raised
/// again: counts only, so that the order between claims and writes does not matter.
fn once_each(case: &Case<'_>, raises: &[Raise<'_>]) -> Result<(), String> {
    let mut count: BTreeMap<(&InstanceName, &VolumeName, Bytes), u32> = BTreeMap::new();
    for (_, instance, volume, to) in raises {
        let known = count.entry((instance, volume, *to)).or_insert(0);
        *known = known.saturating_add(1);
    }
    for ((instance, volume, to), times) in count {
        let mut allowed: u32 = 1;
        let mut last: Option<(&str, Bytes)> = None;
        for entry in &case.trace.entries {
            let Some(claim) = entry.what.claim() else { continue };
            if claim.instance != *instance || claim.volume != *volume {
                continue;
            }
            let fell =
                last.is_some_and(|(uid, size)| uid != claim.uid || (size >= to && claim.requested < to));
            allowed = allowed.saturating_add(u32::from(fell));
            last = Some((&claim.uid, claim.requested));
        }
        require(times <= allowed, || format!("{volume} of {instance} was raised to {to} {times} times"))?;
    }
    Ok(())
}

/// The status named the size (ledger, target or effective) before the claim was written.
fn intent_before(case: &Case<'_>, (entry, instance, volume, to): &Raise<'_>) -> Result<(), String> {
    let named = |status: &StorageState| {
        volume_of(status, volume).is_some_and(|shown| {
            let in_ledger = shown.ledger.iter().any(|(_, size, _)| size == to);
            in_ledger || shown.effective == Some(*to) || shown.running.is_some() && shown.target == Some(*to)
        })
    };
    let first = case.trace.entries.iter().find(|entry| entry.what.storage().is_some_and(named));
    match first {
        None => Err(format!("{volume} of {instance} was raised to {to}, which no status ever named")),
        Some(first) => require(first.before(entry) != Some(false), || {
            format!("{volume} of {instance} was raised to {to} before that was recorded")
        }),
    }
}

/// Each completed entry was really done, and no size was paid for twice.
fn slots(case: &Case<'_>, raises: &[Raise<'_>]) -> Result<(), String> {
    let Some(status) = &case.end.storage else { return Ok(()) };
    for shown in &status.volumes {
        let own: Vec<_> = shown
            .ledger
            .iter()
            .filter(|(cause, ..)| ![Cause::External, Cause::Shrink].contains(cause))
            .collect();
        for (at, (_, to, completed)) in own.iter().enumerate() {
            let done = raises.iter().any(|(_, _, volume, size)| **volume == shown.volume && size == to);
            require(!completed || done, || {
                format!("a slot of {} was spent on {to} without a patch", shown.volume)
            })?;
            let again = own.iter().skip(at.saturating_add(1)).any(|(_, other, again)| other == to && *again);
            require(!(*completed && again), || format!("two slots of {} were spent on {to}", shown.volume))?;
        }
    }
    Ok(())
}
