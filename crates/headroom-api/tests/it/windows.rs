//! Cron and time zones → windows.

use headroom_api::windows::{ParseWindowError, WindowSchedule};
use headroom_core::{Timestamp, window::Windows};
use jiff::tz::TimeZone;
use proptest::{collection::btree_set, prelude::*, sample::select};

use crate::windows_reference::{self, Fields};

fn unix(text: &str) -> i64 {
    text.parse::<jiff::Timestamp>().unwrap().as_second()
}

/// At `now` the window from `start` to `end` is open or next.
#[track_caller]
fn check(schedule: (&str, &str, &str), now: &str, start: &str, end: &str) {
    let (cron, duration, zone) = schedule;
    let windows =
        WindowSchedule::parse(cron, duration, zone).unwrap().resolve(Timestamp::from_unix(unix(now)));
    let expected =
        Windows::Next { start: Timestamp::from_unix(unix(start)), end: Timestamp::from_unix(unix(end)) };
    assert_eq!(windows, expected, "{schedule:?} at {now}");
}

#[test]
fn no_window_is_always_open() {
    assert_eq!(WindowSchedule::always().resolve(Timestamp::from_unix(0)), Windows::Always);
}

#[test]
fn a_window_is_found_before_within_and_after_it() {
    let daily = ("0 0 3 * * *", "2h", "UTC");
    check(daily, "2026-11-23T02:59:59Z", "2026-11-23T03:00:00Z", "2026-11-23T05:00:00Z");
    check(daily, "2026-11-23T03:00:00Z", "2026-11-23T03:00:00Z", "2026-11-23T05:00:00Z");
    check(daily, "2026-11-23T04:59:59Z", "2026-11-23T03:00:00Z", "2026-11-23T05:00:00Z");
    check(daily, "2026-11-23T05:00:00Z", "2026-11-24T03:00:00Z", "2026-11-24T05:00:00Z");
}

#[test]
fn a_window_that_began_days_ago_is_still_open() {
    let weekend = ("0 0 22 * * 5", "60h", "Europe/Berlin");
    check(weekend, "2026-11-23T08:59:59Z", "2026-11-20T21:00:00Z", "2026-11-23T09:00:00Z");
    check(weekend, "2026-11-23T09:00:00Z", "2026-11-27T21:00:00Z", "2026-11-30T09:00:00Z");
}

#[test]
fn windows_that_overlap_or_touch_are_one() {
    let night = ("0 0 1,2,3 * * *", "1h", "UTC");
    check(night, "2026-11-23T02:30:00Z", "2026-11-23T01:00:00Z", "2026-11-23T04:00:00Z");
    check(night, "2026-11-22T12:00:00Z", "2026-11-23T01:00:00Z", "2026-11-23T04:00:00Z");
    let dense = ("* * 3 * * *", "90m", "UTC");
    check(dense, "2026-11-23T05:29:58Z", "2026-11-23T03:00:00Z", "2026-11-23T05:29:59Z");
    check(dense, "2026-11-23T05:29:59Z", "2026-11-24T03:00:00Z", "2026-11-24T05:29:59Z");
}

#[test]
fn a_time_that_the_clock_skips_fires_when_it_has_jumped() {
    let half_past_two = ("0 30 2 * * *", "1h", "Europe/Berlin");
    check(half_past_two, "2026-03-29T00:59:59Z", "2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z");
    check(half_past_two, "2026-03-29T01:59:59Z", "2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z");
    check(half_past_two, "2026-03-29T02:00:00Z", "2026-03-30T00:30:00Z", "2026-03-30T01:30:00Z");
    // At midnight in Beirut and by half an hour on Lord Howe Island.
    check(
        ("0 15 0 * * *", "1h", "Asia/Beirut"),
        "2026-03-28T21:00:00Z",
        "2026-03-28T22:00:00Z",
        "2026-03-28T23:00:00Z",
    );
    check(
        ("0 10 2 * * *", "1h", "Australia/Lord_Howe"),
        "2026-10-03T15:00:00Z",
        "2026-10-03T15:30:00Z",
        "2026-10-03T16:30:00Z",
    );
}

#[test]
fn a_time_that_the_clock_shows_twice_fires_the_first_time() {
    let half_past_one = ("0 30 1 * * *", "1h", "America/New_York");
    check(half_past_one, "2026-11-01T05:00:00Z", "2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z");
    check(half_past_one, "2026-11-01T06:29:59Z", "2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z");
    check(half_past_one, "2026-11-01T06:30:00Z", "2026-11-02T06:30:00Z", "2026-11-02T07:30:00Z");
}

#[test]
fn a_window_lasts_its_duration_while_the_clock_changes() {
    let night = ("0 0 1 * * *", "4h", "Europe/Berlin");
    check(night, "2026-03-29T00:30:00Z", "2026-03-29T00:00:00Z", "2026-03-29T04:00:00Z");
    check(night, "2026-10-25T00:30:00Z", "2026-10-24T23:00:00Z", "2026-10-25T03:00:00Z");
}

#[test]
fn a_day_that_a_zone_skipped_fires_at_its_end() {
    // Samoa went from 29 to 31 December 2011.
    check(
        ("0 0 12 30 * *", "1h", "Pacific/Apia"),
        "2011-12-30T00:00:00Z",
        "2011-12-30T10:00:00Z",
        "2011-12-30T11:00:00Z",
    );
}

