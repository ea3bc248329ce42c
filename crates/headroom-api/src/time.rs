//! Times and spans as text.

use headroom_core::{Span, Timestamp};

/// The last second that is written, at the end of year 9999, which is as far as both `metav1.Time` and jiff go.
const LAST: i64 = 253_402_207_200;

/// RFC 3339 in UTC with whole seconds (`2026-11-23T03:00:00Z`), as `metav1.Time`. Times before 1970 or after the year
/// 9999, which no observation yields, are written as the nearest end.
pub fn to_text(time: Timestamp) -> String {
    let seconds = time.unix().clamp(0, LAST);
    jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::UNIX_EPOCH).to_string()
}

/// Reads RFC 3339; fractions of a second are dropped. `None` when it is none.
pub fn from_text(text: &str) -> Option<Timestamp> {
    text.parse::<jiff::Timestamp>().ok().map(|time| Timestamp::from_unix(time.as_second()))
}

/// Reads `2h`, `90m`, `1h30m`, `45s`: whole numbers with units h, m, s, each at most once and in this order.
/// `None` when it is no such text, is zero, or does not fit.
pub fn span_from_text(text: &str) -> Option<Span> {
    let mut rest = text;
    let mut seconds: u32 = 0;
    for (unit, factor) in [('h', 3600_u32), ('m', 60), ('s', 1)] {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let Some(after) = rest.get(digits..).and_then(|tail| tail.strip_prefix(unit)) else { continue };
        let count: u32 = rest.get(..digits)?.parse().ok()?;
        seconds = seconds.checked_add(count.checked_mul(factor)?)?;
        rest = after;
    }
    (rest.is_empty() && seconds > 0).then(|| Span::seconds(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, seconds: Option<u32>) {
        assert_eq!(span_from_text(text), seconds.map(Span::seconds), "{text:?}");
    }

    #[test]
    fn durations_have_hours_minutes_and_seconds_in_this_order() {
        check("2h", Some(7200));
        check("90m", Some(5400));
        check("1h30m", Some(5400));
        check("1h30m15s", Some(5415));
        check("45s", Some(45));
        check("0h1s", Some(1));
    }

    #[test]
    fn other_texts_are_no_durations() {
        for text in [
            "",
            "h",
            "2",
            "2d",
            "1.5h",
            "-2h",
            "2h ",
            " 2h",
            "30m1h",
            "1h1h",
            "0h",
            "0s",
            "99999999999h",
            "2H",
        ] {
            check(text, None);
        }
        check("1193046h", Some(4_294_965_600));
        check("1193047h", None);
    }

    #[test]
    fn times_are_whole_seconds_in_utc() {
        let time = Timestamp::from_unix(1_795_402_800);
        assert_eq!(to_text(time), "2026-11-23T03:00:00Z");
        assert_eq!(from_text("2026-11-23T03:00:00Z"), Some(time));
        assert_eq!(from_text("2026-11-23T04:00:00+01:00"), Some(time));
        assert_eq!(from_text("2026-11-23T03:00:00.75Z"), Some(time));
        assert_eq!(from_text("yesterday"), None);
    }

    #[test]
    fn times_beyond_what_the_api_holds_become_its_ends() {
        assert_eq!(to_text(Timestamp::from_unix(i64::MIN)), "1970-01-01T00:00:00Z");
        assert_eq!(to_text(Timestamp::from_unix(i64::MAX)), "9999-12-30T22:00:00Z");
    }
}
