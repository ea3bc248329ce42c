//! Class 3: is every acknowledged row there.

use super::{Assertion, Case, Class, assertion, require};
use crate::{What, expect::Data};

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
    };
    Some(assertion(Class::Data, text, found))
}
