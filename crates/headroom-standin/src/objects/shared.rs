//! What all instances of a Cluster share: services, secrets, rights, PodDisruptionBudgets.

use serde_json::{Value, json};

use super::meta;
use crate::cluster::Cluster;
use crate::names;

/// An object that is to exist, or not to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted<T> {
    /// It exists.
    Yes(T),
    /// It does not; its name.
    No(String),
}

/// `-rw` to the primary, `-ro` to the replicas, `-r` to every instance.
pub fn services(cluster: &Cluster) -> Vec<Value> {
    let name = cluster.metadata.name.as_deref().unwrap_or_default();
    let service = |end: &str, label: &str, value: &str| {
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": meta(cluster, &format!("{name}-{end}"), &[], true),
            "spec": {
                "selector": {names::CLUSTER: name, label: value},
                "ports": [{"name": "postgres", "port": 5432, "targetPort": 5432}],
            },
        })
    };
    vec![
        service("rw", names::INSTANCE_ROLE, "primary"),
        service("ro", names::INSTANCE_ROLE, "replica"),
        service("r", names::POD_ROLE, "instance"),
    ]
}

/// The secrets of the application, unless the spec names one, and of the replication user, with a password from `password`.
pub fn secrets(cluster: &Cluster, mut password: impl FnMut() -> String) -> Vec<Value> {
    let name = cluster.metadata.name.as_deref().unwrap_or_default();
    let initdb = cluster.spec.initdb();
    let mut secret = |secret: String, mut data: Value| {
        data["password"] = json!(password());
        json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "kubernetes.io/basic-auth",
            "metadata": meta(cluster, &secret, &[], true),
            "stringData": data,
        })
    };
    let host = format!("{name}-rw");
    let mut all = vec![secret(names::replication_secret(name), json!({"username": names::REPLICATION_USER}))];
    if initdb.secret.is_none() {
        all.push(secret(
            names::application_secret(name),
            json!({"username": initdb.owner, "dbname": initdb.database, "host": host, "port": "5432"}),
        ));
    }
    all
}

/// What an instance may do: read its Cluster, and say in its status that it has become primary.
pub fn rights(cluster: &Cluster) -> Vec<Value> {
    let name = cluster.metadata.name.as_deref().unwrap_or_default();
    let metadata = meta(cluster, name, &[], true);
    let rules = json!([
        {"apiGroups": [names::GROUP], "resources": ["clusters"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": [names::GROUP], "resources": ["clusters/status"], "resourceNames": [name], "verbs": ["get", "patch"]},
    ]);
    let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name});
    let account = json!({"kind": "ServiceAccount", "name": name, "namespace": cluster.metadata.namespace});
    vec![
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": metadata, "rules": rules}),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": metadata,
            "roleRef": role, "subjects": [account],
        }),
    ]
}

/// `pg-primary` for every Cluster, `pg` from three instances on (traces' README, fact 10).
pub fn disruption_budgets(cluster: &Cluster) -> Vec<Wanted<Value>> {
    let name = cluster.metadata.name.as_deref().unwrap_or_default();
    let enabled = cluster.spec.enable_pdb != Some(false);
    let budget = |budget: String, role: &str, available: u32, wanted: bool| {
        if !wanted {
            return Wanted::No(budget);
        }
        Wanted::Yes(json!({
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": meta(cluster, &budget, &[], true),
            "spec": {
                "minAvailable": available,
                "selector": {"matchLabels": {names::CLUSTER: name, names::INSTANCE_ROLE: role}},
            },
        }))
    };
    let instances = cluster.spec.instances;
    vec![
        budget(format!("{name}-primary"), "primary", 1, enabled),
        budget(name.to_owned(), "replica", instances.saturating_sub(2).max(1), enabled && instances >= 3),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::tests::cluster;
    use super::*;

    #[track_caller]
    fn budgets(spec: &Value, expected: [Option<u64>; 2]) {
        let found = disruption_budgets(&cluster(spec));
        let available = |wanted: &Wanted<Value>| match wanted {
            Wanted::Yes(budget) => budget["spec"]["minAvailable"].as_u64(),
            Wanted::No(_) => None,
        };
        assert_eq!(found.iter().map(available).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn the_primary_is_always_protected_and_replicas_from_three_instances_on() {
        budgets(&json!({"storage": {}, "instances": 1}), [Some(1), None]);
        budgets(&json!({"storage": {}, "instances": 2}), [Some(1), None]);
        budgets(&json!({"storage": {}, "instances": 3}), [Some(1), Some(1)]);
        budgets(&json!({"storage": {}, "instances": 3, "enablePDB": false}), [None, None]);
    }

    #[test]
    fn the_application_reaches_the_primary_with_its_own_user() {
        let secrets = |spec: &Value| secrets(&cluster(spec), || "p".to_owned());
        let own = json!({"storage": {}, "bootstrap": {"initdb": {"secret": {"name": "login"}}}});
        assert_eq!(secrets(&own).len(), 1);
        assert_eq!(
            secrets(&json!({"storage": {}})).last().map(|secret| secret["stringData"].clone()),
            Some(
                json!({"username": "app", "dbname": "app", "host": "pg-rw", "port": "5432", "password": "p"})
            )
        );
    }
}
