//! The model's objects as JSON, field by field what Kubernetes and CNPG 1.30 put on the wire (experiments G4, G11).

use headroom_api::{FIELD_MANAGER, FINALIZER, time::to_text};
use serde_json::{Map, Value, json};

use super::resource::Resource;
use crate::{
    model::{
        apiserver::Object,
        custom::Custom,
        job::BACK_OFF_LIMIT,
        object::{Claim, Cluster, Container, Exit, Job, Meta, Pod, PodPhase, Role, Step, Volume},
        queue::Millis,
        size_text,
        stats::Line,
    },
    world::translate::{NAMESPACE, timestamp},
};

/// The object.
pub(super) fn object(object: &Object, version: u64) -> (Resource, Value) {
    match object {
        Object::Cluster(object) => (Resource::Clusters, cluster(object)),
        Object::Claim(object) => (Resource::Claims, claim(object)),
        Object::Pod(object) => (Resource::Pods, pod(object)),
        Object::Custom(object) => (Resource::Storages, custom(object)),
        Object::Class(name, expandable) => (
            Resource::Classes,
            json!({
                "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
                "metadata": {"name": &**name, "uid": format!("class-{name}"), "resourceVersion": version.to_string()},
                "provisioner": "model", "allowVolumeExpansion": expandable,
            }),
        ),
        Object::Job(object) => (Resource::Jobs, job(object)),
    }
}

/// `metadata.uid` of the model's number.
pub(super) fn uid(number: u64) -> String {
    format!("uid-{number}")
}

/// A moment as `metav1.Time`.
pub(super) fn time(at: Millis) -> String {
    to_text(timestamp(at))
}

fn metadata(meta: &Meta, labels: &Value) -> Value {
    let mut metadata = json!({
        "name": &*meta.name, "namespace": NAMESPACE, "uid": uid(meta.uid),
        "resourceVersion": meta.version.to_string(), "labels": labels,
        // What every object carries and nobody here needs.
        "managedFields": [{"manager": "model", "operation": "Update", "fieldsV1": {"f:metadata": {}}}],
    });
    if meta.deleting {
        metadata["deletionTimestamp"] = json!(time(0));
    }
    metadata
}

fn cluster(cluster: &Cluster) -> Value {
    let spec = &cluster.spec;
    let storage = |size: u64| {
        json!({
            "size": size_text(size), "storageClass": &*spec.class, "resizeInUseVolumes": spec.resize_in_use,
        })
    };
    let mut shown = json!({"instances": spec.instances});
    let mut tablespaces = Vec::new();
    for (volume, size) in &spec.sizes {
        match volume {
            Volume::Data => shown["storage"] = storage(*size),
            Volume::Wal => shown["walStorage"] = storage(*size),
            Volume::Tablespace(name) => {
                tablespaces.push(json!({"name": &**name, "storage": storage(*size)}));
            }
        }
    }
    if !tablespaces.is_empty() {
        shown["tablespaces"] = Value::Array(tablespaces);
    }
    conduct(cluster, &mut shown);
    let mut metadata = metadata(&cluster.meta, &json!({}));
    if !cluster.fenced.is_empty() {
        let fenced: Vec<&str> = cluster.fenced.iter().map(|name| &**name).collect();
        metadata["annotations"]["cnpg.io/fencedInstances"] = json!(json!(fenced).to_string());
    }
    metadata["managedFields"] = json!([metadata["managedFields"][0], scaler(cluster)]);
    if !spec.reconcile {
        metadata["annotations"]["cnpg.io/reconciliationLoop"] = json!("disabled");
    }
    json!({
        "apiVersion": "postgresql.cnpg.io/v1", "kind": "Cluster", "metadata": metadata, "spec": shown,
        "status": cluster_status(cluster),
    })
}

/// Who set the number of instances.
fn scaler(cluster: &Cluster) -> Value {
    let fields = json!({"f:spec": {"f:instances": {}}});
    if cluster.rescaled {
        json!({"manager": FIELD_MANAGER, "operation": "Update", "subresource": "scale", "fieldsV1": fields})
    } else {
        json!({"manager": "kubectl-create", "operation": "Update", "fieldsV1": fields})
    }
}

/// What a shrink looks at in the spec; CNPG's defaults are written into it, as its webhook does.
fn conduct(cluster: &Cluster, shown: &mut Value) {
    let spec = &cluster.spec;
    shown["enablePDB"] = json!(spec.enable_pdb);
    shown["primaryUpdateStrategy"] = json!(if spec.supervised { "supervised" } else { "unsupervised" });
    shown["postgresql"] =
        json!({"parameters": {"wal_log_hints": if spec.wal_log_hints { "on" } else { "off" }}});
    if spec.synchronous > 0 {
        shown["postgresql"]["synchronous"] =
            json!({"method": "any", "number": spec.synchronous, "dataDurability": "required"});
    }
    if let Some(online) = spec.snapshots_online {
        shown["backup"] = json!({"volumeSnapshot": {"online": online}});
    }
}

