//! Steps of a script.

use std::time::Duration;

use headroom_core::{Bytes, names::VolumeName};

use crate::{Fact, scenario::Shared};

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Do something as a user or application.
    Do(Act),
    /// Hold a gate from now on.
    Hold(Gate),
    /// Let a gate go.
    Release(Gate),
    /// Disturb. The runner demands that the gate named by the last `Until(Fact::Held(..))` is still held.
    Strike(Strike),
    /// Wait until the trace shows this.
    Until(Fact, Wait),
}

impl Step {
    /// What a user or an application does in it, of its own accord or as a disturbance.
    pub const fn act(&self) -> Option<&Act> {
        match self {
            Self::Do(act) => Some(act),
            Self::Strike(strike) => strike.act(),
            Self::Hold(_) | Self::Release(_) | Self::Until(..) => None,
        }
    }
}

/// What a user or an application does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Start a writer through the `-rw` service that keeps a ledger of acknowledged rows.
    StartWriter {
        /// Rows per second.
        rows_per_second: u32,
    },
    /// Fill the primary's volume with real rows (a table in that volume) until so much is used as fills the file system,
    /// as large as it was when the act began, to this share: a growth meanwhile does not move the mark.
    Fill {
        /// Which volume.
        volume: VolumeName,
        /// Used percent to reach (by available ÷ capacity of the file system), after WAL has come down again.
        used_percent: u8,
    },
    /// Insert in small transactions without end until nothing more fits (or the file system has grown to `stop_at`). Where
    /// the volume holds pg_wal this goes on in spite of refusals until the server has stopped; elsewhere it ends with
    /// the first refusal for lack of space, and with the operator stopped a data volume beside a WAL volume then gets a
    /// checkpoint, which stops the server.
    FillUntilRefused {
        /// Which volume.
        volume: VolumeName,
        /// Stop inserting when the file system has become at least this large.
        stop_at: Bytes,
    },
    /// Stop the operator (its process or Deployment) and wait until it is gone.
    StopOperator,
    /// Start it again.
    StartOperator,
    /// Raise the claim of one member's volume by hand.
    PatchClaim {
        /// Whose.
        who: Who,
        /// Which volume.
        volume: VolumeName,
        /// New request.
        to: Bytes,
    },
    /// Drop the rows that fills have left in this volume, so that its usage falls.
    Truncate {
        /// Which volume.
        volume: VolumeName,
    },
    /// Set `spec.instances` of the Cluster.
    Scale {
        /// New number.
        instances: u32,
    },
    /// Change the policy of the data volume and of the tablespace.
    SetPolicy(PolicyChange),
    /// Raise the size of a volume in the Cluster's spec; CNPG then raises the claims itself.
    SetClusterSize {
        /// Which volume.
        volume: VolumeName,
        /// New size.
        size: Bytes,
    },
    /// Set `imageName` of the Cluster to another image of the same PostgreSQL version: CNPG rolls the instances.
    UpgradeImage,
    /// Set the PostgreSQL parameter `wal_log_hints` in the Cluster: with `off` CNPG accepts a single instance only.
    WalLogHints {
        /// `on` or `off`.
        on: bool,
    },
    /// Set an object store up in the Cluster that cannot be used (its Secret is missing) and have a WAL segment archived,
    /// which fails; or take it out again, so that nothing is archived and nothing fails.
    BreakArchive {
        /// Whether archiving fails.
        on: bool,
    },
    /// Set or remove the annotation `cnpg.io/reconciliationLoop: disabled` of the Cluster.
    Reconciliation {
        /// Whether CNPG acts on the Cluster.
        enabled: bool,
    },
    /// Create a CNPG `Backup` with the method that the fixture is set up for.
    StartBackup,
    /// Delete the DynamicStorage and the Cluster, and make both anew: the Cluster recovers from the snapshots of the
    /// newest completed Backup. Rows acknowledged after that Backup began are no longer expected.
    Restore {
        /// `spec.storage.size` of the new Cluster.
        size: Bytes,
    },
    /// Delete the DynamicStorage, and wait until it is gone.
    DeleteStorage,
    /// Make the fixture's DynamicStorage again.
    CreateStorage,
    /// Let every node take pods again.
    Uncordon,
    /// Create or delete a PodDisruptionBudget `keep` with `maxUnavailable: 0` over all instances of the Cluster.
    ForbidDisruptions {
        /// Whether it is there.
        on: bool,
    },
    /// From now on the storage refuses every growth for a limit of its own (gRPC `RESOURCE_EXHAUSTED`), or no longer.
    ProviderLimit {
        /// Whether it refuses.
        on: bool,
    },
    /// The kubelet of the node that this member runs on answers no usage request, or all kubelets do again (`None`).
    SilenceKubelet(Option<Who>),
    /// Let this much time pass. Only a world with a clock of its own can do it.
    PassTime(Duration),
    /// Verify all data now: ledger of acknowledged rows, sentinel checksum, `pg_amcheck`.
    Verify,
}

/// A change of the policy by the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyChange {
    /// `limit`.
    Limit(Bytes),
    /// `targetBuffer`.
    TargetBuffer(u8),
    /// `budget.actionsPerDay` and `budget.reservedForEmergency`.
    Budget(u8, u8),
    /// `emergencyGrow.emergencyLimit`.
    EmergencyLimit(Bytes),
    /// `request`.
    Request(Bytes),
    /// `shrink.enabled`.
    Shrink(bool),
    /// `mode`: `Paused`, or `Apply` again.
    Paused(bool),
}

