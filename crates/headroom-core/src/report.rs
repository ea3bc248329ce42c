//! What to tell people: codes and numbers. Prose is rendered in `headroom-api`, nowhere else, so that equal reports
//! render equally and the status is not written for a changed word.

use alloc::{boxed::Box, collections::BTreeMap, vec::Vec};

use crate::{
    Bytes, Percent, Timestamp,
    ledger::{ActionId, Cause},
    names::{InstanceName, NodeName, Text, VolumeName},
    observation::{ObstacleCause, Suspension},
};

pub use shrink::{ShrinkReason, Unhealthy};

mod shrink;

/// The report of one decision. It has no gauge that changes between edges (usage, "in 3 minutes").
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "an unread report is not actionable"]
pub struct Report {
    /// `Policy::generation` that was judged.
    pub generation: u64,
    /// Per volume of the policy.
    pub volumes: BTreeMap<VolumeName, VolumeReport>,
    /// The WAL volume, when there is one: observed only.
    pub wal: Option<WalReport>,
    /// What concerns the Cluster as a whole.
    pub cluster: ClusterVerdict,
}

/// The state of the Cluster as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClusterVerdict {
    /// Nothing stands in the way.
    Fine,
    /// Left alone.
    Suspended(Suspension),
    /// `mode: Paused`.
    Paused,
    /// `mode: Advise`: nothing is changed.
    Advising,
    /// The object is being deleted and headroom lets go of the Cluster.
    Releasing,
    /// The primary's pod is gone, and CNPG makes none because something else comes first, in a Cluster in which no shrink
    /// runs.
    Trapped {
        /// The primary, without a pod.
        primary: InstanceName,
        /// What comes first.
        by: InTheWay,
    },
    /// The API server refuses what has to be done to the Cluster, a pod, a Job or our own object; it is tried again.
    Refused {
        /// Why.
        cause: ObstacleCause,
        /// The API server's words.
        words: Text,
    },
    /// The second opinion refused the plan; its finding codes.
    PlanRefused(Vec<&'static str>),
}

/// What keeps CNPG from making the primary's pod.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InTheWay {
    /// The Job that makes this instance is unfinished, and waits for the primary (experiments E4, E8).
    Join(InstanceName),
    /// This instance's pod is Pending and no node takes it (docs/experiments-shrink.md S8).
    PendingPod(InstanceName),
}

/// One volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeReport {
    /// The state shown.
    pub state: State,
    /// Why it is in that state.
    pub reason: Reason,
    /// What every claim should have.
    pub effective: Option<Bytes>,
    /// Where a running or wanted change leads.
    pub target: Option<Bytes>,
    /// Ceiling that holds now (`max(limit, lo)`), for messages.
    pub ceiling: Bytes,
    /// The claims.
    pub members: BTreeMap<InstanceName, MemberReport>,
    /// Slots.
    pub budget: BudgetReport,
    /// The window that is open or opens next.
    pub window: Option<(Timestamp, Timestamp)>,
    /// The running action.
    pub running: Option<(ActionId, Cause)>,
    /// What else people should know.
    pub notices: Vec<Notice>,
}

/// One claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberReport {
    /// `spec.resources.requests.storage`.
    pub requested: Bytes,
    /// `status.capacity.storage`.
    pub capacity: Option<Bytes>,
}

/// Slots of the sliding 24 hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetReport {
    /// Actions counted in the last 24 hours.
    pub used: u8,
    /// Slots a planned action may use now.
    pub planned: u8,
    /// Slots an emergency may use now.
    pub emergency: u8,
    /// When the next planned slot returns, if none is left.
    pub next_planned: Option<Timestamp>,
    /// When the next emergency slot returns, if none is left.
    pub next_emergency: Option<Timestamp>,
}

/// State of a volume (design §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Enough is free.
    Balanced,
    /// Growth is wanted and something says wait.
    PendingGrowth,
    /// Claims are being raised.
    Growing,
    /// Nearly or entirely full.
    Emergency,
    /// More is wanted than the limit allows.
    AtLimit,
    /// More is wanted than the budget allows.
    BudgetExhausted,
    /// A shrink is wanted and something says wait.
    PendingShrink,
    /// Instances are being replaced by smaller ones.
    Shrinking,
    /// No usage is known.
    WaitingForUsage,
    /// Something in the set-up forbids all change.
    Blocked,
    /// The Cluster is left alone.
    Suspended,
    /// `mode: Paused`.
    Paused,
}

