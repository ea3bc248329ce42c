//! The calls of a shrink: method, path and body of each.

use std::collections::{BTreeMap, BTreeSet};

use headroom_core::{
    Action, Bytes, Observation, Timestamp,
    action::Withdraw,
    ledger::ActionId,
    names::{InstanceName, ObjectId, Text, Uid, Version, VolumeName},
    observation::{
        Census, ClaimPhase, ClaimSeen, ClusterSeen, Conduct, ContainerSeen, Evidence, Fenced, Freshness,
        Growable, JobSeen, Mark, MemberSeen, PodSeen, Primary, Resizing, Scaler, StorageMeta,
    },
    record::{Condemned, Course, Shrink, Surging},
};
use headroom_engine::Request;
use serde_json::{Value, json};

use super::{
    super::{Method, Outcome, Plan, plan, replace::surveyed},
    id, key, shared,
};

const NOW: Timestamp = Timestamp::from_unix(1_795_420_800);

#[track_caller]
fn is_call(action: Action, method: Method, uri: &str, body: Value) {
    let planned = plan(&Request::Do(key(), action), &shared().lock(), NOW);
    let Plan::Write(call, _) = planned else { panic!("not a write: {planned:?}") };
    let query = if method == Method::Delete { "" } else { "?fieldManager=headroom" };
    assert_eq!((call.method, call.uri.as_str()), (method, format!("{uri}{query}").as_str()));
    assert_eq!(serde_json::from_str::<Value>(&call.body).expect("JSON"), body);
}

fn claim(name: &str) -> ClaimSeen {
    ClaimSeen {
        id: id(name, &format!("{name}-claim")),
        version: Version::from("3"),
        requested: Bytes::gibi(1),
        requested_text: Text::from("1Gi"),
        capacity: Some(Bytes::gibi(1)),
        phase: ClaimPhase::Bound,
        resize: Resizing::none(),
        initializing: name == "pg-3",
        terminating: false,
        growable: Growable::Yes,
    }
}

fn pod(name: &str) -> PodSeen {
    PodSeen {
        id: id(name, &format!("{name}-pod")),
        node: Some("n1".into()),
        address: Some(Text::from("10.0.0.7")),
        ready: true,
        unready_since: None,
        pending: false,
        terminating: false,
        container: ContainerSeen::Running { since: NOW },
        last_exit: None,
        version: Version::from("9"),
        mark: Mark::None,
    }
}

/// pg-1 is primary, pg-2 its replica, pg-3 was never finished.
fn seen() -> Observation {
    let member =
        |name: &str, pod| MemberSeen { pod, claims: BTreeMap::from([(VolumeName::Data, claim(name))]) };
    let members = [
        ("pg-1", member("pg-1", Some(pod("pg-1")))),
        ("pg-2", member("pg-2", Some(pod("pg-2")))),
        ("pg-3", member("pg-3", None)),
    ];
    Observation {
        cluster: ClusterSeen {
            id: id("pg", "cluster-uid"),
            version: Version::from("5"),
            instances: 2,
            scaled_by: Scaler::Others,
            volumes: BTreeMap::new(),
            primary: Primary::Known("pg-1".into()),
            phase: Text::from("Cluster in healthy state"),
            ready_instances: 2,
            suspended: None,
            fenced: Fenced::Nobody,
            census: Census { instances: 2, loose_claims: 0 },
            conduct: Conduct::plain(),
        },
        members: members.map(|(name, member)| (InstanceName::from(name), member)).into(),
        windows: BTreeMap::new(),
        evidence: Evidence::none(),
        freshness: Freshness::Quorum { read_at: NOW },
        storage: StorageMeta {
            id: id("pg", "storage-uid"),
            version: Version::from("7"),
            deleting: false,
            finalizer: true,
        },
    }
}

