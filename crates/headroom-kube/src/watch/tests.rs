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

/// Performs a watch against a server that answers call after call by `answers`: path and query, then the body.
async fn conversation(answers: Vec<(&'static str, String)>, events: usize) -> Vec<Watched> {
    use kube::client::Body;
    let (service, mut handle) = tower_test::mock::pair::<http::Request<Body>, http::Response<Body>>();
    let server = tokio::spawn(async move {
        for (wanted, body) in answers {
            let (request, reply) = handle.next_request().await.expect("a call");
            let asked = request.uri().to_string();
            assert!(asked.contains(wanted), "{asked} instead of {wanted}");
            reply.send_response(http::Response::new(Body::from(body.into_bytes())));
        }
        handle
    });
    let api = collection::<Class>(Client::new(service, "default"), None);
    let stream = translated(watcher(api, pages(1)).default_backoff(), Shared::new());
    let events = stream.take(events).collect().await;
    drop(server.await.expect("the server ended"));
    events
}

/// A line of a watch as the API server writes it: the type comes first.
fn line(kind: &str, object: &serde_json::Value) -> String {
    format!("{{\"type\":\"{kind}\",\"object\":{object}}}\n")
}

fn page(name: &str, version: &str, next: &str) -> String {
    let item = json!({"metadata": {"name": name, "resourceVersion": version}});
    json!({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": version, "continue": next}, "items": [item]})
        .to_string()
}

#[tokio::test(start_paused = true)]
async fn a_watch_lists_by_pages_goes_on_from_bookmarks_and_lists_anew_when_it_has_expired() {
    let bookmark = line(
        "BOOKMARK",
        &json!({
        "kind": "StorageClass", "apiVersion": "storage.k8s.io/v1", "metadata": {"resourceVersion": "30"}}),
    );
    let odd = line(
        "ADDED",
        &json!({
        "metadata": {"name": "odd", "resourceVersion": "31"}, "allowVolumeExpansion": "perhaps"}),
    );
    let expired = line(
        "ERROR",
        &json!({
        "kind": "Status", "status": "Failure", "code": 410, "reason": "Expired", "message": "too old resource version"}),
    );
    let events = conversation(
        vec![
            ("limit=1", page("a", "10", "next")),
            ("continue=next", page("b", "20", "")),
            ("resourceVersion=20", bookmark),
            ("resourceVersion=30", odd + &expired),
            ("limit=1", page("b", "40", "")),
        ],
        9,
    )
    .await;
    let said: Vec<String> = events
        .iter()
        .map(|watched| match watched {
            Watched::Event(Event::ListBegan(_)) => "began".to_owned(),
            Watched::Event(Event::Seen(Seen::Class { name, .. })) => name.to_string(),
            Watched::Event(Event::ListDone(_)) => "done".to_owned(),
            Watched::Event(Event::Unreadable(..)) => "unreadable".to_owned(),
            Watched::Failed { words, .. } if words.contains("too old resource version") => {
                "expired".to_owned()
            }
            other => format!("{other:?}"),
        })
        .collect();
    assert_eq!(said, ["began", "a", "b", "done", "unreadable", "expired", "began", "b", "done"]);
}

#[tokio::test]
async fn an_operator_for_one_namespace_looks_at_no_other() {
    use kube::client::Body;
    async fn asked<T: Translate>(namespace: Option<&str>) -> String {
        let (service, mut handle) = tower_test::mock::pair::<http::Request<Body>, http::Response<Body>>();
        let api = collection::<T>(Client::new(service, "default"), namespace);
        let call = tokio::spawn(async move { api.list(&kube::api::ListParams::default()).await.map(drop) });
        let (request, _) = handle.next_request().await.expect("a call");
        call.abort();
        request.uri().path().to_owned()
    }
    assert_eq!(asked::<Claim>(None).await, "/api/v1/persistentvolumeclaims");
    assert_eq!(asked::<Claim>(Some("shop")).await, "/api/v1/namespaces/shop/persistentvolumeclaims");
    let storages = "/apis/headroom.dev/v1alpha1/namespaces/shop/dynamicstorages";
    assert_eq!(asked::<Storage>(Some("shop")).await, storages);
    assert_eq!(asked::<Class>(Some("shop")).await, "/apis/storage.k8s.io/v1/storageclasses");
}
