//! What the API server takes, what it refuses and what it fills in.

use serde_json::{Value, json};

use crate::tier::{Tier, tier};

const ALL: &str = "/apis/headroom.dev/v1alpha1/namespaces/default/dynamicstorages?dryRun=All";

/// A spec with `changes` merged into its data volume.
fn with(changes: Value) -> Value {
    let mut spec = json!({"clusterRef": {"name": "pg"}, "storage": {"limit": "100Gi"}});
    for (field, value) in changes.as_object().expect("fields") {
        spec["storage"][field] = value.clone();
    }
    spec
}

fn object(spec: Value) -> Value {
    json!({"apiVersion": "headroom.dev/v1alpha1", "kind": "DynamicStorage", "metadata": {"name": "pg"}, "spec": spec})
}

/// The API server takes this spec; answers with the object as it would be stored.
async fn taken(tier: &Tier, spec: Value) -> Value {
    let (status, answer) = tier.call("POST", ALL, "application/json", &object(spec.clone())).await;
    assert_eq!(status, 201, "{spec}: {answer}");
    answer
}

/// The API server refuses this object, and its words hold `words`.
async fn refused(tier: &Tier, object: Value, words: &str) {
    let (status, answer) = tier.call("POST", ALL, "application/json", &object).await;
    let message = answer["message"].as_str().unwrap_or("");
    assert_eq!(status, 422, "{object}: {answer}");
    assert!(message.contains(words), "{words:?} is not in {message:?}");
}

#[tokio::test]
async fn a_reference_and_a_limit_are_enough_and_the_rest_has_defaults() {
    let Some(tier) = tier().await else { return };
    let spec = taken(&tier, with(json!({}))).await["spec"].clone();
    assert_eq!((&spec["mode"], &spec["syncClusterSize"]), (&json!("Apply"), &json!("OnRelease")));
    let storage = &spec["storage"];
    assert_eq!(storage["targetBuffer"], 20);
    assert_eq!(storage["budget"], json!({"actionsPerDay": 4, "reservedForEmergency": 1}));
    assert_eq!(storage["emergencyGrow"], json!({"enabled": true, "criticalThreshold": 95}));
    assert_eq!(
        storage["shrink"],
        json!({
            "enabled": false, "stabilization": "24h", "minimumSaving": "20%", "surge": "Auto",
            "allowSwitchoverOnSingleInstance": false,
        })
    );
    assert_eq!(storage["acknowledgeWALRisk"], false);
    assert!(storage.get("maintenanceWindow").is_none() && storage.get("request").is_none());
    let window = json!({"maintenanceWindow": {"schedule": "0 0 3 * * *", "duration": "2h"}});
    assert_eq!(taken(&tier, with(window)).await["spec"]["storage"]["maintenanceWindow"]["timeZone"], "UTC");
}

#[tokio::test]
async fn every_rule_takes_what_is_right() {
    let Some(tier) = tier().await else { return };
    for changes in [
        json!({"limit": "64Mi"}),
        json!({"limit": 107_374_182_400_i64}),
        json!({"request": "100Gi"}),
        json!({"request": "1Gi", "limit": "1024Mi"}),
        json!({"targetBuffer": 5, "emergencyGrow": {"criticalThreshold": 98}}),
        json!({"targetBuffer": 50, "emergencyGrow": {"criticalThreshold": 80}}),
        json!({"targetBuffer": 20, "emergencyGrow": {"criticalThreshold": 83}}),
        json!({"emergencyGrow": {"emergencyLimit": "101Gi", "criticalMinimumFree": "99Gi"}}),
        json!({"budget": {"actionsPerDay": 1, "reservedForEmergency": 1}}),
        json!({"maintenanceWindow": {"schedule": "0 0 3 * * *", "duration": "1h30m", "timeZone": "Europe/Rome"}}),
        json!({"shrink": {"enabled": true, "surge": "Never", "minimumSaving": "1%"}}),
    ] {
        taken(&tier, with(changes)).await;
    }
    let mut spec = with(json!({}));
    spec["tablespaces"] = json!([{"name": "hot", "limit": "5Gi"}, {"name": "idx", "limit": "5Gi"}]);
    taken(&tier, spec).await;
}

#[tokio::test]
async fn every_rule_refuses_what_is_wrong_and_names_field_and_cure() {
    let Some(tier) = tier().await else { return };
    for (changes, words) in [
        (json!({"limit": "63Mi"}), "limit must be at least 64Mi"),
        (json!({"limit": "lots"}), "spec.storage.limit"),
        (json!({"request": "101Gi"}), "lower request or raise limit"),
        (json!({"targetBuffer": 4}), "spec.storage.targetBuffer"),
        (json!({"targetBuffer": 51}), "spec.storage.targetBuffer"),
        (json!({"emergencyGrow": {"criticalThreshold": 79}}), "criticalThreshold"),
        (json!({"emergencyGrow": {"criticalThreshold": 100}}), "criticalThreshold"),
        (
            json!({"targetBuffer": 20, "emergencyGrow": {"criticalThreshold": 82}}),
            "raise criticalThreshold or targetBuffer",
        ),
        (json!({"emergencyGrow": {"emergencyLimit": "100Gi"}}), "emergencyLimit must be above limit"),
        (
            json!({"emergencyGrow": {"criticalMinimumFree": "100Gi"}}),
            "criticalMinimumFree must be below limit",
        ),
        (json!({"budget": {"actionsPerDay": 0}}), "actionsPerDay"),
        (
            json!({"budget": {"actionsPerDay": 2, "reservedForEmergency": 3}}),
            "reservedForEmergency must not be above",
        ),
        (json!({"maintenanceWindow": {"schedule": "0 0 3 * * *", "duration": "soon"}}), "duration"),
        (json!({"shrink": {"surge": "Perhaps"}}), "surge"),
        (json!({"shrink": {"minimumSaving": "half"}}), "minimumSaving"),
    ] {
        refused(&tier, object(with(changes)), words).await;
    }
    refused(&tier, object(json!({"clusterRef": {"name": "pg"}, "storage": {}})), "limit").await;
    let mut stranger = object(with(json!({})));
    stranger["metadata"]["name"] = json!("other");
    refused(&tier, stranger, "name the DynamicStorage as its Cluster").await;
    let mut twice = with(json!({}));
    twice["tablespaces"] = json!([{"name": "hot", "limit": "5Gi"}, {"name": "hot", "limit": "6Gi"}]);
    refused(&tier, object(twice), "Duplicate").await;
    let mut unknown_mode = with(json!({}));
    unknown_mode["mode"] = json!("Perhaps");
    refused(&tier, object(unknown_mode), "mode").await;
}

#[tokio::test]
async fn the_reference_cannot_be_changed() {
    let Some(tier) = tier().await else { return };
    let namespace = tier.namespace("schema").await;
    let all = format!("/apis/headroom.dev/v1alpha1/namespaces/{namespace}/dynamicstorages");
    tier.create(&all, &object(with(json!({})))).await;
    let change = json!({"spec": {"clusterRef": {"name": "other"}}});
    let (status, answer) =
        tier.call("PATCH", &format!("{all}/pg"), "application/merge-patch+json", &change).await;
    assert_eq!(status, 422, "{answer}");
    let message = answer["message"].as_str().unwrap_or("");
    assert!(message.contains("clusterRef cannot be changed"), "{message}");
}
