//! Maintenance windows relative to now, as cron.

use headroom_scenario::fixture::WindowFixture;
use serde_json::{Value, json};

const MINUTE: i64 = 60;

/// The `maintenanceWindow` block for a fixture made at `now` (Unix seconds); `None`: no window.
pub(crate) fn block(window: WindowFixture, now: i64) -> Option<Value> {
    let (start, duration) = match window {
        WindowFixture::Absent => return None,
        WindowFixture::OpenNow => (now - MINUTE, "6h"),
        // Rounded up to a whole minute: never earlier than asked for.
        WindowFixture::OpensInMinutes(minutes) => (now + i64::from(minutes) * MINUTE + MINUTE - 1, "1h"),
        WindowFixture::FarAway => (now + 12 * 60 * MINUTE, "1h"),
    };
    let (minute, hour) = (start.rem_euclid(3600) / 60, start.rem_euclid(86_400) / 3600);
    Some(json!({"schedule": format!("0 {minute} {hour} * * *"), "duration": duration, "timeZone": "UTC"}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(window: WindowFixture, now: i64, schedule: &str) {
        assert_eq!(block(window, now).map(|block| block["schedule"].clone()), Some(json!(schedule)));
    }

    #[test]
    fn windows_are_cron_in_utc() {
        // 1_700_000_000 is 2023-11-14T22:13:20Z.
        check(WindowFixture::OpenNow, 1_700_000_000, "0 12 22 * * *");
        check(WindowFixture::OpensInMinutes(2), 1_700_000_000, "0 16 22 * * *");
        check(WindowFixture::FarAway, 1_700_000_000, "0 13 10 * * *");
        assert_eq!(block(WindowFixture::Absent, 0), None);
    }
}
