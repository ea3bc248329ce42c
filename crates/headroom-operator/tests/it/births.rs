//! `deploy/size-at-birth` on a real API server: which claims are born larger, how large, and which are left alone.

use serde_json::{Value, json};
use tokio::sync::{RwLock, RwLockReadGuard};

use crate::tier::{OPERATORS, Tier, World, manifest, place, tier};

/// The policy is one for all namespaces: whoever needs it reads, whoever takes it away writes.
static POLICY: RwLock<()> = RwLock::const_new(());

const FILE: &str = "size-at-birth/admission-policy.yaml";

async fn install(tier: &Tier) {
    for object in manifest(FILE) {
        tier.apply(&place(&object), &object).await;
    }
}

/// A namespace with a DynamicStorage `pg` whose data volume and tablespace `hot` have grown to 2Gi and 3Gi, under the
/// policy; the guards keep it so.
async fn grown(tier: &Tier) -> (World, [RwLockReadGuard<'static, ()>; 2]) {
    let guards = [OPERATORS.read().await, POLICY.read().await];
    install(tier).await;
    let world = World::bare(tier).await;
    storage(&world, "pg", json!({})).await;
    status(&world, "pg", json!({"data": sized("2Gi"), "tablespaces": [named("hot", sized("3Gi"))]})).await;
    born_at(&world, &data(), "2Gi").await;
    (world, guards)
}

/// A DynamicStorage with `limit` 8Gi for its data volume and the tablespaces `hot` and `idx`.
async fn storage(world: &World, name: &str, more: Value) {
    let block = json!({"limit": "8Gi"});
    let mut spec = json!({
        "clusterRef": {"name": name}, "storage": block,
        "tablespaces": [named("hot", block.clone()), named("idx", block)],
    });
    for (field, value) in more.as_object().expect("fields") {
        spec[field] = value.clone();
    }
    let body = json!({
        "apiVersion": "headroom.dev/v1alpha1", "kind": "DynamicStorage", "metadata": {"name": name}, "spec": spec,
    });
    world.tier.create(&world.path("dynamicstorages", ""), &body).await;
}

async fn status(world: &World, name: &str, sizing: Value) {
    let path = world.path("dynamicstorages", name) + "/status";
    world.tier.patch(&path, &json!({"status": {"storageSizing": sizing}})).await;
}

async fn spec(world: &World, change: Value) {
    world.tier.patch(&world.path("dynamicstorages", "pg"), &json!({"spec": change})).await;
}

fn sized(text: &str) -> Value {
    json!({"effectiveSize": text})
}

fn named(name: &str, mut block: Value) -> Value {
    block["name"] = json!(name);
    block
}

/// A claim as CNPG makes it, of 1Gi, with these labels.
fn claim(name: &str, labels: &Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name, "labels": labels},
        "spec": {
            "storageClassName": "api-tier", "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
        },
    })
}

fn of(cluster: &str, role: &str) -> Value {
    claim(
        "pg-2",
        &json!({"cnpg.io/cluster": cluster, "cnpg.io/instanceName": "pg-2", "cnpg.io/pvcRole": role}),
    )
}

fn data() -> Value {
    of("pg", "PG_DATA")
}

fn tablespace(name: &str) -> Value {
    let mut claim = of("pg", "PG_TABLESPACE");
    claim["metadata"]["labels"]["cnpg.io/tablespaceName"] = json!(name);
    claim
}

fn requesting(size: Value, mut claim: Value) -> Value {
    claim["spec"]["resources"]["requests"]["storage"] = size;
    claim
}

/// The claim as it would be born, by a dry run.
async fn born(world: &World, claim: &Value) -> Value {
    let path = world.path("persistentvolumeclaims", "") + "?dryRun=All";
    world.tier.create(&path, claim).await
}

fn request(claim: &Value) -> String {
    claim["spec"]["resources"]["requests"]["storage"].as_str().expect("a request").to_owned()
}

async fn size(world: &World, claim: &Value) -> String {
    request(&born(world, claim).await)
}