fn shrink() -> Shrink {
    Shrink {
        id: ActionId(12),
        generation: 2,
        started: NOW,
        volumes: BTreeMap::new(),
        declared: 2,
        surge: Surging::Wanted,
        originals: BTreeMap::from([("pg-2".into(), Uid::from("pg-2-claim"))]),
        condemned: Some(Condemned {
            instance: "pg-2".into(),
            pod: Uid::from("pg-2-pod"),
            claims: BTreeSet::from([Uid::from("pg-2-claim")]),
        }),
        course: Course::Smaller,
    }
}

fn job(name: &str, uid: &str) -> ObjectId {
    id(name, uid)
}

const PG_2: &str = "/api/v1/namespaces/ns/pods/pg-2";

#[test]
fn an_instance_is_destroyed_by_an_annotation_beside_our_own_upon_the_pod_that_was_read() {
    let destroy = seen().quorum(NOW).unwrap().destroy(&shrink()).unwrap();
    is_call(
        Action::Destroy(destroy),
        Method::MergePatch,
        PG_2,
        json!({"metadata": {"uid": "pg-2-pod", "resourceVersion": "9", "annotations": {
            "alpha.cnpg.io/unrecoverable": "true", "headroom.dev/replaced-by": "12",
        }}}),
    );
}

#[test]
fn a_mark_is_taken_off_with_our_own() {
    let withdraw = Withdraw { instance: "pg-2".into(), pod: pod("pg-2").id, version: Version::from("9") };
    is_call(
        Action::Withdraw(withdraw),
        Method::MergePatch,
        PG_2,
        json!({"metadata": {"uid": "pg-2-pod", "resourceVersion": "9", "annotations": {
            "alpha.cnpg.io/unrecoverable": null, "headroom.dev/replaced-by": null,
        }}}),
    );
}

#[test]
fn a_promotion_writes_what_kubectl_cnpg_promote_writes() {
    let promote = seen().quorum(NOW).unwrap().promote(&"pg-2".into()).unwrap();
    is_call(
        Action::Promote(promote),
        Method::MergePatch,
        "/apis/postgresql.cnpg.io/v1/namespaces/ns/clusters/pg/status",
        json!({
            "metadata": {"uid": "cluster-uid", "resourceVersion": "5"},
            "status": {
                "targetPrimary": "pg-2", "targetPrimaryTimestamp": "2026-11-23T08:00:00.000000Z",
                "phase": "Switchover in progress", "phaseReason": "Switching over to pg-2",
            },
        }),
    );
}

#[test]
fn the_number_of_instances_is_set_by_the_scale_subresource_of_the_version_that_was_read() {
    let set = seen().quorum(NOW).unwrap().set_instances(&shrink(), 3).unwrap();
    is_call(
        Action::SetInstances(set),
        Method::MergePatch,
        "/apis/postgresql.cnpg.io/v1/namespaces/ns/clusters/pg/scale",
        json!({"metadata": {"uid": "cluster-uid", "resourceVersion": "5"}, "spec": {"replicas": 3}}),
    );
}

#[test]
fn a_job_is_deleted_with_its_pods_and_a_claim_alone_in_the_version_that_was_read() {
    let seen = seen();
    let quorum = seen.quorum(NOW).unwrap();
    let stuck = JobSeen {
        id: job("pg-3-join", "job-uid"),
        instance: "pg-3".into(),
        joins: true,
        failed: false,
        terminating: false,
    };
    is_call(
        Action::DeleteJob(quorum.delete_job(&stuck).unwrap()),
        Method::Delete,
        "/apis/batch/v1/namespaces/ns/jobs/pg-3-join",
        json!({
            "apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": "job-uid"},
            "propagationPolicy": "Foreground",
        }),
    );
    let discard = quorum.discard(&shrink(), &"pg-3".into(), &claim("pg-3").id).unwrap();
    is_call(
        Action::DiscardClaim(discard),
        Method::Delete,
        "/api/v1/namespaces/ns/persistentvolumeclaims/pg-3",
        json!({
            "apiVersion": "v1", "kind": "DeleteOptions",
            "preconditions": {"uid": "pg-3-claim", "resourceVersion": "3"},
        }),
    );
}

