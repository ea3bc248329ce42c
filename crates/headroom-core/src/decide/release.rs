//! The finalizer, and the sizes in the Cluster's spec (design §4: headroom never becomes load-bearing silently).

use alloc::{collections::BTreeMap, vec::Vec};

use crate::{
    Action, Bytes, Observation, Policy, Record,
    action::RaiseClusterSizes,
    names::VolumeName,
    observation::Suspension,
    policy::{ClusterSizeSync, Mode},
};

/// What is done when the object goes away: the Cluster's sizes are raised to what the claims have, then the finalizer
/// is taken off. In `Advise` nothing but our own object is touched, and a Cluster that goes away needs no sizes.
pub(super) fn release(policy: &Policy, seen: &Observation, record: &Record) -> Vec<Action> {
    if !seen.storage.finalizer {
        return Vec::new();
    }
    let leaves_cluster = policy.sync == ClusterSizeSync::Never
        || policy.mode == Mode::Advise
        || seen.cluster.suspended == Some(Suspension::ClusterDeleting);
    if !leaves_cluster {
        let sizes = raised(policy, seen, |volume| {
            let recorded = record.volumes.get(volume).map(|record| record.effective);
            let largest = seen.members.values().filter_map(|member| {
                let claim = member.claims.get(volume)?;
                claim.capacity.map(|capacity| claim.requested.min(capacity))
            });
            recorded.into_iter().chain(largest).max()
        });
        if let Some(raise) = sizes {
            return Vec::from([raise]);
        }
    }
    Vec::from([Action::RemoveFinalizer(seen.storage.id.clone(), seen.storage.version.clone())])
}

/// Puts the finalizer on, where there will be something to do at the end: sizes to raise, or a shrink to end.
pub(super) fn guard(policy: &Policy, seen: &Observation) -> Option<Action> {
    let shrinks = policy.volumes.values().any(|rules| rules.shrink.enabled);
    let wanted = (policy.sync != ClusterSizeSync::Never || shrinks) && !seen.storage.finalizer;
    wanted.then(|| Action::AddFinalizer(seen.storage.id.clone(), seen.storage.version.clone()))
}

/// `syncClusterSize: Follow`: the Cluster's sizes of volumes whose growth is proved, which is when every claim has the
/// effective size and nothing runs.
pub(super) fn follow(policy: &Policy, seen: &Observation, record: &Record) -> Option<Action> {
    if policy.sync != ClusterSizeSync::Follow || record.shrink.is_some() {
        return None;
    }
    raised(policy, seen, |volume| {
        let record = record.volumes.get(volume).filter(|record| record.growth.is_none())?;
        let mut claims = seen.members.values().filter_map(|member| member.claims.get(volume));
        claims
            .all(|claim| claim.capacity.is_some_and(|capacity| capacity >= record.effective))
            .then_some(record.effective)
    })
}

/// Raises the Cluster's sizes that are below `size`; `None` when none is.
fn raised(
    policy: &Policy,
    seen: &Observation,
    size: impl Fn(&VolumeName) -> Option<Bytes>,
) -> Option<Action> {
    let sizes: BTreeMap<VolumeName, Bytes> = policy
        .volumes
        .keys()
        .filter_map(|volume| {
            let declared = seen.cluster.volumes.get(volume)?.size?;
            let size = size(volume)?;
            (declared < size).then(|| (volume.clone(), size))
        })
        .collect();
    (!sizes.is_empty()).then(|| {
        Action::RaiseClusterSizes(RaiseClusterSizes {
            cluster: seen.cluster.id.clone(),
            version: seen.cluster.version.clone(),
            sizes,
        })
    })
}
