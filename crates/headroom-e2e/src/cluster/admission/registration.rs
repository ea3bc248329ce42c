//! The ValidatingWebhookConfiguration of one scenario.

use k8s_openapi::ByteString;
use serde_json::{Value, json};

use crate::cluster::{leftover, operator};

/// The longest time-out that the API allows, seconds.
const TIMEOUT_S: u32 = 30;

/// The object's name.
pub(crate) fn name(namespace: &str) -> String {
    format!("headroom-e2e-{namespace}")
}

/// Asks the webhook at `port` about writes of the operator in one namespace, about dry runs there by anybody, by which a
/// scenario learns that it is asked, and about new volumes for claims of that namespace. It fails open: a run that was
/// killed leaves nothing that holds a write.
pub(crate) fn object(namespace: &str, port: u16, ca_pem: &str) -> Value {
    let account = format!("system:serviceaccount:{}:{}", operator::NAMESPACE, operator::ACCOUNT);
    let of_operator = format!("request.userInfo.username == '{account}' || request.?dryRun.orValue(false)");
    let for_claim = format!("object.spec.?claimRef.namespace.orValue('') == '{namespace}'");
    let url = format!("https://127.0.0.1:{port}/{namespace}");
    let webhook = |name: &str, condition: &str, selector: Value, rules: Value| {
        json!({
            "name": format!("{name}.gate.e2e.headroom.dev"),
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "failurePolicy": "Ignore",
            "timeoutSeconds": TIMEOUT_S,
            "clientConfig": {"url": url, "caBundle": ByteString(ca_pem.as_bytes().to_vec())},
            "namespaceSelector": selector,
            "matchConditions": [{"name": "of-this-scenario", "expression": condition}],
            "rules": rules,
        })
    };
    let writes = json!([
        rule("UPDATE", "", "v1", "persistentvolumeclaims", "Namespaced"),
        rule("UPDATE", "headroom.dev", "v1alpha1", "dynamicstorages/status", "Namespaced"),
        rule("UPDATE", "", "v1", "pods", "Namespaced"),
        rule("UPDATE", "postgresql.cnpg.io", "v1", "clusters/status", "Namespaced"),
        rule("UPDATE", "postgresql.cnpg.io", "v1", "clusters/scale", "Namespaced"),
    ]);
    let volumes = json!([rule("CREATE", "", "v1", "persistentvolumes", "Cluster")]);
    let here = json!({"matchLabels": {"kubernetes.io/metadata.name": namespace}});
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": name(namespace), "labels": {leftover::PROCESS: leftover::mark()}},
        "webhooks": [
            webhook("writes", &of_operator, here, writes),
            // Volumes are in no namespace, so no selector narrows them; the condition does.
            webhook("volumes", &for_claim, json!({}), volumes),
        ],
    })
}

fn rule(operation: &str, group: &str, version: &str, resource: &str, scope: &str) -> Value {
    json!({
        "apiGroups": [group],
        "apiVersions": [version],
        "operations": [operation],
        "resources": [resource],
        "scope": scope,
    })
}
