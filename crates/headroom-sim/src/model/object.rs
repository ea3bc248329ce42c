//! Objects of the simulated API server, as far as anybody here looks at them. Types of their own: the model shares no
//! type with the product's rules.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::queue::Millis;

/// A name or other short text.
pub type Name = Arc<str>;

/// One mebibyte in bytes.
pub const MIB: u64 = 1 << 20;

/// Identity and version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meta {
    /// `metadata.name`.
    pub name: Name,
    /// `metadata.uid`, a number that is never given twice.
    pub uid: u64,
    /// `metadata.resourceVersion`.
    pub version: u64,
    /// It has a deletion timestamp.
    pub deleting: bool,
}

/// A volume of an instance.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Volume {
    /// PGDATA.
    Data,
    /// A tablespace.
    Tablespace(Name),
    /// pg_wal on a volume of its own.
    Wal,
}

/// Role label, put on by CNPG's operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// `primary`.
    Primary,
    /// `replica`.
    Replica,
    /// `unhealthy`: an old primary during failover or switchover.
    Unhealthy,
}

/// A PersistentVolumeClaim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Identity.
    pub meta: Meta,
    /// `cnpg.io/cluster`.
    pub cluster: Name,
    /// `cnpg.io/instanceName`.
    pub instance: Name,
    /// `cnpg.io/pvcRole` and `cnpg.io/tablespaceName`.
    pub volume: Volume,
    /// `cnpg.io/pvcStatus` is `ready`.
    pub ready: bool,
    /// StorageClass; `None` is a static volume.
    pub class: Option<Name>,
    /// `restoreSize` of the snapshot it is made from (`dataSource`).
    pub restore_size: Option<u64>,
    /// `spec.resources.requests.storage` in bytes.
    pub requested: u64,
    /// The same as stored text.
    pub requested_text: Name,
    /// `status.capacity.storage`; `None` until bound.
    pub capacity: Option<u64>,
    /// `status.allocatedResources.storage`.
    pub allocated: Option<u64>,
    /// `status.allocatedResourceStatuses.storage`.
    pub step: Step,
    /// Condition `Resizing`.
    pub resizing: bool,
    /// Condition `FileSystemResizePending`.
    pub file_system_pending: bool,
    /// Condition `ControllerResizeError` or `NodeResizeError`: its message.
    pub error: Option<Name>,
}

/// `allocatedResourceStatuses` (Kubernetes 1.36, KEP-1790).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
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
}

/// A Pod: an instance's, or a job's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    /// Identity.
    pub meta: Meta,
    /// `cnpg.io/cluster`.
    pub cluster: Name,
    /// `cnpg.io/instanceName`.
    pub instance: Name,
    /// The job it belongs to; instance pods have none.
    pub job: Option<Name>,
    /// Where it runs.
    pub node: Option<Name>,
    /// `status.phase`.
    pub phase: PodPhase,
    /// The Ready condition.
    pub ready: bool,
    /// Since when that is not True: its `lastTransitionTime`.
    pub unready_since: Option<Millis>,
    /// The main container.
    pub container: Container,
    /// Its restart count.
    pub restarts: u32,
    /// Its newest termination.
    pub last_exit: Option<Exit>,
    /// Role label.
    pub role: Option<Role>,
    /// Image of the main container.
    pub image: Name,
    /// Revision of the parameters that its server started with.
    pub parameters: u32,
    /// Annotations that somebody put on it.
    pub annotations: BTreeMap<Name, Name>,
}

/// The annotation that makes CNPG delete an instance with its claims and make it anew (experiments E2).
pub const UNRECOVERABLE: &str = "alpha.cnpg.io/unrecoverable";

impl Pod {
    /// It is Ready no longer.
    pub fn fail(&mut self, at: Millis) {
        if self.ready {
            self.ready = false;
            self.unready_since = Some(at);
        }
    }