/// Zero and empty values are absent.
fn cluster_status(cluster: &Cluster) -> Value {
    let status = &cluster.status;
    let mut shown = Map::new();
    let mut put = |name: &str, value: Value| shown.insert(name.to_owned(), value);
    if let Some(phase) = status.phase {
        put("phase", json!(phase));
    }
    for (name, value) in
        [("currentPrimary", &status.current_primary), ("targetPrimary", &status.target_primary)]
    {
        if let Some(value) = value {
            put(name, json!(&**value));
        }
    }
    if let Some(reason) = &status.reason {
        put("phaseReason", json!(&**reason));
    }
    for (name, list) in [
        ("danglingPVC", &status.dangling),
        ("initializingPVC", &status.initializing),
        ("unusablePVC", &status.unusable),
    ] {
        if !list.is_empty() {
            put(name, list.iter().map(|claim| &**claim).collect());
        }
    }
    for (name, count) in [("instances", status.instances), ("readyInstances", status.ready)] {
        if count > 0 {
            put(name, json!(count));
        }
    }
    Value::Object(shown)
}

fn claim(claim: &Claim) -> Value {
    let mut labels = json!({"cnpg.io/cluster": &*claim.cluster, "cnpg.io/instanceName": &*claim.instance});
    match &claim.volume {
        Volume::Data => labels["cnpg.io/pvcRole"] = json!("PG_DATA"),
        Volume::Wal => labels["cnpg.io/pvcRole"] = json!("PG_WAL"),
        Volume::Tablespace(name) => {
            labels["cnpg.io/pvcRole"] = json!("PG_TABLESPACE");
            labels["cnpg.io/tablespaceName"] = json!(&**name);
        }
    }
    let mut spec = json!({
        "accessModes": ["ReadWriteOnce"], "volumeMode": "Filesystem",
        "resources": {"requests": {"storage": &*claim.requested_text}},
    });
    if let Some(class) = &claim.class {
        spec["storageClassName"] = json!(&**class);
    }
    let mut metadata = metadata(&claim.meta, &labels);
    metadata["annotations"] =
        json!({"cnpg.io/pvcStatus": if claim.ready { "ready" } else { "initializing" }});
    json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": metadata, "spec": spec, "status": claim_status(claim),
    })
}

fn claim_status(claim: &Claim) -> Value {
    let Some(capacity) = claim.capacity else { return json!({"phase": "Pending"}) };
    let mut status = json!({"phase": "Bound", "capacity": {"storage": size_text(capacity)}});
    if let Some(allocated) = claim.allocated {
        status["allocatedResources"] = json!({"storage": size_text(allocated)});
    }
    let step = match claim.step {
        Step::None => None,
        Step::ControllerInProgress => Some("ControllerResizeInProgress"),
        Step::ControllerInfeasible => Some("ControllerResizeInfeasible"),
        Step::NodePending => Some("NodeResizePending"),
        Step::NodeInProgress => Some("NodeResizeInProgress"),
        Step::NodeInfeasible => Some("NodeResizeInfeasible"),
    };
    if let Some(step) = step {
        status["allocatedResourceStatuses"] = json!({"storage": step});
    }
    let condition = |kind: &str, message: &str| json!({"type": kind, "status": "True", "message": message});
    let mut conditions = Vec::new();
    if claim.resizing {
        conditions.push(condition("Resizing", ""));
    }
    if claim.file_system_pending {
        conditions.push(condition("FileSystemResizePending", "waiting for a pod to start"));
    }
    if let Some(error) = &claim.error {
        conditions.push(condition("ControllerResizeError", error));
    }
    if !conditions.is_empty() {
        status["conditions"] = Value::Array(conditions);
    }
    status
}

fn pod(pod: &Pod) -> Value {
    let mut labels = json!({"cnpg.io/cluster": &*pod.cluster, "cnpg.io/instanceName": &*pod.instance});
    match &pod.job {
        None => labels["cnpg.io/podRole"] = json!("instance"),
        Some(job) => labels["job-name"] = json!(&**job),
    }
    let role = pod.role.map(|role| match role {
        Role::Primary => "primary",
        Role::Replica => "replica",
        Role::Unhealthy => "unhealthy",
    });
    if let Some(role) = role {
        labels["cnpg.io/instanceRole"] = json!(role);
    }
    let phase = match pod.phase {
        PodPhase::Pending => "Pending",
        PodPhase::Running => "Running",
        PodPhase::Succeeded => "Succeeded",
        PodPhase::Failed => "Failed",
    };
    let mut spec = json!({"containers": [{"name": "postgres", "image": "model"}]});
    let mut status = json!({
        "phase": phase,
        "conditions": [ready(pod)],
        "containerStatuses": [container(pod)],
    });
    if let Some(node) = &pod.node {
        spec["nodeName"] = json!(&**node);
        status["podIP"] = json!(address(pod));
    }
    let mut metadata = metadata(&pod.meta, &labels);
    if !pod.annotations.is_empty() {
        let annotations = pod.annotations.iter().map(|(name, value)| (name.to_string(), json!(&**value)));
        metadata["annotations"] = Value::Object(annotations.collect());
    }
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": status})
}

