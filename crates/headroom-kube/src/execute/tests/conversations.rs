//! Whole conversations with a client: what goes over the wire, and that it goes once.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use headroom_core::{Action, Timestamp, observation::ObstacleCause};
use headroom_engine::{Refusal, Request, Response};
use http_body_util::BodyExt as _;
use kube::client::Body;

use super::{super::Executor, *};
use crate::{Client, wal::WalClient};

type Handle = tower_test::mock::Handle<http::Request<Body>, http::Response<Body>>;

fn executor() -> (Executor, Handle) {
    let (service, handle) = tower_test::mock::pair::<http::Request<Body>, http::Response<Body>>();
    let client = Client::new(service, "default");
    (Executor::new(client.clone(), WalClient::new(client), shared()), handle)
}

/// Performs `request` against a server that answers each call by `answer`; says how many calls there were.
async fn converse(
    request: Request,
    answer: impl Fn(&http::request::Parts, &Value) -> http::Response<Body> + Send + 'static,
) -> (Response, u32) {
    let (executor, mut handle) = executor();
    let calls = Arc::new(AtomicU32::new(0));
    let counted = calls.clone();
    let server = tokio::spawn(async move {
        while let Some((request, reply)) = handle.next_request().await {
            counted.fetch_add(1, Ordering::Relaxed);
            let (parts, body) = request.into_parts();
            let body = body.collect().await.expect("a body").to_bytes();
            let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
            reply.send_response(answer(&parts, &body));
        }
    });
    let response = executor.execute(&request, Timestamp::from_unix(1_795_420_800)).await;
    drop(executor);
    server.await.expect("the server ended");
    (response, calls.load(Ordering::Relaxed))
}

fn respond(status: u16, body: &Value) -> http::Response<Body> {
    http::Response::builder()
        .status(status)
        .body(Body::from(body.to_string().into_bytes()))
        .expect("a response")
}

#[tokio::test]
async fn a_growth_is_one_call_with_the_right_content_type() {
    let (response, calls) = converse(Request::Do(key(), Action::Resize(resize())), |parts, body| {
        assert_eq!(parts.method, http::Method::PATCH);
        assert_eq!(parts.headers[http::header::CONTENT_TYPE], "application/json-patch+json");
        assert_eq!(body[2]["value"], "2Gi");
        respond(409, &json!({"kind": "Status", "code": 409}))
    })
    .await;
    assert_eq!((response, calls), (Response::Refused(Refusal::Conflict), 1));
}

#[tokio::test]
async fn what_the_server_throttles_is_not_sent_again() {
    let (response, calls) = converse(Request::Do(key(), Action::Resize(resize())), |_, _| {
        let mut response = respond(429, &json!({"kind": "Status", "code": 429, "message": "slow down"}));
        response.headers_mut().insert(http::header::RETRY_AFTER, http::HeaderValue::from_static("9"));
        response
    })
    .await;
    let Response::Refused(Refusal::Because { cause, words, retry_after_s }) = response else {
        panic!("not refused")
    };
    assert_eq!((cause, words.as_str(), retry_after_s), (ObstacleCause::Throttled, "slow down", Some(9)));
    assert_eq!(calls, 1);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers_leaves_the_outcome_unknown() {
    let (executor, mut handle) = executor();
    let request = Request::Do(key(), Action::Resize(resize()));
    let begun = tokio::time::Instant::now();
    let execution = executor.execute(&request, Timestamp::from_unix(0));
    let (response, held) = tokio::join!(execution, handle.next_request());
    assert_eq!(response, Response::Unknown);
    assert!(held.is_some(), "the call was made");
    assert_eq!(begun.elapsed(), Duration::from_secs(10));
}

#[tokio::test]
async fn a_connection_that_breaks_leaves_the_outcome_unknown() {
    let (executor, mut handle) = executor();
    let server = tokio::spawn(async move {
        let (_, reply) = handle.next_request().await.expect("a call");
        reply.send_error("connection reset");
    });
    let response =
        executor.execute(&Request::Do(key(), Action::Resize(resize())), Timestamp::from_unix(0)).await;
    server.await.expect("the server ended");
    assert_eq!(response, Response::Unknown);
}

#[tokio::test]
async fn a_quorum_read_makes_its_four_calls_side_by_side() {
    let (executor, mut handle) = executor();
    let server = tokio::spawn(async move {
        let mut open = Vec::new();
        // All four are open before the first is answered.
        for _ in 0..4 {
            let (request, reply) = handle.next_request().await.expect("a call");
            open.push((request.uri().path().to_owned(), reply));
        }
        for (path, reply) in open {
            if path.ends_with("/pg") {
                reply.send_response(respond(404, &json!({"kind": "Status", "code": 404})));
            } else {
                reply.send_response(respond(200, &json!({"items": []})));
            }
        }
    });
    let response = executor.execute(&Request::ReadCluster(key()), Timestamp::from_unix(0)).await;
    server.await.expect("the server ended");
    assert_eq!(response, Response::Read(Vec::new()));
}

#[tokio::test]
async fn a_conflict_that_is_known_before_costs_no_call() {
    let request = Request::Do(key(), Action::AddFinalizer(id("pg", "storage-uid"), Version::from("1")));
    let (response, calls) = converse(request, |_, _| respond(500, &Value::Null)).await;
    assert_eq!((response, calls), (Response::Refused(Refusal::Conflict), 0));
}
