//! Times and spans as text.

use headroom_core::{Span, Timestamp};

/// The last second that is written, at the end of year 9999, which is as far as both `metav1.Time` and jiff go.
const LAST: i64 = 253_402_207_200;

/// RFC 3339 in UTC with whole seconds (`2026-11-23T03:00:00Z`), as `metav1.Time`. Times before 1970 or after the year
/// 9999, which no observation yields, are written as the nearest end.
///
/// Computed here, because each decision is rendered to see whether the status would change.
pub fn to_text(time: Timestamp) -> String {
    let seconds = time.unix().clamp(0, LAST);
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (second / 3_600, second % 3_600 / 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Year, month and day of a day since 1970-01-01 (not negative). Years are counted from March, in eras of 400 years, so
/// that the leap day is the last of its year.
fn civil(days: i64) -> (i64, i64, i64) {
    const ERA: i64 = 146_097;
    let since_march_0000 = days + 719_468;
    let (era, day_of_era) = (since_march_0000 / ERA, since_march_0000 % ERA);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (400 * era + year_of_era + i64::from(month <= 2), month, day)
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
    fn days_until_the_year_9999_is_written_as_jiff_writes_it() {
        // A step that is no multiple of a day or an hour, so that each field takes each value.
        for seconds in (0..=LAST).step_by(86_399 * 3) {
            let by_jiff = jiff::Timestamp::from_second(seconds).unwrap().to_string();
            assert_eq!(to_text(Timestamp::from_unix(seconds)), by_jiff);
        }
    }

    #[test]
    fn times_beyond_what_the_api_holds_become_its_ends() {
        assert_eq!(to_text(Timestamp::from_unix(i64::MIN)), "1970-01-01T00:00:00Z");
        assert_eq!(to_text(Timestamp::from_unix(i64::MAX)), "9999-12-30T22:00:00Z");
    }
}