#[test]
fn rare_schedules_are_found() {
    check(
        ("0 0 3 29 2 *", "1h", "UTC"),
        "2026-11-23T00:00:00Z",
        "2028-02-29T03:00:00Z",
        "2028-02-29T04:00:00Z",
    );
    let last_friday = ("0 0 3 * * FRI#L", "1h", "UTC");
    check(last_friday, "2026-11-23T00:00:00Z", "2026-11-27T03:00:00Z", "2026-11-27T04:00:00Z");
}

#[test]
fn a_month_of_nights_closes_and_a_window_without_end_does_not() {
    assert!(WindowSchedule::parse("0 0 0 * 1 *", "24h", "UTC").is_ok(), "January");
    for (cron, duration) in
        [("0 0 * * * *", "1h"), ("0 0 0 * * *", "24h"), ("0 */30 * * * *", "30m"), ("0 0 3 * * 0", "168h")]
    {
        let parsed = WindowSchedule::parse(cron, duration, "UTC");
        assert!(matches!(parsed, Err(ParseWindowError::NeverCloses { .. })), "{cron} {duration}: {parsed:?}");
    }
}

#[test]
fn a_schedule_that_would_take_long_to_follow_is_refused() {
    for cron in ["* * * * * *", "0 * * * 1 *"] {
        let parsed = WindowSchedule::parse(cron, "1m", "UTC");
        assert!(matches!(parsed, Err(ParseWindowError::TooDense { .. })), "{cron}: {parsed:?}");
    }
    assert!(WindowSchedule::parse("0 * 0-8 * * *", "1m", "UTC").is_ok(), "every minute of a night");
}

/// Changes of the clock: forward, back, by half an hour, by two, at midnight, a skipped day, none.
const CHANGES: [(&str, &str); 14] = [
    ("Europe/Berlin", "2026-03-29T01:00:00Z"),
    ("Europe/Berlin", "2026-10-25T01:00:00Z"),
    ("America/New_York", "2026-03-08T07:00:00Z"),
    ("America/New_York", "2026-11-01T06:00:00Z"),
    ("Australia/Lord_Howe", "2026-10-03T15:30:00Z"),
    ("Australia/Lord_Howe", "2026-04-04T15:00:00Z"),
    ("Antarctica/Troll", "2026-03-29T01:00:00Z"),
    ("Antarctica/Troll", "2026-10-25T01:00:00Z"),
    ("Asia/Beirut", "2026-03-28T22:00:00Z"),
    ("Asia/Beirut", "2026-10-24T21:00:00Z"),
    ("America/Sao_Paulo", "2018-11-04T03:00:00Z"),
    ("Pacific/Apia", "2011-12-30T10:00:00Z"),
    ("Asia/Kolkata", "2026-06-01T00:00:00Z"),
    ("UTC", "2026-01-01T00:00:00Z"),
];

fn fields() -> impl Strategy<Value = Fields> {
    let minutes =
        prop_oneof![Just(vec![0]), btree_set(0_i8..60, 1..4).prop_map(|set| set.into_iter().collect())];
    let hours = prop_oneof![
        1 => Just(Vec::new()),
        4 => btree_set(prop_oneof![4 => 0_i8..4, 1 => 0_i8..24], 1..4).prop_map(|set| set.into_iter().collect()),
    ];
    let weekdays = prop_oneof![
        3 => Just(Vec::new()),
        1 => btree_set(0_i8..7, 1..5).prop_map(|set| set.into_iter().collect()),
    ];
    (minutes, hours, weekdays).prop_map(|(minutes, hours, weekdays)| Fields { minutes, hours, weekdays })
}

const DAY: i64 = 86_400;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn the_resolver_agrees_with_watching_the_clock(
        fields in fields(),
        change in select(&CHANGES[..]),
        minutes in prop_oneof![1_i64..180, 1_i64..2_000],
        moments in proptest::collection::vec(-2 * DAY..2 * DAY, 40),
    ) {
        let (zone, change) = (change.0, unix(change.1));
        let schedule = match WindowSchedule::parse(&fields.cron(), &format!("{minutes}m"), zone) {
            Err(ParseWindowError::NeverCloses { .. } | ParseWindowError::TooDense { .. }) => return Ok(()),
            parsed => parsed.unwrap(),
        };
        let tz = TimeZone::get(zone).unwrap();
        let (from, until) = (change - 12 * DAY, change + 12 * DAY);
        let expected = windows_reference::windows(&fields, &tz, minutes * 60, from, until);
        for moment in moments {
            let now = change + moment;
            let next = expected.iter().copied().find(|(_, end)| now < *end);
            let resolved = schedule.resolve(Timestamp::from_unix(now));
            let Windows::Next { start, end } = resolved else { panic!("{resolved:?}") };
            prop_assert_eq!(Some((start.unix(), end.unix())), next, "{} at {}", fields.cron(), now);
        }
    }
}

#[test]
fn the_search_is_bounded_for_schedules_that_never_fire() {
    let begun = std::time::Instant::now();
    for cron in ["0 0 3 30 2 *", "0 0 3 31 4,6,9,11 *", "59 59 23 31 2 *"] {
        let parsed = WindowSchedule::parse(cron, "1h", "UTC");
        assert!(matches!(parsed, Err(ParseWindowError::NeverFires { .. })), "{cron}: {parsed:?}");
    }
    assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
}
