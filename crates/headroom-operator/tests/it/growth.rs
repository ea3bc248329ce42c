//! The operator at work, with the rights of its account: two of them, one lease, one growth after the other.

use serde_json::Value;

use crate::tier::{FakeKubelet, OPERATORS, Operator, Tier, Volume, World, tier};

const LEASE: &str = "/apis/coordination.k8s.io/v1/namespaces/headroom-system/leases/headroom";

fn text(object: &Value, pointer: &str) -> String {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or("").to_owned()
}

fn request(claim: &Value) -> String {
    text(claim, "/spec/resources/requests/storage")
}

/// Waits until `holder` holds the lease.
async fn held_by(tier: &Tier, holder: &str) {
    tier.until(LEASE, "the lease changes hands", |lease| text(lease, "/spec/holderIdentity") == holder).await;
}

/// The claim is larger and full to 85 percent of `mib`.
fn full(world: &World, kubelet: &FakeKubelet, mib: u64, percent: u64) {
    kubelet.report(vec![Volume {
        namespace: world.namespace.clone(),
        pod_uid: world.pod_uid.clone(),
        capacity_mib: mib,
        used_mib: mib * percent / 100,
    }]);
}

/// The running growth is done by hand: the storage gives `size`, of which `mib` are the file system.
async fn storage_gives(world: &World, kubelet: &FakeKubelet, size: &str, mib: u64) {
    full(world, kubelet, mib, 40);
    world.capacity(size).await;
    let storage = world.path("dynamicstorages", "pg");
    world
        .tier
        .until(&storage, "the growth is complete", |object| {
            object.pointer("/status/storageSizing/data/growth").is_none()
                && text(object, "/status/storageSizing/data/effectiveSize") == size
                && text(object, "/status/storageSizing/data/state") == "Balanced"
        })
        .await;
}

/// Causes and results of the ledger.
fn ledger(storage: &Value) -> Vec<(String, String)> {
    let entries = storage.pointer("/status/storageSizing/data/actions").and_then(Value::as_array);
    entries.into_iter().flatten().map(|entry| (text(entry, "/cause"), text(entry, "/result"))).collect()
}

#[tokio::test]
async fn a_claim_grows_once_under_each_holder_of_the_lease() {
    let Some(tier) = tier().await else { return };
    let _alone = OPERATORS.write().await;
    let world = World::new(&tier, "api-tier").await;
    world.storage(serde_json::json!({"limit": "5Gi", "shrink": {"enabled": false}})).await;
    let kubelet = FakeKubelet::start().await;
    let port = kubelet.address.port();
    let (claim, storage) =
        (world.path("persistentvolumeclaims", "pg-1"), world.path("dynamicstorages", "pg"));

    full(&world, &kubelet, 960, 85);
    let first = Operator::start(&tier, "first", port);
    held_by(&tier, "first").await;
    let second = Operator::start(&tier, "second", port);
    let grown = tier.until(&claim, "the claim is patched", |claim| request(claim) != "1Gi").await;
    let size = request(&grown);
    // 816 MiB used and 22 percent free make a file system of 1,047 MiB, a claim of 1,116 MiB, and steps are 64Mi.
    assert_eq!(size, "1152Mi");
    let managers = grown["metadata"]["managedFields"].as_array().expect("managers");
    assert!(
        managers.iter().any(|it| it["manager"] == "headroom" && it["operation"] == "Update"),
        "{managers:?}"
    );
    let object = tier.get(&storage).await;
    assert_eq!(text(&object, "/status/storageSizing/data/growth/to"), size, "the intent is on record");
    storage_gives(&world, &kubelet, &size, 1088).await;
    assert_eq!(ledger(&tier.get(&storage).await), [("Planned".to_owned(), "Completed".to_owned())]);

    first.stop().await;
    held_by(&tier, "second").await;
    full(&world, &kubelet, 1088, 97);
    let grown = tier.until(&claim, "the second operator patches", |claim| request(claim) != size).await;
    let larger = request(&grown);
    storage_gives(&world, &kubelet, &larger, 2176).await;
    let object = tier.get(&storage).await;
    let done = |cause: &str| (cause.to_owned(), "Completed".to_owned());
    assert_eq!(ledger(&object), [done("Planned"), done("Emergency")]);

    let events = tier.get(&world.path("events", "")).await;
    let regarding: Vec<(String, String)> = events["items"]
        .as_array()
        .expect("events")
        .iter()
        .filter(|event| text(event, "/reason").starts_with("Growth"))
        .map(|event| (text(event, "/reason"), text(event, "/regarding/kind")))
        .collect();
    assert_eq!(regarding.len(), 4, "two Events per growth: {regarding:?}");
    assert!(regarding.contains(&("GrowthStarted".to_owned(), "DynamicStorage".to_owned())));
    assert!(regarding.contains(&("GrowthCompleted".to_owned(), "Cluster".to_owned())));
    released(&world).await;
    second.stop().await;
    tier.until(LEASE, "the lease is given back", |lease| lease.pointer("/spec/holderIdentity").is_none())
        .await;
}

/// A DynamicStorage that is deleted leaves the Cluster with sizes that fit, and goes.
async fn released(world: &World) {
    let (storage, cluster) = (world.path("dynamicstorages", "pg"), world.path("clusters", "pg"));
    let object = world.tier.until(&storage, "the finalizer is set", |object| {
        object["metadata"]["finalizers"] == serde_json::json!(["headroom.dev/release"])
    });
    let effective = text(&object.await, "/status/storageSizing/data/effectiveSize");
    let (status, answer) = world.tier.call("DELETE", &storage, "application/json", &Value::Null).await;
    assert_eq!(status, 200, "{answer}");
    world.tier.until(&storage, "the DynamicStorage goes", |object| object["code"] == 404).await;
    assert_eq!(text(&world.tier.get(&cluster).await, "/spec/storage/size"), effective);
}
