//! Request → call, and outcome → response, as tables (architecture §4, rung 8).

mod answers;
mod conversations;
mod plans;
mod shrinks;

use std::collections::BTreeMap;

use headroom_core::{
    Bytes,
    action::Resize,
    names::{ClusterKey, InstanceName, ObjectId, ObjectName, TablespaceName, Text, Uid, Version, VolumeName},
};
use serde_json::{Value, json};

use crate::{
    known::{Known, KnownCluster, KnownStorage, Shared},
    slim::{Slim, Storage},
    translate,
};

fn key() -> ClusterKey {
    ClusterKey { namespace: ObjectName::from("ns"), name: ObjectName::from("pg") }
}

fn id(name: &str, uid: &str) -> ObjectId {
    ObjectId { name: ObjectName::from(name), uid: Uid::from(uid) }
}

fn resize() -> Resize {
    Resize {
        instance: InstanceName::from("pg-1"),
        volume: VolumeName::Data,
        claim: id("pg-1", "claim-uid"),
        from_text: Text::from("1024Mi"),
        from: Bytes::gibi(1),
        to: Bytes::gibi(2),
    }
}

/// Our object at version 7 with a foreign finalizer and a condition that has long been true.
fn storage_object() -> Value {
    json!({
        "metadata": {"name": "pg", "namespace": "ns", "uid": "storage-uid", "resourceVersion": "7", "generation": 2,
            "finalizers": ["other/one"]},
        "spec": {"clusterRef": {"name": "pg"}, "storage": {"limit": "10Gi"}},
        "status": {"conditions": [
            {"type": "Stalled", "status": "True", "reason": "ClusterNotFound", "message": "",
             "lastTransitionTime": "2026-01-01T00:00:00Z"}]},
    })
}

/// Knows the Cluster at version 5 and our object at version 7.
fn shared() -> Shared {
    let shared = Shared::new();
    let mut known = shared.lock();
    known.take_cluster(
        key(),
        KnownCluster {
            uid: Uid::from("cluster-uid"),
            version: Version::from("5"),
            tablespaces: vec![TablespaceName::from("hot"), TablespaceName::from("idx")],
        },
    );
    let object: Slim<Storage> = serde_json::from_str(&storage_object().to_string()).expect("our object");
    translate::read(object, &mut known).expect("understood");
    drop(known);
    shared
}

fn known_storage(known: &Known) -> &KnownStorage {
    known.storage(&key()).expect("known")
}

fn sizes(list: &[(VolumeName, u64)]) -> BTreeMap<VolumeName, Bytes> {
    list.iter().map(|(volume, gibi)| (volume.clone(), Bytes::gibi(*gibi))).collect()
}
