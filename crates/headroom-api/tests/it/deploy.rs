//! What `deploy/` holds: examples that are accepted, rights that are least, a pod that is restricted.

use std::{collections::BTreeSet, fs, path::Path};

use headroom_api::{
    DynamicStorage,
    policy::{from_object, schedules},
};
use kube_cel::{Validator, apply_defaults};
use serde_json::{Value, json};

use crate::structural;

fn deploy(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The objects of a file.
pub(crate) fn objects(file: &str) -> Vec<Value> {
    let text = deploy(file);
    let documents = text.split("\n---\n").map(|document| serde_saphyr::from_str(document).unwrap());
    documents.collect()
}

fn files(folder: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(folder);
    let mut names: Vec<String> = fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "kustomization.yaml")
        .collect();
    names.sort();
    names
}

#[test]
fn every_example_is_accepted_and_makes_a_policy() {
    let examples = files("examples");
    assert_eq!(examples, ["full.yaml", "minimal.yaml", "tablespaces.yaml"]);
    let schema = structural::schema();
    for example in examples {
        let [object] = objects(&format!("examples/{example}")).try_into().unwrap();
        let object = apply_defaults(schema, &object);
        assert_eq!(structural::objections(schema, &object), Vec::<String>::new(), "{example}");
        assert!(Validator::new().validate(schema, &object, None).is_ok(), "{example}");
        let typed: DynamicStorage = serde_json::from_value(object).unwrap();
        from_object(&typed).unwrap_or_else(|error| panic!("{example}: {error}"));
        schedules(&typed.spec).unwrap();
    }
}

#[test]
fn the_full_example_names_every_field_of_the_spec() {
    fn names(schema: &Value, into: &mut BTreeSet<String>) {
        for (name, field) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            into.insert(name.clone());
            names(field, into);
        }
    }
    let mut expected = BTreeSet::new();
    let mut spec = structural::schema()["properties"]["spec"].clone();
    spec["properties"].as_object_mut().unwrap().remove("tablespaces");
    names(&spec, &mut expected);
    let text = deploy("examples/full.yaml");
    for name in expected {
        assert!(text.contains(&format!("{name}:")), "{name}");
    }
}

#[test]
fn each_kustomization_names_every_file() {
    for folder in ["operator", "shrink"] {
        let kustomization: Value =
            serde_saphyr::from_str(&deploy(&format!("{folder}/kustomization.yaml"))).unwrap();
        let named = kustomization["resources"].as_array().unwrap();
        let mut named: Vec<_> = named.iter().map(|name| name.as_str().unwrap().to_owned()).collect();
        named.sort();
        assert_eq!(named, files(folder));
    }
}

#[test]
fn rights_are_least() {
    let mut granted = BTreeSet::new();
    for file in ["clusterrole.yaml", "sync.yaml", "role.yaml"] {
        for role in objects(&format!("operator/{file}")) {
            for rule in role.get("rules").and_then(Value::as_array).into_iter().flatten() {
                for (group, resource, verb) in each(rule) {
                    granted.insert(format!("{verb} {resource}.{group}"));
                }
            }
        }
    }
    for right in &granted {
        for word in [
            "*",
            "secrets",
            "pods/exec",
            "nodes/proxy",
            "delete",
            "update",
            "escalate",
            "bind",
            "impersonate",
        ] {
            assert!(!right.contains(word), "{right}");
        }
    }
    let writes: Vec<_> = granted
        .iter()
        .filter(|right| !["get ", "list ", "watch "].iter().any(|verb| right.starts_with(verb)))
        .map(String::as_str)
        .collect();
    assert_eq!(
        writes,
        [
            "create events.events.k8s.io",
            "create leases.coordination.k8s.io",
            "patch clusters.postgresql.cnpg.io",
            "patch dynamicstorages.headroom.dev",
            "patch dynamicstorages/status.headroom.dev",
            "patch leases.coordination.k8s.io",
            "patch persistentvolumeclaims.",
        ]
    );
}

