//! A volume that is too large: since when, and how much of it was used meanwhile.

use crate::{Bytes, Span, Timestamp};

/// Since when a volume has been too large, and the most that a member used since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Calm {
    /// Since when. Lost: stabilisation starts again, which only delays a shrink. Old: as lost, once a sample says
    /// otherwise.
    pub since: Timestamp,
    /// The most that was used. Lost: a shrink waits until usage has been watched for as long as the stabilisation. Old: it
    /// may be grown back at the next peak.
    pub peak: Peak,
}

impl Calm {
    /// From now on, nothing seen yet.
    pub const fn from(since: Timestamp) -> Self {
        Self { since, peak: Peak { since, used: Bytes::ZERO, before: Bytes::ZERO } }
    }
}

/// The most that any member used of its file system, to a thirty-second. Two turns are kept, each at least as long as the
/// stabilisation, so what was used within the last stabilisation is never forgotten, and nothing is kept for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peak {
    /// Since when the present turn is.
    pub since: Timestamp,
    /// In the present turn.
    pub used: Bytes,
    /// In the turn before it.
    pub before: Bytes,
}

impl Peak {
    /// The most of both turns.
    pub fn most(&self) -> Bytes {
        self.used.max(self.before)
    }

    /// From when on it covers the last stabilisation: a turn is over, or has lasted as long.
    pub fn covers_from(&self, stabilization: Span) -> Timestamp {
        if self.before > Bytes::ZERO { self.since } else { self.since.plus(stabilization) }
    }

    /// Takes in what is `used` now. Where usage stays as it is nothing changes, for each change is a write.
    pub fn take(&mut self, used: Bytes, stabilization: Span, now: Timestamp) {
        // A clock that was set back must not make a turn longer by the difference.
        self.since = self.since.min(now);
        if self.most() == Bytes::ZERO {
            *self = Self { since: now, used, before: Bytes::ZERO };
        }
        let turned = self.since.plus(stabilization) <= now;
        if turned && exceeds(self.most(), used) {
            *self = Self { since: now, used, before: self.used };
        } else if exceeds(used, self.used) {
            self.used = used;
        }
    }
}

/// By more than a thirty-second.
fn exceeds(more: Bytes, less: Bytes) -> bool {
    more.get() > less.get().saturating_add(less.get() / 32)
}
