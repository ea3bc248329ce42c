//! What only a shrink must know: read on demand, kept in memory, gone as soon as headroom writes.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use crate::{
    Bytes, Span, Timestamp,
    names::{InstanceName, NodeName, ObjectId, ObjectName},
};

/// What was read, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SurveySeen {
    /// When it was asked for.
    pub at: Timestamp,
    /// `None`: it could not be read.
    pub facts: Option<Survey>,
    /// The primary's WAL position (bytes) at an earlier survey of the same primary: what the pace of WAL is taken from.
    pub mark: Option<(Timestamp, u64)>,
}

/// One look at what surrounds the instances.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survey {
    /// Jobs of the Cluster that have not completed.
    pub jobs: Vec<JobSeen>,
    /// The instances whose Job has completed and is still there: CNPG has yet to take their claims over.
    pub copied: BTreeSet<InstanceName>,
    /// Nodes that take no new pods.
    pub cordoned: BTreeSet<NodeName>,
    /// A Backup of the Cluster has begun and not ended.
    pub backup_running: bool,
    /// PodDisruptionBudgets that select an instance's pod and allow no disruption; without those of the Cluster itself.
    pub budgets: Vec<BudgetSeen>,
    /// What the instances say of replication; one that could not be asked is absent.
    pub replication: BTreeMap<InstanceName, ReplicationSeen>,
}

/// A PodDisruptionBudget that allows no disruption now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BudgetSeen {
    /// Its name.
    pub name: ObjectName,
    /// The instances whose pods it selects.
    pub selects: BTreeSet<InstanceName>,
    /// It asks for a number of pods (`minAvailable`, no percentage): with an instance more it may allow a disruption.
    pub eased_by_surge: bool,
}

/// A Job that makes an instance and has not completed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobSeen {
    /// Which Job.
    pub id: ObjectId,
    /// The instance that it makes.
    pub instance: InstanceName,
    /// It makes a further instance (`cnpg.io/jobRole`: `join`, or `snapshot-recovery` from a snapshot). Others, as of a
    /// major upgrade, are nobody's to delete.
    pub joins: bool,
    /// It has failed for good (condition `Failed`).
    pub failed: bool,
    /// It has a deletion timestamp.
    pub terminating: bool,
}

/// What `/pg/status` of an instance says (experiments E1; absent is zero).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplicationSeen {
    /// `isPrimary`.
    pub primary: bool,
    /// `timeLineID`.
    pub timeline: u64,
    /// `isWalReceiverActive`.
    pub receiving: bool,
    /// `currentLsn` of a primary, `replayLsn` of a replica, in bytes.
    pub position: u64,
    /// The last archiving attempt failed.
    pub archiver_failing: bool,
}

impl SurveySeen {
    /// The pace of the primary's WAL, when two surveys at least `apart` are there: bytes over a span.
    pub fn wal_pace(&self, apart: Span) -> Option<(Bytes, Span)> {
        let (since, from) = self.mark?;
        let span = self.at.since(since);
        let primary = self.facts.as_ref()?.replication.values().find(|seen| seen.primary)?;
        (span >= apart).then(|| (Bytes::new(primary.position.saturating_sub(from)), span))
    }
}
