//! What can happen to the engine: the only door in.

use alloc::{boxed::Box, vec::Vec};

use headroom_core::{
    names::{ClusterKey, InstanceName, NodeName, ObjectName, Text, Uid, Version, VolumeName},
    observation::{ClaimSeen, ClusterSeen, PodSeen},
    usage::Sample,
};

use crate::{Response, StorageSeen, Ticket};

/// Something happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// An object was seen by a watch.
    Seen(Seen),
    /// An object is gone, says a watch.
    Gone(Kind, ClusterKey, ObjectName, Option<Version>),
    /// A list of this kind begins: what it does not name is gone when it is done.
    ListBegan(Kind),
    /// The list is complete. Nothing is decided before every kind has been listed once.
    ListDone(Kind),
    /// An object of this kind could not be decoded; the watch goes on.
    Unreadable(Kind, ClusterKey, Text),
    /// The watch of this kind is alive though nothing changed (a bookmark).
    Alive(Kind),
    /// A kubelet answered a poll.
    Sampled(NodeName, Result<Vec<ClaimSample>, Text>),
    /// A request was answered.
    Answered(Ticket, Response),
    /// The lease was won or lost.
    Lease(Role),
    /// Time has passed.
    Tick,
}

/// An object, translated from the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Our object.
    Storage(Box<StorageSeen>),
    /// A CNPG Cluster.
    Cluster(ClusterKey, Box<ClusterSeen>),
    /// A claim of a Cluster.
    Claim {
        /// Which Cluster (label `cnpg.io/cluster`).
        key: ClusterKey,
        /// Which instance (label `cnpg.io/instanceName`).
        instance: InstanceName,
        /// Which volume (label `cnpg.io/pvcRole`, `cnpg.io/tablespaceName`).
        volume: VolumeName,
        /// Its StorageClass; `growable` of the claim is filled in by the index from the classes it has seen.
        class: Option<ObjectName>,
        /// The claim.
        claim: Box<ClaimSeen>,
    },
    /// An instance pod of a Cluster (`cnpg.io/podRole: instance`).
    Pod(ClusterKey, InstanceName, Version, Box<PodSeen>),
    /// A StorageClass.
    Class {
        /// Its name.
        name: ObjectName,
        /// `allowVolumeExpansion`.
        expandable: bool,
    },
}

/// Kinds that are watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// DynamicStorage.
    Storage,
    /// Cluster.
    Cluster,
    /// PersistentVolumeClaim.
    Claim,
    /// Pod.
    Pod,
    /// StorageClass.
    Class,
}

/// Usage of one claim as a kubelet reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimSample {
    /// Namespace of the claim.
    pub namespace: ObjectName,
    /// Name of the claim (`pvcRef`).
    pub claim: ObjectName,
    /// Uid of the pod that mounts it.
    pub pod: Uid,
    /// The measurement.
    pub sample: Sample,
}

/// Whether this process may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// It holds the lease.
    Leader,
    /// It follows: index only.
    Follower,
}