/// Policies and what they read follow by watches: waits until the claim would be born at `wanted`.
async fn born_at(world: &World, claim: &Value, wanted: &str) {
    let waiting = async {
        while size(world, claim).await != wanted {
            // The API server offers no wait on its own caches.
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    let limit = std::time::Duration::from_mins(1);
    let in_time = tokio::time::timeout(limit, waiting).await.is_ok();
    assert!(in_time, "born at {} and not at {wanted}: {claim:#}", size(world, claim).await);
}

#[tokio::test]
async fn a_claim_is_born_with_the_effective_size_of_its_volume() {
    let Some(tier) = tier().await else { return };
    let (world, _guards) = grown(&tier).await;
    assert_eq!(size(&world, &tablespace("hot")).await, "3Gi");
    assert_eq!(size(&world, &requesting(json!(1 << 30), data())).await, "2Gi", "a request in bytes");
    status(&world, "pg", json!({"data": sized("2684354560")})).await;
    born_at(&world, &data(), "2684354560").await;
    let stored = tier.create(&world.path("persistentvolumeclaims", ""), &data()).await;
    assert_eq!(request(&stored), "2684354560", "and not only in a dry run");
}

#[tokio::test]
async fn other_claims_are_left_as_they_are() {
    let Some(tier) = tier().await else { return };
    let (world, _guards) = grown(&tier).await;
    for (what, claim, size_of_it) in [
        ("as large", requesting(json!("2Gi"), data()), "2Gi"),
        ("as large in other letters", requesting(json!("2048Mi"), data()), "2Gi"),
        ("larger", requesting(json!("4Gi"), data()), "4Gi"),
        ("of a tablespace without a record", tablespace("idx"), "1Gi"),
        ("of an unknown tablespace", tablespace("cold"), "1Gi"),
        ("of a tablespace without a name", of("pg", "PG_TABLESPACE"), "1Gi"),
        ("of WAL", of("pg", "PG_WAL"), "1Gi"),
        ("of another Cluster", of("other", "PG_DATA"), "1Gi"),
        ("of nobody", claim("pg-2", &json!({"app": "pg"})), "1Gi"),
        ("without labels", claim("pg-2", &json!({})), "1Gi"),
    ] {
        assert_eq!(size(&world, &claim).await, size_of_it, "a claim {what}");
    }
    let elsewhere = World::bare(&tier).await;
    assert_eq!(size(&elsewhere, &data()).await, "1Gi", "no DynamicStorage in the namespace");
    // Read in order: when the second is known, the first, which has no status, is too.
    storage(&elsewhere, "pg", json!({})).await;
    storage(&elsewhere, "later", json!({})).await;
    status(&elsewhere, "later", json!({"data": sized("2Gi")})).await;
    born_at(&elsewhere, &of("later", "PG_DATA"), "2Gi").await;
    assert_eq!(size(&elsewhere, &data()).await, "1Gi", "no status yet");
}

#[tokio::test]
async fn a_claim_from_a_snapshot_keeps_its_source() {
    let Some(tier) = tier().await else { return };
    let (world, _guards) = grown(&tier).await;
    let source = json!({"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": "before"});
    let mut claim = data();
    claim["spec"]["dataSource"] = source.clone();
    let plain = born(&world, &requesting(json!("4Gi"), claim.clone())).await;
    let larger = born(&world, &claim).await;
    assert_eq!((request(&plain), request(&larger)), ("4Gi".to_owned(), "2Gi".to_owned()));
    assert_eq!(larger["spec"]["dataSource"], source);
    for field in ["dataSource", "dataSourceRef", "accessModes", "storageClassName"] {
        assert_eq!(plain["spec"][field], larger["spec"][field], "{field}");
    }
}

#[tokio::test]
async fn only_a_dynamic_storage_that_acts_sizes_claims() {
    let Some(tier) = tier().await else { return };
    let (world, _guards) = grown(&tier).await;
    for mode in ["Advise", "Paused"] {
        spec(&world, json!({"mode": mode})).await;
        born_at(&world, &data(), "1Gi").await;
        spec(&world, json!({"mode": "Apply"})).await;
        born_at(&world, &data(), "2Gi").await;
    }
    status(&world, "pg", json!({"data": sized("lots")})).await;
    born_at(&world, &data(), "1Gi").await;
    status(&world, "pg", json!({"data": sized("2Gi")})).await;
    born_at(&world, &data(), "2Gi").await;
    let path = world.path("dynamicstorages", "pg");
    tier.patch(&path, &json!({"metadata": {"finalizers": ["headroom.dev/release"]}})).await;
    let (code, answer) = tier.call("DELETE", &path, "application/json", &Value::Null).await;
    assert_eq!(code, 200, "{answer}");
    born_at(&world, &data(), "1Gi").await;
    assert!(tier.get(&path).await["metadata"]["deletionTimestamp"].is_string(), "it is still there");
    tier.patch(&path, &json!({"metadata": {"finalizers": null}})).await;
}

#[tokio::test]
async fn no_claim_is_born_above_what_the_spec_allows_by_now() {
    let Some(tier) = tier().await else { return };
    let (world, _guards) = grown(&tier).await;
    spec(&world, json!({"storage": {"limit": "1536Mi"}})).await;
    born_at(&world, &data(), "1536Mi").await;
    assert_eq!(size(&world, &tablespace("hot")).await, "3Gi", "each volume has its own limit");
    spec(&world, json!({"storage": {"emergencyGrow": {"emergencyLimit": "3Gi"}}})).await;
    born_at(&world, &data(), "2Gi").await;
    spec(&world, json!({"storage": {"emergencyGrow": {"enabled": false}}})).await;
    born_at(&world, &data(), "1536Mi").await;
    let bytes: i64 = 1280 << 20;
    spec(&world, json!({"storage": {"limit": bytes}})).await;
    born_at(&world, &data(), &bytes.to_string()).await;
    spec(&world, json!({"storage": {"limit": "512Mi"}})).await;
    born_at(&world, &data(), "1Gi").await;
}

#[tokio::test]
async fn the_account_of_the_operator_stays_confined_to_raising_claims() {
    let Some(tier) = tier().await else { return };
    let _guards = [OPERATORS.read().await, POLICY.read().await];
    install(&tier).await;
    let world = World::bare(&tier).await;
    world.cluster(json!({"instances": 1, "storage": {"size": "1Gi"}})).await;
    storage(&world, "pg", json!({})).await;
    status(&world, "pg", json!({"data": sized("2Gi")})).await;
    born_at(&world, &data(), "2Gi").await;
    world.claim("api-tier", true).await;
    let path = world.path("persistentvolumeclaims", "pg-1");
    assert_eq!(request(&tier.get(&path).await), "2Gi");
    world.capacity("2Gi").await;
    let account = tier.as_account().await;
    let merge = "application/merge-patch+json";
    let raised = json!({"resources": {"requests": {"storage": "3Gi"}}});
    for (change, words) in [
        (
            json!({"metadata": {"labels": {"cnpg.io/cluster": "other"}}, "spec": raised}),
            "may not change labels",
        ),
        (json!({"metadata": {"ownerReferences": null}, "spec": raised}), "may not change labels"),
        (json!({"metadata": {"annotations": {"a": "b"}}, "spec": raised}), "may not change labels"),
        (
            json!({"metadata": {"annotations": {"a": "b"}}}),
            "may only raise the request of a claim: 2Gi to 2Gi",
        ),
    ] {
        let (code, answer) = account.call("PATCH", &path, merge, &change).await;
        let message = answer["message"].as_str().unwrap_or("");
        assert_eq!(code, 403, "{change}: {answer}");
        assert!(message.contains("headroom-claims") && message.contains(words), "{change}: {message}");
    }
    let (code, answer) =
        account.call("POST", &world.path("persistentvolumeclaims", ""), "application/json", &data()).await;
    assert_eq!(code, 403, "{answer}");
    let (code, answer) = account.call("PATCH", &path, merge, &json!({"spec": raised})).await;
    assert_eq!((code, request(&answer).as_str()), (200, "3Gi"), "{answer}");
}

#[tokio::test]
async fn without_the_binding_or_the_policy_claims_are_born_small() {
    let Some(tier) = tier().await else { return };
    let _undisturbed = OPERATORS.read().await;
    let _alone = POLICY.write().await;
    install(&tier).await;
    let world = World::bare(&tier).await;
    storage(&world, "pg", json!({})).await;
    status(&world, "pg", json!({"data": sized("2Gi")})).await;
    born_at(&world, &data(), "2Gi").await;
    let objects = manifest(FILE);
    for kind in ["MutatingAdmissionPolicyBinding", "MutatingAdmissionPolicy"] {
        let object = objects.iter().find(|object| object["kind"] == kind).expect("it is in the file");
        let (code, answer) = tier.call("DELETE", &place(object), "application/json", &Value::Null).await;
        assert_eq!(code, 200, "{answer}");
        born_at(&world, &data(), "1Gi").await;
        install(&tier).await;
        born_at(&world, &data(), "2Gi").await;
    }
}
