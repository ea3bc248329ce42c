//! Of invariant 6: an action is called completed no sooner than the claims that it raised have the size.

use headroom_core::{
    Bytes,
    ledger::Cause,
    names::{InstanceName, VolumeName},
};

use super::volume_of;
use crate::{
    checkers::{Case, require},
    trace::{Entry, What},
};

pub(super) fn check(case: &Case<'_>) -> Result<(), String> {
    let entries = case.trace.entries.as_slice();
    for (at, raise) in entries.iter().enumerate() {
        let Some((instance, volume, to)) = raise.what.raise() else { continue };
        let Some(completed) = entries.iter().find(|entry| completes(entry, volume, to)) else { continue };
        // What is raised afterwards joined late, and is a repair.
        if raise.before(completed) != Some(true) {
            continue;
        }
        let grown = entries.iter().position(|entry| {
            let claim = entry.what.claim().filter(|claim| claim.instance == *instance);
            claim.is_some_and(|claim| claim.volume == *volume && claim.capacity >= Some(to))
        });
        let late = grown.and_then(|grown| entries.get(grown));
        let early = late.is_none_or(|late| completed.before(late) == Some(true));
        let until = grown.unwrap_or(entries.len());
        require(!early || !mounted(entries, at, until, instance), || {
            format!("the growth of {volume} to {to} was completed before {instance} had it")
        })?;
    }
    Ok(())
}

/// Whether the status says that an action of our own to this size is completed; one that a larger one took over is
/// closed, too, but is not the effective size.
fn completes(entry: &Entry, volume: &VolumeName, to: Bytes) -> bool {
    let shown = entry.what.storage().and_then(|status| volume_of(status, volume));
    let own = [(Cause::Planned, to, true), (Cause::Emergency, to, true)];
    shown.is_some_and(|shown| {
        shown.effective >= Some(to) && own.iter().any(|entry| shown.ledger.contains(entry))
    })
}

/// Whether one pod mounts the claims of the instance all the time: what no pod mounts is not waited for.
fn mounted(entries: &[Entry], from: usize, until: usize, instance: &InstanceName) -> bool {
    let mut there = false;
    for (at, entry) in entries.iter().enumerate().take(until) {
        if let Some(pod) = entry.what.pod().filter(|pod| pod.instance == *instance) {
            there = !pod.terminating;
        } else if entry.what == What::PodGone(instance.clone()) {
            there = false;
        }
        if at >= from && !there {
            return false;
        }
    }
    there
}
