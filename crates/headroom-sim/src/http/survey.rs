//! What a shrink asks about beside its own objects: nodes, Backups, PodDisruptionBudgets, and what instances say of
//! replication. The model holds them as facts, so they are lists without watches.

use http::Method;
use serde_json::{Value, json};

use super::{
    answer::{Answer, not_allowed, not_found, refuse},
    resource::Place,
    wire,
};
use crate::{
    model::{Model, backup::Backup, object::Cluster},
    world::translate::NAMESPACE,
};

/// The port of CNPG's instance manager, and what it is asked.
pub(super) const STATUS: &str = ":8000/pg/status";

/// Nodes, Backups and PodDisruptionBudgets; `None` for another place. `fields` is the field selector.
pub(super) fn read(model: &Model, place: &Place, method: &Method, fields: &str) -> Option<Answer> {
    let (kind, items): (&str, fn(&Model) -> Vec<Value>) =
        match (place.version.as_str(), place.plural.as_str()) {
            ("v1", "nodes") => ("Node", nodes),
            ("postgresql.cnpg.io/v1", "backups") => ("Backup", backups),
            ("policy/v1", "poddisruptionbudgets") => ("PodDisruptionBudget", budgets),
            _ => return None,
        };
    if *method != Method::GET || place.sub.is_some() {
        return Some(not_allowed(method.as_str()));
    }
    let mut items = items(model);
    if let Some(name) = &place.name {
        let found = items.into_iter().find(|object| object["metadata"]["name"] == json!(name));
        return Some(
            found.map_or_else(|| not_found(&place.plural, name), |object| Answer::Json(200, object)),
        );
    }
    match fields {
        "" => {}
        "spec.unschedulable=true" if kind == "Node" => {
            items.retain(|node| node["spec"]["unschedulable"] == json!(true));
        }
        other => {
            let words = format!("field label not supported: {other}");
            return Some(refuse(400, "BadRequest", &words, json!({})));
        }
    }
    let version = model.api().version().to_string();
    Some(Answer::Json(
        200,
        json!({
            "kind": format!("{kind}List"), "apiVersion": place.version, "metadata": {"resourceVersion": version},
            "items": items,
        }),
    ))
}

fn nodes(model: &Model) -> Vec<Value> {
    model.nodes().iter().map(|node| wire::node(node, model.cordoned.contains(node))).collect()
}

fn backups(model: &Model) -> Vec<Value> {
    let backup = |backup: &Backup| {
        let mut shown = json!({
            "apiVersion": "postgresql.cnpg.io/v1", "kind": "Backup",
            "metadata": {"name": &*backup.name, "namespace": NAMESPACE, "uid": format!("backup-{}", backup.name)},
            "spec": {"cluster": {"name": &*backup.cluster}},
        });
        // A Backup that nobody has looked at yet has no status.
        if !backup.phase.is_empty() {
            shown["status"] = json!({"phase": backup.phase});
        }
        shown
    };
    model.backups().map(backup).collect()
}

/// Somebody's, where disruptions are forbidden, and those that CNPG makes of each Cluster (`poddisruptionbudget.go`):
/// its primary's allows no disruption as long as there is one.
fn budgets(model: &Model) -> Vec<Value> {
    let mut budgets = Vec::new();
    if model.disruptions_forbidden {
        let selector = json!({"matchExpressions": [{"key": "cnpg.io/podRole", "operator": "In", "values": ["instance"]}]});
        budgets.push(budget("keep", &json!({"maxUnavailable": 0, "selector": selector}), 0));
    }
    for cluster in model.api().clusters().filter(|cluster| cluster.spec.enable_pdb) {
        let name = &cluster.meta.name;
        let selects =
            |role: &str| json!({"matchLabels": {"cnpg.io/cluster": &**name, "cnpg.io/instanceRole": role}});
        let primary = json!({"minAvailable": 1, "selector": selects("primary")});
        budgets.push(owned(budget(&format!("{name}-primary"), &primary, 0), cluster));
        if let Some(least) = cluster.spec.instances.checked_sub(2).filter(|least| *least > 0) {
            let replicas = json!({"minAvailable": least, "selector": selects("replica")});
            let allowed = cluster.status.ready.saturating_sub(1).saturating_sub(least);
            budgets.push(owned(budget(name, &replicas, allowed), cluster));
        }
    }
    budgets
}

fn budget(name: &str, spec: &Value, allowed: u32) -> Value {
    json!({
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
        "metadata": {"name": name, "namespace": NAMESPACE, "uid": format!("budget-{name}"), "generation": 1},
        "spec": spec, "status": {"observedGeneration": 1, "disruptionsAllowed": allowed},
    })
}

fn owned(mut budget: Value, cluster: &Cluster) -> Value {
    budget["metadata"]["ownerReferences"] = json!([{
        "apiVersion": "postgresql.cnpg.io/v1", "kind": "Cluster", "name": &*cluster.meta.name,
        "uid": wire::uid(cluster.meta.uid), "controller": true, "blockOwnerDeletion": true,
    }]);
    budget
}

/// What the instance at `address` says of itself; what is zero or false is absent (experiments-shrink E1). Without a
/// server the instance manager has nothing to say, without a pod nobody answers.
pub(super) fn instance(model: &Model, address: &str) -> Answer {
    let pod = model.api().pods().find(|pod| pod.job.is_none() && wire::address(pod) == address);
    let Some(pod) = pod else { return Answer::Nobody };
    let Some((primary, receives, position)) = model.replication(&pod.cluster, &pod.instance) else {
        return Answer::Json(500, json!({}));
    };
    let position = format!("{:X}/{:X}", position >> 32, position & 0xFFFF_FFFF);
    let mut status = json!({"timeLineID": 1});
    if primary {
        status["isPrimary"] = json!(true);
        status["currentLsn"] = json!(position);
    } else {
        status["replayLsn"] = json!(position);
        status["receivedLsn"] = json!(position);
    }
    if receives {
        status["isWalReceiverActive"] = json!(true);
    }
    Answer::Json(200, status)
}
