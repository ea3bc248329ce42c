//! Whether a report says anything new, versions aside. Full destructuring, so that a new field is not forgotten.

use headroom_core::observation::{ClaimSeen, ClusterSeen, PodSeen, StorageMeta};

use super::entry::{ClaimHeld, PodHeld};
use crate::StorageSeen;

/// Whether two reports of our object differ in their version at most.
pub(crate) fn storage(a: &StorageSeen, b: &StorageSeen) -> bool {
    let StorageSeen { key, meta, generation, policy, windows, record, digest, published } = a;
    let StorageMeta { id, version: _, deleting, finalizer } = meta;
    *key == b.key
        && *id == b.meta.id
        && *deleting == b.meta.deleting
        && *finalizer == b.meta.finalizer
        && *generation == b.generation
        && *policy == b.policy
        && *windows == b.windows
        && *record == b.record
        && *digest == b.digest
        && *published == b.published
}

/// Whether two reports of a Cluster differ in their version at most.
pub(crate) fn cluster(a: &ClusterSeen, b: &ClusterSeen) -> bool {
    let ClusterSeen {
        id,
        version: _,
        instances,
        scaled_by,
        volumes,
        primary,
        phase,
        ready_instances,
        suspended,
        fenced,
        census,
        conduct,
    } = a;
    *id == b.id
        && *instances == b.instances
        && *scaled_by == b.scaled_by
        && *volumes == b.volumes
        && *primary == b.primary
        && *phase == b.phase
        && *ready_instances == b.ready_instances
        && *suspended == b.suspended
        && *fenced == b.fenced
        && *census == b.census
        && *conduct == b.conduct
}

/// Whether two reports of a pod differ in their version at most.
pub(crate) fn pod(a: &PodHeld, b: &PodHeld) -> bool {
    let PodHeld { instance, pod } = a;
    let PodSeen {
        id,
        node,
        address,
        ready,
        unready_since,
        pending,
        terminating,
        container,
        last_exit,
        version: _,
        mark,
    } = pod;
    *instance == b.instance
        && *id == b.pod.id
        && *node == b.pod.node
        && *address == b.pod.address
        && *ready == b.pod.ready
        && *unready_since == b.pod.unready_since
        && *pending == b.pod.pending
        && *terminating == b.pod.terminating
        && *container == b.pod.container
        && *last_exit == b.pod.last_exit
        && *mark == b.pod.mark
}

/// Whether two reports of a claim differ in their version at most; evidence is not compared.
pub(crate) fn claim(a: &ClaimHeld, b: &ClaimHeld) -> bool {
    let ClaimHeld { instance, volume, class, claim, samples: _, obstacle: _, waiting: _, grown: _ } = a;
    let ClaimSeen {
        id,
        version: _,
        requested,
        requested_text,
        capacity,
        phase,
        resize,
        initializing,
        terminating,
        growable,
    } = claim;
    *instance == b.instance
        && *volume == b.volume
        && *class == b.class
        && *id == b.claim.id
        && *requested == b.claim.requested
        && *requested_text == b.claim.requested_text
        && *capacity == b.claim.capacity
        && *phase == b.claim.phase
        && *resize == b.claim.resize
        && *initializing == b.claim.initializing
        && *terminating == b.claim.terminating
        && *growable == b.claim.growable
}