    /// Whether CNPG is told to make the instance anew.
    pub fn unrecoverable(&self) -> bool {
        self.annotations.get(UNRECOVERABLE).is_some_and(|value| **value == *"true")
    }
}

/// `status.phase` of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PodPhase {
    /// Not started.
    Pending,
    /// Started.
    Running,
    /// Ended well.
    Succeeded,
    /// Ended badly.
    Failed,
}

/// State of the main container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Container {
    /// Not started yet.
    Created,
    /// Runs since then.
    Running(Millis),
    /// Has ended and waits for its restart.
    Ended,
    /// As `Ended`, shown as `CrashLoopBackOff`.
    BackOff,
}

/// How a container ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit {
    /// Exit code.
    pub code: i32,
    /// When.
    pub at: Millis,
}

/// An initdb or join Job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Identity.
    pub meta: Meta,
    /// `cnpg.io/cluster`.
    pub cluster: Name,
    /// `cnpg.io/instanceName`.
    pub instance: Name,
    /// Whether it makes the first instance, new or from snapshots (else it joins one).
    pub initdb: bool,
    /// It has completed.
    pub succeeded: bool,
    /// Failed pods.
    pub failed: u32,
}

/// A CNPG Cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// Identity.
    pub meta: Meta,
    /// Spec.
    pub spec: ClusterSpec,
    /// `spec.instances` was last changed through the scale subresource, which headroom alone uses here.
    pub rescaled: bool,
    /// Annotation `cnpg.io/fencedInstances`.
    pub fenced: BTreeSet<Name>,
    /// Status.
    pub status: ClusterStatus,
}

/// What the user asks of CNPG.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "switches of CloudNativePG, each of its own")]
pub struct ClusterSpec {
    /// Instances.
    pub instances: u32,
    /// Size in bytes by volume; the data volume is always there.
    pub sizes: BTreeMap<Volume, u64>,
    /// `resizeInUseVolumes`.
    pub resize_in_use: bool,
    /// StorageClass.
    pub class: Name,
    /// `imageName`.
    pub image: Name,
    /// Counts changes of parameters that need a restart.
    pub parameters: u32,
    /// `enablePDB`.
    pub enable_pdb: bool,
    /// `primaryUpdateStrategy: supervised`.
    pub supervised: bool,
    /// `postgresql.synchronous.number` with `dataDurability: required`; 0: none.
    pub synchronous: u32,
    /// `backup.volumeSnapshot.online`, where Backups by snapshot are set up.
    pub snapshots_online: Option<bool>,
    /// Backups go to an object store.
    pub object_store: bool,
    /// Annotation `cnpg.io/reconciliationLoop` is not `disabled`.
    pub reconcile: bool,
    /// The Backup that the first instance is recovered from.
    pub recovery: Option<Name>,
    /// `postgresql.parameters.wal_log_hints` is not off.
    pub wal_log_hints: bool,
    /// The object store cannot be used: WAL is not archived.
    pub archive_broken: bool,
}

impl ClusterSpec {
    /// A spec with CNPG's defaults.
    pub fn new(instances: u32, sizes: BTreeMap<Volume, u64>) -> Self {
        Self {
            instances,
            sizes,
            resize_in_use: true,
            class: "csi".into(),
            image: IMAGE.into(),
            parameters: 0,
            enable_pdb: true,
            supervised: false,
            synchronous: 0,
            snapshots_online: None,
            object_store: false,
            reconcile: true,
            recovery: None,
            wal_log_hints: true,
            archive_broken: false,
        }
    }
}

/// The image that every Cluster begins with.
pub const IMAGE: &str = "postgres:15";
/// Another image of the same PostgreSQL version.
pub const NEWER_IMAGE: &str = "postgres:15-newer";

