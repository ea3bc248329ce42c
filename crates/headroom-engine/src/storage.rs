//! The DynamicStorage as the engine sees it.

use alloc::collections::BTreeMap;

use headroom_core::{
    Policy, Record, Timestamp,
    names::{ClusterKey, VolumeName},
    observation::StorageMeta,
    report::{Problem, State, Verdict},
    window::{WindowSpec, Windows},
};

/// A DynamicStorage, translated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageSeen {
    /// Its namespace and name: those of its Cluster too (the name rule is held by CEL).
    pub key: ClusterKey,
    /// Identity, version, deletion, finalizer.
    pub meta: StorageMeta,
    /// `metadata.generation`.
    pub generation: u64,
    /// The policy, or why the spec makes none.
    pub policy: Result<Policy, Problem>,
    /// Maintenance windows of the volumes that have one; the others are always open.
    pub windows: BTreeMap<VolumeName, WindowSpec>,
    /// The record, or why the status cannot be read: then nothing is touched and nothing overwritten but conditions.
    pub record: Result<Record, Problem>,
    /// Digest of the stored status, to compare with what would be written ([`DigestStatus`]).
    pub digest: u64,
    /// What the stored status tells people.
    pub published: Published,
}

/// What a stored status tells people: tells apart a change worth a prompt write and a message from one that can wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// `status.observedGeneration`; `None` before the first write.
    pub generation: Option<u64>,
    /// The last verdict was a refusal, of the spec or of a plan; a volume that stands still is none.
    pub refused: bool,
    /// `state` of each volume in `status.storageSizing` that can be read.
    pub states: BTreeMap<VolumeName, State>,
}

impl Published {
    /// An empty status.
    pub const fn nothing() -> Self {
        Self { generation: None, refused: false, states: BTreeMap::new() }
    }
}

/// Resolves a maintenance window around a time. Given to the engine by its owner, because cron and time zones live in
/// `headroom-api`. Called when an edge has passed, never per decision.
pub type ResolveWindow = fn(&WindowSpec, Timestamp) -> Windows;

/// Digest of the status that a write of this record and verdict would leave, transition times aside. Equal to
/// [`StorageSeen::digest`] exactly when the write would change nothing. Given by the owner: rendering lives in
/// `headroom-api`.
pub type DigestStatus = fn(Option<&Record>, &Verdict, generation: u64) -> u64;
