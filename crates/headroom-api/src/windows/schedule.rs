//! A parsed schedule and its resolution around a time.

use std::{fmt, sync::Arc};

use croner::{
    Cron,
    parser::{CronParser, Seconds, Year},
};
use headroom_core::{Span, Timestamp, window::Windows};
use jiff::{
    civil::DateTime,
    tz::{AmbiguousOffset, TimeZone, TimeZoneTransition},
};

use super::ParseWindowError;
use crate::time::span_from_text;

/// From here on a schedule must fire and close; fixed, so that a spec does not become wrong by the passing of time.
const REFERENCE: i64 = 1_767_225_600; // 2026-01-01T00:00:00Z

/// A merged window longer than this is cut; longer than any that closes by itself is taken to never close.
const HORIZON: i64 = 35 * 86_400;

/// Most firings looked at to merge overlapping windows. A window that is cut there only means that it is resolved anew
/// at that time.
const MERGES_MAX: u32 = 1_000;

/// Most firings that a valid schedule merges into one window; keeps parsing to milliseconds whatever users write.
const FIRINGS_MAX: u32 = 5_000;

/// The shortest window, in seconds.
const DURATION_MIN: i64 = 60;

/// When planned changes may start: parsed once, resolved at each edge. Cheap to clone.
#[derive(Clone)]
pub struct WindowSchedule(Option<Arc<Recurring>>);

impl fmt::Debug for WindowSchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            None => f.write_str("WindowSchedule(always)"),
            Some(recurring) => {
                let Recurring { cron, zone, duration } = recurring.as_ref();
                let zone = zone.iana_name().unwrap_or("UTC");
                write!(f, "WindowSchedule({} {zone} for {duration} s)", cron.pattern)
            }
        }
    }
}

/// A window that recurs.
struct Recurring {
    cron: Cron,
    zone: TimeZone,
    /// Seconds.
    duration: i64,
}

impl WindowSchedule {
    /// No window is set: changes may start at any time.
    pub const fn always() -> Self {
        Self(None)
    }

    /// Parses cron, duration and time zone.
    ///
    /// # Errors
    /// What is wrong, with a hint.
    pub fn parse(schedule: &str, duration: &str, time_zone: &str) -> Result<Self, ParseWindowError> {
        let cron = parse_cron(schedule)?;
        let span = span_from_text(duration)
            .ok_or_else(|| ParseWindowError::Duration { duration: duration.to_owned() })?;
        if i64::from(span.as_seconds()) < DURATION_MIN || span > Span::hours(168) {
            return Err(ParseWindowError::DurationOutOfRange { duration: duration.to_owned() });
        }
        let zone = TimeZone::get(time_zone).map_err(|_| ParseWindowError::TimeZone {
            name: time_zone.to_owned(),
            suggestion: super::zone::similar(time_zone),
        })?;
        let recurring = Recurring { cron, zone, duration: i64::from(span.as_seconds()) };
        let Some(first) = recurring.earliest_from(REFERENCE) else {
            return Err(ParseWindowError::NeverFires { schedule: schedule.to_owned() });
        };
        let (schedule, duration) = (schedule.to_owned(), duration.to_owned());
        match recurring.closes(first) {
            Closes::Soon => Ok(Self(Some(Arc::new(recurring)))),
            Closes::Never => Err(ParseWindowError::NeverCloses { schedule, duration }),
            Closes::TooDense => Err(ParseWindowError::TooDense { schedule, duration, firings: FIRINGS_MAX }),
        }
    }

    /// The window that is open at `now` or opens next. The search is bounded; the answer holds until the window's end.
    pub fn resolve(&self, now: Timestamp) -> Windows {
        let Some(recurring) = &self.0 else { return Windows::Always };
        let now = now.unix();
        // Whatever fired after `now - duration` is still open.
        let Some(firing) = recurring.earliest_from(now.saturating_sub(recurring.duration).saturating_add(1))
        else {
            return Windows::Never;
        };
        let start = if firing <= now { recurring.open_before(firing) } else { firing };
        Windows::Next {
            start: Timestamp::from_unix(start),
            end: Timestamp::from_unix(recurring.close_after(firing, MERGES_MAX)),
        }
    }
}

/// Whether a merged window closes.
enum Closes {
    /// It does.
    Soon,
    /// Not within the horizon.
    Never,
    /// More firings merge than are looked at.
    TooDense,
}

impl Recurring {
    /// When the merged window that holds the firing `firing` opened.
    fn open_before(&self, firing: i64) -> i64 {
        let mut start = firing;
        for _ in 0..MERGES_MAX {
            match self.earliest_from(start.saturating_sub(self.duration)) {
                Some(earlier) if earlier < start => start = earlier,
                Some(_) | None => break,
            }
            if firing.saturating_sub(start) >= HORIZON {
                break;
            }
        }
        start
    }

    /// Whether the merged window that holds the firing `firing` closes.
    fn closes(&self, firing: i64) -> Closes {
        let end = self.close_after(firing, FIRINGS_MAX);
        if end.saturating_sub(firing) >= HORIZON {
            Closes::Never
        } else if self.latest_until(end).is_some_and(|last| last.saturating_add(self.duration) > end) {
            Closes::TooDense
        } else {
            Closes::Soon
        }
    }

