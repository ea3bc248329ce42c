//! What was seen of one Cluster: translated wire objects plus evidence. Foreign words that headroom does not decide on
//! are kept as [`Text`] for people.

use alloc::{collections::BTreeMap, vec::Vec};

use crate::{
    Bytes, Timestamp,
    names::{InstanceName, NodeName, ObjectId, Text, Uid, Version, VolumeName},
    usage::Samples,
    window::Windows,
};

pub use survey::{BudgetSeen, JobSeen, ReplicationSeen, Survey, SurveySeen};

mod survey;

/// Everything `decide` may look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// The Cluster.
    pub cluster: ClusterSeen,
    /// Its instances: every instance that has a claim or a pod.
    pub members: BTreeMap<InstanceName, MemberSeen>,
    /// Maintenance windows of each volume in the policy, resolved around now.
    pub windows: BTreeMap<VolumeName, Windows>,
    /// What headroom remembers in memory only.
    pub evidence: Evidence,
    /// Whether this comes from watches or from a read made for this decision.
    pub freshness: Freshness,
    /// The DynamicStorage itself.
    pub storage: StorageMeta,
}

/// Facts of the DynamicStorage object itself that are neither policy nor record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageMeta {
    /// Which object.
    pub id: ObjectId,
    /// Its version, the precondition of every write to it.
    pub version: Version,
    /// It has a deletion timestamp.
    pub deleting: bool,
    /// It carries headroom's finalizer.
    pub finalizer: bool,
}

/// Where an observation comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// From the watches.
    Cached,
    /// From a read of the API server's quorum, nothing written since.
    Quorum {
        /// When it was made.
        read_at: Timestamp,
    },
}

/// The Cluster as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterSeen {
    /// Which Cluster.
    pub id: ObjectId,
    /// Its version.
    pub version: Version,
    /// `spec.instances`.
    pub instances: u32,
    /// Who set it.
    pub scaled_by: Scaler,
    /// Volumes that its spec declares, with size and options.
    pub volumes: BTreeMap<VolumeName, VolumeSpecSeen>,
    /// Who is primary, by `status.currentPrimary` and `targetPrimary`; labels lie.
    pub primary: Primary,
    /// `status.phase`: shown, never decided on alone.
    pub phase: Text,
    /// `status.readyInstances`.
    pub ready_instances: u32,
    /// Why headroom must leave the whole Cluster alone, if so.
    pub suspended: Option<Suspension>,
    /// Instances fenced by annotation.
    pub fenced: Fenced,
    /// What CNPG counts in its status.
    pub census: Census,
    /// What its spec says of replacing and promoting instances.
    pub conduct: Conduct,
}

/// Who set `spec.instances` to what it is, by `metadata.managedFields`: the API server writes it down with the value itself,
/// so it survives what a process forgets (K: server-side apply, "Field management").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scaler {
    /// Headroom, through the scale subresource. Who sets the same number again does not change that.
    Headroom,
    /// Somebody else.
    Others,
    /// It is not written down, or not any more.
    Unsaid,
}

/// What CNPG counts in `status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Census {
    /// `status.instances`.
    pub instances: u32,
    /// Claims under `danglingPVC`, `initializingPVC` and `unusablePVC`.
    pub loose_claims: u32,
}

/// What the Cluster's spec says of replacing and promoting instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "settings of CloudNativePG, each of its own")]
pub struct Conduct {
    /// `primaryUpdateStrategy: supervised`: a person switches over.
    pub supervised: bool,
    /// `nodeMaintenanceWindow.inProgress`.
    pub maintained: bool,
    /// `replica.enabled`: a replica cluster.
    pub follows: bool,
    /// Backups by volume snapshot are set up: CNPG makes replicas from them.
    pub snapshots: bool,
    /// Standbys that every commit waits for (`postgresql.synchronous.number`).
    pub synchronous: u32,
    /// A parameter with which CNPG accepts a single instance only. Its webhook does not see the scale subresource; with
    /// one instance more CNPG calls the definition invalid and repairs nothing any more (experiments S2).
    pub single_only: Option<SingleOnly>,
}

/// A PostgreSQL parameter that CNPG refuses where there is more than one instance (S: `cluster_webhook.go`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SingleOnly {
    /// `wal_log_hints: off`.
    WalLogHints,
    /// `wal_level: minimal`.
    WalLevel,
}

impl Conduct {
    /// CNPG's defaults.
    pub const fn plain() -> Self {
        Self {
            supervised: false,
            maintained: false,
            follows: false,
            snapshots: false,
            synchronous: 0,
            single_only: None,
        }
    }
}

/// One volume in the Cluster's spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeSpecSeen {
    /// CNPG's `GetSizeOrNil`: `size`, else the template's request. `None` when neither can be read.
    pub size: Option<Bytes>,
    /// `resizeInUseVolumes`, true by default: `false` is the user's word not to resize in place.
    pub resize_in_use: bool,
}

