//! Class 2: sizes of claims and room in file systems.

use std::collections::BTreeSet;

use headroom_core::{Bytes, names::VolumeName};

use super::{Assertion, Case, Class, assertion, require};
use crate::{expect::Storage, trace::ClaimState};

pub(super) fn check(what: &Storage, case: &Case<'_>) -> Assertion {
    let (text, found) = match what {
        Storage::EveryClaimRequests(volume, size) => (
            format!("every {volume} claim requests {size} and has no less"),
            every_claim(case, volume, *size, *size),
        ),
        Storage::EveryClaimBetween(volume, least, most) => (
            format!("every {volume} claim requests the same, {least} to {most}, and has no less"),
            every_claim(case, volume, *least, *most).and_then(|()| same(case, volume)),
        ),
        Storage::NeverOutside(volume, least, most) => (
            format!("no {volume} claim ever requested less than {least} or more than {most}"),
            never_outside(case, volume, *least, *most),
        ),
        Storage::BornWith(volume, least) => (
            format!("every new {volume} claim requested at least {least} from its first moment"),
            born_with(case, volume, *least),
        ),
        Storage::FreeAtLeast(volume, percent) => (
            format!("at least {percent} % of {volume} is free at the end"),
            free_at_least(case, volume, *percent),
        ),
    };
    assertion(Class::Storage, text, found)
}

fn every_claim(case: &Case<'_>, volume: &VolumeName, least: Bytes, most: Bytes) -> Result<(), String> {
    let wanted = case.end.cluster.as_ref().map_or(0, |cluster| cluster.wanted);
    let seen = case.end.claims_of(volume).count();
    require(wanted > 0 && u32::try_from(seen) == Ok(wanted), || {
        format!("{seen} {volume} claims for {wanted} instances")
    })?;
    let fits = |claim: &ClaimState| {
        (least..=most).contains(&claim.requested)
            && claim.capacity.is_some_and(|capacity| capacity >= claim.requested)
    };
    match case.end.claims_of(volume).find(|claim| !fits(claim)) {
        Some(claim) => Err(told(claim)),
        None => Ok(()),
    }
}

/// Whether all claims of the volume request the same.
pub(super) fn same(case: &Case<'_>, volume: &VolumeName) -> Result<(), String> {
    let mut claims = case.end.claims_of(volume);
    let Some(first) = claims.next() else { return Err(format!("no {volume} claim")) };
    match claims.find(|claim| claim.requested != first.requested) {
        Some(other) => Err(format!("{}, but {}", told(first), told(other))),
        None => Ok(()),
    }
}

fn never_outside(case: &Case<'_>, volume: &VolumeName, least: Bytes, most: Bytes) -> Result<(), String> {
    let claims = case.trace.entries.iter().filter_map(|entry| entry.what.claim());
    let outside = claims
        .filter(|claim| claim.volume == *volume)
        .find(|claim| !(least..=most).contains(&claim.requested));
    match outside {
        Some(claim) => Err(told(claim)),
        None => Ok(()),
    }
}

fn born_with(case: &Case<'_>, volume: &VolumeName, least: Bytes) -> Result<(), String> {
    let entries = &case.trace.entries;
    let ready = entries.len().saturating_sub(case.trace.after_ready().len());
    let mut known = BTreeSet::new();
    let claims = entries.iter().enumerate().filter_map(|(at, entry)| Some((at, entry.what.claim()?)));
    let of_volume = claims.filter(|(_, claim)| claim.volume == *volume);
    let first = of_volume.filter(|(_, claim)| known.insert(&claim.uid));
    let new: Vec<&ClaimState> = first.filter(|(at, _)| *at >= ready).map(|(_, claim)| claim).collect();
    require(!new.is_empty(), || "there is no new one".to_owned())?;
    new.iter().find(|claim| claim.requested < least).map_or(Ok(()), |claim| Err(told(claim)))
}

fn free_at_least(case: &Case<'_>, volume: &VolumeName, percent: u8) -> Result<(), String> {
    let Some(primary) = case.end.primary() else { return Err("no primary".to_owned()) };
    let Some(used) = case.end.used_percent(&primary, volume) else {
        return Err("no usage was seen".to_owned());
    };
    let free = 100_u8.saturating_sub(used);
    require(free >= percent, || format!("{free} % free"))
}

/// A claim in words.
pub(super) fn told(claim: &ClaimState) -> String {
    let capacity = claim.capacity.map_or("nothing".to_owned(), |capacity| capacity.to_string());
    format!("{} requests {} and has {capacity}", claim.instance, claim.requested)
}
