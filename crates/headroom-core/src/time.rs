//! Points in time and spans, in whole seconds.

use core::fmt;

/// A point in time: whole seconds since 1970-01-01T00:00:00Z.
///
/// Whole seconds are what `metav1.Time` can hold, so `Record` → status → `Record` loses nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// A span of time in whole seconds, never negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(u32);

impl Timestamp {
    /// The point `seconds` after 1970-01-01T00:00:00Z.
    pub const fn from_unix(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    pub const fn unix(self) -> i64 {
        self.0
    }

    /// The point `span` later.
    pub const fn plus(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0 as i64))
    }

    /// The point `span` earlier.
    pub const fn minus(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.0 as i64))
    }

    /// The span from `earlier` to `self`, or zero when `earlier` is later.
    pub const fn since(self, earlier: Self) -> Span {
        let seconds = self.0.saturating_sub(earlier.0);
        if seconds <= 0 {
            Span(0)
        } else if seconds > u32::MAX as i64 {
            Span(u32::MAX)
        } else {
            // In range by the two tests above; `try_from` is not `const`.
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            Span(seconds as u32)
        }
    }
}

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);
    /// The sliding window of the ledger.
    pub const DAY: Self = Self::hours(24);

    /// A span of `count` seconds.
    pub const fn seconds(count: u32) -> Self {
        Self(count)
    }

    /// A span of `count` minutes.
    pub const fn minutes(count: u32) -> Self {
        Self(count.saturating_mul(60))
    }

    /// A span of `count` hours.
    pub const fn hours(count: u32) -> Self {
        Self(count.saturating_mul(3600))
    }

    /// The count of seconds.
    pub const fn as_seconds(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Span {
    /// Writes `1h30m`, `5m`, `45s` or `0s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (hours, minutes, seconds) = (self.0 / 3600, self.0 % 3600 / 60, self.0 % 60);
        if hours > 0 {
            write!(f, "{hours}h")?;
        }
        if minutes > 0 {
            write!(f, "{minutes}m")?;
        }
        if seconds > 0 || self.0 == 0 {
            write!(f, "{seconds}s")?;
        }
        Ok(())
    }
}
