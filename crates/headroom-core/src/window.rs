//! Maintenance windows, already resolved from cron and time zone by `headroom-api`.

use crate::{Span, Timestamp, names::Text};

/// What the core must know of a volume's maintenance windows around `now`.
///
/// Resolved anew at each edge, so that the core needs neither cron nor a time-zone database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Windows {
    /// No window is set: always open.
    Always,
    /// The window that is open now or opens next. Open when `start <= now < end`.
    /// A `now` at or after `end` means that the resolution is out of date: treated as closed.
    Next {
        /// When it opens (or opened).
        start: Timestamp,
        /// When it closes.
        end: Timestamp,
    },
    /// The schedule never fires again.
    Never,
}

impl Windows {
    /// Whether planned work may start at `now`.
    pub fn open_at(self, now: Timestamp) -> bool {
        match self {
            Self::Always => true,
            Self::Next { start, end } => start <= now && now < end,
            Self::Never => false,
        }
    }

    /// The next moment at which [`Windows::open_at`] changes, if any.
    pub fn next_edge(self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Always | Self::Never => None,
            Self::Next { start, end } => {
                if now < start {
                    Some(start)
                } else if now < end {
                    Some(end)
                } else {
                    None
                }
            }
        }
    }
}

/// A maintenance window as the user wrote it, already found valid by `headroom-api`, which also resolves it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WindowSpec {
    /// Six-field cron, as in CNPG's ScheduledBackup.
    pub schedule: Text,
    /// How long the window stays open.
    pub duration: Span,
    /// IANA time zone.
    pub time_zone: Text,
}
