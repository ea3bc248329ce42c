//! The rules of the schema, evaluated without an API server; the same cases run against a real one elsewhere.

use headroom_api::v1alpha1::DynamicStorageSpec;
use kube_cel::{Validator, apply_defaults};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::structural;

#[derive(Deserialize)]
struct Cases {
    base: Value,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    what: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    before: Option<Value>,
    #[serde(default = "empty")]
    spec: Value,
    #[serde(default)]
    by: Option<By>,
    #[serde(default)]
    refused: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum By {
    Rule,
    Schema,
}

fn empty() -> Value {
    json!({})
}

fn cases() -> Cases {
    serde_saphyr::from_str(include_str!("data/rules.yaml")).unwrap()
}

fn merge(base: &Value, patch: &Value) -> Value {
    match (base, patch) {
        (Value::Object(base), Value::Object(patch)) => {
            let mut merged = base.clone();
            for (key, value) in patch {
                merged.insert(key.clone(), merge(base.get(key).unwrap_or(&Value::Null), value));
            }
            Value::Object(merged)
        }
        (_, patch) => patch.clone(),
    }
}

/// The object of a case as the API server sees it after defaulting.
fn object(cases: &Cases, case: &Case, spec: &Value, schema: &Value) -> Value {
    let object = json!({
        "apiVersion": "headroom.dev/v1alpha1",
        "kind": "DynamicStorage",
        "metadata": {"name": case.name.as_deref().unwrap_or("pg")},
        "spec": merge(&cases.base, spec),
    });
    apply_defaults(schema, &object)
}

#[track_caller]
fn check(cases: &Cases, case: &Case, schema: &Value) {
    let object_now = object(cases, case, &case.spec, schema);
    let before = case.before.as_ref().map(|spec| object(cases, case, spec, schema));
    let by_schema = structural::objections(schema, &object_now).join("; ");
    let by_rule = match Validator::new().validate(schema, &object_now, before.as_ref()) {
        Ok(()) => String::new(),
        Err(errors) => {
            errors.into_vec().iter().map(|error| error.message.clone()).collect::<Vec<_>>().join("; ")
        }
    };
    let what = &case.what;
    match (&case.refused, case.by) {
        (None, None) => {
            assert_eq!((by_schema.as_str(), by_rule.as_str()), ("", ""), "{what}");
            let _spec: DynamicStorageSpec = serde_json::from_value(object_now["spec"].clone()).unwrap();
        }
        (Some(part), Some(By::Rule)) => {
            assert_eq!(by_schema, "", "{what}");
            assert!(by_rule.contains(part.as_str()), "{what}: {by_rule:?}");
        }
        (Some(part), Some(By::Schema)) => {
            let path = part.trim_start_matches("spec");
            assert!(by_schema.contains(path), "{what}: {by_schema:?}");
        }
        (refused, by) => panic!("{what}: refused {refused:?} by {by:?}"),
    }
}

#[test]
fn the_schema_accepts_and_refuses_as_listed() {
    let cases = cases();
    let schema = structural::schema();
    for case in &cases.cases {
        check(&cases, case, schema);
    }
}

#[test]
fn every_rule_is_seen_to_refuse() {
    let cases = cases();
    let refusals: Vec<_> = cases.cases.iter().filter_map(|case| case.refused.as_deref()).collect();
    for part in [
        "name the DynamicStorage as its Cluster",
        "clusterRef cannot be changed",
        "limit must be at least 64Mi",
        "is above limit",
        "criticalThreshold must be at least",
        "emergencyLimit must be above limit",
        "criticalMinimumFree must be below limit",
        "reservedForEmergency must not be above",
    ] {
        assert!(refusals.iter().any(|refusal| refusal.contains(part)), "{part}");
    }
}

#[test]
fn the_schema_supplies_the_defaults_that_the_types_supply() {
    let schema = structural::schema();
    let least = json!({"clusterRef": {"name": "pg"}, "storage": {"limit": "100Gi"},
        "tablespaces": [{"name": "idx", "limit": "1Gi"}]});
    let by_types: DynamicStorageSpec = serde_json::from_value(least.clone()).unwrap();
    let by_schema = apply_defaults(&schema["properties"]["spec"], &least);
    assert_eq!(by_schema, serde_json::to_value(&by_types).unwrap());
    assert_eq!(by_schema["storage"]["targetBuffer"], 20);
    assert_eq!(by_schema["storage"]["emergencyGrow"], json!({"enabled": true, "criticalThreshold": 95}));
    assert_eq!(by_schema["storage"]["budget"], json!({"actionsPerDay": 4, "reservedForEmergency": 1}));
    assert_eq!(by_schema["mode"], "Apply");
    assert_eq!(by_schema["syncClusterSize"], "OnRelease");
    assert_eq!(by_schema["storage"]["acknowledgeWALRisk"], false);
}
