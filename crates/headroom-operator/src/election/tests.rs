use std::sync::{Arc, Mutex};

use headroom_kube::{Client, lease::LeaseName};
use http_body_util::BodyExt as _;
use kube::client::Body;
use serde_json::{Value, json};

use super::*;

/// A Lease as an API server keeps it: one object, one counter, preconditions by version.
#[derive(Clone)]
struct Server(Arc<Mutex<State>>);

struct State {
    lease: Option<Value>,
    version: u64,
    silent: bool,
}

impl Server {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(State { lease: None, version: 0, silent: false })))
    }

    fn holder(&self) -> Option<String> {
        let state = self.0.lock().expect("not poisoned");
        state.lease.as_ref()?["spec"]["holderIdentity"].as_str().map(str::to_owned)
    }

    /// From now on nothing is answered.
    fn fall_silent(&self) {
        self.0.lock().expect("not poisoned").silent = true;
    }

    /// Somebody else writes the lease.
    fn usurp(&self, holder: &str) {
        let mut state = self.0.lock().expect("not poisoned");
        state.version += 1;
        let version = state.version.to_string();
        let lease = state.lease.as_mut().expect("a lease");
        lease["spec"]["holderIdentity"] = json!(holder);
        lease["metadata"]["resourceVersion"] = json!(version);
    }

    /// The answer to a call; `None`: none.
    fn answer(&self, method: &http::Method, body: &Value) -> Option<(u16, Value)> {
        let mut state = self.0.lock().expect("not poisoned");
        if state.silent {
            return None;
        }
        let next = (state.version + 1).to_string();
        let answer = match (method.as_str(), &mut state.lease) {
            ("GET", Some(lease)) => return Some((200, lease.clone())),
            (_, None) if *method != http::Method::POST => return Some((404, json!({}))),
            ("PATCH", Some(lease))
                if body["metadata"]["resourceVersion"] == lease["metadata"]["resourceVersion"] =>
            {
                for (field, value) in body["spec"].as_object().expect("a spec") {
                    lease["spec"][field] = value.clone();
                }
                lease["metadata"]["resourceVersion"] = json!(next);
                (200, lease.clone())
            }
            ("POST" | "PATCH", Some(_)) => return Some((409, json!({}))),
            _ => {
                let mut lease = body.clone();
                lease["metadata"]["resourceVersion"] = json!(next);
                state.lease = Some(lease.clone());
                (201, lease)
            }
        };
        state.version += 1;
        Some(answer)
    }

    /// A candidate of its own with a client of its own.
    fn candidate(&self, identity: &str) -> Election {
        let (service, mut handle) = tower_test::mock::pair::<http::Request<Body>, http::Response<Body>>();
        let server = self.clone();
        tokio::spawn(async move {
            let mut unanswered = Vec::new();
            while let Some((request, reply)) = handle.next_request().await {
                let (parts, body) = request.into_parts();
                let body = body.collect().await.expect("a body").to_bytes();
                let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
                match server.answer(&parts.method, &body) {
                    None => unanswered.push(reply),
                    Some((status, body)) => {
                        let body = Body::from(body.to_string().into_bytes());
                        reply.send_response(
                            http::Response::builder().status(status).body(body).expect("a response"),
                        );
                    }
                }
            }
        });
        let name = LeaseName { namespace: "ns".into(), name: "headroom".into(), identity: identity.into() };
        Election::start(LeaseStore::new(
            Client::new(service, "ns"),
            name,
            headroom_kube::lease::LeaseTimes::default(),
        ))
    }
}

/// Waits until `election` has `role`; says after how many seconds.
async fn becomes(election: &mut Election, role: Role) -> u64 {
    let begun = Instant::now();
    election.role.wait_for(|now| *now == role).await.expect("the election runs");
    begun.elapsed().as_secs()
}

#[tokio::test(start_paused = true)]
async fn the_first_one_leads_at_once() {
    let server = Server::new();
    let mut first = server.candidate("a");
    assert_eq!(becomes(&mut first, Role::Leader).await, 0);
    assert_eq!(server.holder().as_deref(), Some("a"));
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_given_back_is_taken_at_the_next_attempt() {
    let server = Server::new();
    let mut first = server.candidate("a");
    becomes(&mut first, Role::Leader).await;
    let mut second = server.candidate("b");
    tokio::time::sleep(Duration::from_mins(2)).await;
    assert_eq!(*second.role.borrow(), Role::Follower, "the holder renews");
    first.stop().await;
    assert!(becomes(&mut second, Role::Leader).await <= 2);
    assert_eq!(server.holder().as_deref(), Some("b"));
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_vanished_is_waited_for() {
    let server = Server::new();
    let mut first = server.candidate("a");
    becomes(&mut first, Role::Leader).await;
    first.task.abort();
    let mut second = server.candidate("b");
    let waited = becomes(&mut second, Role::Leader).await;
    assert!((15..=18).contains(&waited), "{waited} s");
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_cannot_renew_stops_before_others_may_start() {
    let server = Server::new();
    let mut first = server.candidate("a");
    becomes(&mut first, Role::Leader).await;
    server.fall_silent();
    let held = becomes(&mut first, Role::Follower).await;
    assert!(held <= 10, "{held} s");
}

#[tokio::test(start_paused = true)]
async fn a_holder_whose_lease_was_taken_stops() {
    let server = Server::new();
    let mut first = server.candidate("a");
    becomes(&mut first, Role::Leader).await;
    server.usurp("b");
    assert!(becomes(&mut first, Role::Follower).await <= 3);
    assert_eq!(server.holder().as_deref(), Some("b"), "it is not taken back");
}

#[tokio::test(start_paused = true)]
async fn a_process_that_comes_back_under_its_name_need_not_wait() {
    let server = Server::new();
    let mut first = server.candidate("a");
    becomes(&mut first, Role::Leader).await;
    first.task.abort();
    let mut again = server.candidate("a");
    assert!(becomes(&mut again, Role::Leader).await <= 1);
}
