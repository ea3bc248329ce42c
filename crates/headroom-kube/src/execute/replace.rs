//! The calls of a shrink.

use std::collections::{BTreeMap, BTreeSet};

use headroom_api::{REPLACED_BY, UNRECOVERABLE, time::to_text};
use headroom_core::{
    Timestamp,
    action::Withdraw,
    names::{ClusterKey, InstanceName, NodeName, ObjectId, Version},
    observation::{JobSeen, Survey},
    witness::{DeleteJob, DeletePod, Destroy, DiscardClaim, Promote, SetInstances},
};
use serde_json::{Value, json};

use super::{
    budgets,
    call::{Call, Method, Outcome},
    plan::{Expects, Plan, escape, merge_patch, write},
};
use crate::{
    slim::{self, Backup, Claim, Cluster, Head, Job, Pod, SlimList},
    translate::{CLUSTER_LABEL, INSTANCE_LABEL, JOB_ROLE_LABEL, POD_ROLE_LABEL},
};

/// CNPG's phase of a switchover, and the one that `kubectl cnpg promote` writes with it (trace 07).
const SWITCHOVER: &str = "Switchover in progress";

fn preconditions(id: &ObjectId, version: &Version) -> Value {
    json!({"uid": id.uid.as_str(), "resourceVersion": version.as_str()})
}

fn annotate(namespace: &str, pod: &ObjectId, version: &Version, told: &Value, by: &Value) -> Plan {
    let metadata = json!({
        "uid": pod.uid.as_str(),
        "resourceVersion": version.as_str(),
        "annotations": {UNRECOVERABLE: told, REPLACED_BY: by},
    });
    let path = slim::path::<Pod>(namespace, Some(pod.name.as_str()));
    Plan::Write(merge_patch(&path, &json!({"metadata": metadata})), Expects::Pod)
}

pub(super) fn destroy(namespace: &str, destroy: &Destroy) -> Plan {
    let by = json!(destroy.id().0.to_string());
    annotate(namespace, destroy.pod(), destroy.version(), &json!("true"), &by)
}

pub(super) fn withdraw(namespace: &str, withdraw: &Withdraw) -> Plan {
    annotate(namespace, &withdraw.pod, &withdraw.version, &Value::Null, &Value::Null)
}

/// What `kubectl cnpg promote` writes: the target with its time, and the phase with its reason.
pub(super) fn promote(namespace: &str, promote: &Promote, now: Timestamp) -> Plan {
    let to = promote.to();
    let body = json!({
        "metadata": preconditions(promote.cluster(), promote.version()),
        "status": {
            "targetPrimary": to.as_str(),
            "targetPrimaryTimestamp": to_text(now).replace('Z', ".000000Z"),
            "phase": SWITCHOVER,
            "phaseReason": format!("Switching over to {to}"),
        },
    });
    let path = slim::path::<Cluster>(namespace, Some(promote.cluster().name.as_str()));
    Plan::Write(merge_patch(&format!("{path}/status"), &body), Expects::Cluster)
}

pub(super) fn set_instances(namespace: &str, set: &SetInstances) -> Plan {
    let body = json!({
        "metadata": preconditions(set.cluster(), set.version()),
        "spec": {"replicas": set.to()},
    });
    let path = slim::path::<Cluster>(namespace, Some(set.cluster().name.as_str()));
    Plan::Write(merge_patch(&format!("{path}/scale"), &body), Expects::Nothing)
}

/// With its pods in the foreground: a pod of its that has ended would keep the claim (experiments E9).
pub(super) fn delete_job(namespace: &str, delete: &DeleteJob) -> Plan {
    let path = slim::path::<Job>(namespace, Some(delete.job().name.as_str()));
    let preconditions = json!({"uid": delete.job().uid.as_str()});
    Plan::Write(remove(&path, &preconditions, Some("Foreground")), Expects::Nothing)
}

/// One that no kubelet has goes at once.
pub(super) fn delete_pod(namespace: &str, delete: &DeletePod) -> Plan {
    let path = slim::path::<Pod>(namespace, Some(delete.pod().name.as_str()));
    let preconditions = preconditions(delete.pod(), delete.version());
    Plan::Write(remove(&path, &preconditions, None), Expects::Nothing)
}

