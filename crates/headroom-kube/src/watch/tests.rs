use futures::StreamExt as _;
use headroom_core::names::ObjectName;
use headroom_engine::Seen;
use kube::core::Status;
use serde_json::json;

use super::*;

fn class(name: &str) -> Slim<Class> {
    let text = json!({"metadata": {"name": name, "resourceVersion": "1"}}).to_string();
    serde_json::from_str(&text).expect("a class")
}

fn odd_cluster() -> Slim<Cluster> {
    let text =
        json!({"metadata": {"name": "pg", "namespace": "ns", "resourceVersion": "1"}, "spec": 7}).to_string();
    serde_json::from_str(&text).expect("metadata")
}

async fn collect<T: Translate>(items: Vec<watcher::Result<watcher::Event<Slim<T>>>>) -> Vec<Watched> {
    translated(futures::stream::iter(items), Shared::new()).collect().await
}

#[tokio::test]
async fn a_list_begins_names_its_objects_and_is_done() {
    let events = collect::<Class>(vec![
        Ok(watcher::Event::Init),
        Ok(watcher::Event::InitApply(class("fast"))),
        Ok(watcher::Event::InitDone),
        Ok(watcher::Event::Delete(class("fast"))),
    ])
    .await;
    let fast = || ObjectName::from("fast");
    let [began, seen, done, gone] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(began, &Watched::Event(Event::ListBegan(Kind::Class)));
    assert_eq!(seen, &Watched::Event(Event::Seen(Seen::Class { name: fast(), expandable: false })));
    assert_eq!(done, &Watched::Event(Event::ListDone(Kind::Class)));
    assert!(
        matches!(gone, Watched::Event(Event::Gone(Kind::Class, _, name, _)) if *name == fast()),
        "{gone:?}"
    );
}

#[tokio::test]
async fn an_object_that_cannot_be_read_is_followed_by_the_next() {
    let events = collect::<Cluster>(vec![
        Ok(watcher::Event::Apply(odd_cluster())),
        Ok(watcher::Event::Delete(odd_cluster())),
    ])
    .await;
    assert!(matches!(events[0], Watched::Event(Event::Unreadable(Kind::Cluster, ..))), "{events:?}");
    assert!(matches!(events[1], Watched::Event(Event::Gone(Kind::Cluster, ..))), "{events:?}");
}

/// The words for a list that was refused with this code.
#[track_caller]
fn refused<T: Translate>(code: u16, expected: &str) {
    let status = Status { code, message: "the server's words".to_owned(), ..Status::default() };
    let words = describe::<T>(&watcher::Error::InitialListFailed(kube::Error::Api(Box::new(status))));
    assert!(words.contains(expected), "{words}");
}

#[test]
fn a_watch_that_cannot_be_says_the_next_step() {
    refused::<Storage>(404, "headroom crd | kubectl apply");
    refused::<Cluster>(404, "install CloudNativePG");
    refused::<Claim>(403, "persistentvolumeclaims; next: apply deploy/operator");
    refused::<Claim>(403, "the server's words");
    refused::<Pod>(401, "credentials");
    refused::<Pod>(500, "watching pods");
}

#[test]
fn a_lost_connection_is_told_with_its_cause() {
    let cause = std::io::Error::new(std::io::ErrorKind::ConnectionRefused, "connection refused");
    let words = describe::<Pod>(&watcher::Error::WatchFailed(kube::Error::ReadEvents(cause)));
    assert!(words.starts_with("watching pods: ") && words.contains("connection refused"), "{words}");
}