/// Who is primary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Primary {
    /// Current and target agree.
    Known(InstanceName),
    /// A switchover or failover is on its way.
    Moving {
        /// The target, unless an election is still open (`pending`).
        to: Option<InstanceName>,
    },
    /// Never been one.
    Unknown,
}

/// Why the whole Cluster is left alone (design §4 `Suspended`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Suspension {
    /// `cnpg.io/hibernation: on`.
    Hibernated,
    /// The Cluster has a deletion timestamp.
    ClusterDeleting,
    /// `cnpg.io/reconciliationLoop: disabled`.
    ReconciliationDisabled,
}

/// Which instances are fenced (`cnpg.io/fencedInstances`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fenced {
    /// None.
    Nobody,
    /// `["*"]`.
    Everybody,
    /// These.
    Instances(Vec<InstanceName>),
}

impl Fenced {
    /// Whether `instance` is fenced.
    pub fn holds(&self, instance: &InstanceName) -> bool {
        match self {
            Self::Nobody => false,
            Self::Everybody => true,
            Self::Instances(list) => list.contains(instance),
        }
    }
}

/// One instance: its pod and its claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberSeen {
    /// Its instance pod; job pods do not count.
    pub pod: Option<PodSeen>,
    /// Its claims by volume.
    pub claims: BTreeMap<VolumeName, ClaimSeen>,
}

impl MemberSeen {
    /// Whether an instance has run on its data claim; without one it has not, nor can it.
    pub fn has_run(&self) -> bool {
        self.claims.get(&VolumeName::Data).is_some_and(|data| !data.initializing)
    }
}

/// An instance pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodSeen {
    /// Which pod.
    pub id: ObjectId,
    /// Where it runs.
    pub node: Option<NodeName>,
    /// Its `status.podIP`, for the instance's status endpoint.
    pub address: Option<Text>,
    /// The Ready condition.
    pub ready: bool,
    /// Since when that is not True (its `lastTransitionTime`); `None` while it is, or where that is not said.
    pub unready_since: Option<Timestamp>,
    /// Its phase is `Pending`: not everything in it has begun. Without a node nothing has.
    pub pending: bool,
    /// It has a deletion timestamp.
    pub terminating: bool,
    /// Container `postgres`.
    pub container: ContainerSeen,
    /// The newest termination of container `postgres` (state, else last state).
    pub last_exit: Option<ContainerExit>,
    /// Its version, the precondition of a write to it.
    pub version: Version,
    /// Whether CNPG is told to make the instance anew.
    pub mark: Mark,
}

/// Annotation `alpha.cnpg.io/unrecoverable` of an instance pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// Absent.
    None,
    /// There, with headroom's own annotation beside it.
    Ours,
    /// There, put on by somebody else.
    Foreign,
}

/// State of container `postgres`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContainerSeen {
    /// It runs since then.
    Running {
        /// `startedAt`.
        since: Timestamp,
    },
    /// It waits (back-off, image) or has ended.
    NotRunning,
    /// No status yet.
    Unknown,
}

/// How container `postgres` ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContainerExit {
    /// Exit code; 4 is CNPG's "no room for one WAL segment".
    pub code: i32,
    /// `finishedAt`.
    pub at: Timestamp,
}

/// One claim (PVC).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimSeen {
    /// Which claim.
    pub id: ObjectId,
    /// Its version.
    pub version: Version,
    /// `spec.resources.requests.storage`.
    pub requested: Bytes,
    /// The same as text: a JSON-patch `test` compares text, so the exact spelling is needed.
    pub requested_text: Text,
    /// `status.capacity.storage`; `None` before it is bound.
    pub capacity: Option<Bytes>,
    /// `status.phase`.
    pub phase: ClaimPhase,
    /// What the resize machinery says.
    pub resize: Resizing,
    /// CNPG says that no instance has run on it (`cnpg.io/pvcStatus: initializing`): it holds no data, a part of a copy, or
    /// a copy that has yet to be taken over.
    pub initializing: bool,
    /// It has a deletion timestamp.
    pub terminating: bool,
    /// Whether its StorageClass lets it grow.
    pub growable: Growable,
}

/// `status.phase` of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimPhase {
    /// No volume yet: its request cannot be changed (422).
    Pending,
    /// It has a volume.
    Bound,
    /// Its volume is gone.
    Lost,
    /// A word newer than this program.
    Other(Text),
}

