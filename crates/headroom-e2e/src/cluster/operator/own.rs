//! An operator of a scenario's own: one for its namespace alone, beside others, so that stopping it disturbs nobody. It runs
//! where headroom is installed, under the same account, and so under the same admission policy.

use serde_json::{Value, json};

use super::{ACCOUNT, DEPLOYMENT, NAMESPACE};
use crate::cluster::leftover;

/// The name of all of its objects.
pub(crate) fn name(namespace: &str) -> String {
    format!("{DEPLOYMENT}-{namespace}")
}

/// The label that selects its pods. The value is the scenario's namespace, as a label's value is short.
pub(crate) const SCENARIO: &str = "e2e.headroom.dev/scenario";

/// The installed Deployment, for one namespace.
pub(crate) fn deployment(installed: &Value, namespace: &str) -> Value {
    let labels = json!({SCENARIO: namespace, leftover::PROCESS: leftover::mark()});
    let mut spec = installed.pointer("/spec").cloned().unwrap_or_default();
    spec["replicas"] = json!(1);
    spec["selector"] = json!({"matchLabels": {SCENARIO: namespace}});
    spec["template"]["metadata"]["labels"] = labels.clone();
    if let Some(args) = spec.pointer_mut("/template/spec/containers/0/args").and_then(Value::as_array_mut) {
        args.push(json!(format!("--namespace={namespace}")));
        args.push(json!(format!("--lease-name={}", name(namespace))));
    }
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name(namespace), "namespace": NAMESPACE, "labels": labels},
        "spec": spec,
    })
}

/// The right to a lease of that name; the installed one speaks of `headroom` only.
pub(crate) fn role(namespace: &str) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": metadata(namespace),
        "rules": [{
            "apiGroups": ["coordination.k8s.io"],
            "resources": ["leases"],
            "resourceNames": [name(namespace)],
            "verbs": ["get", "patch"],
        }],
    })
}

/// Gives that right to headroom's account.
pub(crate) fn role_binding(namespace: &str) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": metadata(namespace),
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name(namespace)},
        "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": NAMESPACE}],
    })
}

fn metadata(namespace: &str) -> Value {
    json!({
        "name": name(namespace),
        "namespace": NAMESPACE,
        "labels": {SCENARIO: namespace, leftover::PROCESS: leftover::mark()},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_installed_one_for_one_namespace_with_a_lease_and_pods_of_its_own() {
        let installed = json!({"spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app.kubernetes.io/name": "headroom"}},
            "template": {
                "metadata": {"labels": {"app.kubernetes.io/name": "headroom"}},
                "spec": {"serviceAccountName": "headroom", "containers": [{"image": "i", "args": ["operator"]}]},
            },
        }});
        let own = deployment(&installed, "p0-01-x");
        assert_eq!(own["metadata"]["name"], "headroom-p0-01-x");
        assert_eq!(own["spec"]["replicas"], 1);
        let selected = &own["spec"]["selector"]["matchLabels"];
        assert_eq!(*selected, json!({SCENARIO: "p0-01-x"}));
        let labels = &own["spec"]["template"]["metadata"]["labels"];
        assert_eq!((&labels[SCENARIO], &labels["app.kubernetes.io/name"]), (&json!("p0-01-x"), &Value::Null));
        let pod = &own["spec"]["template"]["spec"];
        let args = json!(["operator", "--namespace=p0-01-x", "--lease-name=headroom-p0-01-x"]);
        assert_eq!((&pod["containers"][0]["args"], &pod["containers"][0]["image"]), (&args, &json!("i")));
        assert_eq!(pod["serviceAccountName"], ACCOUNT);
        assert_eq!(role("p0-01-x")["rules"][0]["resourceNames"], json!(["headroom-p0-01-x"]));
        assert_eq!(role_binding("p0-01-x")["roleRef"]["name"], role("p0-01-x")["metadata"]["name"]);
    }
}
