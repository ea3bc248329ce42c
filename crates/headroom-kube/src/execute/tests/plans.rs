//! Each request is exactly this call.

use headroom_core::{
    Action, Record, Timestamp,
    action::RaiseClusterSizes,
    report::{ClusterVerdict, Problem, Report, Verdict},
};
use headroom_engine::{Refusal, Request, Response};

use super::{
    super::{Call, Method, Plan, plan},
    *,
};

const NOW: Timestamp = Timestamp::from_unix(1_795_420_800);

/// The only call of a write.
#[track_caller]
fn written(request: &Request) -> Call {
    match plan(request, &shared().lock(), NOW) {
        Plan::Write(call, _) => call,
        other => panic!("not a write: {other:?}"),
    }
}

#[track_caller]
fn is_call(request: &Request, method: Method, uri: &str, body: Value) {
    let call = written(request);
    assert_eq!((call.method, call.uri.as_str()), (method, uri));
    assert_eq!(serde_json::from_str::<Value>(&call.body).expect("JSON"), body);
}

/// The call would conflict, so it is not made.
#[track_caller]
fn is_conflict(request: &Request) {
    assert_eq!(plan(request, &shared().lock(), NOW), Plan::Answer(Response::Refused(Refusal::Conflict)));
}

fn act(action: Action) -> Request {
    Request::Do(key(), action)
}

fn version(text: &str) -> Version {
    Version::from(text)
}

#[test]
fn a_growth_is_a_json_patch_that_tests_uid_and_old_text() {
    is_call(
        &act(Action::Resize(resize())),
        Method::JsonPatch,
        "/api/v1/namespaces/ns/persistentvolumeclaims/pg-1?fieldManager=headroom",
        json!([
            {"op": "test", "path": "/metadata/uid", "value": "claim-uid"},
            {"op": "test", "path": "/spec/resources/requests/storage", "value": "1024Mi"},
            {"op": "replace", "path": "/spec/resources/requests/storage", "value": "2Gi"},
        ]),
    );
}

#[test]
fn a_quorum_read_is_four_reads_that_no_cache_may_answer() {
    let Plan::Read(calls, _) = plan(&Request::ReadCluster(key()), &shared().lock(), NOW) else {
        panic!("not a read")
    };
    let uris: Vec<&str> = calls.iter().map(|call| call.uri.as_str()).collect();
    assert_eq!(
        uris,
        [
            "/apis/postgresql.cnpg.io/v1/namespaces/ns/clusters/pg",
            "/apis/headroom.dev/v1alpha1/namespaces/ns/dynamicstorages/pg",
            "/api/v1/namespaces/ns/persistentvolumeclaims?labelSelector=cnpg.io%2Fcluster%3Dpg%2Ccnpg.io%2FpvcRole",
            "/api/v1/namespaces/ns/pods?labelSelector=cnpg.io%2Fcluster%3Dpg%2Ccnpg.io%2FpodRole%3Dinstance",
        ]
    );
    assert!(calls.iter().all(|call| call.method == Method::Get && call.body.is_empty()));
}

#[test]
fn the_status_endpoint_is_asked_at_the_pods_address() {
    let request = Request::ReadWal { key: key(), instance: "pg-1".into(), address: Text::from("10.0.0.7") };
    assert_eq!(plan(&request, &shared().lock(), NOW), Plan::Wal(Text::from("10.0.0.7")));
}

fn decided() -> Verdict {
    Verdict::Decided(Box::new(Report {
        generation: 2,
        volumes: BTreeMap::new(),
        wal: None,
        cluster: ClusterVerdict::Paused,
    }))
}

fn write_status(record: Option<Record>, verdict: Verdict, expect: &str) -> Request {
    Request::WriteStatus {
        key: key(),
        of: id("pg", "storage-uid"),
        expect: version(expect),
        record: record.map(Box::new),
        verdict,
    }
}

const STATUS: &str =
    "/apis/headroom.dev/v1alpha1/namespaces/ns/dynamicstorages/pg/status?fieldManager=headroom";