/// Why a volume is in its state: one code each, rendered by `headroom-api`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Enough is free and nothing runs.
    EnoughFree,
    /// A claim smaller than its siblings is being raised.
    Repairing(InstanceName),
    /// A claim smaller than its siblings is not bound yet: its request cannot change before.
    WaitingForBinding(InstanceName),
    /// Waits for the maintenance window.
    OutsideWindow,
    /// The schedule never fires.
    NoWindowAhead,
    /// One sample below the buffer; a second one with another kubelet time must confirm it.
    Confirming,
    /// All planned slots are spent; the reserve is for emergencies.
    PlannedBudgetSpent,
    /// All slots are spent.
    BudgetSpent,
    /// The first replica is being grown; the others wait for it.
    WaitingForCanary(InstanceName),
    /// Claims are patched and the storage works on it.
    WaitingForStorage {
        /// Whose claim is waited for.
        instance: InstanceName,
        /// Whether it waits for the node (else for the controller).
        node_step: bool,
    },
    /// The growth is done but for claims that no pod mounts.
    WaitingForMount(InstanceName),
    /// The storage said that this size cannot be had; its words.
    Infeasible {
        /// Whose claim.
        instance: InstanceName,
        /// The driver's words.
        words: Text,
    },
    /// The canary made no progress in five minutes.
    CanaryStuck(InstanceName),
    /// The API server refused; its words.
    Refused {
        /// Whose claim.
        instance: InstanceName,
        /// Why.
        cause: ObstacleCause,
        /// Its words.
        words: Text,
    },
    /// Used share is at or above the critical threshold.
    Critical(InstanceName),
    /// The server of this member stopped because the volume is full.
    DiskFull(InstanceName),
    /// Below the buffer and full before a growth could end.
    FullSoon(InstanceName),
    /// In emergency, but `emergencyGrow.enabled` is false.
    EmergencyDisabled,
    /// At `limit` (or `emergencyLimit` in an emergency).
    LimitReached,
    /// The Cluster's own size is above `limit`.
    LimitBelowClusterSize {
        /// The Cluster's size.
        cluster_size: Bytes,
    },
    /// Growth would hide a WAL fault (design §5 rule 8).
    WalFault,
    /// No sample has been seen of any member.
    NoUsage,
    /// The newest samples are too old.
    StaleUsage,
    /// The file system's size disagrees with the claim.
    NotSizedByClaim(InstanceName),
    /// The kubelet of this node does not answer; its words.
    KubeletSilent(NodeName, Text),
    /// The StorageClass forbids expansion.
    StorageClassNotExpandable,
    /// `resizeInUseVolumes: false`.
    OnlineResizeDisabled,
    /// A static volume: nothing would follow a patch.
    StaticVolume,
    /// The Cluster declares no such volume.
    NoSuchVolume,
    /// No bound claim has been seen.
    NoBoundClaim,
    /// The Cluster is left alone.
    Suspended(Suspension),
    /// `mode: Paused`; a growth that was running is left as it is.
    Paused,
    /// The object is being deleted.
    Releasing,
    /// What a shrink does, or waits for.
    Shrink(ShrinkReason),
}

/// What else people should know about a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// What a shrink would do: told before anybody agrees, and while it waits.
    ShrinkPlan {
        /// The new size.
        to: Bytes,
        /// How often the whole database is copied.
        copies: u32,
        /// What is copied in all, rounded up to whole GiB so that it changes rarely.
        bytes: Bytes,
        /// How long that takes, rounded up to five minutes.
        minutes: u32,
        /// What is saved over all instances.
        saving: Bytes,
    },
    /// A former primary that failed over on a full disk may need a rebuild, not a growth.
    MemberNeedsRebuild(InstanceName),
    /// The Cluster's spec size is below what new replicas will need; `syncClusterSize` is how to change that.
    ClusterSizeBehind {
        /// The Cluster's size.
        cluster_size: Bytes,
    },
    /// The volume is far too large, and the Cluster's own size, which nobody can lower, keeps it from shrinking, though
    /// the DynamicStorage asks for less.
    ClusterSizeIsFloor {
        /// The Cluster's size.
        cluster_size: Bytes,
    },
    /// Archiving fails since then: WAL piles up.
    ArchiverFailing {
        /// Since when.
        since: Timestamp,
    },
    /// A replication slot retains WAL.
    SlotRetainsWal {
        /// The slot.
        slot: Text,
        /// How much, rounded down to whole GiB so that it changes rarely.
        retained: Bytes,
    },
    /// This member reports no fresh usage: it does not take part in planned growth.
    MemberWithoutUsage(InstanceName),
    /// A claim's request was found lowered and is raised again.
    RequestLowered(InstanceName),
    /// `criticalThreshold` in force, where a volume is in emergency and cannot act.
    CriticalAt(Percent),
}

/// The WAL volume: observed, never resized (phase 1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalReport {
    /// Members whose WAL volume stopped the server (exit code 4).
    pub full: Vec<InstanceName>,
    /// Members whose WAL volume is below 10 percent free.
    pub low: Vec<InstanceName>,
    /// Why WAL piles up, when known.
    pub notices: Vec<Notice>,
}

/// Why nothing can be done for an object: reason, cause and hint for people.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// CamelCase condition reason.
    pub reason: &'static str,
    /// What is wrong.
    pub message: Text,
    /// What to do about it.
    pub hint: Text,
}

/// What is published in the status beside the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A decision was made.
    Decided(Box<Report>),
    /// No decision can be made: bad spec, missing Cluster, unreadable status, internal error.
    Refused(Problem),
}
