use std::{collections::BTreeSet, future::pending};

use headroom_core::{Record, report::Verdict};
use headroom_engine::{EngineConfig, Kind};
use headroom_kube::{
    Client, events, glue,
    known::Shared,
    slim::{Slim, Storage},
    translate,
    wal::WalClient,
    watch::KINDS,
};
use kube::client::Body;
use serde_json::{Value, json};

use super::*;

/// The generation of the object whose digest fails.
const POISON: u64 = 13;

/// As the real one, but it fails on one object: what a mistake in the rules would do.
fn digest(record: Option<&Record>, verdict: &Verdict, generation: u64) -> u64 {
    assert!(generation != POISON, "a mistake");
    glue::digest(record, verdict, generation)
}

fn storage(name: &str, generation: u64) -> Value {
    json!({
        "metadata": {"name": name, "namespace": "ns", "uid": name, "resourceVersion": "7", "generation": generation},
        "spec": {"clusterRef": {"name": name}, "storage": {"limit": "10Gi"}},
    })
}

/// Every kind is listed; there are these DynamicStorages and nothing else.
fn listed(known: &Shared, storages: &[Value]) -> Vec<Watched> {
    let mut events = Vec::new();
    for kind in KINDS {
        events.push(Event::ListBegan(kind));
        if kind == Kind::Storage {
            for object in storages {
                let object: Slim<Storage> = serde_json::from_str(&object.to_string()).expect("an object");
                events.extend(translate::seen(object, &mut known.lock()));
            }
        }
        events.push(Event::ListDone(kind));
    }
    events.into_iter().map(Watched::Event).collect()
}

// The clock is the real one, so time is not paused.
#[tokio::test]
async fn one_object_that_makes_the_rules_fail_stops_no_other() {
    let (service, mut handle) = tower_test::mock::pair::<http::Request<Body>, http::Response<Body>>();
    let client = Client::new(service, "ns");
    let known = Shared::new();
    let (sink, _sender) = events::sink(client.clone(), known.clone(), "me".to_owned());
    let watches = listed(&known, &[storage("bad", POISON), storage("good", 1), storage("other", 1)]);
    let mut shell = Shell::new(
        Engine::new(EngineConfig::new(glue::resolve, digest)),
        Executor::new(client.clone(), WalClient::new(client.clone()), known),
        Kubelets::new(client.clone(), client, None),
        sink,
        Metrics::new(),
        Arc::new(SystemTime::now),
    );
    let (lease, role) = watch::channel(Role::Follower);
    lease.send_replace(Role::Leader);
    let (_asks, asks) = mpsc::channel(1);
    let inputs = Inputs {
        watches: futures::stream::iter(watches).chain(futures::stream::pending()).boxed(),
        role,
        asks,
    };
    let server = async {
        let mut written = BTreeSet::new();
        while written.len() < 2 {
            let (request, reply) = handle.next_request().await.expect("a call");
            if *request.method() == http::Method::PATCH {
                written.insert(request.uri().path().to_owned());
            }
            let body = Body::from(json!({"kind": "Status", "code": 404}).to_string().into_bytes());
            reply.send_response(http::Response::builder().status(404).body(body).expect("a response"));
        }
        written
    };
    let written = tokio::select! {
        written = server => written,
        () = shell.run(inputs, pending()) => panic!("it was not told to stop"),
        () = tokio::time::sleep(Duration::from_mins(2)) => panic!("the others were not served"),
    };
    drop(lease);
    let status =
        |name: &str| format!("/apis/headroom.dev/v1alpha1/namespaces/ns/dynamicstorages/{name}/status");
    assert_eq!(written, BTreeSet::from([status("good"), status("other")]));
    let metrics = shell.metrics.encode(&shell.engine, 0);
    assert!(metrics.contains("headroom_internal_errors_total"), "{metrics}");
    assert!(!metrics.contains("headroom_internal_errors_total 0"), "{metrics}");
}

#[test]
fn a_wake_up_is_neither_a_spin_nor_for_ever() {
    let now = SystemTime::now();
    let until = |wake| until(wake, now);
    let later = |more: i64| Timestamp::from_unix(seconds(now).unix() + more);
    assert_eq!(until(None), Duration::from_mins(1));
    assert_eq!(until(Some(later(-100))), Duration::from_millis(5));
    assert_eq!(until(Some(Timestamp::from_unix(-1))), Duration::from_millis(5));
    assert_eq!(until(Some(later(3600))), Duration::from_mins(1));
    let soon = until(Some(later(10)));
    assert!(soon > Duration::from_secs(8) && soon <= Duration::from_secs(10), "{soon:?}");
}
