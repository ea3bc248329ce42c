//! What the user wants: valid by construction, made from a `DynamicStorage` spec by `headroom-api`.

use alloc::collections::BTreeMap;

use crate::{Bytes, Percent, Span, names::VolumeName};

/// The user's wishes for one Cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// `metadata.generation` of the DynamicStorage that this was made from.
    pub generation: u64,
    /// What may be done at all.
    pub mode: Mode,
    /// When the sizes in the Cluster's spec follow the effective sizes.
    pub sync: ClusterSizeSync,
    /// One policy per volume that may be resized. [`VolumeName::Wal`] never occurs here (design §4, phase 1).
    pub volumes: BTreeMap<VolumeName, VolumePolicy>,
}

/// What headroom may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// Decide, report and act.
    Apply,
    /// Decide and report; change nothing but our own status.
    Advise,
    /// Stop before the next write and say what that leaves.
    Paused,
}

/// When the sizes in the Cluster's spec are raised to the effective sizes (design §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ClusterSizeSync {
    /// Never; new replicas start at the Cluster's own size.
    Never,
    /// When the DynamicStorage is deleted.
    OnRelease,
    /// After each proven growth, and when the DynamicStorage is deleted.
    Follow,
}

/// The rules for one volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumePolicy {
    /// The floor; `None` means the Cluster's own size.
    pub request: Option<Bytes>,
    /// The ceiling. Never below `request`.
    pub limit: Bytes,
    /// Free share of the file system to keep, 5 to 50 percent.
    pub buffer: Percent,
    /// Sizes are multiples of this (1Gi; 64Mi where `limit` is below 8Gi).
    pub unit: Bytes,
    /// How many changes a day.
    pub budget: Budget,
    /// What to do when the volume is nearly full.
    pub emergency: EmergencyPolicy,
    /// Whether and how to shrink.
    pub shrink: ShrinkPolicy,
    /// Grow on schedule even while WAL piles up behind a fault (design §5 rule 8).
    pub acknowledge_wal_risk: bool,
}

/// Slots of a sliding 24 hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Logical actions per 24 hours.
    pub per_day: u8,
    /// How many of them only emergencies may use; never above `per_day`.
    pub reserved: u8,
}

/// When a volume is in emergency and how far growth may go then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EmergencyPolicy {
    /// Whether an emergency may act outside window and planned budget.
    pub enabled: bool,
    /// Used share at which a volume is in emergency, 80 to 99 percent.
    pub critical: Percent,
    /// Available bytes at or below which a volume is in emergency.
    pub minimum_free: Option<Bytes>,
    /// A ceiling for emergencies above `limit`.
    pub limit: Option<Bytes>,
}

/// Whether and when a volume may shrink (design §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShrinkPolicy {
    /// Off by default.
    pub enabled: bool,
    /// How long a volume must have been too large.
    pub stabilization: Span,
    /// Least saving that is worth the clones.
    pub minimum_saving: Percent,
    /// Whether a further instance is added during the change.
    pub surge: Surge,
    /// The user accepts the write outage of a switchover on a single instance.
    pub allow_switchover_on_single_instance: bool,
}

/// Whether a shrink adds an instance first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Surge {
    /// headroom decides: always, in this version.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}
