use headroom_core::{
    Bytes,
    names::{InstanceName, NodeName, VolumeName},
    observation::{
        ClaimPhase, ClaimSeen, ClusterSeen, ContainerExit, ContainerSeen, Fenced, PodSeen, Primary,
        ResizeStep, Scaler, SingleOnly, Suspension, VolumeSpecSeen,
    },
};
use headroom_engine::StorageSeen;
use serde_json::{Value, json};

use super::*;
use crate::{
    known::Shared,
    slim::{Claim, Class, Cluster, Pod, Storage},
};

/// What a watch says of an object.
#[track_caller]
fn event<T: Translate>(object: &Value) -> Option<Event> {
    let object: Slim<T> = serde_json::from_str(&object.to_string()).expect("metadata that can be read");
    seen(object, &mut Shared::new().lock())
}

#[track_caller]
fn understood<T: Translate>(object: &Value) -> Seen {
    match event::<T>(object) {
        Some(Event::Seen(seen)) => seen,
        other => panic!("not understood: {other:?}"),
    }
}

/// The object is an event of its own, and its words say `why`.
#[track_caller]
fn unreadable<T: Translate>(object: &Value, why: &str) {
    match event::<T>(object) {
        Some(Event::Unreadable(kind, key, words)) => {
            assert_eq!((kind, key.to_string().as_str()), (T::WATCHED, "ns/pg"));
            assert!(words.as_str().contains(why), "{words}");
        }
        other => panic!("not unreadable: {other:?}"),
    }
}

#[track_caller]
fn cluster(spec: Value, status: Value, annotations: Value) -> ClusterSeen {
    let object = json!({
        "metadata": {"name": "pg", "namespace": "ns", "uid": "u", "resourceVersion": "7", "annotations": annotations},
        "spec": spec, "status": status,
    });
    match understood::<Cluster>(&object) {
        Seen::Cluster(key, cluster) if key.to_string() == "ns/pg" => *cluster,
        other => panic!("not the Cluster: {other:?}"),
    }
}

#[track_caller]
fn primary_is(current: Value, target: Value, expected: Primary) {
    let status = json!({"currentPrimary": current, "targetPrimary": target});
    assert_eq!(cluster(json!({}), status, json!({})).primary, expected);
}

#[test]
fn the_primary_is_what_the_status_says() {
    let named = InstanceName::from;
    primary_is(json!("pg-1"), json!("pg-1"), Primary::Known(named("pg-1")));
    primary_is(json!("pg-1"), json!(null), Primary::Known(named("pg-1")));
    primary_is(json!("pg-1"), json!("pending"), Primary::Moving { to: None });
    primary_is(json!("pg-1"), json!("pg-2"), Primary::Moving { to: Some(named("pg-2")) });
    // `targetPrimary` is set before the first server has become primary.
    primary_is(json!(null), json!("pg-1"), Primary::Unknown);
    primary_is(json!(""), json!(""), Primary::Unknown);
}

#[track_caller]
fn volume_is(storage: Value, size: Option<Bytes>, resize_in_use: bool) {
    let seen = cluster(json!({"storage": storage}), json!(null), json!({}));
    assert_eq!(seen.volumes.get(&VolumeName::Data), Some(&VolumeSpecSeen { size, resize_in_use }));
}

#[test]
fn a_size_is_found_as_cnpg_finds_it() {
    let template = json!({"resources": {"requests": {"storage": "3Gi"}}});
    volume_is(json!({"size": "1Gi"}), Some(Bytes::gibi(1)), true);
    volume_is(json!({"size": "1Gi", "pvcTemplate": template}), Some(Bytes::gibi(1)), true);
    volume_is(json!({"pvcTemplate": template}), Some(Bytes::gibi(3)), true);
    volume_is(json!({"size": "", "pvcTemplate": template}), Some(Bytes::gibi(3)), true);
    volume_is(json!({"size": "big", "pvcTemplate": template}), None, true);
    volume_is(json!({"resizeInUseVolumes": false}), None, false);
    volume_is(
        json!({"pvcTemplate": {"resources": {"requests": {"storage": 1_073_741_824}}}}),
        Some(Bytes::gibi(1)),
        true,
    );
}