/// What CNPG reports. Empty lists are absent on the wire.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ClusterStatus {
    /// Phase; absent for the first second.
    pub phase: Option<&'static str>,
    /// Phase reason, shown only.
    pub reason: Option<Name>,
    /// Instances that exist.
    pub instances: u32,
    /// Ready instances.
    pub ready: u32,
    /// Current primary.
    pub current_primary: Option<Name>,
    /// Target primary; `pending` during an election.
    pub target_primary: Option<Name>,
    /// Instance names.
    pub names: Vec<Name>,
    /// Claims in use.
    pub healthy: Vec<Name>,
    /// Claims without an instance pod.
    pub dangling: Vec<Name>,
    /// Claims under an unfinished job.
    pub initializing: Vec<Name>,
    /// Claims being resized.
    pub resizing: Vec<Name>,
    /// Claims of an incomplete group.
    pub unusable: Vec<Name>,
    /// Instances whose pod runs nothing yet.
    pub failed: Vec<Name>,
    /// Instances whose container runs or crash-loops.
    pub replicating: Vec<Name>,
    /// Ready instances.
    pub active: Vec<Name>,
    /// Claims that exist.
    pub claims: u32,
    /// Condition `LastBackupSucceeded` is False.
    pub last_backup_failed: bool,
}

/// What `targetPrimary` says during an election.
pub const PENDING: &str = "pending";

/// Phases of CNPG 1.30 (traces/README.md, facts 6, 13 to 15, 28).
pub mod phase {
    /// Healthy.
    pub const HEALTHY: &str = "Cluster in healthy state";
    /// The first instance is made.
    pub const SETTING_UP: &str = "Setting up primary";
    /// Pods are missing or not ready.
    pub const WAITING: &str = "Waiting for the instances to become active";
    /// A further instance is made.
    pub const CREATING: &str = "Creating a new replica";
    /// A failover runs.
    pub const FAILING_OVER: &str = "Failing over";
    /// A switchover runs.
    pub const SWITCHOVER: &str = "Switchover in progress";
    /// A container ended with exit code 4.
    pub const DISK: &str = "Not enough disk space";
    /// The instance managers see a changed parameter.
    pub const APPLYING: &str = "Applying configuration";
    /// A replica is replaced for a new image or parameter.
    pub const UPGRADING: &str = "Upgrading cluster";
    /// The primary's server restarts in its pod.
    pub const IN_PLACE: &str = "Primary instance is being restarted in-place";
    /// The primary's pod is made anew, and nobody is promoted meanwhile.
    pub const REMAKING: &str = "Primary instance is being restarted without a switchover";
    /// `supervised`: a person must switch over.
    pub const WAITING_FOR_USER: &str = "Waiting for user action";
    /// A job that makes an instance has failed for good.
    pub const UNRECOVERABLE: &str = "Cluster is unrecoverable and needs manual intervention";
    /// CNPG's own rules refuse the spec.
    pub const INVALID: &str = "Invalid cluster definition";
    /// No instance answers.
    pub const EXTRACTION: &str = "Instance Status Extraction Error: HTTP communication issue";

    /// All of them.
    pub const ALL: [&str; 15] = [
        HEALTHY,
        SETTING_UP,
        WAITING,
        CREATING,
        FAILING_OVER,
        SWITCHOVER,
        DISK,
        APPLYING,
        UPGRADING,
        IN_PLACE,
        REMAKING,
        WAITING_FOR_USER,
        UNRECOVERABLE,
        INVALID,
        EXTRACTION,
    ];

    /// The phase of these words; `None` for words that the model does not know.
    pub fn known(words: &str) -> Option<&'static str> {
        ALL.into_iter().find(|phase| *phase == words)
    }
}

/// The number in an instance's name.
pub fn serial_of(instance: &str) -> u32 {
    instance.rsplit('-').next().and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

/// The claim's name by CNPG's rule (experiments G11).
pub fn claim_name(instance: &str, volume: &Volume) -> Name {
    match volume {
        Volume::Data => instance.into(),
        Volume::Wal => format!("{instance}-wal").into(),
        Volume::Tablespace(name) => format!("{instance}-tbs-{name}").into(),
    }
}
