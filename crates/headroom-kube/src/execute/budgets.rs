//! PodDisruptionBudgets that somebody else put on the instances' pods.

use std::collections::{BTreeMap, BTreeSet};

use headroom_core::{
    names::{ClusterKey, InstanceName, ObjectName},
    observation::BudgetSeen,
};
use k8s_openapi::{
    api::policy::v1::PodDisruptionBudget,
    apimachinery::pkg::{apis::meta::v1::ObjectMeta, util::intstr::IntOrString},
};
use kube::core::{Selector, SelectorExt};
use serde::Deserialize;

use crate::{slim::Cluster, slim::Wire, translate::INSTANCE_LABEL};

/// A list, as a plain read gives it; Go writes an empty one as `null`.
#[derive(Deserialize)]
struct Listed<T> {
    items: Option<Vec<T>>,
}

#[derive(Deserialize)]
struct Labelled {
    metadata: ObjectMeta,
}

/// Those that select a pod of the Cluster and allow no disruption, but for the Cluster's own, which CNPG reckons with
/// itself. `None`: a list or a selector cannot be read.
pub(super) fn forbidding(key: &ClusterKey, budgets: &[u8], pods: &[u8]) -> Option<Vec<BudgetSeen>> {
    let budgets: Listed<PodDisruptionBudget> = serde_json::from_slice(budgets).ok()?;
    let pods: Listed<Labelled> = serde_json::from_slice(pods).ok()?;
    let pods: Vec<BTreeMap<String, String>> =
        pods.items.into_iter().flatten().filter_map(|pod| pod.metadata.labels).collect();
    let mut found = Vec::new();
    for budget in budgets.items.into_iter().flatten() {
        if owned(key, &budget.metadata) || allows(&budget) {
            continue;
        }
        let Some(spec) = budget.spec else { continue };
        // No selector selects nothing, an empty one everything (S: Kubernetes, policy/v1).
        let Some(selector) = spec.selector else { continue };
        let selector = Selector::try_from(selector).ok()?;
        let selected = pods.iter().filter(|labels| selector.matches(labels));
        let selects: BTreeSet<InstanceName> = selected
            .filter_map(|labels| labels.get(INSTANCE_LABEL))
            .map(|name| InstanceName::from(name.as_str()))
            .collect();
        if !selects.is_empty() {
            let name = ObjectName::from(budget.metadata.name.unwrap_or_default().as_str());
            let eased_by_surge = matches!(spec.min_available, Some(IntOrString::Int(_)));
            found.push(BudgetSeen { name, selects, eased_by_surge });
        }
    }
    Some(found)
}

fn owned(key: &ClusterKey, meta: &ObjectMeta) -> bool {
    let mut owners = meta.owner_references.iter().flatten();
    owners.any(|owner| owner.kind == Cluster::KIND && owner.name == key.name.as_str())
}

/// What the disruption controller has reckoned; of a spec that it has not seen yet nothing is allowed, as for an eviction.
fn allows(budget: &PodDisruptionBudget) -> bool {
    budget.status.as_ref().is_some_and(|status| {
        let current = status.observed_generation >= budget.metadata.generation;
        current && status.disruptions_allowed > 0
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn key() -> ClusterKey {
        ClusterKey { namespace: "ns".into(), name: "pg".into() }
    }

    /// What is found of this budget beside pods `pg-1` (primary) and `pg-2` (replica).
    #[track_caller]
    fn found(budget: &Value) -> Option<Vec<(String, Vec<String>, bool)>> {
        let pod = |name: &str, role: &str| {
            json!({"metadata": {"name": name, "labels": {
                "cnpg.io/cluster": "pg", "cnpg.io/instanceName": name, "role": role, "app": "shop",
            }}})
        };
        let pods = json!({"items": [pod("pg-1", "primary"), pod("pg-2", "replica")]});
        let budgets = json!({"items": [budget]});
        let found = forbidding(&key(), budgets.to_string().as_bytes(), pods.to_string().as_bytes())?;
        let text = |seen: BudgetSeen| {
            let selects = seen.selects.iter().map(ToString::to_string).collect();
            (seen.name.to_string(), selects, seen.eased_by_surge)
        };
        Some(found.into_iter().map(text).collect())
    }

    fn budget(selector: &Value, allowed: i32) -> Value {
        json!({
            "metadata": {"name": "mine", "generation": 2},
            "spec": {"maxUnavailable": 0, "selector": selector},
            "status": {
                "disruptionsAllowed": allowed, "observedGeneration": 2, "currentHealthy": 2, "desiredHealthy": 2,
                "expectedPods": 2,
            },
        })
    }

    #[test]
    fn who_is_selected_is_told_by_labels_and_expressions() {
        let both = vec!["pg-1".to_owned(), "pg-2".to_owned()];
        let one = |name: &str, selects: Vec<String>| Some(vec![(name.to_owned(), selects, false)]);
        assert_eq!(found(&budget(&json!({"matchLabels": {"app": "shop"}}), 0)), one("mine", both.clone()));
        assert_eq!(found(&budget(&json!({}), 0)), one("mine", both), "an empty selector selects everything");
        let replicas =
            json!({"matchExpressions": [{"key": "role", "operator": "NotIn", "values": ["primary"]}]});
        assert_eq!(found(&budget(&replicas, 0)), one("mine", vec!["pg-2".to_owned()]));
        assert_eq!(found(&budget(&json!({"matchLabels": {"app": "other"}}), 0)), Some(Vec::new()));
        assert_eq!(found(&budget(&json!(null), 0)), Some(Vec::new()), "no selector selects nothing");
        let odd = json!({"matchExpressions": [{"key": "role", "operator": "Near"}]});
        assert_eq!(found(&budget(&odd, 0)), None);
    }

    #[test]
    fn one_that_allows_a_disruption_or_is_the_clusters_own_forbids_nothing() {
        let all = json!({"matchLabels": {"app": "shop"}});
        assert_eq!(found(&budget(&all, 1)), Some(Vec::new()));
        let mut own = budget(&all, 0);
        own["metadata"]["ownerReferences"] = json!([
            {"apiVersion": "postgresql.cnpg.io/v1", "kind": "Cluster", "name": "pg", "uid": "u", "controller": true}
        ]);
        assert_eq!(found(&own), Some(Vec::new()));
        let mut newer = budget(&all, 1);
        newer["metadata"]["generation"] = json!(3);
        assert_eq!(found(&newer).map(|found| found.len()), Some(1), "what it allows is of an older spec");
        let mut counts = budget(&all, 0);
        counts["spec"] = json!({"minAvailable": 2, "selector": all});
        assert_eq!(found(&counts).map(|found| found[0].2), Some(true));
        counts["spec"]["minAvailable"] = json!("50%");
        assert_eq!(found(&counts).map(|found| found[0].2), Some(false));
    }
}
