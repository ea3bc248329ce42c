//! Kubernetes' objects → the model's, as far as the model looks at them.

use std::collections::{BTreeMap, BTreeSet};

use headroom_sim::model::apiserver::{ApiServer, named};
use headroom_sim::model::object::{
    Claim, Cluster as Seen, ClusterSpec, ClusterStatus, Container, Exit, Job, Name, Pod, PodPhase, Role,
    Step, UNRECOVERABLE, Volume, phase,
};
use headroom_sim::model::queue::Millis;
use k8s_openapi::api::batch::v1 as batch;
use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};

use crate::cluster::Cluster;
use crate::names;

/// What one look found.
pub(crate) struct Found {
    pub(crate) claims: Vec<core::PersistentVolumeClaim>,
    pub(crate) pods: Vec<core::Pod>,
    pub(crate) jobs: Vec<batch::Job>,
}

/// The objects of one Cluster as the model's API server.
pub(crate) fn objects(cluster: &Name, found: &Found) -> ApiServer {
    let mut api = ApiServer::new();
    for claim in &found.claims {
        if let Some(read) = self::claim(cluster, claim) {
            let (name, deleting) = (read.meta.name.clone(), deleting(&claim.metadata));
            api.insert_claim(read);
            api.update_claim(&name, |claim| claim.meta.deleting = deleting);
        }
    }
    for pod in &found.pods {
        if let Some(read) = self::pod(cluster, pod) {
            let (name, deleting) = (read.meta.name.clone(), deleting(&pod.metadata));
            api.insert_pod(read);
            api.update_pod(&name, |pod| pod.meta.deleting = deleting);
        }
    }
    for job in found.jobs.iter().filter(|job| !deleting(&job.metadata)) {
        if let Some(read) = self::job(cluster, job) {
            api.insert_job(read);
        }
    }
    api
}

fn deleting(meta: &ObjectMeta) -> bool {
    meta.deletion_timestamp.is_some()
}

fn label<'a>(meta: &'a ObjectMeta, name: &str) -> Option<&'a str> {
    meta.labels.as_ref()?.get(name).map(String::as_str)
}

fn bytes(text: &str) -> Option<u64> {
    headroom_core::quantity::parse(text).ok().map(headroom_core::Bytes::get)
}

/// The Cluster, with the image of one that names none; `None` when a size in its spec is no quantity.
pub(crate) fn cluster(cluster: &Cluster, default_image: &str) -> Option<Seen> {
    let name = cluster.metadata.name.as_deref()?;
    Some(Seen {
        meta: named(&name.into()),
        spec: spec(cluster, default_image)?,
        // No rule of CloudNativePG asks who scaled it.
        rescaled: false,
        // Fencing is not served.
        fenced: BTreeSet::new(),
        status: status(cluster),
    })
}

/// Its spec.
pub(crate) fn spec(cluster: &Cluster, default_image: &str) -> Option<ClusterSpec> {
    let spec = &cluster.spec;
    let mut sizes = BTreeMap::from([(Volume::Data, bytes(&spec.storage.size)?)]);
    if let Some(wal) = &spec.wal_storage {
        sizes.insert(Volume::Wal, bytes(&wal.size)?);
    }
    for tablespace in &spec.tablespaces {
        sizes.insert(Volume::Tablespace(tablespace.name.as_str().into()), bytes(&tablespace.storage.size)?);
    }
    let disabled = cluster.metadata.annotations.as_ref().and_then(|all| all.get(names::RECONCILIATION));
    Some(ClusterSpec {
        resize_in_use: spec.storage.resize_in_use_volumes != Some(false),
        class: spec.storage.storage_class.as_deref().unwrap_or_default().into(),
        image: spec.image_name.as_deref().unwrap_or(default_image).into(),
        enable_pdb: spec.enable_pdb != Some(false),
        reconcile: disabled.is_none_or(|word| word != "disabled"),
        ..ClusterSpec::new(spec.instances, sizes)
    })
}

fn status(cluster: &Cluster) -> ClusterStatus {
    let status = cluster.status.clone().unwrap_or_default();
    let text = |text: &Option<String>| text.as_deref().map(Name::from);
    ClusterStatus {
        phase: status.phase.as_deref().and_then(phase::known),
        reason: text(&status.phase_reason),
        current_primary: text(&status.current_primary),
        target_primary: text(&status.target_primary),
        ..ClusterStatus::default()
    }
}

