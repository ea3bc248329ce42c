//! A running shrink: intent, never progress. What has been replaced is seen from the claims.

use alloc::collections::{BTreeMap, BTreeSet};

use crate::{
    Bytes, Timestamp,
    ledger::ActionId,
    names::{InstanceName, Uid, VolumeName},
};

/// A running shrink of the whole Cluster (design §6): instances are replaced one by one, all volumes that may shrink in
/// one pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shrink {
    /// Its entry in the ledgers of its volumes.
    pub id: ActionId,
    /// `Policy::generation` that it was last fitted to.
    pub generation: u64,
    /// When the intent was recorded.
    pub started: Timestamp,
    /// The volumes that shrink.
    pub volumes: BTreeMap<VolumeName, ShrinkSizes>,
    /// `spec.instances` as somebody else set it: overwritten by a surge, hence stored.
    pub declared: u32,
    /// Whether a further instance is added first.
    pub surge: Surging,
    /// The data claims to be replaced: an instance is replaced when its claim has another uid. Nobody else is ever
    /// condemned, so a shrink deletes no more than these.
    pub originals: BTreeMap<InstanceName, Uid>,
    /// Who is being replaced, written before anything is done to it.
    pub condemned: Option<Condemned>,
    /// Where it leads.
    pub course: Course,
}

/// Sizes of one volume that shrinks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShrinkSizes {
    /// Effective size before, which holds until every instance is replaced.
    pub from: Bytes,
    /// What the new claims get.
    pub to: Bytes,
}

/// Whether a shrink adds an instance, `declared + 1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Surging {
    /// It does not.
    No,
    /// It will.
    Wanted,
    /// It has: `spec.instances` was seen raised. Found lowered again, somebody else lowered it.
    Seen,
    /// A single instance has moved to the further one, and the old one is to go: lowering it is ours.
    Returning,
}

/// An instance that is about to be deleted and made anew by CNPG.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condemned {
    /// Which.
    pub instance: InstanceName,
    /// Its pod.
    pub pod: Uid,
    /// All its claims: they go together.
    pub claims: BTreeSet<Uid>,
}

/// Where a shrink leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Course {
    /// To smaller claims.
    Smaller,
    /// Back to the size before: what is small grows in place, the number of instances is restored.
    Back(TurnedBack),
    /// Every instance is replaced; the number of instances is restored.
    Tidy,
}

/// Why a shrink turned back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TurnedBack {
    /// A volume of the Cluster is in emergency.
    Emergency,
    /// A replaced instance has less than the buffer free, or so much is used that no volume is worth a shrink any more.
    TooSmall,
    /// The spec asks for as much as before, or does not allow the shrink any more.
    SpecChanged,
    /// The DynamicStorage is being deleted.
    Released,
    /// Somebody else raised a claim.
    External,
}
