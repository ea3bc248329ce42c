//! `deploy/size-at-birth`: what its expressions read is in the CRD, so that a renamed field cannot switch it off unseen.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{deploy::objects, structural};

/// What an expression starts from, and where in the schema that is: a claim is of the data volume or of a tablespace.
const ROOTS: [(&str, &[&str]); 4] = [
    ("params.", &[""]),
    (
        "variables.recorded[0].",
        &[
            "/properties/status/properties/storageSizing/properties/data",
            "/properties/status/properties/storageSizing/properties/tablespaces/items",
        ],
    ),
    (
        "variables.rules[0].",
        &["/properties/spec/properties/storage", "/properties/spec/properties/tablespaces/items"],
    ),
    (
        "volume.",
        &[
            "/properties/status/properties/storageSizing/properties/tablespaces/items",
            "/properties/spec/properties/tablespaces/items",
        ],
    ),
];

fn policy() -> (Value, Value) {
    let [policy, binding] = objects("size-at-birth/admission-policy.yaml").try_into().unwrap();
    (policy, binding)
}

/// The expressions of the policy.
fn expressions(policy: &Value) -> Vec<String> {
    let texts = |list: &Value, pointer: &str| -> Vec<String> {
        let list = list.as_array().unwrap().iter();
        list.map(|item| item.pointer(pointer).and_then(Value::as_str).unwrap().to_owned()).collect()
    };
    let mut all = texts(&policy["spec"]["variables"], "/expression");
    all.extend(texts(&policy["spec"]["mutations"], "/jsonPatch/expression"));
    all
}

/// The fields that `expression` reads behind `root`, as `a.b`; functions that are called on them are left out.
fn fields(expression: &str, root: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (start, _) in expression.match_indices(root) {
        // `variables.x` and `volume.x` end in names that other roots could end in too.
        if expression
            .get(..start)
            .is_some_and(|before| before.ends_with(|c: char| c.is_alphanumeric() || c == '.'))
        {
            continue;
        }
        let rest = &expression[start + root.len()..];
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '.' && c != '?').unwrap_or(rest.len());
        let mut steps: Vec<&str> = rest[..end].split('.').map(|step| step.trim_start_matches('?')).collect();
        if rest[end..].starts_with('(') {
            steps.pop();
        }
        found.push(steps.join("."));
    }
    found
}

/// Whether the schema has the field `path`.
fn has(schema: &Value, path: &str) -> bool {
    let mut here = schema;
    path.split('.').all(|step| match here.pointer(&format!("/properties/{step}")) {
        Some(field) => {
            here = field;
            true
        }
        None => false,
    })
}

#[test]
fn every_field_that_it_reads_is_in_the_crd() {
    let (policy, _) = policy();
    let mut read = BTreeSet::new();
    for expression in expressions(&policy) {
        for (root, places) in ROOTS {
            for field in fields(&expression, root) {
                // The schema leaves the metadata of an object to the API server.
                if !field.starts_with("metadata.") {
                    for place in places {
                        let schema = structural::schema().pointer(place).unwrap();
                        assert!(has(schema, &field), "{root}{field} of {expression} is not at {place:?}");
                    }
                }
                read.insert(format!("{root}{field}"));
            }
        }
    }
    let read: Vec<&str> = read.iter().map(String::as_str).collect();
    assert_eq!(
        read,
        [
            "params.metadata.deletionTimestamp",
            "params.metadata.name",
            "params.spec.mode",
            "params.spec.storage",
            "params.spec.tablespaces",
            "params.status.storageSizing.data",
            "params.status.storageSizing.tablespaces",
            "variables.recorded[0].effectiveSize",
            "variables.recorded[0].sizeAtBirth",
            "variables.rules[0].emergencyGrow.emergencyLimit",
            "variables.rules[0].emergencyGrow.enabled",
            "variables.rules[0].limit",
            "volume.name",
        ]
    );
    assert!(!has(structural::schema(), "status.storageSizing.renamed"));
}

#[test]
fn the_word_for_acting_is_one_of_the_crd() {
    let mode = structural::schema().pointer("/properties/spec/properties/mode/enum").unwrap();
    assert!(mode.as_array().unwrap().contains(&json!("Apply")));
    let (policy, _) = policy();
    assert!(expressions(&policy)[0].ends_with("params.?spec.mode.orValue('') == 'Apply'"));
}

#[test]
fn it_reads_our_kind_and_fails_open() {
    let (policy, binding) = policy();
    let crd = headroom_api::schema::crd_value();
    let version = format!(
        "{}/{}",
        crd["spec"]["group"].as_str().unwrap(),
        crd["spec"]["versions"][0]["name"].as_str().unwrap()
    );
    let kind = &crd["spec"]["names"]["kind"];
    assert_eq!(policy["spec"]["paramKind"], json!({"apiVersion": version, "kind": kind}));
    assert_eq!(policy["spec"]["failurePolicy"], "Ignore");
    assert_eq!(binding["spec"]["policyName"], policy["metadata"]["name"]);
    assert_eq!(binding["spec"]["paramRef"], json!({"selector": {}, "parameterNotFoundAction": "Allow"}));
}

#[test]
fn it_is_installed_by_itself_so_that_older_clusters_take_the_rest() {
    let [whole] = objects("kustomization.yaml").try_into().unwrap();
    assert_eq!(whole["resources"], json!(["crd", "operator"]));
    let [alone] = objects("size-at-birth/kustomization.yaml").try_into().unwrap();
    assert_eq!(alone["resources"], json!(["admission-policy.yaml"]));
}
