//! Kubernetes objects as JSON → what the trace holds of them.

use headroom_core::{
    Bytes,
    ledger::Cause,
    names::{InstanceName, VolumeName},
    quantity,
    report::State,
};
use headroom_scenario::trace::{
    BackupState, ClaimState, ClusterState, Conditions, PodState, StorageState, VolumeState,
};
use serde_json::Value;

fn text<'a>(object: &'a Value, pointer: &str) -> Option<&'a str> {
    object.pointer(pointer).and_then(Value::as_str)
}

fn number(object: &Value, pointer: &str) -> u32 {
    object.pointer(pointer).and_then(Value::as_u64).and_then(|value| u32::try_from(value).ok()).unwrap_or(0)
}

fn bytes(object: &Value, pointer: &str) -> Option<Bytes> {
    match object.pointer(pointer)? {
        Value::String(text) => quantity::parse(text).ok(),
        Value::Number(number) => number.as_u64().map(Bytes::new),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn terminating(object: &Value) -> bool {
    object.pointer("/metadata/deletionTimestamp").is_some()
}

/// Whether a condition is True.
fn is_true(object: &Value, kind: &str) -> bool {
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
    let found = conditions.into_iter().flatten().find(|condition| text(condition, "/type") == Some(kind));
    found.and_then(|condition| text(condition, "/status")) == Some("True")
}

/// Which claim this is, by CNPG's labels; `None` for claims of others.
pub(crate) fn claim_identity(object: &Value) -> Option<(InstanceName, VolumeName)> {
    let instance = text(object, "/metadata/labels/cnpg.io~1instanceName")?;
    let volume = match text(object, "/metadata/labels/cnpg.io~1pvcRole")? {
        "PG_DATA" => VolumeName::Data,
        "PG_WAL" => VolumeName::Wal,
        "PG_TABLESPACE" => {
            VolumeName::Tablespace(text(object, "/metadata/labels/cnpg.io~1tablespaceName")?.into())
        }
        _ => return None,
    };
    Some((instance.into(), volume))
}

/// A claim of the Cluster.
pub(crate) fn claim(object: &Value) -> Option<ClaimState> {
    let (instance, volume) = claim_identity(object)?;
    Some(ClaimState {
        instance,
        volume,
        uid: text(object, "/metadata/uid")?.to_owned(),
        requested: bytes(object, "/spec/resources/requests/storage")?,
        capacity: bytes(object, "/status/capacity/storage"),
        terminating: terminating(object),
        file_system_pending: is_true(object, "FileSystemResizePending"),
    })
}

/// Who wrote the present request of a claim, by `managedFields`.
pub(crate) fn request_manager(object: &Value) -> Option<&str> {
    let managers = object.pointer("/metadata/managedFields")?.as_array()?;
    let owner = managers.iter().find(|manager| {
        manager.pointer("/fieldsV1/f:spec/f:resources/f:requests/f:storage").is_some()
            && text(manager, "/subresource").is_none()
    })?;
    text(owner, "/manager")
}

/// An instance pod; `None` for job pods and others.
pub(crate) fn pod(object: &Value) -> Option<PodState> {
    if text(object, "/metadata/labels/cnpg.io~1podRole") != Some("instance") {
        return None;
    }
    let statuses = object.pointer("/status/containerStatuses").and_then(Value::as_array);
    let postgres = statuses
        .and_then(|list| list.iter().find(|status| text(status, "/name") == Some("postgres")))
        .unwrap_or(&Value::Null);
    let exit = postgres
        .pointer("/state/terminated/exitCode")
        .or_else(|| postgres.pointer("/lastState/terminated/exitCode"))
        .and_then(Value::as_i64)
        .and_then(|code| i32::try_from(code).ok());
    Some(PodState {
        instance: text(object, "/metadata/labels/cnpg.io~1instanceName")?.into(),
        uid: text(object, "/metadata/uid")?.to_owned(),
        ready: is_true(object, "Ready"),
        primary: text(object, "/metadata/labels/cnpg.io~1instanceRole") == Some("primary"),
        restarts: number(postgres, "/restartCount"),
        last_exit: exit,
        terminating: terminating(object),
        image: postgres_image(object).unwrap_or_default().to_owned(),
    })
}

/// The image of container `postgres` in a pod's spec.
fn postgres_image(pod: &Value) -> Option<&str> {
    let containers = pod.pointer("/spec/containers")?.as_array()?;
    text(containers.iter().find(|container| text(container, "/name") == Some("postgres"))?, "/image")
}

/// A Backup.
pub(crate) fn backup(object: &Value) -> Option<BackupState> {
    Some(BackupState {
        name: text(object, "/metadata/name")?.to_owned(),
        phase: text(object, "/status/phase").unwrap_or("").to_owned(),
        error: text(object, "/status/error").map(str::to_owned),
    })
}

/// Whose join job this is, and how many of its pods have failed; `None` for other jobs and while none has.
pub(crate) fn failed_join(object: &Value) -> Option<(InstanceName, u32)> {
    let failed = number(object, "/status/failed");
    joining(object).filter(|_| failed > 0).map(|instance| (instance, failed))
}

/// Whose join job this is, when a pod of it runs; `None` for other jobs.
pub(crate) fn running_join(object: &Value) -> Option<InstanceName> {
    joining(object).filter(|_| number(object, "/status/ready") > 0)
}

fn joining(object: &Value) -> Option<InstanceName> {
    let instance = text(object, "/metadata/labels/cnpg.io~1instanceName")?;
    (text(object, "/metadata/labels/cnpg.io~1jobRole") == Some("join")).then(|| instance.into())
}

/// The Cluster.
pub(crate) fn cluster(object: &Value) -> ClusterState {
    ClusterState {
        phase: text(object, "/status/phase").unwrap_or("").to_owned(),
        wanted: number(object, "/spec/instances"),
        instances: number(object, "/status/instances"),
        ready: number(object, "/status/readyInstances"),
        primary: text(object, "/status/currentPrimary").map(str::to_owned),
        target_primary: text(object, "/status/targetPrimary").map(str::to_owned),
        image: text(object, "/spec/imageName")
            .or_else(|| text(object, "/status/image"))
            .unwrap_or_default()
            .to_owned(),
    }
}

/// The DynamicStorage's status.
pub(crate) fn storage(object: &Value) -> StorageState {
    let sizing = object.pointer("/status/storageSizing");
    let mut volumes = Vec::new();
    if let Some(data) = sizing.and_then(|sizing| sizing.get("data")) {
        volumes.extend(volume(VolumeName::Data, data));
    }
    let tablespaces = sizing.and_then(|sizing| sizing.get("tablespaces")).and_then(Value::as_array);
    for tablespace in tablespaces.into_iter().flatten() {
        if let Some(name) = text(tablespace, "/name") {
            volumes.extend(volume(VolumeName::Tablespace(name.into()), tablespace));
        }
    }
    StorageState {
        observed_generation: u64::from(number(object, "/status/observedGeneration")),
        generation: u64::from(number(object, "/metadata/generation")),
        conditions: Conditions {
            ready: is_true(object, "Ready"),
            reconciling: is_true(object, "Reconciling"),
            stalled: is_true(object, "Stalled"),
        },
        volumes,
    }
}

fn volume(name: VolumeName, object: &Value) -> Option<VolumeState> {
    let actions = object.pointer("/actions").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    Some(VolumeState {
        volume: name,
        state: state(text(object, "/state")?)?,
        reason: text(object, "/reason").unwrap_or("").to_owned(),
        effective: bytes(object, "/effectiveSize"),
        target: bytes(object, "/targetSize"),
        running: text(object, "/growth/cause").and_then(cause),
        ledger: actions
            .iter()
            .filter_map(|action| {
                let ended = action.get("completedAt").is_some_and(|at| !at.is_null());
                let completed = ended && text(action, "/result") != Some("Refunded");
                Some((cause(text(action, "/cause")?)?, bytes(action, "/to")?, completed))
            })
            .collect(),
    })
}

fn cause(word: &str) -> Option<Cause> {
    match word {
        "Planned" => Some(Cause::Planned),
        "Emergency" => Some(Cause::Emergency),
        "External" => Some(Cause::External),
        "Shrink" => Some(Cause::Shrink),
        _ => None,
    }
}

/// A state by the word of the API.
fn state(word: &str) -> Option<State> {
    const STATES: [(&str, State); 12] = [
        ("Balanced", State::Balanced),
        ("PendingGrowth", State::PendingGrowth),
        ("Growing", State::Growing),
        ("Emergency", State::Emergency),
        ("AtLimit", State::AtLimit),
        ("BudgetExhausted", State::BudgetExhausted),
        ("PendingShrink", State::PendingShrink),
        ("Shrinking", State::Shrinking),
        ("WaitingForUsage", State::WaitingForUsage),
        ("Blocked", State::Blocked),
        ("Suspended", State::Suspended),
        ("Paused", State::Paused),
    ];
    STATES.iter().find(|(name, _)| *name == word).map(|(_, state)| *state)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn job(role: &str, ready: u32, failed: u32) -> Value {
        json!({
            "metadata": {"labels": {"cnpg.io/jobRole": role, "cnpg.io/instanceName": "pg-2"}},
            "status": {"ready": ready, "failed": failed},
        })
    }

    #[test]
    fn only_a_join_job_shows_that_it_runs_and_that_it_has_failed() {
        assert_eq!(failed_join(&job("join", 1, 2)), Some(("pg-2".into(), 2)));
        assert_eq!(failed_join(&job("join", 1, 0)), None);
        assert_eq!(failed_join(&job("initdb", 0, 1)), None);
        assert_eq!(running_join(&job("join", 1, 2)), Some("pg-2".into()));
        assert_eq!(running_join(&job("join", 0, 2)), None);
        assert_eq!(running_join(&job("initdb", 1, 0)), None);
    }

    #[test]
    fn a_backup_has_no_phase_at_first_and_an_error_when_it_failed() {
        let fresh = backup(&json!({"metadata": {"name": "b"}}));
        assert_eq!(fresh.map(|backup| (backup.phase, backup.error)), Some((String::new(), None)));
        let failed =
            backup(&json!({"metadata": {"name": "b"}, "status": {"phase": "failed", "error": "why"}}));
        assert!(failed.is_some_and(|backup| backup.ended() && backup.error.as_deref() == Some("why")));
    }
}
