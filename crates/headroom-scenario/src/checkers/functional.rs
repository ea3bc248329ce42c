//! Class 1: does the Cluster reach its steady state, and what did it cost.

use std::collections::BTreeMap;

use super::{Assertion, Case, Class, assertion, require};
use crate::{Fact, evaluate::holds, expect::Functional, trace::Entry};

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
    };
    assertion(Class::Functional, text, found)
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
    for next in after.iter().filter_map(primary) {
        count = count.saturating_add(u32::from(current.as_ref().is_some_and(|current| *current != next)));
        current = Some(next);
    }
    count
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
