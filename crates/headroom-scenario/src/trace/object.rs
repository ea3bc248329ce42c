//! Whose entry it is: within one object the order of entries is exact.

use headroom_core::names::{InstanceName, VolumeName};

use super::{What, Written};

/// Something whose entries have an order of their own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Object {
    /// What the runner did: acts, strikes, gates, the fixture, verifications, remarks.
    Script,
    /// A claim.
    Claim(InstanceName, VolumeName),
    /// An instance pod.
    Pod(InstanceName),
    /// The Cluster.
    Cluster,
    /// The DynamicStorage.
    Storage,
    /// Samples of one file system.
    Usage(InstanceName, VolumeName),
    /// What the operator wrote to one claim.
    WrittenClaim(InstanceName, VolumeName),
    /// What else the operator wrote.
    Written,
    /// A Backup.
    Backup(String),
    /// Jobs of an instance.
    Job(InstanceName),
    /// A node.
    Node(String),
    /// Kubernetes Events.
    Events,
    /// The writer.
    Writer,
}

impl Object {
    /// The object that an entry is about.
    pub fn of(what: &What) -> Self {
        match what {
            What::FixtureReady
            | What::Acted(_)
            | What::Struck(_)
            | What::GateHeld(_)
            | What::GateReached(_)
            | What::GateReleased(_)
            | What::Verified { .. }
            | What::Note(_) => Self::Script,
            What::Claim(claim) => Self::Claim(claim.instance.clone(), claim.volume.clone()),
            What::ClaimGone(instance, volume) => Self::Claim(instance.clone(), volume.clone()),
            What::Pod(pod) => Self::Pod(pod.instance.clone()),
            What::PodGone(instance) | What::EvictionRefused(instance) => Self::Pod(instance.clone()),
            What::Cluster(_) | What::ClusterGone => Self::Cluster,
            What::Storage(_) | What::StorageGone => Self::Storage,
            What::Backup(backup) => Self::Backup(backup.name.clone()),
            What::JoinBegan(instance) | What::JoinFailed(instance, _) => Self::Job(instance.clone()),
            What::Node { name, .. } | What::Drained(name) => Self::Node(name.clone()),
            What::Usage { instance, volume, .. } => Self::Usage(instance.clone(), volume.clone()),
            What::OperatorWrote(Written::Claim { instance, volume, .. }) => {
                Self::WrittenClaim(instance.clone(), volume.clone())
            }
            What::OperatorWrote(Written::Status | Written::Other(_) | Written::Deleted(_)) => Self::Written,
            What::Event { .. } => Self::Events,
            What::Acknowledged(_) | What::InsertFailed { .. } => Self::Writer,
        }
    }
}
