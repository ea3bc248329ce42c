//! Of class 4: what the operator did is announced by Events (requirements: "Events/conditions indicate operation
//! progression, pause, or retry reason"). An Event is published at most once, so an operator that dies takes some with it.

use std::collections::BTreeSet;

use headroom_core::{Bytes, ledger::Cause, names::VolumeName};

use super::{Assertion, Case, Class, assertion, require};
use crate::{
    Act, Strike, What,
    trace::{StorageState, VolumeState},
};

/// `None`: the operator did not live through the run.
pub(super) fn check(case: &Case<'_>) -> Option<Assertion> {
    let dies = case.trace.entries.iter().any(|entry| {
        matches!(entry.what, What::Struck(Strike::KillOperator) | What::Acted(Act::StopOperator))
    });
    let found = || {
        let grown = [Cause::Planned, Cause::Emergency];
        begun(case, &grown, "GrowthStarted")?;
        ended(case, &grown, "GrowthCompleted")?;
        begun(case, &[Cause::Shrink], "ShrinkStarted")?;
        ended(case, &[Cause::Shrink], "ShrinkCompleted")
    };
    (!dies && !case.mute)
        .then(|| assertion(Class::Control, "each growth and shrink was announced by Events", found()))
}

/// As many Events as the ledgers of all volumes ever held actions of these causes.
fn begun(case: &Case<'_>, causes: &[Cause], reason: &str) -> Result<(), String> {
    let held = |status: &StorageState| {
        let ledgers = status.volumes.iter().flat_map(|shown| &shown.ledger);
        ledgers.filter(|(cause, _, _)| causes.contains(cause)).count()
    };
    enough(case, reason, statuses(case).map(held).max().unwrap_or(0))
}

/// As many Events as there were sizes that an action of these causes made the effective one.
fn ended(case: &Case<'_>, causes: &[Cause], reason: &str) -> Result<(), String> {
    let reached = |shown: &VolumeState| -> Option<(VolumeName, Bytes)> {
        let size = shown.effective?;
        let done =
            shown.ledger.iter().any(|(cause, to, done)| causes.contains(cause) && *to == size && *done);
        done.then(|| (shown.volume.clone(), size))
    };
    let sizes: BTreeSet<_> = statuses(case).flat_map(|status| &status.volumes).filter_map(reached).collect();
    enough(case, reason, sizes.len())
}

fn statuses<'a>(case: &'a Case<'_>) -> impl Iterator<Item = &'a StorageState> {
    case.trace.entries.iter().filter_map(|entry| entry.what.storage())
}

/// How many Events with this reason were seen.
pub(super) fn events(case: &Case<'_>, wanted: &str) -> usize {
    let is = |what: &What| matches!(what, What::Event { reason, .. } if reason == wanted);
    case.trace.entries.iter().filter(|entry| is(&entry.what)).count()
}

fn enough(case: &Case<'_>, wanted: &str, least: usize) -> Result<(), String> {
    let seen = events(case, wanted);
    require(seen >= least, || format!("{seen} Events {wanted} for {least} actions"))
}
