//! The rights of `deploy/operator`: each that is needed, and no other. That they are enough is shown by the operator
//! itself, which acts as its account in `growth` and `refusals`.

use std::collections::BTreeSet;

use serde_json::json;

use crate::tier::{ACCOUNT, Tier, tier};

const VERBS: [&str; 10] = [
    "get",
    "list",
    "watch",
    "create",
    "update",
    "patch",
    "delete",
    "deletecollection",
    "impersonate",
    "bind",
];

/// `(group, resource, subresource)` of everything that an operator of storage might be tempted by.
const RESOURCES: [(&str, &str, &str); 38] = [
    ("headroom.dev", "dynamicstorages", ""),
    ("headroom.dev", "dynamicstorages", "status"),
    ("headroom.dev", "dynamicstorages", "finalizers"),
    ("postgresql.cnpg.io", "clusters", ""),
    ("postgresql.cnpg.io", "clusters", "status"),
    ("postgresql.cnpg.io", "clusters", "scale"),
    ("postgresql.cnpg.io", "backups", ""),
    ("", "persistentvolumeclaims", ""),
    ("", "persistentvolumeclaims", "status"),
    ("", "persistentvolumes", ""),
    ("", "pods", ""),
    ("", "pods", "status"),
    ("", "pods", "exec"),
    ("", "pods", "attach"),
    ("", "pods", "portforward"),
    ("", "pods", "proxy"),
    ("", "pods", "log"),
    ("", "pods", "eviction"),
    ("", "secrets", ""),
    ("", "configmaps", ""),
    ("", "serviceaccounts", ""),
    ("", "serviceaccounts", "token"),
    ("", "services", ""),
    ("", "namespaces", ""),
    ("", "nodes", ""),
    ("", "nodes", "stats"),
    ("", "nodes", "proxy"),
    ("", "nodes", "metrics"),
    ("", "events", ""),
    ("events.k8s.io", "events", ""),
    ("storage.k8s.io", "storageclasses", ""),
    ("batch", "jobs", ""),
    ("apps", "deployments", ""),
    ("coordination.k8s.io", "leases", ""),
    ("rbac.authorization.k8s.io", "clusterroles", ""),
    ("rbac.authorization.k8s.io", "clusterrolebindings", ""),
    ("admissionregistration.k8s.io", "validatingadmissionpolicies", ""),
    ("apiextensions.k8s.io", "customresourcedefinitions", ""),
];

/// What the account may do in a namespace of somebody else. `get` on claims and pods is not among it: a quorum read lists
/// them by label.
const ALLOWED: [&str; 19] = [
    "clusters get",
    "clusters list",
    "clusters patch",
    "clusters watch",
    "dynamicstorages get",
    "dynamicstorages list",
    "dynamicstorages patch",
    "dynamicstorages watch",
    "dynamicstorages/status patch",
    "events create",
    "nodes get",
    "nodes/stats get",
    "persistentvolumeclaims list",
    "persistentvolumeclaims patch",
    "persistentvolumeclaims watch",
    "pods list",
    "pods watch",
    "storageclasses list",
    "storageclasses watch",
];

/// The verbs that the account may use on a resource in `namespace`, as `resource/subresource verb`.
async fn allowed(tier: &Tier, namespace: &str, resource: (&str, &str, &str), name: &str) -> BTreeSet<String> {
    let (group, plural, subresource) = resource;
    let mut found = BTreeSet::new();
    for verb in VERBS {
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
            "spec": {
                "user": ACCOUNT,
                "groups": ["system:serviceaccounts", "system:serviceaccounts:headroom-system", "system:authenticated"],
                "resourceAttributes": {
                    "namespace": namespace, "verb": verb, "group": group, "resource": plural,
                    "subresource": subresource, "name": name,
                },
            },
        });
        let answer = tier.create("/apis/authorization.k8s.io/v1/subjectaccessreviews", &review).await;
        if answer["status"]["allowed"] == true {
            let slash = if subresource.is_empty() { "" } else { "/" };
            found.insert(format!("{plural}{slash}{subresource} {verb}"));
        }
    }
    found
}

#[tokio::test]
async fn the_account_may_do_what_it_needs_and_nothing_more() {
    let Some(tier) = tier().await else { return };
    let mut found = BTreeSet::new();
    for resource in RESOURCES {
        found.extend(allowed(&tier, "default", resource, "").await);
    }
    let wanted: BTreeSet<String> = ALLOWED.iter().map(|it| (*it).to_owned()).collect();
    assert_eq!(found, wanted);
}

#[tokio::test]
async fn the_lease_is_its_own_and_only_in_its_own_namespace() {
    let Some(tier) = tier().await else { return };
    let leases = ("coordination.k8s.io", "leases", "");
    let words = |list: &[&str]| list.iter().map(|verb| format!("leases {verb}")).collect::<BTreeSet<_>>();
    assert_eq!(
        allowed(&tier, "headroom-system", leases, "headroom").await,
        words(&["create", "get", "patch"])
    );
    assert_eq!(allowed(&tier, "headroom-system", leases, "other").await, words(&["create"]));
    assert_eq!(allowed(&tier, "kube-system", leases, "headroom").await, words(&[]));
}
