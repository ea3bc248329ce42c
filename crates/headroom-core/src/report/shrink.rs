//! What is said of a shrink.

use crate::{
    Timestamp,
    names::{InstanceName, NodeName, ObjectName, VolumeName},
    observation::SingleOnly,
    record::TurnedBack,
};

/// What a shrink does, or waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShrinkReason {
    /// `mode: Advise`: it would begin now.
    Advised,
    /// What is left of the window is shorter than one copy takes.
    WindowTooShort {
        /// Minutes that one copy may take.
        minutes: u32,
    },
    /// The last shrink was less than seven days ago.
    Rests {
        /// Until then.
        until: Timestamp,
    },
    /// Another volume is due within the hour, and both can share the pass.
    Gathers {
        /// Which.
        volume: VolumeName,
        /// When it is due.
        until: Timestamp,
    },
    /// Without a further instance too few replicas would remain, and `surge: Never` forbids one.
    NeedsSurge,
    /// A single instance: `allowSwitchoverOnSingleInstance` is not set.
    NeedsConsent,
    /// `primaryUpdateStrategy: supervised`: a person is asked to promote this replica.
    PromoteByHand(InstanceName),
    /// The Cluster is not healthy.
    NotHealthy(Unhealthy),
    /// It has been healthy for less than five seconds.
    Confirming,
    /// Jobs, nodes, Backups or the instances' status cannot be read.
    FactsUnknown,
    /// A node of the Cluster is cordoned.
    NodeCordoned(NodeName),
    /// A Backup runs.
    BackupRunning,
    /// WAL archiving fails.
    ArchiverFailing,
    /// This PodDisruptionBudget allows no disruption.
    DisruptionForbidden(ObjectName),
    /// The old primary of a single instance has not come back yet after the switchover.
    OldPrimaryNotReady {
        /// Which.
        instance: InstanceName,
        /// It is waited for until then.
        until: Timestamp,
    },
    /// New replicas are made from volume snapshots, which a smaller claim cannot take.
    FromSnapshots,
    /// A claim of this volume, which headroom does not size, is larger than the Cluster's spec: its successor would be
    /// born smaller.
    BornSmaller(VolumeName),
    /// With this parameter CNPG accepts no second instance.
    SingleOnly(SingleOnly),
    /// No replica has received and replayed everything.
    Behind(InstanceName),
    /// How fast WAL is written is not known yet.
    MeasuringWal,
    /// A volume grows or is in emergency.
    Busy,
    /// A Job makes an instance.
    JobRunning(InstanceName),
    /// The usage of a member is not known, or the primary's not for long enough to see whether it fills.
    UsageUnknown(InstanceName),
    /// Somebody else lowered `spec.instances` again.
    SurgeReverted {
        /// To this number.
        declared: u32,
    },
    /// A further instance is added.
    AddingInstance,
    /// This instance is about to be made anew.
    Replacing(InstanceName),
    /// An instance is being made: it copies the primary, or starts.
    Copying,
    /// This replica becomes primary.
    SwitchingOver(InstanceName),
    /// The further instance, or the old primary of a single instance, goes.
    RemovingInstance,
    /// Claims grow back to the size before.
    TurningBack(TurnedBack),
}

/// What makes a Cluster unfit for the next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unhealthy {
    /// Its phase is another one.
    Phase,
    /// Wanted, existing and ready instances differ.
    Instances,
    /// The primary moves, or there is none.
    Primary,
    /// A pod is missing, not ready or on its way out.
    Pod(InstanceName),
    /// A claim is missing, not bound, being resized or on its way out.
    Claim(InstanceName),
    /// Claims hang loose (dangling, initializing, unusable).
    LooseClaims,
    /// An instance is fenced.
    Fenced,
    /// A node maintenance window is open.
    Maintained,
    /// It is a replica cluster.
    Follows,
}