fn claim(cluster: &Name, claim: &core::PersistentVolumeClaim) -> Option<Claim> {
    let meta = &claim.metadata;
    let volume = match label(meta, names::PVC_ROLE)? {
        "PG_DATA" => Volume::Data,
        "PG_WAL" => Volume::Wal,
        "PG_TABLESPACE" => Volume::Tablespace(label(meta, names::TABLESPACE)?.into()),
        _ => return None,
    };
    let spec = claim.spec.as_ref()?;
    let requested = &spec.resources.as_ref()?.requests.as_ref()?.get("storage")?.0;
    let status = claim.status.as_ref();
    let bound = status.filter(|status| status.phase.as_deref() == Some("Bound"));
    let condition = |kind: &str| {
        let mut all = status.and_then(|status| status.conditions.as_ref()).into_iter().flatten();
        all.any(|condition| condition.type_ == kind && condition.status == "True")
    };
    let ready = meta.annotations.as_ref().and_then(|all| all.get(names::PVC_STATUS));
    Some(Claim {
        meta: named(&meta.name.as_deref()?.into()),
        cluster: cluster.clone(),
        instance: label(meta, names::INSTANCE)?.into(),
        volume,
        ready: ready.is_some_and(|status| status == "ready"),
        class: spec.storage_class_name.as_deref().map(Name::from),
        restore_size: None,
        requested: bytes(requested)?,
        requested_text: requested.as_str().into(),
        capacity: bound.and_then(|status| bytes(&status.capacity.as_ref()?.get("storage")?.0)),
        allocated: None,
        step: Step::None,
        resizing: condition("Resizing"),
        file_system_pending: condition("FileSystemResizePending"),
        error: None,
    })
}

/// An instance pod; the pods of jobs are told by their jobs.
fn pod(cluster: &Name, pod: &core::Pod) -> Option<Pod> {
    let meta = &pod.metadata;
    if label(meta, names::POD_ROLE) != Some("instance") {
        return None;
    }
    let status = pod.status.as_ref();
    let main = status.and_then(|status| {
        status.container_statuses.as_ref()?.iter().find(|container| container.name == "postgres")
    });
    let ready = status.and_then(|status| status.conditions.as_ref()).is_some_and(|all| {
        all.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
    });
    Some(Pod {
        meta: named(&meta.name.as_deref()?.into()),
        cluster: cluster.clone(),
        instance: label(meta, names::INSTANCE)?.into(),
        job: None,
        node: pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()).map(Name::from),
        phase: match status.and_then(|status| status.phase.as_deref()) {
            Some("Running") => PodPhase::Running,
            Some("Succeeded") => PodPhase::Succeeded,
            Some("Failed") => PodPhase::Failed,
            _ => PodPhase::Pending,
        },
        ready,
        unready_since: None,
        container: main.map_or(Container::Created, container),
        restarts: main.and_then(|main| u32::try_from(main.restart_count).ok()).unwrap_or(0),
        last_exit: main.and_then(last_exit),
        role: match label(meta, names::INSTANCE_ROLE) {
            Some("primary") => Some(Role::Primary),
            Some("replica") => Some(Role::Replica),
            Some("unhealthy") => Some(Role::Unhealthy),
            _ => None,
        },
        image: image(pod).unwrap_or_default().into(),
        parameters: 0,
        annotations: meta
            .annotations
            .iter()
            .flatten()
            .filter(|(name, _)| **name == UNRECOVERABLE)
            .map(|(name, value)| (name.as_str().into(), value.as_str().into()))
            .collect(),
    })
}

fn image(pod: &core::Pod) -> Option<&str> {
    let containers = &pod.spec.as_ref()?.containers;
    containers.iter().find(|container| container.name == "postgres")?.image.as_deref()
}

fn millis(time: Option<&Time>) -> Millis {
    time.and_then(|time| Millis::try_from(time.0.as_millisecond()).ok()).unwrap_or(0)
}

fn container(status: &core::ContainerStatus) -> Container {
    let Some(state) = &status.state else { return Container::Created };
    if let Some(running) = &state.running {
        return Container::Running(millis(running.started_at.as_ref()));
    }
    if state.terminated.is_some() {
        return Container::Ended;
    }
    let waits = state.waiting.as_ref().and_then(|waiting| waiting.reason.as_deref());
    let ended = status.last_state.as_ref().is_some_and(|state| state.terminated.is_some());
    match (waits, ended) {
        (Some("CrashLoopBackOff"), _) => Container::BackOff,
        (_, true) => Container::Ended,
        (_, false) => Container::Created,
    }
}