pub(super) fn discard(namespace: &str, discard: &DiscardClaim) -> Plan {
    let path = slim::path::<Claim>(namespace, Some(discard.claim().name.as_str()));
    let preconditions = preconditions(discard.claim(), discard.version());
    Plan::Write(remove(&path, &preconditions, None), Expects::Nothing)
}

fn remove(path: &str, preconditions: &Value, propagation: Option<&str>) -> Call {
    let (kind, version) = ("DeleteOptions", "v1");
    let options = match propagation {
        None => json!({"apiVersion": version, "kind": kind, "preconditions": preconditions}),
        Some(propagation) => json!({
            "apiVersion": version, "kind": kind, "preconditions": preconditions, "propagationPolicy": propagation,
        }),
    };
    Call { uri: path.to_owned(), ..write(Method::Delete, path, &options) }
}

/// Jobs of the Cluster, nodes that take no pods, Backups, PodDisruptionBudgets, and the Cluster's pods for their labels; in
/// this order.
pub(super) fn survey(key: &ClusterKey) -> Vec<Call> {
    let (namespace, name) = (key.namespace.as_str(), key.name.as_str());
    let get = |uri: String| Call { method: Method::Get, uri, body: String::new() };
    vec![
        get(format!(
            "{}?labelSelector={}%3D{name}",
            slim::path::<Job>(namespace, None),
            escape(CLUSTER_LABEL)
        )),
        get("/api/v1/nodes?fieldSelector=spec.unschedulable%3Dtrue".to_owned()),
        get(slim::path::<Backup>(namespace, None)),
        get(format!("/apis/policy/v1/namespaces/{namespace}/poddisruptionbudgets")),
        get(format!(
            "{}?labelSelector={}%3D{name}%2C{}%3Dinstance",
            slim::path::<Pod>(namespace, None),
            escape(CLUSTER_LABEL),
            escape(POD_ROLE_LABEL)
        )),
    ]
}

/// What the reads of a survey found, without what the instances say. `None`: one cannot be read.
pub(super) fn surveyed(key: &ClusterKey, outcomes: &[Outcome]) -> Option<Survey> {
    let [jobs, nodes, backups, budgets, pods] = outcomes else { return None };
    let jobs: SlimList<Job> = serde_json::from_slice(body(jobs)?).ok()?;
    let nodes: SlimList<slim::Node> = serde_json::from_slice(body(nodes)?).ok()?;
    let backups: SlimList<Backup> = serde_json::from_slice(body(backups)?).ok()?;
    let (mut seen, mut copied) = (Vec::new(), BTreeSet::new());
    for job in jobs.items {
        let (head, job) = job.into_parts();
        let job = job.ok()?;
        if job.completed() {
            copied.insert(instance(&head));
        } else {
            let terminating = head.deleting();
            let failed = job.is("Failed");
            let joins = matches!(head.label(JOB_ROLE_LABEL), Some("join" | "snapshot-recovery"));
            seen.push(JobSeen { id: id(&head), instance: instance(&head), joins, failed, terminating });
        }
    }
    let mut running = false;
    for backup in backups.items {
        running |= backup.into_parts().1.ok()?.runs(key.name.as_str());
    }
    let cordoned = nodes.items.into_iter().map(|node| NodeName::from(node.into_parts().0.name.as_str()));
    Some(Survey {
        jobs: seen,
        copied,
        cordoned: cordoned.collect(),
        backup_running: running,
        budgets: budgets::forbidding(key, body(budgets)?, body(pods)?)?,
        replication: BTreeMap::new(),
    })
}

fn body(outcome: &Outcome) -> Option<&[u8]> {
    match outcome {
        Outcome::Answered { status, body, retry_after_s: _ } if (200..300).contains(status) => Some(body),
        Outcome::Answered { status, .. } => {
            tracing::debug!("a survey was answered {status}");
            None
        }
        Outcome::Lost(words) => {
            tracing::debug!("a survey was lost: {words}");
            None
        }
    }
}

fn id(head: &Head) -> ObjectId {
    ObjectId { name: head.name.as_str().into(), uid: head.uid.as_str().into() }
}

/// By its label; a Job without one is named after the instance and what it does (`pg-2-join`).
fn instance(head: &Head) -> InstanceName {
    let named = head.name.rsplit_once('-').map_or(head.name.as_str(), |(instance, _)| instance);
    InstanceName::from(head.label(INSTANCE_LABEL).unwrap_or(named))
}