#[test]
fn every_declared_volume_is_seen() {
    let spec = json!({
        "instances": 2, "storage": {"size": "1Gi"}, "walStorage": {"size": "2Gi"},
        "tablespaces": [{"name": "idx", "storage": {"size": "3Gi"}}, {"name": "bare"}],
    });
    let seen = cluster(spec, json!(null), json!({}));
    let names: Vec<String> = seen.volumes.keys().map(ToString::to_string).collect();
    assert_eq!(names, ["data", "tablespace/bare", "tablespace/idx", "wal"]);
    assert_eq!((seen.instances, seen.ready_instances, seen.phase.as_str()), (2, 0, ""));
}

#[test]
fn who_set_the_number_of_instances_is_what_the_api_server_wrote_down() {
    let entry = |manager: &str, subresource: Option<&str>, spec: Value| {
        json!({"manager": manager, "operation": "Update", "subresource": subresource, "fieldsType": "FieldsV1",
            "fieldsV1": {"f:spec": spec}})
    };
    let count = || json!({"f:instances": {}, "f:storage": {".": {}}});
    let ours = || entry("headroom", Some("scale"), count());
    let seen = |entries: &[Value]| {
        let metadata = json!({"name": "pg", "namespace": "ns", "managedFields": entries});
        let object = json!({"metadata": metadata, "spec": {"instances": 2}});
        let Seen::Cluster(_, cluster) = understood::<Cluster>(&object) else { panic!("not the Cluster") };
        cluster.scaled_by
    };
    let elsewhere = entry("kubectl-edit", None, json!({"f:storage": {}}));
    assert_eq!(seen(&[elsewhere.clone(), ours()]), Scaler::Headroom);
    assert_eq!(
        seen(&[entry("argocd", None, count()), ours()]),
        Scaler::Headroom,
        "it applied the same number"
    );
    assert_eq!(seen(&[entry("argocd", None, count())]), Scaler::Others);
    assert_eq!(seen(&[entry("before-first-apply", None, count())]), Scaler::Unsaid);
    assert_eq!(seen(&[entry("ancient-changes", None, count()), elsewhere.clone()]), Scaler::Unsaid);
    assert_eq!(seen(&[entry("kubectl", Some("scale"), count())]), Scaler::Others);
    assert_eq!(seen(&[entry("headroom", None, count())]), Scaler::Others, "a person who takes our name");
    assert_eq!(seen(&[elsewhere]), Scaler::Unsaid);
    assert_eq!(seen(&[]), Scaler::Unsaid);
}

