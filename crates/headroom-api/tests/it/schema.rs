//! The generated CustomResourceDefinition.

use std::{fs, path::Path};

use headroom_api::schema::{crd, crd_value, crd_yaml, prune_status};
use serde_json::{Value, json};

use crate::structural;

const COMMITTED: &str = "../../deploy/crd/dynamicstorages.headroom.dev.yaml";

#[test]
fn the_committed_definition_is_what_the_types_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(COMMITTED);
    let committed = fs::read_to_string(&path).unwrap();
    assert!(committed == crd_yaml().unwrap(), "deploy/crd is stale: run `cargo xtask codegen`");
}

#[test]
fn the_yaml_says_what_the_value_says() {
    let parsed: Value = serde_saphyr::from_str(&crd_yaml().unwrap()).unwrap();
    assert_eq!(parsed, crd_value());
}

#[test]
fn the_value_is_a_custom_resource_definition() {
    let crd = crd().unwrap();
    assert_eq!(crd.metadata.name.as_deref(), Some("dynamicstorages.headroom.dev"));
    let version = &crd.spec.versions[0];
    assert_eq!((version.name.as_str(), version.served, version.storage), ("v1alpha1", true, true));
    assert!(version.subresources.as_ref().unwrap().status.is_some());
    let columns: Vec<_> =
        version.additional_printer_columns.iter().flatten().map(|column| column.name.as_str()).collect();
    assert_eq!(
        columns,
        ["Cluster", "State", "Size", "Limit", "Next", "Ready", "Age", "Mode", "Reason", "Message"]
    );
}

/// Calls `look` with every schema below `schema` and its path.
fn each_schema(schema: &Value, path: &str, look: &mut impl FnMut(&Value, &str)) {
    look(schema, path);
    for (name, field) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        each_schema(field, &format!("{path}.{name}"), look);
    }
    if let Some(items) = schema.get("items") {
        each_schema(items, &format!("{path}[]"), look);
    }
}

#[test]
fn every_string_and_every_list_is_bounded() {
    each_schema(structural::schema(), "", &mut |schema, path| {
        let has = |key: &str| schema.get(key).is_some();
        let bounded = match schema.get("type").and_then(Value::as_str) {
            Some("string") => {
                has("maxLength") || has("enum") || schema.get("format") == Some(&json!("date-time"))
            }
            Some("array") => has("maxItems") && has("x-kubernetes-list-type"),
            Some("object") => has("properties"),
            Some("integer" | "boolean") => true,
            None => has("x-kubernetes-int-or-string") && has("maxLength"),
            Some(other) => panic!("{path} is {other}"),
        };
        assert!(bounded, "{path}: {schema}");
    });
}

#[test]
fn every_field_is_described_and_nothing_is_nullable() {
    each_schema(structural::schema(), "", &mut |schema, path| {
        assert!(schema.get("nullable").is_none(), "{path}");
        assert!(schema.get("description").is_some() || path.ends_with("[]") || path == ".metadata", "{path}");
    });
}

#[test]
fn the_status_has_no_defaults() {
    each_schema(&structural::schema()["properties"]["status"], "status", &mut |schema, path| {
        assert!(schema.get("default").is_none(), "{path}");
    });
}

#[test]
fn every_rule_has_a_message_of_one_line() {
    let mut rules = 0;
    each_schema(structural::schema(), "", &mut |schema, path| {
        for rule in schema.get("x-kubernetes-validations").and_then(Value::as_array).into_iter().flatten() {
            let message = rule["message"].as_str().unwrap();
            assert!(!message.contains('\n') && message.contains(':'), "{path}: {message}");
            rules += 1;
        }
    });
    assert_eq!(rules, 14, "1 of the object, 1 of clusterRef, 5 + 1 of each of the two volume blocks");
}

#[test]
fn lists_of_named_things_are_maps() {
    let schema = structural::schema();
    for (path, key) in [
        ("/properties/spec/properties/tablespaces", "name"),
        ("/properties/status/properties/conditions", "type"),
        ("/properties/status/properties/storageSizing/properties/tablespaces", "name"),
        ("/properties/status/properties/storageSizing/properties/data/properties/actualSizes", "instance"),
        ("/properties/status/properties/storageSizing/properties/data/properties/actions", "id"),
    ] {
        let list = schema.pointer(path).unwrap();
        assert_eq!(list["x-kubernetes-list-type"], "map", "{path}");
        assert_eq!(list["x-kubernetes-list-map-keys"], json!([key]), "{path}");
    }
}

#[test]
fn pruning_drops_what_the_schema_does_not_name_and_every_null() {
    let status = json!({
        "observedGeneration": 3,
        "unknown": {"a": 1},
        "storageSizing": {"data": {"state": "Balanced", "fromTheFuture": true, "growth": null,
            "actions": [{"id": 1, "kind": "Grow", "flavour": "sweet"}]}},
    });
    let kept = json!({
        "observedGeneration": 3,
        "storageSizing": {"data": {"state": "Balanced", "actions": [{"id": 1, "kind": "Grow"}]}},
    });
    assert_eq!(prune_status(&status), kept);
}
