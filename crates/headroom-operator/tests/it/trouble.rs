//! Wrong input: each gets a condition with reason, cause and hint, and an Event; the watch goes on, nothing is touched.

use serde_json::{Value, json};

use crate::tier::{FakeKubelet, OPERATORS, Operator, Volume, World, tier};

fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    object["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == kind)
}

/// Waits until the DynamicStorage is not ready for `reason`, and its message holds `words`.
async fn not_ready(world: &World, reason: &str, words: &str) {
    let path = world.path("dynamicstorages", "pg");
    let object = world.tier.until(&path, reason, |object| {
        condition(object, "Ready").is_some_and(|ready| ready["status"] != "True" && ready["reason"] == reason)
    });
    let object = object.await;
    let message = condition(&object, "Ready").and_then(|ready| ready["message"].as_str()).unwrap_or("");
    assert!(message.contains(words), "{words:?} is not in {message:?}");
    let events = world.path("events", "");
    world
        .tier
        .until(&events, "an Event says it too", |list| {
            let events = list["items"].as_array();
            events.is_some_and(|events| {
                events
                    .iter()
                    .any(|event| event["reason"] == reason && event["regarding"]["kind"] == "DynamicStorage")
            })
        })
        .await;
}

/// The claim is as it was made.
async fn untouched(world: &World) {
    let claim = world.tier.get(&world.path("persistentvolumeclaims", "pg-1")).await;
    assert_eq!(claim["spec"]["resources"]["requests"]["storage"], "1Gi", "{}", world.namespace);
}

fn full(world: &World) -> Volume {
    Volume {
        namespace: world.namespace.clone(),
        pod_uid: world.pod_uid.clone(),
        capacity_mib: 960,
        used_mib: 800,
    }
}

#[tokio::test]
async fn wrong_input_is_named_and_holds_up_nobody_else() {
    let Some(tier) = tier().await else { return };
    let _alone = OPERATORS.write().await;
    let limit = || json!({"limit": "5Gi"});
    let orphan = World::bare(&tier).await;
    orphan.storage(limit()).await;
    let cron = World::new(&tier, "api-tier").await;
    cron.storage(json!({"limit": "5Gi", "maintenanceWindow": {"schedule": "0 3 * * *", "duration": "2h"}}))
        .await;
    let zone = World::new(&tier, "api-tier").await;
    let window = json!({"schedule": "0 0 3 * * *", "duration": "2h", "timeZone": "Europe/Roma"});
    zone.storage(json!({"limit": "5Gi", "maintenanceWindow": window})).await;
    let malformed = World::new(&tier, "api-tier").await;
    tier.patch(&malformed.path("clusters", "pg"), &json!({"spec": {"minSyncReplicas": "three"}})).await;
    malformed.storage(limit()).await;
    let fixed = World::new(&tier, "api-tier-fixed").await;
    fixed.storage(limit()).await;
    let silent = World::new(&tier, "api-tier").await;
    let elsewhere = json!({"status": {"addresses": [{"type": "InternalIP", "address": "127.0.0.9"}]}});
    tier.patch(&format!("/api/v1/nodes/{}/status", silent.node()), &elsewhere).await;
    silent.storage(limit()).await;
    let good = World::new(&tier, "api-tier").await;
    good.storage(limit()).await;

    let kubelet = FakeKubelet::start().await;
    kubelet.report([&cron, &zone, &malformed, &fixed, &good].map(full).to_vec());
    let operator = Operator::start(&tier, "trouble", kubelet.address.port());
    not_ready(&orphan, "ClusterNotFound", "create the Cluster").await;
    not_ready(&cron, "InvalidSchedule", "0 0 3 * * *").await;
    not_ready(&zone, "UnknownTimeZone", "Europe/Rome").await;
    not_ready(&malformed, "ObjectUnreadable", "three").await;
    not_ready(&fixed, "StorageClassNotExpandable", "allowVolumeExpansion").await;
    not_ready(&silent, "KubeletSilent", "Connection refused").await;
    let claim = good.path("persistentvolumeclaims", "pg-1");
    let grown = |claim: &Value| claim["spec"]["resources"]["requests"]["storage"] != "1Gi";
    tier.until(&claim, "the others are served", grown).await;
    for world in [&cron, &zone, &malformed, &fixed, &silent] {
        untouched(world).await;
    }
    // What was wrong is put right, and work goes on.
    tier.patch(&malformed.path("clusters", "pg"), &json!({"spec": {"minSyncReplicas": 0}})).await;
    tier.until(&malformed.path("persistentvolumeclaims", "pg-1"), "the cured one is served", grown).await;
    operator.stop().await;
}