#[test]
fn annotations_suspend_and_fence() {
    let annotated = |annotations: Value| cluster(json!({}), json!(null), annotations);
    assert_eq!(annotated(json!({"cnpg.io/hibernation": "on"})).suspended, Some(Suspension::Hibernated));
    assert_eq!(annotated(json!({"cnpg.io/hibernation": "off"})).suspended, None);
    assert_eq!(
        annotated(json!({"cnpg.io/reconciliationLoop": "disabled"})).suspended,
        Some(Suspension::ReconciliationDisabled)
    );
    let fenced = |list: &str| annotated(json!({"cnpg.io/fencedInstances": list})).fenced;
    assert_eq!(fenced(r#"["*"]"#), Fenced::Everybody);
    assert_eq!(fenced(r#"["pg-1"]"#), Fenced::Instances(vec![InstanceName::from("pg-1")]));
    assert_eq!(fenced("[]"), Fenced::Nobody);
    assert_eq!(fenced("pg-1"), Fenced::Everybody, "CNPG refuses to reconcile such a list");
    assert_eq!(annotated(json!({})).fenced, Fenced::Nobody);
}

#[test]
fn parameters_that_cnpg_refuses_beside_a_second_instance_are_seen() {
    let seen = |parameters: Value| {
        cluster(json!({"postgresql": {"parameters": parameters}}), json!(null), json!({})).conduct.single_only
    };
    for off in ["off", "OFF", "0", "f", "False", "no"] {
        assert_eq!(seen(json!({"wal_log_hints": off})), Some(SingleOnly::WalLogHints), "{off}");
    }
    for on in ["on", "1", "true", "foo"] {
        assert_eq!(seen(json!({"wal_log_hints": on, "work_mem": "4MB"})), None, "{on}");
    }
    assert_eq!(seen(json!({"wal_level": "minimal"})), Some(SingleOnly::WalLevel));
    assert_eq!(seen(json!({"wal_level": "logical"})), None);
    assert_eq!(seen(json!(null)), None);
}

#[test]
fn a_cluster_that_is_deleted_is_left_alone() {
    let object = json!({
        "metadata": {"name": "pg", "namespace": "ns", "deletionTimestamp": "2026-11-23T08:00:00Z"}, "spec": {},
    });
    let Seen::Cluster(_, cluster) = understood::<Cluster>(&object) else { panic!("not the Cluster") };
    assert_eq!(cluster.suspended, Some(Suspension::ClusterDeleting));
}

#[test]
fn a_cluster_without_a_spec_is_unreadable() {
    unreadable::<Cluster>(&json!({"metadata": {"name": "pg", "namespace": "ns"}}), "missing field `spec`");
    unreadable::<Cluster>(
        &json!({"metadata": {"name": "pg", "namespace": "ns"}, "spec": {"instances": -1}}),
        "-1",
    );
}

fn claim_object(labels: Value, status: Value) -> Value {
    json!({
        "metadata": {"name": "pg-1", "namespace": "ns", "uid": "u", "resourceVersion": "7", "labels": labels},
        "spec": {"storageClassName": "fast", "resources": {"requests": {"storage": "1024Mi"}}, "volumeName": "pv"},
        "status": status,
    })
}

fn data_labels() -> Value {
    json!({"cnpg.io/cluster": "pg", "cnpg.io/instanceName": "pg-1", "cnpg.io/pvcRole": "PG_DATA"})
}

#[track_caller]
fn claim(status: Value) -> ClaimSeen {
    match understood::<Claim>(&claim_object(data_labels(), status)) {
        Seen::Claim { claim, .. } => *claim,
        other => panic!("not a claim: {other:?}"),
    }
}

#[test]
fn a_bound_claim_keeps_the_letters_of_its_request() {
    let seen = claim(json!({"phase": "Bound", "capacity": {"storage": "1Gi"}}));
    assert_eq!(seen.requested_text.as_str(), "1024Mi");
    assert_eq!((seen.requested, seen.capacity), (Bytes::gibi(1), Some(Bytes::gibi(1))));
    assert_eq!((seen.phase, seen.resize.step), (ClaimPhase::Bound, ResizeStep::None));
}

#[test]
fn a_new_claim_is_pending() {
    assert_eq!(claim(json!(null)).phase, ClaimPhase::Pending);
    assert_eq!(claim(json!({"phase": "Pending"})).phase, ClaimPhase::Pending);
    assert_eq!(claim(json!({"phase": "Lost"})).phase, ClaimPhase::Lost);
    assert_eq!(claim(json!({"phase": "Odd"})).phase, ClaimPhase::Other(Text::from("Odd")));
}

#[test]
fn a_claim_on_which_no_instance_has_run_says_so() {
    for (word, expected) in [(Some("initializing"), true), (Some("ready"), false), (None, false)] {
        let mut object = claim_object(data_labels(), json!({"phase": "Bound"}));
        object["metadata"]["annotations"] = json!({"cnpg.io/pvcStatus": word});
        if word.is_none() {
            object["metadata"]["annotations"] = json!(null);
        }
        let Seen::Claim { claim, .. } = understood::<Claim>(&object) else { panic!("not a claim") };
        assert_eq!(claim.initializing, expected, "{word:?}");
    }
}

#[test]
fn a_resize_says_where_it_stands() {
    let seen = claim(json!({
        "phase": "Bound",
        "allocatedResourceStatuses": {"storage": "NodeResizePending"},
        "conditions": [
            {"type": "FileSystemResizePending", "status": "True"}, {"type": "Resizing", "status": "False"}],
    }));
    assert_eq!(seen.resize.step, ResizeStep::NodePending);
    assert_eq!((seen.resize.file_system_pending, seen.resize.in_progress), (true, false));
    let seen = claim(json!({
        "allocatedResourceStatuses": {"storage": "ControllerResizeInfeasible"},
        "conditions": [{"type": "ControllerResizeError", "status": "True", "message": "pool is full"}],
    }));
    assert_eq!(seen.resize.step, ResizeStep::ControllerInfeasible);
    assert_eq!(seen.resize.error, Some(Text::from("pool is full")));
    let seen = claim(json!({"allocatedResourceStatuses": {"storage": "NewWord"}}));
    assert_eq!(seen.resize.step, ResizeStep::Other(Text::from("NewWord")));
}

#[track_caller]
fn volume_of(role: &str, tablespace: &str, expected: &VolumeName) {
    let labels = json!({
        "cnpg.io/cluster": "pg", "cnpg.io/instanceName": "pg-1", "cnpg.io/pvcRole": role,
        "cnpg.io/tablespaceName": tablespace,
    });
    let Seen::Claim { volume, instance, class, .. } = understood::<Claim>(&claim_object(labels, json!(null)))
    else {
        panic!("not a claim")
    };
    assert_eq!((&volume, instance.as_str()), (expected, "pg-1"));
    assert_eq!(class, Some(ObjectName::from("fast")));
}

#[test]
fn labels_say_which_volume_a_claim_is() {
    volume_of("PG_DATA", "", &VolumeName::Data);
    volume_of("PG_WAL", "", &VolumeName::Wal);
    volume_of("PG_TABLESPACE", "idx", &VolumeName::Tablespace("idx".into()));
}

#[test]
fn a_claim_that_cannot_be_placed_holds_up_its_cluster_only() {
    let role = |role: &str| json!({"cnpg.io/cluster": "pg", "cnpg.io/instanceName": "pg-1", "cnpg.io/pvcRole": role});
    unreadable::<Claim>(&claim_object(role("PG_NEW"), json!(null)), "PG_NEW");
    unreadable::<Claim>(&claim_object(role("PG_TABLESPACE"), json!(null)), "cnpg.io/tablespaceName");
    let nobody = json!({"cnpg.io/cluster": "pg", "cnpg.io/pvcRole": "PG_DATA"});
    unreadable::<Claim>(&claim_object(nobody, json!(null)), "cnpg.io/instanceName");
    let mut odd = claim_object(data_labels(), json!(null));
    odd["spec"]["resources"]["requests"]["storage"] = json!("much");
    unreadable::<Claim>(&odd, "much");
    let stranger = claim_object(json!({"cnpg.io/pvcRole": "PG_DATA"}), json!(null));
    assert_eq!(event::<Claim>(&stranger), None, "it belongs to no Cluster");
}

fn pod_object(status: Value) -> Value {
    json!({
        "metadata": {"name": "pg-1", "namespace": "ns", "uid": "u", "resourceVersion": "7",
            "labels": {"cnpg.io/cluster": "pg", "cnpg.io/instanceName": "pg-1", "cnpg.io/podRole": "instance"}},
        "spec": {"nodeName": "n1", "containers": []}, "status": status,
    })
}

#[track_caller]
fn pod(status: Value) -> PodSeen {
    match understood::<Pod>(&pod_object(status)) {
        Seen::Pod(_, instance, _, pod) if instance.as_str() == "pg-1" => *pod,
        other => panic!("not the pod: {other:?}"),
    }
}

const EIGHT: i64 = 1_795_420_800;

#[test]
fn a_running_pod_is_ready_where_it_runs() {
    let seen = pod(json!({
        "podIP": "10.0.0.7", "conditions": [{"type": "Ready", "status": "True"}],
        "containerStatuses": [
            {"name": "sidecar", "state": {"waiting": {}}},
            {"name": "postgres", "state": {"running": {"startedAt": "2026-11-23T08:00:00Z"}},
             "lastState": {"terminated": {"exitCode": 4, "finishedAt": "2026-11-23T07:59:00Z"}}}],
    }));
    assert_eq!((seen.node, seen.ready), (Some(NodeName::from("n1")), true));
    assert_eq!(seen.address, Some(Text::from("10.0.0.7")));
    assert_eq!(seen.container, ContainerSeen::Running { since: Timestamp::from_unix(EIGHT) });
    assert_eq!(seen.last_exit, Some(ContainerExit { code: 4, at: Timestamp::from_unix(EIGHT - 60) }));
}

#[test]
fn since_when_a_pod_is_not_ready_is_seen() {
    let since = |status: &str| {
        let ready =
            json!([{"type": "Ready", "status": status, "lastTransitionTime": "2026-11-23T08:00:00Z"}]);
        let seen = pod(json!({"conditions": ready}));
        (seen.ready, seen.unready_since)
    };
    assert_eq!(since("False"), (false, Some(Timestamp::from_unix(EIGHT))));
    assert_eq!(since("Unknown"), (false, Some(Timestamp::from_unix(EIGHT))));
    assert_eq!(since("True"), (true, None));
}

#[test]
fn a_pod_is_pending_by_its_phase() {
    for (phase, pending) in [("Pending", true), ("Running", false), ("Failed", false)] {
        assert_eq!(pod(json!({"phase": phase})).pending, pending, "{phase}");
    }
    assert!(!pod(json!({})).pending, "not said");
}

#[test]
fn the_newest_end_of_a_container_counts() {
    let seen = pod(json!({"containerStatuses": [{
        "name": "postgres",
        "state": {"terminated": {"exitCode": 0, "finishedAt": "2026-11-23T08:00:00Z"}},
        "lastState": {"terminated": {"exitCode": 4, "finishedAt": "2026-11-23T07:59:00Z"}},
    }]}));
    assert_eq!(seen.last_exit, Some(ContainerExit { code: 0, at: Timestamp::from_unix(EIGHT) }));
    assert_eq!((seen.container, seen.ready), (ContainerSeen::NotRunning, false));
}

#[test]
fn a_pod_without_statuses_is_unknown_not_stopped() {
    assert_eq!(pod(json!(null)).container, ContainerSeen::Unknown);
    assert_eq!(pod(json!({"containerStatuses": []})).container, ContainerSeen::Unknown);
    let waiting = pod(
        json!({"containerStatuses": [{"name": "postgres", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]}),
    );
    assert_eq!(waiting.container, ContainerSeen::NotRunning);
}

#[test]
fn a_class_expands_only_when_it_says_so() {
    let class = |body: Value| understood::<Class>(&body);
    let seen = |expandable| Seen::Class { name: ObjectName::from("fast"), expandable };
    assert_eq!(class(json!({"metadata": {"name": "fast"}, "allowVolumeExpansion": true})), seen(true));
    assert_eq!(class(json!({"metadata": {"name": "fast"}})), seen(false));
}

#[track_caller]
fn storage(spec: Value, status: Value) -> StorageSeen {
    let object = json!({
        "metadata": {"name": "pg", "namespace": "ns", "uid": "u", "resourceVersion": "7", "generation": 5,
            "finalizers": ["other/one", "headroom.dev/release"]},
        "spec": spec, "status": status,
    });
    match understood::<Storage>(&object) {
        Seen::Storage(storage) => *storage,
        other => panic!("not our object: {other:?}"),
    }
}

fn minimal() -> Value {
    json!({"clusterRef": {"name": "pg"}, "storage": {"limit": "10Gi"}})
}

#[test]
fn our_object_becomes_policy_windows_and_record() {
    let mut spec = minimal();
    spec["storage"]["maintenanceWindow"] =
        json!({"schedule": "0 0 3 * * *", "duration": "90m", "timeZone": "Europe/Rome"});
    let seen = storage(spec, json!(null));
    assert_eq!(seen.policy.expect("a policy").generation, 5);
    assert!(seen.meta.finalizer && !seen.meta.deleting);
    let window = seen.windows.get(&VolumeName::Data).expect("a window");
    assert_eq!((window.duration.to_string().as_str(), window.time_zone.as_str()), ("1h30m", "Europe/Rome"));
    assert!(seen.record.expect("an empty record").volumes.is_empty());
}

#[test]
fn a_wrong_spec_hides_no_record() {
    let mut spec = minimal();
    spec["storage"]["maintenanceWindow"] =
        json!({"schedule": "0 3 * * *", "duration": "2h", "timeZone": "UTC"});
    let seen = storage(spec, json!({"storageSizing": {"lastActionId": 3}}));
    assert_eq!(seen.policy.expect_err("five fields").reason, "InvalidSchedule");
    assert_eq!(seen.record.expect("a record").sequence, 3);
    let seen = storage(json!({"clusterRef": 7}), json!({"storageSizing": {"lastActionId": 4}}));
    assert_eq!(seen.policy.expect_err("no spec").reason, "InvalidSpec");
    assert_eq!(seen.record.expect("a record").sequence, 4);
}

#[test]
fn a_status_that_cannot_be_read_hides_no_policy() {
    for status in [json!({"storageSizing": "gone"}), json!({"operation": {"id": 1, "kind": "Teleport"}})] {
        let seen = storage(minimal(), status);
        assert!(seen.policy.is_ok());
        assert_eq!(seen.record.expect_err("no record").reason, "UnreadableStatus");
    }
}

#[test]
fn a_deleted_object_is_gone_and_forgotten() {
    let shared = Shared::new();
    let object = json!({"metadata": {"name": "pg", "namespace": "ns", "uid": "u", "resourceVersion": "8"}, "spec": {}});
    let slim = || serde_json::from_str::<Slim<Cluster>>(&object.to_string()).expect("a Cluster");
    let key = own_key(&slim().head);
    assert!(seen(slim(), &mut shared.lock()).is_some());
    assert!(shared.lock().cluster(&key).is_some());
    let event = gone(&slim(), &mut shared.lock());
    assert_eq!(
        event,
        Some(Event::Gone(Kind::Cluster, key.clone(), ObjectName::from("pg"), Some(Version::from("8"))))
    );
    assert!(shared.lock().cluster(&key).is_none());
}
