//! What a scenario starts from.

use headroom_core::{Bytes, names::VolumeName};

/// How many instances (requirements: every P0 scenario runs in each).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topology {
    /// One instance.
    T1,
    /// A primary and one replica.
    T2,
    /// A primary and two replicas.
    T3,
}

impl Topology {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::T1, Self::T2, Self::T3];

    /// `spec.instances`.
    pub const fn instances(self) -> u32 {
        match self {
            Self::T1 => 1,
            Self::T2 => 2,
            Self::T3 => 3,
        }
    }

    /// `t1`, `t2`, `t3`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::T1 => "t1",
            Self::T2 => "t2",
            Self::T3 => "t3",
        }
    }
}

/// Members of a filled fixture differ by this many points at most: a primary holds a few WAL segments that its replicas
/// have recycled already (1.7 points of 960 MiB seen).
pub const FILL_TOLERANCE: u8 = 3;

/// The Cluster and the DynamicStorage a scenario starts from. Sizes are literals: a scenario never computes its
/// expectations with the code under test.
///
/// Both worlds keep WAL small and steady, so that what a scenario fills is what the volume holds: on a cluster that is
/// `max_wal_size: 96MB`, `min_wal_size: 32MB`, `wal_keep_size: 0`, `archive_timeout: 0` (CNPG's defaults would keep
/// 512 MB and switch a segment every five minutes). Where WAL has a volume of its own it is `max_wal_size: 1500MB` and
/// `checkpoint_timeout: 30min`: a checkpoint comes when the scenario says so. Where a shrink is enabled it is
/// `checkpoint_timeout: 30s`: each copy waits for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fixture {
    /// Instances.
    pub topology: Topology,
    /// `spec.storage.size`.
    pub data: Bytes,
    /// `spec.walStorage.size`, when WAL has a volume of its own.
    pub wal: Option<Bytes>,
    /// One tablespace `idx` of this size.
    pub tablespace: Option<Bytes>,
    /// Synchronous standbys required for a commit (`spec.postgresql.synchronous.number`, `required`); 0: none.
    pub synchronous: u8,
    /// Fill this volume with real rows *before* the DynamicStorage is created: used percent of the file system, the
    /// same on every member, and shown by the kubelet's own samples before `prepare` goes on. A live operator would
    /// rightly take so quick a fill for an emergency, so planned growth starts from here.
    pub filled: Option<(VolumeName, u8)>,
    /// `spec.enablePDB`. CNPG's default is true, and then a primary without a replica cannot be drained (trace 11a).
    pub enable_pdb: bool,
    /// `primaryUpdateStrategy: supervised`: CNPG leaves the switchover of a rolling update to a person.
    pub supervised: bool,
    /// How the Cluster is backed up, if it is.
    pub backups: Option<BackupMode>,
    /// Whether the admission policy of `deploy/size-at-birth` is installed, so that new claims of the Cluster are born
    /// with the effective size. Without it (older clusters, a deleted binding) they are born at the Cluster's own size.
    pub size_at_birth: bool,
    /// Policy of the data volume and of the tablespace.
    pub policy: PolicyFixture,
}

/// By volume snapshot, where it is `spec.backup.volumeSnapshot.online`, or to an object store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackupMode {
    /// The server runs on; recovery needs archived WAL.
    Online,
    /// The instance is fenced for the snapshot: a snapshot that recovers without a WAL archive.
    Offline,
    /// The server's files are copied to an object store (`spec.backup.barmanObjectStore`), and new replicas from the primary.
    Store,
}

/// The `storage` block (and that of tablespace `idx`, which gets the same) of the DynamicStorage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyFixture {
    /// `limit`.
    pub limit: Bytes,
    /// `targetBuffer`, percent.
    pub target_buffer: u8,
    /// `emergencyGrow.criticalThreshold`, percent.
    pub critical_threshold: u8,
    /// `emergencyGrow.emergencyLimit`, if set.
    pub emergency_limit: Option<Bytes>,
    /// `budget.actionsPerDay` and `budget.reservedForEmergency`.
    pub budget: (u8, u8),
    /// The maintenance window relative to the creation of the DynamicStorage.
    pub window: WindowFixture,
    /// `shrink`, where it is enabled.
    pub shrink: Option<ShrinkFixture>,
}

/// How often the kubelets of a world measure what is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kubelets {
    /// Each ten seconds, as the lab's.
    Quick,
    /// Each 60 to 120 s, as stock ones.
    Stock,
}

/// For how long a volume is too large before it shrinks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stabilization {
    /// Until the kubelets have measured what the script has filled meanwhile: a shrink that began before would come to
    /// sizes that do not hold it, or measure the fill as the pace of WAL.
    Measured,
    /// So many minutes, however often the kubelets measure.
    Minutes(u32),
}

impl Stabilization {
    /// In minutes.
    pub const fn minutes(self, kubelets: Kubelets) -> u32 {
        match (self, kubelets) {
            (Self::Measured, Kubelets::Quick) => 2,
            (Self::Measured, Kubelets::Stock) => 5,
            (Self::Minutes(minutes), _) => minutes,
        }
    }
}

/// The `shrink` block of a policy, enabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShrinkFixture {
    /// `stabilization`.
    pub stabilization: Stabilization,
    /// `surge`: Auto, or Never.
    pub surge: bool,
    /// `allowSwitchoverOnSingleInstance`.
    pub allow_switchover: bool,
}

/// A maintenance window relative to the creation of the DynamicStorage; a world turns it into cron.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowFixture {
    /// None set: always open.
    Absent,
    /// Open since at least a minute and for hours to come.
    OpenNow,
    /// Opens this many minutes from the creation of the DynamicStorage (a world may round up to a whole minute, never
    /// down), for an hour. On a cluster the wait is real: keep it small.
    OpensInMinutes(u32),
    /// Opens in about twelve hours.
    FarAway,
}
