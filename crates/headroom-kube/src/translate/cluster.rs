//! CNPG's Cluster.

use std::collections::BTreeMap;

use headroom_core::{
    names::{ClusterKey, InstanceName, TablespaceName, Text, VolumeName},
    observation::{
        Census, ClusterSeen, Conduct, Fenced, Primary, Scaler, SingleOnly, Suspension, VolumeSpecSeen,
    },
};
use headroom_engine::{Kind, Seen};

use super::{Translate, Unclear, id, own_key, version};
use crate::{
    known::{Known, KnownCluster},
    slim::{
        Cluster, ClusterManager as Manager, ClusterStatus as Status, Head, QuantityText, StorageConfiguration,
    },
};

/// `status.targetPrimary` while an election is open.
const PENDING: &str = "pending";
/// Under these the API server gathers fields of which it has forgotten who set them.
const NOBODY: [&str; 2] = ["before-first-apply", "ancient-changes"];
const HIBERNATION: &str = "cnpg.io/hibernation";
const FENCED_INSTANCES: &str = "cnpg.io/fencedInstances";
const RECONCILIATION_LOOP: &str = "cnpg.io/reconciliationLoop";

impl Translate for Cluster {
    const WATCHED: Kind = Kind::Cluster;

    fn key(head: &Head) -> Option<ClusterKey> {
        Some(own_key(head))
    }

    fn translate(head: &Head, body: Self) -> Result<Seen, Unclear> {
        let status = body.status.as_ref();
        let text = |value: Option<&String>| value.filter(|text| !text.is_empty()).cloned();
        let current = text(status.and_then(|status| status.current_primary.as_ref()));
        let target = text(status.and_then(|status| status.target_primary.as_ref()));
        Ok(Seen::Cluster(
            own_key(head),
            Box::new(ClusterSeen {
                id: id(head),
                version: version(head),
                instances: body.spec.instances,
                scaled_by: scaler(&body),
                volumes: volumes(&body),
                primary: primary(current.as_deref(), target.as_deref()),
                phase: Text::from(status.and_then(|status| status.phase.as_deref()).unwrap_or("")),
                // Absent is zero (experiments, traces fact 8).
                ready_instances: status.and_then(|status| status.ready_instances).unwrap_or(0),
                suspended: suspended(head),
                fenced: fenced(head),
                census: census(status),
                conduct: conduct(&body),
            }),
        ))
    }

    fn remember(head: &Head, body: &Self, known: &mut Known) {
        let tablespaces = body.spec.tablespaces.iter().flatten();
        let cluster = KnownCluster {
            uid: id(head).uid,
            version: version(head),
            tablespaces: tablespaces.map(|each| TablespaceName::from(each.name.as_str())).collect(),
        };
        known.take_cluster(own_key(head), cluster);
    }

    fn forget(head: &Head, known: &mut Known) {
        known.drop_cluster(&own_key(head), &head.uid);
    }
}

/// Where headroom is among those who set it, the number is what headroom made it: who came after it set the same number
/// again, as GitOps does that copies what it leaves alone, and a wish for another one would have taken it from headroom.
fn scaler(cluster: &Cluster) -> Scaler {
    let scalers = || cluster.metadata.managed_fields.iter().filter(|manager| manager.scales());
    let ours = |manager: &Manager| {
        manager.manager.as_deref() == Some(headroom_api::FIELD_MANAGER)
            && manager.subresource.as_deref() == Some("scale")
    };
    let somebody = |manager: &Manager| !manager.manager.as_deref().is_some_and(|it| NOBODY.contains(&it));
    if scalers().any(ours) {
        Scaler::Headroom
    } else if scalers().any(somebody) {
        Scaler::Others
    } else {
        Scaler::Unsaid
    }
}

fn census(status: Option<&Status>) -> Census {
    let lists = |status: &Status| {
        let lists = [&status.dangling, &status.initializing, &status.unusable];
        lists.into_iter().flatten().map(Vec::len).sum::<usize>()
    };
    Census {
        instances: status.and_then(|status| status.instances).unwrap_or(0),
        loose_claims: u32::try_from(status.map_or(0, lists)).unwrap_or(u32::MAX),
    }
}

