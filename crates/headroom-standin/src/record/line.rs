//! Kubernetes' objects → what a recording holds of them.

use serde_json::{Map, Value, json};

/// Fields of the status of a Cluster.
const STATUS: [&str; 12] = [
    "phase",
    "phaseReason",
    "instances",
    "readyInstances",
    "currentPrimary",
    "targetPrimary",
    "instanceNames",
    "healthyPVC",
    "resizingPVC",
    "danglingPVC",
    "initializingPVC",
    "pvcCount",
];

/// The recorded part of an object of a kind.
pub(super) fn pruned(kind: &str, object: &Value) -> Value {
    let mut kept = Map::new();
    let mut keep = |name: &str, pointer: &str| {
        if let Some(value) = object.pointer(pointer).filter(|value| !value.is_null()) {
            kept.insert(name.to_owned(), value.clone());
        }
    };
    match kind {
        "PersistentVolumeClaim" => {
            keep("request", "/spec/resources/requests/storage");
            keep("capacity", "/status/capacity/storage");
            keep("phase", "/status/phase");
            keep("allocatedResourceStatuses", "/status/allocatedResourceStatuses");
            keep("labels", "/metadata/labels");
        }
        "Pod" => {
            keep("labels", "/metadata/labels");
            keep("node", "/spec/nodeName");
            keep("phase", "/status/phase");
        }
        "Job" => {
            keep("active", "/status/active");
            keep("succeeded", "/status/succeeded");
            keep("failed", "/status/failed");
        }
        _ => {}
    }
    if kind == "Cluster" {
        kept.insert("spec".to_owned(), cluster_spec(object));
        let status = STATUS.iter().filter_map(|name| {
            Some(((*name).to_owned(), object.pointer(&format!("/status/{name}"))?.clone()))
        });
        kept.insert("status".to_owned(), Value::Object(status.collect()));
    }
    if kind == "Pod" {
        kept.extend(container(object));
    }
    if object.pointer("/metadata/deletionTimestamp").is_some() {
        kept.insert("deletionTimestamp".to_owned(), json!(true));
    }
    Value::Object(kept)
}

fn cluster_spec(object: &Value) -> Value {
    json!({"instances": object.pointer("/spec/instances"), "storage": {"size": object.pointer("/spec/storage/size")}})
}

/// Readiness, and the state of the main container.
fn container(pod: &Value) -> Vec<(String, Value)> {
    let empty = Vec::new();
    let list = |pointer: &str| pod.pointer(pointer).and_then(Value::as_array).unwrap_or(&empty).clone();
    let ready = list("/status/conditions")
        .iter()
        .any(|condition| condition["type"] == "Ready" && condition["status"] == "True");
    let mut kept = vec![("ready".to_owned(), json!(ready))];
    for status in list("/status/containerStatuses").iter().take(1) {
        let mut keep = |name: &str, pointer: &str| {
            if let Some(value) = status.pointer(pointer) {
                kept.push((name.to_owned(), value.clone()));
            }
        };
        keep("restartCount", "/restartCount");
        keep("waiting", "/state/waiting/reason");
        if let Some(code) = status.pointer("/state/terminated/exitCode") {
            kept.push(("terminated".to_owned(), json!({"exitCode": code})));
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_in_back_off_is_kept_as_the_recordings_have_it() {
        let pod = json!({
            "metadata": {"labels": {"cnpg.io/podRole": "instance"}, "deletionTimestamp": "now"},
            "spec": {"nodeName": "n1", "containers": []},
            "status": {
                "phase": "Running",
                "conditions": [{"type": "Ready", "status": "False"}],
                "containerStatuses": [{"restartCount": 2, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}],
            },
        });
        assert_eq!(
            pruned("Pod", &pod),
            json!({
                "labels": {"cnpg.io/podRole": "instance"}, "node": "n1", "phase": "Running", "ready": false,
                "restartCount": 2, "waiting": "CrashLoopBackOff", "deletionTimestamp": true,
            })
        );
    }

    #[test]
    fn what_is_absent_stays_absent() {
        let claim =
            json!({"spec": {"resources": {"requests": {"storage": "1Gi"}}}, "status": {"phase": "Pending"}});
        assert_eq!(pruned("PersistentVolumeClaim", &claim), json!({"request": "1Gi", "phase": "Pending"}));
    }
}
