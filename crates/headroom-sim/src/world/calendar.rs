//! When a world begins, and in which zone its maintenance windows are written.

use crate::model::queue::Millis;

use super::translate::START;

/// Europe/Berlin: the clock goes from 02:00 to 03:00 at this moment (2026-03-29T01:00:00Z).
const SPRING: i64 = 1_774_746_000;
/// Europe/Berlin: the clock goes back from 03:00 to 02:00 at this moment (2026-10-25T01:00:00Z).
const AUTUMN: i64 = 1_792_890_000;
/// How long before the change a world begins whose script the change meets.
const BEFORE: i64 = 247;

/// The time of the year.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Calendar {
    /// 2026-01-05T12:00:07Z; windows are written in UTC.
    Plain,
    /// About four minutes before summer time begins; windows are written in Europe/Berlin.
    Spring,
    /// Three hours before summer time ends; windows are written in Europe/Berlin.
    Eve,
    /// Four minutes before the end of the hour that the clock shows twice, an hour after summer time ended; windows are
    /// written in Europe/Berlin.
    Autumn,
}

impl Calendar {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Plain, Self::Spring, Self::Eve, Self::Autumn];

    /// Virtual milliseconds at which a world of this calendar begins.
    pub(super) fn origin(self) -> Millis {
        let begins = match self {
            Self::Plain => START,
            Self::Spring => SPRING - BEFORE,
            Self::Eve => AUTUMN - 3 * 3600,
            Self::Autumn => AUTUMN + 3600 - BEFORE,
        };
        u64::try_from(begins - START).unwrap_or(0) * 1000
    }

    /// The zone of the windows.
    pub(super) const fn zone(self) -> &'static str {
        match self {
            Self::Plain => "UTC",
            Self::Spring | Self::Eve | Self::Autumn => "Europe/Berlin",
        }
    }

    /// How many seconds the zone's clock is ahead of UTC at `unix`; right between the changes beside its own.
    pub(super) const fn ahead(self, unix: i64) -> i64 {
        match self {
            Self::Plain => 0,
            Self::Spring => {
                if unix < SPRING {
                    3600
                } else {
                    7200
                }
            }
            Self::Eve | Self::Autumn => {
                if unix < AUTUMN {
                    7200
                } else {
                    3600
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Calendar, START};

    #[track_caller]
    fn check(calendar: Calendar, seconds: i64, begins: i64) {
        let origin = i64::try_from(calendar.origin() / 1000).unwrap_or(0) + START;
        assert_eq!(origin, begins);
        assert_eq!(calendar.ahead(origin), seconds);
    }

    #[test]
    fn the_changes_lie_where_the_zone_has_them() {
        check(Calendar::Plain, 0, 1_767_614_407);
        // 2026-03-29T00:55:53Z, still winter time; 2026-10-25T01:55:53Z, winter time again.
        check(Calendar::Spring, 3600, 1_774_745_753);
        check(Calendar::Autumn, 3600, 1_792_893_353);
        // 2026-10-24T22:00:00Z, summer time.
        check(Calendar::Eve, 7200, 1_792_879_200);
        assert_eq!(Calendar::Spring.ahead(1_774_746_000), 7200);
    }
}