    /// When the merged window that holds the firing `firing` closes, looking at no more than `merges` further firings.
    fn close_after(&self, firing: i64, merges: u32) -> i64 {
        let mut end = firing.saturating_add(self.duration);
        for _ in 0..merges {
            match self.latest_until(end) {
                Some(last) if last.saturating_add(self.duration) > end => {
                    end = last.saturating_add(self.duration);
                }
                Some(_) | None => break,
            }
            if end.saturating_sub(firing) >= HORIZON {
                break;
            }
        }
        end
    }

    /// The earliest firing at or after `from` (Unix seconds).
    fn earliest_from(&self, from: i64) -> Option<i64> {
        let mut wall = self.wall_from(from)?;
        let mut inclusive = true;
        loop {
            wall = self.cron.find_next_occurrence(&wall, inclusive).ok()?;
            let instant = self.instant(wall)?;
            if instant >= from {
                return Some(instant);
            }
            inclusive = false;
        }
    }

    /// The latest firing at or before `until` (Unix seconds).
    fn latest_until(&self, until: i64) -> Option<i64> {
        let mut wall = self.wall_until(until)?;
        let mut inclusive = true;
        loop {
            wall = self.cron.find_previous_occurrence(&wall, inclusive).ok()?;
            let instant = self.instant(wall)?;
            if instant <= until {
                return Some(instant);
            }
            inclusive = false;
        }
    }

    /// Least wall-clock time that can fire at or after `from`.
    fn wall_from(&self, from: i64) -> Option<DateTime> {
        if let Some(end) = self.repeated_hour_end(from) {
            return Some(end);
        }
        let here = self.wall(from)?;
        // Right behind a skipped hour, all of that hour fires here.
        let before =
            self.wall(from.saturating_sub(1))?.checked_add(jiff::SignedDuration::from_secs(1)).ok()?;
        Some(here.min(before))
    }

    /// Greatest wall-clock time that can have fired at or before `until`.
    fn wall_until(&self, until: i64) -> Option<DateTime> {
        match self.repeated_hour_end(until) {
            Some(end) => end.checked_sub(jiff::SignedDuration::from_secs(1)).ok(),
            None => self.wall(until),
        }
    }

    /// Where the clock shows a range for the second time at `instant`: the end of that range, all of which has fired.
    fn repeated_hour_end(&self, instant: i64) -> Option<DateTime> {
        let AmbiguousOffset::Fold { before, after } =
            self.zone.to_ambiguous_timestamp(self.wall(instant)?).offset()
        else {
            return None;
        };
        let time = jiff::Timestamp::from_second(instant).ok()?;
        if self.zone.to_offset(time) != after {
            return None;
        }
        let next = jiff::Timestamp::from_second(instant.saturating_add(1)).ok()?;
        let turned = self.zone.preceding(next).map(|transition| transition.timestamp()).next()?;
        Some(before.to_datetime(turned))
    }

    /// What the clock shows at `instant`.
    fn wall(&self, instant: i64) -> Option<DateTime> {
        Some(self.zone.to_datetime(jiff::Timestamp::from_second(instant).ok()?))
    }

    /// When a wall-clock time fires.
    fn instant(&self, wall: DateTime) -> Option<i64> {
        let time = match self.zone.to_ambiguous_timestamp(wall).offset() {
            AmbiguousOffset::Unambiguous { offset } | AmbiguousOffset::Fold { before: offset, .. } => {
                offset.to_timestamp(wall).ok()?
            }
            AmbiguousOffset::Gap { after, .. } => {
                // Taken with the later offset, a skipped time lies before the jump.
                let before_jump = after.to_timestamp(wall).ok()?;
                self.zone
                    .following(before_jump)
                    .find(|jump: &TimeZoneTransition<'_>| jump.offset() == after)?
                    .timestamp()
            }
        };
        Some(time.as_second())
    }
}

/// Parses a cron of exactly six fields.
fn parse_cron(schedule: &str) -> Result<Cron, ParseWindowError> {
    let parser = CronParser::builder().seconds(Seconds::Required).year(Year::Disallowed).build();
    let fields: Vec<_> = schedule.split_whitespace().collect();
    if fields.len() != 6 {
        let candidate = match fields.as_slice() {
            ["@hourly"] => Some("0 0 * * * *".to_owned()),
            ["@daily" | "@midnight"] => Some("0 0 0 * * *".to_owned()),
            ["@weekly"] => Some("0 0 0 * * 0".to_owned()),
            ["@monthly"] => Some("0 0 0 1 * *".to_owned()),
            ["@yearly" | "@annually"] => Some("0 0 0 1 1 *".to_owned()),
            [_, _, _, _, _] => Some(format!("0 {}", fields.join(" "))),
            // A seventh field is Quartz's year.
            [first @ .., _year] if fields.len() == 7 => Some(first.join(" ")),
            _ => None,
        };
        return Err(ParseWindowError::FieldCount {
            schedule: schedule.to_owned(),
            fields: fields.len(),
            suggestion: candidate.filter(|candidate| parser.parse(candidate).is_ok()),
        });
    }
    parser.parse(schedule).map_err(|cause| ParseWindowError::Schedule {
        schedule: schedule.to_owned(),
        cause: cause.to_string(),
    })
}