/// Every (group, resource, verb) of a rule.
fn each(rule: &Value) -> Vec<(String, String, String)> {
    let list = |key: &str| -> Vec<String> {
        rule[key].as_array().unwrap().iter().map(|value| value.as_str().unwrap().to_owned()).collect()
    };
    let mut all = Vec::new();
    for group in list("apiGroups") {
        for resource in list("resources") {
            all.extend(list("verbs").into_iter().map(|verb| (group.clone(), resource.clone(), verb)));
        }
    }
    all
}

#[test]
fn writing_clusters_is_a_right_of_its_own() {
    let [role] = objects("operator/clusterrole.yaml").try_into().unwrap();
    for rule in role["rules"].as_array().unwrap() {
        for (_, resource, verb) in each(rule) {
            assert!(resource != "clusters" || ["get", "list", "watch"].contains(&verb.as_str()), "{verb}");
        }
    }
}

#[test]
fn what_a_shrink_may_do_is_a_role_of_its_own() {
    let [role, binding] = objects("shrink/role.yaml").try_into().unwrap();
    let rules = role["rules"].as_array().unwrap().iter().flat_map(each);
    let rights: BTreeSet<String> =
        rules.map(|(group, resource, verb)| format!("{verb} {resource}.{group}")).collect();
    let expected = [
        "delete jobs.batch",
        "delete persistentvolumeclaims.",
        "delete pods.",
        "list backups.postgresql.cnpg.io",
        "list jobs.batch",
        "list nodes.",
        "list poddisruptionbudgets.policy",
        "patch clusters/scale.postgresql.cnpg.io",
        "patch clusters/status.postgresql.cnpg.io",
        "patch pods.",
    ];
    assert_eq!(rights, expected.map(str::to_owned).into());
    assert_eq!(binding["roleRef"]["name"], role["metadata"]["name"]);
    let [account] = objects("operator/serviceaccount.yaml").try_into().unwrap();
    for field in ["name", "namespace"] {
        assert_eq!(binding["subjects"][0][field], account["metadata"][field]);
    }
}

#[test]
fn the_pod_is_restricted() {
    let [namespace] = objects("operator/namespace.yaml").try_into().unwrap();
    assert_eq!(namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"], "restricted");
    let [deployment] = objects("operator/deployment.yaml").try_into().unwrap();
    let pod = &deployment["spec"]["template"]["spec"];
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(pod["securityContext"]["runAsUser"], 65532);
    assert_eq!(pod["securityContext"]["seccompProfile"], json!({"type": "RuntimeDefault"}));
    assert!(pod.get("volumes").is_none() && pod.get("hostNetwork").is_none());
    for container in pod["containers"].as_array().unwrap() {
        assert_eq!(
            container["securityContext"],
            json!({
                "allowPrivilegeEscalation": false,
                "readOnlyRootFilesystem": true,
                "capabilities": {"drop": ["ALL"]},
            })
        );
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(container["image"], format!("ghcr.io/headroom-dev/headroom:{version}"));
        assert_eq!(container["livenessProbe"]["httpGet"]["path"], "/healthz");
        assert_eq!(container["readinessProbe"]["httpGet"]["path"], "/readyz");
        assert!(container["resources"]["limits"]["memory"].is_string());
    }
}

#[test]
fn the_admission_policies_are_about_the_operators_account() {
    let [account] = objects("operator/serviceaccount.yaml").try_into().unwrap();
    let user = format!(
        "system:serviceaccount:{}:{}",
        account["metadata"]["namespace"].as_str().unwrap(),
        account["metadata"]["name"].as_str().unwrap()
    );
    for file in ["operator/admission-policy.yaml", "shrink/pods-policy.yaml", "shrink/jobs-policy.yaml"] {
        let [policy, binding] = objects(file).try_into().unwrap();
        let condition = policy["spec"]["matchConditions"][0]["expression"].as_str().unwrap();
        assert_eq!(condition, format!("request.userInfo.username == '{user}'"), "{file}");
        assert_eq!(policy["spec"]["failurePolicy"], "Fail", "{file}");
        assert_eq!(binding["spec"]["policyName"], policy["metadata"]["name"], "{file}");
        assert_eq!(binding["spec"]["validationActions"], json!(["Deny", "Audit"]), "{file}");
    }
}
