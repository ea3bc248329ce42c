//! Maintenance windows the slow way: minute by minute along the time line, as somebody would who watches a clock.

use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::TimeZone};

/// A schedule that fires at whole minutes, with its cron text.
#[derive(Clone, Debug)]
pub(crate) struct Fields {
    pub(crate) minutes: Vec<i8>,
    /// Empty: every hour.
    pub(crate) hours: Vec<i8>,
    /// Empty: every day. 0 is Sunday.
    pub(crate) weekdays: Vec<i8>,
}

impl Fields {
    pub(crate) fn cron(&self) -> String {
        let list = |values: &[i8]| {
            if values.is_empty() {
                "*".to_owned()
            } else {
                values.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
            }
        };
        format!("0 {} {} * * {}", list(&self.minutes), list(&self.hours), list(&self.weekdays))
    }

    fn matches(&self, wall: DateTime) -> bool {
        let within = |values: &[i8], value: i8| values.is_empty() || values.contains(&value);
        self.minutes.contains(&wall.minute())
            && within(&self.hours, wall.hour())
            && within(&self.weekdays, wall.weekday().to_sunday_zero_offset())
    }
}

/// Merged windows `[start, end)` of the firings from `from` to `until` (Unix seconds, whole minutes).
pub(crate) fn windows(
    fields: &Fields,
    zone: &TimeZone,
    duration: i64,
    from: i64,
    until: i64,
) -> Vec<(i64, i64)> {
    let minute = SignedDuration::from_mins(1);
    let mut merged: Vec<(i64, i64)> = Vec::new();
    let mut latest: Option<DateTime> = None;
    for instant in (from..=until).step_by(60) {
        let wall = zone.to_datetime(Timestamp::from_second(instant).unwrap());
        // The wall-clock minutes that have come since the latest one ever shown: none while the clock repeats itself,
        // many when it has jumped.
        let mut next = latest.map_or(wall, |latest| latest + minute);
        let mut fires = false;
        while next <= wall {
            fires |= fields.matches(next);
            next += minute;
        }
        latest = latest.max(Some(wall));
        if fires {
            match merged.last_mut() {
                Some((_, end)) if *end >= instant => *end = instant + duration,
                Some(_) | None => merged.push((instant, instant + duration)),
            }
        }
    }
    merged
}
