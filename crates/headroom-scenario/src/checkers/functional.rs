//! Class 1: does the Cluster reach its steady state, and what did it cost.

use std::collections::{BTreeMap, BTreeSet};

use super::{Assertion, Case, Class, assertion, require};
use crate::{
    Fact, What,
    evaluate::{holds, instances_are, upgraded},
    expect::Functional,
    trace::Entry,
};

pub(super) fn check(what: &Functional, case: &Case<'_>) -> Assertion {
    let (text, found) = match what {
        Functional::Healthy => {
            ("the Cluster is healthy at the end".to_owned(), holds(&Fact::Healthy, &case.end, case.quiet))
        }
        Functional::Promotions(wanted) => {
            let seen = promotions(case);
            (format!("promotions: {wanted}"), require(seen == *wanted, || seen.to_string()))
        }
        Functional::ServerStopped(code) => (
            format!("the primary's server stopped with exit code {code}"),
            holds(&Fact::ServerStopped { code: *code }, &case.end, case.quiet),
        ),
        Functional::NoServerRestart => {
            let seen = restarts(case);
            ("no server restarted".to_owned(), require(seen == 0, || format!("{seen} restarts")))
        }
        Functional::ServerRestarts(least, most) => {
            let seen = restarts(case);
            let held = (*least..=*most).contains(&seen);
            (format!("server restarts between {least} and {most}"), require(held, || seen.to_string()))
        }
        Functional::PromotionsBetween(least, most) => {
            let seen = promotions(case);
            let held = (*least..=*most).contains(&seen);
            (format!("promotions between {least} and {most}"), require(held, || seen.to_string()))
        }
        Functional::PodsMade(least, most) => {
            let seen = pods_made(case);
            let held = (*least..=*most).contains(&seen);
            (format!("instance pods made between {least} and {most}"), require(held, || seen.to_string()))
        }
        Functional::BackupCompleted => ("the newest Backup completed".to_owned(), backup(case, false)),
        Functional::BackupEndedClearly => {
            ("the newest Backup completed, or failed and says why".to_owned(), backup(case, true))
        }
        Functional::Upgraded => ("every instance runs the new image".to_owned(), upgraded(&case.end)),
        Functional::ReadyAtLeast(wanted) => {
            let seen = fewest_ready(case);
            (
                format!("never fewer than {wanted} ready instances"),
                require(seen >= *wanted, || seen.to_string()),
            )
        }
        Functional::Instances(wanted) => {
            (format!("{wanted} instances at the end"), instances_are(&case.end, *wanted))
        }
    };
    assertion(Class::Functional, text, found)
}

/// The fewest pods that were ready at a time after the fixture was ready.
fn fewest_ready(case: &Case<'_>) -> u32 {
    let (before, after) = split(case);
    let mut ready: BTreeMap<&str, bool> = BTreeMap::new();
    let mut fewest = u32::MAX;
    for (entry, counts) in
        before.iter().map(|entry| (entry, false)).chain(after.iter().map(|entry| (entry, true)))
    {
        if let What::Pod(pod) = &entry.what {
            ready.insert(pod.instance.as_str(), pod.ready && !pod.terminating);
        } else if let What::PodGone(instance) = &entry.what {
            ready.remove(instance.as_str());
        }
        if counts {
            let now = ready.values().filter(|ready| **ready).count();
            fewest = fewest.min(u32::try_from(now).unwrap_or(u32::MAX));
        }
    }
    fewest
}

/// Entries up to the one that says the fixture is ready, and from it on.
fn split<'a>(case: &Case<'a>) -> (&'a [Entry], &'a [Entry]) {
    let after = case.trace.after_ready();
    let before = case.trace.entries.len().saturating_sub(after.len());
    (case.trace.entries.get(..before).unwrap_or(&[]), after)
}

/// Changes of `status.currentPrimary` after the fixture was ready.
fn promotions(case: &Case<'_>) -> u32 {
    let (before, after) = split(case);
    let primary = |entry: &Entry| entry.what.cluster().and_then(|cluster| cluster.primary.clone());
    let mut current = before.iter().filter_map(primary).next_back();
    let mut count: u32 = 0;
    for entry in after {
        if matches!(entry.what, What::ClusterGone) {
            current = None;
        }
        let Some(next) = primary(entry) else { continue };
        count = count.saturating_add(u32::from(current.as_ref().is_some_and(|current| *current != next)));
        current = Some(next);
    }
    count
}

/// Instance pods that were not there when the fixture was ready.
fn pods_made(case: &Case<'_>) -> u32 {
    let (before, after) = split(case);
    let uids = |entries: &[Entry]| -> BTreeSet<String> {
        entries.iter().filter_map(|entry| entry.what.pod().map(|pod| pod.uid.clone())).collect()
    };
    let known = uids(before);
    u32::try_from(uids(after).difference(&known).count()).unwrap_or(u32::MAX)
}

/// A failure must say why; then it can be tried again.
fn backup(case: &Case<'_>, may_fail: bool) -> Result<(), String> {
    let Some(backup) = &case.end.backup else { return Err("no Backup".to_owned()) };
    let error = backup.error.as_deref().unwrap_or("");
    let clear = may_fail && backup.ended() && !error.is_empty();
    require(backup.completed() || clear, || format!("{:?} {error}", backup.phase))
}

/// Container restarts over all pods after the fixture was ready.
fn restarts(case: &Case<'_>) -> u32 {
    let (before, after) = split(case);
    let pods = |entries: &[Entry]| -> BTreeMap<String, u32> {
        let states =
            entries.iter().filter_map(|entry| entry.what.pod().map(|pod| (pod.uid.clone(), pod.restarts)));
        states.fold(BTreeMap::new(), |mut most, (uid, restarts)| {
            let known = most.entry(uid).or_insert(0);
            *known = restarts.max(*known);
            most
        })
    };
    let base = pods(before);
    let risen = pods(after)
        .into_iter()
        .map(|(uid, restarts)| restarts.saturating_sub(base.get(&uid).copied().unwrap_or(0)));
    risen.fold(0, u32::saturating_add)
}