#[test]
fn a_decision_replaces_the_status_of_the_version_that_was_read() {
    let record = Record { sequence: 4, ..Record::empty() };
    let call = written(&write_status(Some(record.clone()), decided(), "7"));
    assert_eq!((call.method, call.uri.as_str()), (Method::JsonPatch, STATUS));
    let body: Value = serde_json::from_str(&call.body).expect("JSON");
    assert_eq!(body[0], json!({"op": "test", "path": "/metadata/uid", "value": "storage-uid"}));
    assert_eq!(body[1], json!({"op": "test", "path": "/metadata/resourceVersion", "value": "7"}));
    assert_eq!((&body[2]["op"], &body[2]["path"]), (&json!("add"), &json!("/status")));
    let status = serde_json::from_value(body[2]["value"].clone()).expect("a status");
    assert_eq!(headroom_api::status::read(&status), Ok(record));
    assert_eq!(body.as_array().map(Vec::len), Some(3));
}

#[test]
fn a_refusal_changes_conditions_only_and_keeps_transition_times() {
    let problem = Problem {
        reason: "ClusterNotFound",
        message: Text::from("no Cluster"),
        hint: Text::from("create it"),
    };
    let call = written(&write_status(None, Verdict::Refused(problem), "7"));
    assert_eq!((call.method, call.uri.as_str()), (Method::MergePatch, STATUS));
    let body: Value = serde_json::from_str(&call.body).expect("JSON");
    assert_eq!(body["metadata"], json!({"uid": "storage-uid", "resourceVersion": "7"}));
    let status = body["status"].as_object().expect("a status");
    assert_eq!(status.keys().collect::<Vec<_>>(), ["conditions", "observedGeneration"]);
    let stalled =
        status["conditions"].as_array().expect("conditions").iter().find(|it| it["type"] == "Stalled");
    let stalled = stalled.expect("Stalled");
    assert_eq!((&stalled["status"], &stalled["reason"]), (&json!("True"), &json!("ClusterNotFound")));
    assert_eq!(stalled["lastTransitionTime"], "2026-01-01T00:00:00Z", "it has been true all along");
}

#[test]
fn a_body_made_of_another_version_is_not_sent() {
    is_conflict(&write_status(None, decided(), "6"));
    is_conflict(&act(Action::AddFinalizer(id("pg", "storage-uid"), version("8"))));
    is_conflict(&act(Action::RemoveFinalizer(id("pg", "another-uid"), version("7"))));
    is_conflict(&raise("4", &[(VolumeName::Data, 3)]));
}

fn raise(version_read: &str, volumes: &[(VolumeName, u64)]) -> Request {
    act(Action::RaiseClusterSizes(RaiseClusterSizes {
        cluster: id("pg", "cluster-uid"),
        version: version(version_read),
        sizes: sizes(volumes),
    }))
}

#[test]
fn finalizers_of_others_stay() {
    const URI: &str = "/apis/headroom.dev/v1alpha1/namespaces/ns/dynamicstorages/pg?fieldManager=headroom";
    let body = |finalizers: Value| json!({"metadata": {"uid": "storage-uid", "resourceVersion": "7", "finalizers": finalizers}});
    let of = || (id("pg", "storage-uid"), version("7"));
    let (it, at) = of();
    let both = body(json!(["other/one", "headroom.dev/release"]));
    is_call(&act(Action::AddFinalizer(it, at)), Method::MergePatch, URI, both);
    let (it, at) = of();
    is_call(&act(Action::RemoveFinalizer(it, at)), Method::MergePatch, URI, body(json!(["other/one"])));
}

#[test]
fn sizes_are_raised_in_place_and_tablespaces_by_name() {
    const URI: &str = "/apis/postgresql.cnpg.io/v1/namespaces/ns/clusters/pg?fieldManager=headroom";
    is_call(
        &raise("5", &[(VolumeName::Data, 3), (VolumeName::Tablespace("idx".into()), 2)]),
        Method::JsonPatch,
        URI,
        json!([
            {"op": "test", "path": "/metadata/uid", "value": "cluster-uid"},
            {"op": "test", "path": "/metadata/resourceVersion", "value": "5"},
            {"op": "add", "path": "/spec/storage/size", "value": "3Gi"},
            {"op": "test", "path": "/spec/tablespaces/1/name", "value": "idx"},
            {"op": "add", "path": "/spec/tablespaces/1/storage/size", "value": "2Gi"},
        ]),
    );
    is_conflict(&raise("5", &[(VolumeName::Tablespace("unknown".into()), 2)]));
}

#[test]
fn the_known_object_is_the_one_that_was_read() {
    let shared = shared();
    let known = shared.lock();
    let storage = known_storage(&known);
    assert_eq!((storage.version.as_str(), storage.generation), ("7", 2));
    assert_eq!(storage.foreign_finalizers, ["other/one"]);
}