/// A disturbance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Strike {
    /// Kill the operator at once (no clean shutdown) and let it be started again.
    KillOperator,
    /// Delete the instance pod of a member, with its own grace period.
    DeletePod(Who),
    /// Promote the replica with the highest serial, as `kubectl cnpg promote` does.
    SwitchOver,
    /// Delete the primary's pod without any grace period: with replicas CNPG fails over, alone it comes back.
    FailOver,
    /// Cordon the node of this member and evict the instance pods on it until it has none, as `kubectl drain` does; a
    /// refused eviction is tried again every five seconds.
    Drain(Who),
    /// Cordon the node of this member: no new pod finds a place on it, and those on it stay until somebody moves them.
    Cordon(Who),
    /// Cordon every node: no new pod finds a place.
    CordonAll,
    /// Stop CloudNativePG's operator for so long: instances run on, and nobody acts on the Cluster.
    CnpgAway(Duration),
    /// Damage the data directory of this member: its server ends and never starts again.
    BreakData(Who),
    /// An act that strikes at the gate: a spec change, a Backup, a scale-up.
    Change(Act),
}

impl Strike {
    /// The act of a change.
    pub const fn act(&self) -> Option<&Act> {
        match self {
            Self::Change(act) => Some(act),
            Self::KillOperator
            | Self::DeletePod(_)
            | Self::SwitchOver
            | Self::FailOver
            | Self::Drain(_)
            | Self::Cordon(_)
            | Self::CordonAll
            | Self::CnpgAway(_)
            | Self::BreakData(_) => None,
        }
    }

    /// What it touches of that which scenarios in the same cluster share.
    pub const fn touches(&self) -> Shared {
        match self {
            Self::KillOperator => Shared::Operator,
            Self::Drain(_) | Self::Cordon(_) | Self::CordonAll => Shared::Nodes,
            Self::CnpgAway(_) => Shared::All,
            Self::DeletePod(_) | Self::SwitchOver | Self::FailOver | Self::BreakData(_) => Shared::Nothing,
            Self::Change(act) => act.touches(),
        }
    }
}

impl Act {
    /// What it touches of that which scenarios in the same cluster share.
    pub const fn touches(&self) -> Shared {
        match self {
            Self::StopOperator | Self::StartOperator => Shared::Operator,
            Self::Uncordon | Self::SilenceKubelet(_) => Shared::Nodes,
            Self::StartWriter { .. }
            | Self::Fill { .. }
            | Self::FillUntilRefused { .. }
            | Self::Truncate { .. }
            | Self::PatchClaim { .. }
            | Self::Scale { .. }
            | Self::SetPolicy(_)
            | Self::SetClusterSize { .. }
            | Self::UpgradeImage
            | Self::Reconciliation { .. }
            | Self::StartBackup
            | Self::Restore { .. }
            | Self::DeleteStorage
            | Self::CreateStorage
            | Self::ProviderLimit { .. }
            | Self::PassTime(_)
            | Self::WalLogHints { .. }
            | Self::BreakArchive { .. }
            | Self::ForbidDisruptions { .. }
            | Self::Verify => Shared::Nothing,
        }
    }
}

/// A member by its role now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// The primary.
    Primary,
    /// The replica with the highest serial.
    LastReplica,
}

/// A moment that can be held (architecture §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Gate {
    /// Intent is recorded, no claim is patched.
    BeforePatch,
    /// The storage's controller expands the first volume.
    ControllerStep,
    /// The node expands the first file system.
    NodeStep,
    /// The first claim is patched, the others are not.
    BetweenClaims,
    /// All is grown, the completion is not recorded.
    BeforeCompletion,
    /// The storage makes a new volume: its claim stays Pending.
    Provision,
    /// A shrink is recorded, no instance is added.
    BeforeSurge,
    /// An instance is condemned, CNPG is not told.
    BeforeReplace,
    /// The replicas are replaced, nobody is promoted.
    BeforePromotion,
    /// Every instance is replaced, the number of instances is not restored.
    BeforeLower,
}

impl Gate {
    /// The gates of a growth, in the order in which it passes them.
    pub const GROWTH: [Self; 5] = [
        Self::BeforePatch,
        Self::ControllerStep,
        Self::NodeStep,
        Self::BetweenClaims,
        Self::BeforeCompletion,
    ];

    /// The gates of a shrink, in the order in which it passes them; while a copy runs it is [`Gate::Provision`].
    pub const SHRINK: [Self; 5] =
        [Self::BeforeSurge, Self::Provision, Self::BeforeReplace, Self::BeforePromotion, Self::BeforeLower];
}

/// A named wait; each world has its own table of limits. A limit holds for this part alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wait {
    /// A Cluster becomes healthy from nothing.
    Ready,
    /// Usage is sampled and a decision is made.
    Decision,
    /// A gate is reached.
    Strike,
    /// A growth ends.
    Growth,
    /// PostgreSQL serves again after an outage (a whole crash-loop back-off included).
    Recovery,
    /// Nothing is written any more.
    Quiet,
    /// The maintenance window opens.
    Window,
    /// A fill reaches its mark.
    Fill,
    /// A canary or a driver is given up on (five minutes without progress) and that is said.
    Stall,
    /// A node is drained.
    Drain,
    /// A Backup ends.
    Backup,
    /// A new instance has joined.
    Join,
    /// All instances run another image.
    Upgrade,
    /// A Cluster is recovered from snapshots.
    Restore,
    /// Every instance has been replaced by a smaller one.
    Shrink,
    /// A slot of the budget returns: more than a day.
    Slot,
}

/// How long a wait may take; the table type of a world.
pub type Limits = fn(Wait) -> Duration;
