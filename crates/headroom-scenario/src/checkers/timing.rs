//! Class 5: how long it took from the last trigger to rest.

use std::time::Duration;

use super::{Assertion, Case, Class, assertion, require};
use crate::{Act, Trace, View, Wait, What, evaluate::settled, expect::Timing};

pub(super) fn check(what: &Timing, case: &Case<'_>) -> Assertion {
    let waits = match what {
        Timing::Within(wait) => std::slice::from_ref(wait),
        Timing::WithinSum(waits) => *waits,
    };
    let limit: Duration = waits.iter().map(|wait| (case.limit)(*wait)).sum();
    let names: Vec<&str> = waits.iter().map(|wait: &Wait| wait.name()).collect();
    let text = format!("from the last trigger to rest within {} s ({})", limit.as_secs(), names.join(" + "));
    let found = match completed_ms(case.trace) {
        None => Err("it never came to rest".to_owned()),
        Some((from, to)) => {
            let took = Duration::from_millis(to.saturating_sub(from));
            require(took <= limit, || format!("{} s", took.as_secs()))
        }
    };
    assertion(Class::Timing, text, found)
}

/// When the last trigger came (a fill, an act, a strike, else the fixture) and when the operator was done with it: the
/// status settled for good, and said so for the last time. `None`: it never settled.
pub fn completed_ms(trace: &Trace) -> Option<(u64, u64)> {
    let triggers = trace.entries.iter().enumerate().filter(|(_, entry)| {
        let acted = entry.what.act().is_some_and(|act| !matches!(act, Act::Verify | Act::StartWriter { .. }));
        acted || matches!(entry.what, What::FixtureReady | What::Struck(_))
    });
    let (index, trigger) = triggers.max_by_key(|(at, _)| *at)?;
    let mut view = View::new();
    let mut rest = None;
    let mut shown = None;
    for (at, entry) in trace.entries.iter().enumerate() {
        view.take(entry);
        let matters = matches!(entry.what, What::Storage(_) | What::Claim(_) | What::ClaimGone(..));
        if at < index || (at > index && !matters) {
            continue;
        }
        if settled(&view).is_err() {
            rest = None;
        } else if rest.is_none() || (matches!(entry.what, What::Storage(_)) && view.storage != shown) {
            rest = Some(entry.at_ms);
        }
        shown.clone_from(&view.storage);
    }
    rest.map(|rest| (trigger.at_ms, rest.max(trigger.at_ms)))
}