fn last_exit(status: &core::ContainerStatus) -> Option<Exit> {
    let ended = |state: &Option<core::ContainerState>| state.as_ref()?.terminated.clone();
    let ended = ended(&status.state).or_else(|| ended(&status.last_state))?;
    Some(Exit { code: ended.exit_code, at: millis(ended.finished_at.as_ref()) })
}

fn job(cluster: &Name, job: &batch::Job) -> Option<Job> {
    let meta = &job.metadata;
    let status = job.status.as_ref();
    Some(Job {
        meta: named(&meta.name.as_deref()?.into()),
        cluster: cluster.clone(),
        instance: label(meta, names::INSTANCE)?.into(),
        initdb: label(meta, names::JOB_ROLE)? == "initdb",
        succeeded: status.and_then(|status| status.succeeded).unwrap_or(0) > 0,
        failed: status.and_then(|status| u32::try_from(status.failed.unwrap_or(0)).ok()).unwrap_or(0),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use headroom_sim::model::cnpg::status::lists;
    use serde_json::{Value, json};

    use crate::objects::tests::cluster as wire;

    #[track_caller]
    fn container_is(state: &Value, last: &Value, expected: Container, code: Option<i32>) {
        let status = json!({
            "name": "postgres", "image": "x", "imageID": "", "ready": false, "restartCount": 0,
            "state": state, "lastState": last,
        });
        let status: core::ContainerStatus = serde_json::from_value(status).unwrap();
        assert_eq!((container(&status), last_exit(&status).map(|exit| exit.code)), (expected, code));
    }

    #[test]
    fn a_container_is_read_with_its_last_end() {
        let ended = json!({"terminated": {"exitCode": 4, "finishedAt": "2026-01-01T00:00:00Z"}});
        let back_off = json!({"waiting": {"reason": "CrashLoopBackOff"}});
        container_is(
            &json!({"running": {"startedAt": "1970-01-01T00:00:01Z"}}),
            &json!({}),
            Container::Running(1000),
            None,
        );
        container_is(
            &json!({"waiting": {"reason": "PodInitializing"}}),
            &json!({}),
            Container::Created,
            None,
        );
        container_is(&ended, &json!({}), Container::Ended, Some(4));
        container_is(&back_off, &ended, Container::BackOff, Some(4));
    }

    #[test]
    fn real_objects_give_the_lists_of_the_model() {
        let claim = |name: &str, conditions: &Value| {
            serde_json::from_value::<core::PersistentVolumeClaim>(json!({
                "metadata": {
                    "name": name,
                    "labels": {names::CLUSTER: "pg", names::INSTANCE: name, names::PVC_ROLE: "PG_DATA"},
                    "annotations": {names::PVC_STATUS: "ready"},
                },
                "spec": {"resources": {"requests": {"storage": "2Gi"}}},
                "status": {"phase": "Bound", "capacity": {"storage": "1Gi"}, "conditions": conditions},
            }))
            .unwrap()
        };
        let pod = |name: &str, ready: &str| {
            serde_json::from_value::<core::Pod>(json!({
                "metadata": {"name": name, "labels": {names::INSTANCE: name, names::POD_ROLE: "instance"}},
                "status": {
                    "phase": "Running", "conditions": [{"type": "Ready", "status": ready}],
                    "containerStatuses": [{"name": "postgres", "image": "", "imageID": "", "ready": true, "restartCount": 0,
                        "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}],
                },
            }))
            .unwrap()
        };
        let found = Found {
            claims: vec![
                claim("pg-1", &json!([{"type": "Resizing", "status": "True"}])),
                claim("pg-2", &json!([])),
            ],
            pods: vec![pod("pg-1", "True"), pod("pg-2", "False")],
            jobs: Vec::new(),
        };
        let seen = cluster(&wire(&json!({"instances": 2, "storage": {"size": "1Gi"}})), "pg").unwrap();
        let lists = lists(&objects(&"pg".into(), &found), &seen);
        let names = |list: &[Name]| list.join(" ");
        assert_eq!(
            (names(&lists.resizing), names(&lists.healthy), names(&lists.active), names(&lists.replicating)),
            ("pg-1".into(), "pg-2".into(), "pg-1".into(), "pg-2".into())
        );
    }

    #[test]
    fn a_size_that_is_no_quantity_is_not_guessed() {
        assert!(cluster(&wire(&json!({"storage": {"size": "big"}})), "pg").is_none());
    }
}