/// Where a resize stands, from `allocatedResourceStatuses` and conditions. Shown and used for "infeasible"; done is
/// judged by capacity (design §5 rule 5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resizing {
    /// The step.
    pub step: ResizeStep,
    /// `FileSystemResizePending` is true.
    pub file_system_pending: bool,
    /// `Resizing` is true.
    pub in_progress: bool,
    /// The driver's or kubelet's words, from `ControllerResizeError` or `NodeResizeError`.
    pub error: Option<Text>,
}

impl Resizing {
    /// Nothing is going on.
    pub const fn none() -> Self {
        Self { step: ResizeStep::None, file_system_pending: false, in_progress: false, error: None }
    }
}

/// `status.allocatedResourceStatuses["storage"]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResizeStep {
    /// Absent.
    None,
    /// `ControllerResizeInProgress`.
    ControllerInProgress,
    /// `ControllerResizeInfeasible`.
    ControllerInfeasible,
    /// `NodeResizePending`.
    NodePending,
    /// `NodeResizeInProgress`.
    NodeInProgress,
    /// `NodeResizeInfeasible`.
    NodeInfeasible,
    /// A word newer than this program.
    Other(Text),
}

/// Whether a claim can grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Growable {
    /// Its StorageClass has `allowVolumeExpansion: true`.
    Yes,
    /// Its StorageClass says no.
    ClassForbids,
    /// It has no StorageClass: a static volume.
    Static,
    /// The StorageClass has not been seen.
    Unknown,
}

/// What headroom remembers in memory. Loss is safe: everything here only delays or informs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Usage by claim uid. Lost: the next kubelet answer. Old: the sample's own time says so.
    pub samples: BTreeMap<Uid, Samples>,
    /// The last refusal by claim uid. Lost: the request is tried once more. Old: `at` says so.
    pub obstacles: BTreeMap<Uid, Obstacle>,
    /// When a claim was first seen with its present request still unmet. Lost: the wait starts again. Old: as lost.
    pub waiting_since: BTreeMap<Uid, Timestamp>,
    /// When the capacity of a claim was seen to have grown: samples that are not newer speak of the claim as it was.
    /// Lost: so are those samples, and one that the kubelet still shows decides nothing alone. Old: it only excludes
    /// what is older.
    pub grown_since: BTreeMap<Uid, Timestamp>,
    /// What the primary's status endpoint said of WAL. Lost: asked again. Old: `at` says so.
    pub wal: Option<WalSeen>,
    /// Nodes whose kubelet did not answer, with its words. Lost: the next poll. Old: replaced by the next poll.
    pub silent_nodes: BTreeMap<NodeName, Text>,
    /// What only a shrink must know. Lost: read again. Old: `at` says so.
    pub survey: Option<SurveySeen>,
    /// Since when nothing of the Cluster, its pods and its claims was seen to change. Lost: counts from now, which only
    /// delays a shrink. Old: any change moves it.
    pub steady_since: Option<Timestamp>,
}

impl Evidence {
    /// What the newest survey found, however old it is.
    pub fn facts(&self) -> Option<&Survey> {
        self.survey.as_ref()?.facts.as_ref()
    }

    /// Nothing is remembered.
    pub const fn none() -> Self {
        Self {
            samples: BTreeMap::new(),
            obstacles: BTreeMap::new(),
            waiting_since: BTreeMap::new(),
            grown_since: BTreeMap::new(),
            wal: None,
            silent_nodes: BTreeMap::new(),
            survey: None,
            steady_since: None,
        }
    }
}

/// A refused request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// Why.
    pub cause: ObstacleCause,
    /// The API server's words.
    pub words: Text,
    /// When it was last refused.
    pub at: Timestamp,
    /// How often in a row, for the back-off.
    pub attempts: u32,
    /// The size that was refused: another size is tried at once.
    pub wanted: Bytes,
}

/// Why a request was refused (design §5 rule 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObstacleCause {
    /// A ResourceQuota.
    Quota,
    /// A LimitRange.
    LimitRange,
    /// The StorageClass does not allow expansion.
    NotExpandable,
    /// Not allowed for headroom's account.
    Forbidden,
    /// The claim is not bound.
    NotBound,
    /// The API server asks to slow down.
    Throttled,
    /// The API server is unavailable.
    Unavailable,
    /// Refused as invalid with a cause we do not know.
    Invalid,
    /// Anything else.
    Unknown,
}

/// What an instance's status endpoint says of WAL (`/pg/status`; absent is zero).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalSeen {
    /// When it was read.
    pub at: Timestamp,
    /// `None`: the endpoint could not be read.
    pub facts: Option<WalFacts>,
}

/// WAL facts of the primary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalFacts {
    /// Archiving has been failing since then (last failure newer than last success).
    pub archiver_failing_since: Option<Timestamp>,
    /// Segments ready and not yet archived.
    pub ready_segments: u32,
    /// The slot that retains most WAL and how much it retains.
    pub slot: Option<(Text, Bytes)>,
}