fn conduct(cluster: &Cluster) -> Conduct {
    let spec = &cluster.spec;
    let number = spec.postgresql.as_ref().and_then(|it| it.synchronous.as_ref()).and_then(|it| it.number);
    let follows = spec.replica.as_ref().is_some_and(|replica| {
        // Distributed topologies name the primary; this Cluster is `self`, or has its own name.
        replica.enabled.unwrap_or_else(|| replica.primary.is_some() && replica.primary != replica.own)
    });
    let parameters = spec.postgresql.as_ref().and_then(|it| it.parameters.as_ref());
    let single_only = match parameters {
        Some(parameters) if parameters.minimal() => Some(SingleOnly::WalLevel),
        Some(parameters) if parameters.without_hints() => Some(SingleOnly::WalLogHints),
        Some(_) | None => None,
    };
    Conduct {
        supervised: spec.primary_update_strategy.as_deref() == Some("supervised"),
        maintained: spec.node_maintenance_window.as_ref().is_some_and(|it| it.in_progress == Some(true)),
        follows,
        snapshots: spec.backup.as_ref().is_some_and(|backup| backup.volume_snapshot.is_some()),
        synchronous: number.max(spec.min_sync_replicas).unwrap_or(0),
        single_only,
    }
}

fn volumes(cluster: &Cluster) -> BTreeMap<VolumeName, VolumeSpecSeen> {
    let mut volumes = BTreeMap::new();
    if let Some(storage) = &cluster.spec.storage {
        volumes.insert(VolumeName::Data, volume(storage));
    }
    if let Some(storage) = &cluster.spec.wal_storage {
        volumes.insert(VolumeName::Wal, volume(storage));
    }
    for tablespace in cluster.spec.tablespaces.iter().flatten() {
        let name = VolumeName::Tablespace(TablespaceName::from(tablespace.name.as_str()));
        let seen =
            tablespace.storage.as_ref().map_or(VolumeSpecSeen { size: None, resize_in_use: true }, volume);
        volumes.insert(name, seen);
    }
    volumes
}

fn volume(storage: &StorageConfiguration) -> VolumeSpecSeen {
    VolumeSpecSeen {
        size: storage.size_text().and_then(QuantityText::bytes),
        resize_in_use: storage.resize_in_use_volumes.unwrap_or(true),
    }
}

/// Status only: role labels are wrong for seconds around every promotion (traces fact 9).
fn primary(current: Option<&str>, target: Option<&str>) -> Primary {
    match (current, target) {
        (Some(current), None) => Primary::Known(InstanceName::from(current)),
        (Some(current), Some(target)) if current == target => Primary::Known(InstanceName::from(current)),
        (Some(_), Some(PENDING)) => Primary::Moving { to: None },
        (Some(_), Some(target)) => Primary::Moving { to: Some(InstanceName::from(target)) },
        (None, Some(_) | None) => Primary::Unknown,
    }
}

fn suspended(head: &Head) -> Option<Suspension> {
    let says = |name: &str, value: &str| head.annotations.get(name).is_some_and(|found| found == value);
    if head.deleting() {
        Some(Suspension::ClusterDeleting)
    } else if says(HIBERNATION, "on") {
        Some(Suspension::Hibernated)
    } else if says(RECONCILIATION_LOOP, "disabled") {
        Some(Suspension::ReconciliationDisabled)
    } else {
        None
    }
}

/// A list that is no list fences everybody: CNPG refuses to reconcile such a Cluster, so nobody knows what is fenced.
fn fenced(head: &Head) -> Fenced {
    let Some(text) = head.annotations.get(FENCED_INSTANCES) else {
        return Fenced::Nobody;
    };
    match serde_json::from_str::<Vec<String>>(text) {
        Err(_) => Fenced::Everybody,
        Ok(names) if names.is_empty() => Fenced::Nobody,
        Ok(names) if names.iter().any(|name| name == "*") => Fenced::Everybody,
        Ok(names) => Fenced::Instances(names.iter().map(|name| InstanceName::from(name.as_str())).collect()),
    }
}
