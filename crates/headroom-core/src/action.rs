//! What may be done. Specific enough that the executor chooses nothing.

use alloc::collections::BTreeMap;

use crate::{
    Bytes,
    names::{InstanceName, ObjectId, Text, Version, VolumeName},
    witness::{DeleteJob, DeletePod, Destroy, DiscardClaim, Promote, SetInstances},
};

/// One effect on the world; each is one request to the API server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Raise the request of a claim.
    Resize(Resize),
    /// Raise sizes in the Cluster's spec (`syncClusterSize`).
    RaiseClusterSizes(RaiseClusterSizes),
    /// Put headroom's finalizer on the DynamicStorage.
    AddFinalizer(ObjectId, Version),
    /// Take it off: the object may go.
    RemoveFinalizer(ObjectId, Version),
    /// Take headroom's mark off a pod: CNPG would delete the instance as soon as it may.
    Withdraw(Withdraw),
    /// Have an instance made anew.
    Destroy(Destroy),
    /// Switch over.
    Promote(Promote),
    /// Set the number of instances.
    SetInstances(SetInstances),
    /// Delete the Job that makes an instance.
    DeleteJob(DeleteJob),
    /// Delete the pod of a replica that no node has taken, so that the primary's pod can be made.
    DeletePod(DeletePod),
    /// Delete a claim in which no instance ever ran.
    DiscardClaim(DiscardClaim),
}

impl Action {
    /// The object that it changes or deletes.
    pub fn object(&self) -> &ObjectId {
        match self {
            Self::Resize(resize) => &resize.claim,
            Self::RaiseClusterSizes(raise) => &raise.cluster,
            Self::AddFinalizer(storage, _) | Self::RemoveFinalizer(storage, _) => storage,
            Self::Withdraw(withdraw) => &withdraw.pod,
            Self::Destroy(destroy) => destroy.pod(),
            Self::Promote(promote) => promote.cluster(),
            Self::SetInstances(set) => set.cluster(),
            Self::DeleteJob(delete) => delete.job(),
            Self::DeletePod(delete) => delete.pod(),
            Self::DiscardClaim(discard) => discard.claim(),
        }
    }
}

/// Take the annotation off a pod that headroom has put on, with uid and version as preconditions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withdraw {
    /// Whose pod.
    pub instance: InstanceName,
    /// The pod.
    pub pod: ObjectId,
    /// The version that was read.
    pub version: Version,
}

/// Raise one claim: a JSON patch with `test` on the uid and on the textual old request (design §3 invariant 5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resize {
    /// Whose claim.
    pub instance: InstanceName,
    /// Which volume.
    pub volume: VolumeName,
    /// The claim; its uid is a precondition.
    pub claim: ObjectId,
    /// The request as it was read, letter by letter; a precondition.
    pub from_text: Text,
    /// The same as a number; `to` is always larger.
    pub from: Bytes,
    /// The new request.
    pub to: Bytes,
}

/// Raise sizes in the Cluster's spec, upward only, with uid and version as preconditions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RaiseClusterSizes {
    /// The Cluster.
    pub cluster: ObjectId,
    /// The version that was read.
    pub version: Version,
    /// New sizes of the volumes that change.
    pub sizes: BTreeMap<VolumeName, Bytes>,
}