#[test]
fn a_pod_that_no_node_has_taken_is_deleted_in_the_version_that_was_read() {
    let mut seen = seen();
    seen.members.get_mut(&InstanceName::from("pg-1")).unwrap().pod = None;
    let pod = seen.members.get_mut(&InstanceName::from("pg-2")).unwrap().pod.as_mut().unwrap();
    (pod.ready, pod.pending, pod.node) = (false, true, None);
    let delete = seen.quorum(NOW).unwrap().delete_pod(&"pg-2".into()).unwrap();
    is_call(
        Action::DeletePod(delete),
        Method::Delete,
        "/api/v1/namespaces/ns/pods/pg-2",
        json!({
            "apiVersion": "v1", "kind": "DeleteOptions",
            "preconditions": {"uid": "pg-2-pod", "resourceVersion": "9"},
        }),
    );
}

#[test]
fn a_survey_is_five_lists_and_the_instances_status() {
    let instances = vec![("pg-1".into(), Text::from("10.0.0.7"))];
    let request = Request::Survey { key: key(), instances: instances.clone() };
    let Plan::Survey(calls, of, asked) = plan(&request, &shared().lock(), NOW) else {
        panic!("not a survey")
    };
    assert_eq!((of, asked), (key(), instances));
    assert!(calls.iter().all(|call| call.method == Method::Get && call.body.is_empty()));
    let uris: Vec<&str> = calls.iter().map(|call| call.uri.as_str()).collect();
    assert_eq!(
        uris,
        [
            "/apis/batch/v1/namespaces/ns/jobs?labelSelector=cnpg.io%2Fcluster%3Dpg",
            "/api/v1/nodes?fieldSelector=spec.unschedulable%3Dtrue",
            "/apis/postgresql.cnpg.io/v1/namespaces/ns/backups",
            "/apis/policy/v1/namespaces/ns/poddisruptionbudgets",
            "/api/v1/namespaces/ns/pods?labelSelector=cnpg.io%2Fcluster%3Dpg%2Ccnpg.io%2FpodRole%3Dinstance",
        ]
    );
}

#[test]
fn a_survey_tells_jobs_that_run_or_have_failed_from_those_that_have_completed() {
    let of_role = |instance: &str, role: &str, status: Value| {
        let labels =
            json!({"cnpg.io/cluster": "pg", "cnpg.io/instanceName": instance, "cnpg.io/jobRole": role});
        let name = format!("{instance}-{role}");
        json!({"metadata": {"name": name, "namespace": "ns", "uid": instance, "labels": labels}, "status": status})
    };
    let job = |instance: &str, status: Value| of_role(instance, "join", status);
    let condition = |kind: &str| json!({"conditions": [{"type": kind, "status": "True"}]});
    let list = |items: Vec<Value>| Outcome::Answered {
        status: 200,
        retry_after_s: None,
        body: json!({"metadata": {}, "items": items}).to_string().into_bytes(),
    };
    let jobs = vec![
        job("pg-2", json!({})),
        job("pg-3", condition("Failed")),
        job("pg-4", condition("Complete")),
        job("pg-5", json!({"succeeded": 1})),
        of_role("pg-6", "snapshot-recovery", json!({})),
        of_role("pg-1", "major-upgrade", json!({})),
    ];
    let outcomes = [list(jobs), list(vec![]), list(vec![]), list(vec![]), list(vec![])];
    let survey = surveyed(&key(), &outcomes).unwrap();
    let seen: Vec<_> = survey.jobs.iter().map(|job| (job.instance.as_str(), job.failed, job.joins)).collect();
    let expected =
        [("pg-2", false, true), ("pg-3", true, true), ("pg-6", false, true), ("pg-1", false, false)];
    assert_eq!(seen, expected);
    assert_eq!(survey.copied, BTreeSet::from(["pg-4".into(), "pg-5".into()]));
}
