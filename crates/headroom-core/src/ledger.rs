//! The ledger: actions of the last 24 hours, entry by entry.

use alloc::vec::Vec;

use crate::{Bytes, Timestamp};

/// The number of an action, unique within one DynamicStorage (from [`crate::record::Record::sequence`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActionId(pub u32);

/// Logical actions on one volume, oldest first. The entries themselves are stored: a sliding window cannot be
/// rebuilt from a counter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ledger {
    /// Oldest first; those older than 24 hours and finished are dropped when the next one is written.
    pub entries: Vec<LedgerEntry>,
}

/// One logical action: one slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerEntry {
    /// Its number.
    pub id: ActionId,
    /// Why it was done.
    pub cause: Cause,
    /// Effective size before.
    pub from: Bytes,
    /// Effective size wanted: larger than `from` but for [`Cause::Shrink`].
    pub to: Bytes,
    /// When the intent was recorded.
    pub started: Timestamp,
    /// How it ended.
    pub outcome: Outcome,
}

/// Why a volume changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// Free space fell below the buffer (design §5 rule 3).
    Planned,
    /// The volume is nearly or entirely full (rule 2).
    Emergency,
    /// Somebody else raised the claims; observed and counted (rule 6).
    External,
    /// Far more is free than the buffer, and the space is given back (design §6).
    Shrink,
}

/// How an action ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// Not yet.
    Running,
    /// Every mounted claim has the size.
    Completed {
        /// When that was seen.
        at: Timestamp,
    },
    /// Stopped at the canary before any claim grew: the slot is given back (rule 3).
    Refunded {
        /// When that was decided.
        at: Timestamp,
    },
    /// Ended by a newer spec; the slot stays spent.
    Superseded {
        /// When that was decided.
        at: Timestamp,
    },
}
