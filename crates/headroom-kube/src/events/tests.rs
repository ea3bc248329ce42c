use headroom_core::{
    Bytes,
    ledger::Cause,
    names::{ObjectName, Text, Uid, Version, VolumeName},
    report::{Reason, State},
};

use super::*;
use crate::known::KnownCluster;

fn key() -> ClusterKey {
    ClusterKey { namespace: ObjectName::from("ns"), name: ObjectName::from("pg") }
}

fn both() -> Subjects {
    Subjects { storage: Some(json!({"kind": "DynamicStorage"})), cluster: Some(json!({"kind": "Cluster"})) }
}

fn started() -> NoteKind {
    NoteKind::GrowthStarted {
        volume: VolumeName::Data,
        cause: Cause::Planned,
        from: Bytes::gibi(1),
        to: Bytes::gibi(2),
    }
}

fn completed() -> NoteKind {
    NoteKind::GrowthCompleted { volume: VolumeName::Data, from: Bytes::gibi(1), to: Bytes::gibi(2) }
}

fn blocked() -> NoteKind {
    NoteKind::StateEntered { volume: VolumeName::Data, state: State::Blocked, reason: Reason::StaticVolume }
}

/// The kinds that Events about `note` regard.
#[track_caller]
fn regards(note: &NoteKind, subjects: &Subjects, expected: &[&str]) {
    let events = about(note, subjects);
    let kinds: Vec<&str> = events.iter().filter_map(|(regarding, _)| regarding["kind"].as_str()).collect();
    assert_eq!(kinds, expected);
}

#[test]
fn a_growth_costs_two_events_one_on_each_object() {
    regards(&started(), &both(), &["DynamicStorage"]);
    regards(&completed(), &both(), &["Cluster"]);
}

#[test]
fn trouble_is_told_on_both_objects_and_on_whatever_there_is() {
    regards(&blocked(), &both(), &["DynamicStorage", "Cluster"]);
    let alone = Subjects { cluster: None, ..both() };
    regards(&blocked(), &alone, &["DynamicStorage"]);
    regards(&completed(), &alone, &["DynamicStorage"]);
    regards(&blocked(), &Subjects { storage: None, cluster: None }, &[]);
}

#[test]
fn an_event_is_what_the_api_takes() {
    let text = words(&started());
    let now = Timestamp::from_second(1_795_420_800).expect("a time");
    let event = event(
        &key(),
        &text,
        &json!({"kind": "DynamicStorage"}),
        Some(&json!({"kind": "Cluster"})),
        "me",
        now,
    );
    assert_eq!(event["eventTime"], "2026-11-23T08:00:00.000000Z");
    assert_eq!((&event["type"], &event["reason"]), (&json!("Normal"), &json!("GrowthStarted")));
    assert_eq!(event["metadata"], json!({"generateName": "pg-", "namespace": "ns"}));
    assert_eq!(event["related"]["kind"], "Cluster");
    // Bounds of events.k8s.io: action and reason 128 characters, note 1 KiB.
    assert!(event["note"].as_str().is_some_and(|note| !note.is_empty() && note.len() <= 1024));
}

#[test]
fn references_carry_the_uid_so_that_describe_finds_them() {
    let shared = Shared::new();
    let mut known = shared.lock();
    let cluster = KnownCluster { uid: Uid::from("u"), version: Version::from("1"), tablespaces: Vec::new() };
    known.take_cluster(key(), cluster);
    let subjects = subjects(&key(), &known);
    assert_eq!(subjects.storage, None);
    let cluster = subjects.cluster.expect("a reference");
    assert_eq!((&cluster["uid"], &cluster["apiVersion"]), (&json!("u"), &json!("postgresql.cnpg.io/v1")));
}

fn note(what: NoteKind) -> Note {
    Note { key: key(), what }
}

#[tokio::test]
async fn a_slow_api_server_costs_notes_not_memory() {
    let (service, _handle) =
        tower_test::mock::pair::<http::Request<kube::client::Body>, http::Response<kube::client::Body>>();
    let (sink, _sender) = sink(Client::new(service, "default"), Shared::new(), "me".to_owned());
    let refused = Text::from("x");
    let told = |_| sink.tell(note(NoteKind::Quarantined(refused.clone())));
    assert_eq!((0..QUEUE + 10).map(told).filter(|taken| *taken).count(), QUEUE);
}

#[tokio::test]
async fn of_a_cluster_that_is_made_anew_everything_is_told_again() {
    let (service, _handle) =
        tower_test::mock::pair::<http::Request<kube::client::Body>, http::Response<kube::client::Body>>();
    let client = Client::new(service, "default");
    let mut reporter =
        Reporter { client, known: Shared::new(), instance: "me".to_owned(), said: BTreeMap::new() };
    let said = [("u", "a"), ("u", "a"), ("u", "b"), ("v", "a")];
    let lately: Vec<bool> = said.iter().map(|(uid, words)| reporter.said_lately(uid, words)).collect();
    assert_eq!(lately, [false, true, false, false]);
}

#[tokio::test]
async fn the_same_words_are_said_once() {
    let (service, mut handle) =
        tower_test::mock::pair::<http::Request<kube::client::Body>, http::Response<kube::client::Body>>();
    let known = Shared::new();
    let cluster = KnownCluster { uid: Uid::from("u"), version: Version::from("1"), tablespaces: Vec::new() };
    known.lock().take_cluster(key(), cluster);
    let (sink, sender) = sink(Client::new(service, "default"), known, "me".to_owned());
    for what in [blocked(), blocked(), started(), blocked()] {
        assert!(sink.tell(note(what)));
    }
    drop(sink);
    let server = tokio::spawn(async move {
        let mut reasons = Vec::new();
        while let Some((request, reply)) = handle.next_request().await {
            use http_body_util::BodyExt as _;
            let body = request.into_body().collect().await.expect("a body").to_bytes();
            let event: Value = serde_json::from_slice(&body).expect("JSON");
            reasons.push(event["reason"].as_str().map(str::to_owned));
            let body = kube::client::Body::from(b"{}".to_vec());
            reply.send_response(http::Response::builder().status(201).body(body).expect("a response"));
        }
        reasons
    });
    sender.await;
    let reasons = server.await.expect("the server ended");
    assert_eq!(reasons.len(), 2, "{reasons:?}");
}
