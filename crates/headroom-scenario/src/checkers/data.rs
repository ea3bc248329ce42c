//! Class 3: is every acknowledged row there.

use super::{Assertion, Case, Class, assertion, require};
use std::time::Duration;

use headroom_core::report::State;

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
        Data::WritesPauseAtMost(state, most) => return Some(pauses(case.trace, *state, *most)),
    };
    Some(assertion(Class::Data, text, found))
}

/// The longest time between two rows while this state was shown; rows are told once a second, so it is that exact.
fn pauses(trace: &Trace, state: State, most: Duration) -> Assertion {
    let says_so = |status: &StorageState| status.volumes.iter().any(|volume| volume.state == state);
    let (mut shown, mut told, mut longest) = (false, None, 0);
    for entry in &trace.entries {
        if let Some(status) = entry.what.storage() {
            shown = says_so(status);
        }
        if let What::Acknowledged(_) = entry.what {
            // A pause in which the state ends counts: what was shown at its beginning.
            if let Some((at, true)) = told {
                longest = longest.max(entry.at_ms.saturating_sub(at));
            }
            told = Some((entry.at_ms, shown));
        }
    }
    let longest = Duration::from_millis(longest);
    let text = format!(
        "writes pause for at most {} s while it is {}; the longest pause: {:.1} s",
        most.as_secs(),
        words::state(state),
        longest.as_secs_f64(),
    );
    let accuracy = Duration::from_millis(ACCURACY_MS);
    assertion(Class::Data, text, require(longest <= most.saturating_add(accuracy), || "more".to_owned()))
}