fn ready(pod: &Pod) -> Value {
    let mut condition = json!({"type": "Ready", "status": if pod.ready { "True" } else { "False" }});
    if let Some(since) = pod.unready_since.filter(|_| !pod.ready) {
        condition["lastTransitionTime"] = json!(time(since));
    }
    condition
}

/// What CNPG makes an instance with: its role is the end of its name (trace 01, fact 3).
fn job(job: &Job) -> Value {
    let role = job.meta.name.strip_prefix(&*job.instance).and_then(|rest| rest.strip_prefix('-'));
    let labels = json!({
        "cnpg.io/cluster": &*job.cluster, "cnpg.io/instanceName": &*job.instance,
        "cnpg.io/jobRole": role.unwrap_or_default(),
    });
    let mut status = Map::new();
    let ended = |kind: &str| json!([{"type": kind, "status": "True"}]);
    if job.failed > 0 {
        status.insert("failed".to_owned(), json!(job.failed));
    }
    if job.succeeded {
        status.insert("succeeded".to_owned(), json!(1));
        status.insert("conditions".to_owned(), ended("Complete"));
    } else if job.failed > BACK_OFF_LIMIT {
        status.insert("conditions".to_owned(), ended("Failed"));
    }
    json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": metadata(&job.meta, &labels),
        "spec": {"backoffLimit": BACK_OFF_LIMIT}, "status": status,
    })
}

/// Where an instance listens.
pub(super) fn address(pod: &Pod) -> String {
    format!("ip-{}", pod.meta.uid)
}

fn container(pod: &Pod) -> Value {
    let ended = |exit: &Exit| json!({"terminated": {"exitCode": exit.code, "finishedAt": time(exit.at)}});
    let last = pod.last_exit.as_ref().map_or_else(|| json!({}), ended);
    let (state, last) = match pod.container {
        Container::Created => (json!({"waiting": {"reason": "ContainerCreating"}}), last),
        Container::Running(since) => (json!({"running": {"startedAt": time(since)}}), last),
        Container::Ended => (last, json!({})),
        Container::BackOff => (json!({"waiting": {"reason": "CrashLoopBackOff"}}), last),
    };
    json!({
        "name": "postgres", "ready": pod.ready, "restartCount": pod.restarts, "state": state, "lastState": last,
    })
}

fn custom(custom: &Custom) -> Value {
    let mut object = json!({
        "apiVersion": "headroom.dev/v1alpha1", "kind": "DynamicStorage",
        "metadata": metadata(&custom.meta, &json!({})), "spec": &*custom.spec,
    });
    object["metadata"]["generation"] = json!(custom.generation);
    if custom.finalizer {
        object["metadata"]["finalizers"] = json!([FINALIZER]);
    }
    if let Some(status) = &custom.status {
        object["status"] = json!(&**status);
    }
    object
}

/// A node whose kubelet listens at its own name.
pub(super) fn node(name: &str, cordoned: bool) -> Value {
    let spec = if cordoned { json!({"unschedulable": true}) } else { json!({}) };
    json!({
        "apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "uid": format!("node-{name}")},
        "spec": spec,
        "status": {
            "addresses": [{"type": "Hostname", "address": name}, {"type": "InternalIP", "address": name}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": super::KUBELET_PORT}},
        },
    })
}

/// `/stats/summary` of a node.
pub(super) fn summary(node: &str, lines: &[Line]) -> Value {
    let pods: Vec<Value> = lines
        .iter()
        .map(|line| {
            json!({
                "podRef": {"name": "some", "namespace": NAMESPACE, "uid": uid(line.pod)},
                "volume": [{
                    "name": "some", "time": time(line.at),
                    "pvcRef": {"name": &*line.claim, "namespace": NAMESPACE},
                    "capacityBytes": line.capacity, "availableBytes": line.available,
                    "usedBytes": line.capacity.saturating_sub(line.available),
                }],
            })
        })
        .collect();
    json!({"node": {"nodeName": node}, "pods": pods})
}
