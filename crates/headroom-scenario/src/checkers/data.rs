//! Class 3: is every acknowledged row there.

use super::{Assertion, Case, Class, assertion, require};
use std::time::Duration;

use headroom_core::ledger::Cause;

use crate::{
    Trace, What,
    expect::Data,
    trace::{ACCURACY_MS, StorageState},
    words,
};

/// The newest verification: rows acknowledged, lost, sentinel, `pg_amcheck`.
fn newest(case: &Case<'_>) -> Option<(u64, u64, bool, Option<bool>)> {
    case.trace.entries.iter().rev().find_map(|entry| {
        if let What::Verified { acknowledged, lost, sentinel_ok, amcheck_clean } = entry.what {
            Some((acknowledged, lost, sentinel_ok, amcheck_clean))
        } else {
            None
        }
    })
}

/// `None` where the world cannot tell: then it is not asserted.
pub(super) fn check(what: &Data, case: &Case<'_>) -> Option<Assertion> {
    let verified = newest(case);
    let never = || Err("no verification".to_owned());
    let (text, found) = match what {
        Data::EveryAcknowledgedWriteReadable => (
            "every acknowledged write is readable",
            verified.map_or_else(never, |(acknowledged, lost, ..)| {
                require(lost == 0, || format!("{lost} of {acknowledged} rows lost"))?;
                require(acknowledged > 0, || "no row was ever acknowledged".to_owned())
            }),
        ),
        Data::SentinelUnchanged => (
            "the sentinel table is unchanged",
            verified.map_or_else(never, |(_, _, sentinel, _)| {
                require(sentinel, || "another checksum".to_owned())
            }),
        ),
        Data::AmcheckClean => {
            let found = match verified {
                None => never(),
                Some((.., None)) => return None,
                Some((.., Some(clean))) => require(clean, || "corruption".to_owned()),
            };
            ("pg_amcheck finds nothing", found)
        }
        Data::WritesPauseAtMost(of, most) => return Some(pauses(case.trace, *of, *most)),
    };
    Some(assertion(Class::Data, text, found))
}

/// The longest time without a row while an action of this cause was open; rows are told once a second, so it is that exact.
fn pauses(trace: &Trace, cause: Cause, most: Duration) -> Assertion {
    let opens = |status: &StorageState| {
        let mut ledgers = status.volumes.iter().flat_map(|volume| &volume.ledger);
        ledgers.any(|(of, _, completed)| *of == cause && !completed)
    };
    let (mut open, mut since, mut longest) = (false, None, None);
    for entry in &trace.entries {
        if let (true, Some(since)) = (open, since) {
            longest = longest.max(Some(entry.at_ms.saturating_sub(since)));
        }
        if let What::Acknowledged(_) = entry.what {
            since = Some(entry.at_ms);
        }
        open = entry.what.storage().map_or(open, opens);
    }
    let longest = longest.map(Duration::from_millis);
    let told = longest.map_or("none was measured".to_owned(), |it| format!("{:.1} s", it.as_secs_f64()));
    let text = format!(
        "writes pause for at most {} s during an action {}; the longest pause: {told}",
        most.as_secs(),
        words::cause(cause),
    );
    let bearable = longest.is_some_and(|it| it <= most.saturating_add(Duration::from_millis(ACCURACY_MS)));
    assertion(Class::Data, text, require(bearable, || "more, or nothing".to_owned()))
}
