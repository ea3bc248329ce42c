//! The API server that the tests talk to, and what they put there.

mod kubelet;
mod objects;
mod operator;

use std::{env, path::PathBuf, time::Duration};

use headroom_kube::{Client, Config, connect};
use http_body_util::BodyExt as _;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::sync::{OnceCell, RwLock};

pub(crate) use kubelet::{FakeKubelet, Volume};
pub(crate) use objects::{World, manifest, place};
pub(crate) use operator::Operator;

/// The account of `deploy/operator`.
pub(crate) const ACCOUNT: &str = "system:serviceaccount:headroom-system:headroom";

/// How long anything may take that happens by itself.
const PATIENCE: Duration = Duration::from_mins(1);

/// An operator sees every namespace. A test that runs one takes this for writing, a test whose DynamicStorage nobody else
/// may write takes it for reading.
pub(crate) static OPERATORS: RwLock<()> = RwLock::const_new(());

/// A client with all rights.
#[derive(Clone)]
pub(crate) struct Tier {
    client: Client,
    /// The kubeconfig with all rights.
    pub(crate) kubeconfig: PathBuf,
}

/// The tier, with headroom's CRD, rights and a Cluster CRD in place; `None`, said aloud, where there is none.
///
/// # Panics
/// In CI when the variable is missing: nothing passes there by skipping.
pub(crate) async fn tier() -> Option<Tier> {
    static INSTALLED: OnceCell<()> = OnceCell::const_new();
    let Some(kubeconfig) = env::var_os("HEADROOM_API_TIER_KUBECONFIG").map(PathBuf::from) else {
        assert!(env::var_os("CI").is_none(), "CI must set HEADROOM_API_TIER_KUBECONFIG");
        eprintln!(
            "skipped: HEADROOM_API_TIER_KUBECONFIG is not set; see `cargo lab up --control-plane-only`"
        );
        return None;
    };
    // Tests of one process share the provider; the second installation changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = connect::config(Some(&kubeconfig), None).await.expect("a kubeconfig");
    let tier = Tier { client: connect::api_client(config).expect("a client"), kubeconfig };
    INSTALLED.get_or_init(|| objects::install(&tier)).await;
    Some(tier)
}

impl Tier {
    /// The same API server with the rights of headroom's account.
    pub(crate) async fn as_account(&self) -> Self {
        let client = connect::api_client(self.config_as(ACCOUNT).await).expect("a client");
        Self { client, kubeconfig: self.kubeconfig.clone() }
    }

    /// One call; status and JSON.
    pub(crate) async fn call(
        &self,
        method: &str,
        path: &str,
        content_type: &str,
        body: &Value,
    ) -> (u16, Value) {
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header(http::header::CONTENT_TYPE, content_type)
            .body(Body::from(if body.is_null() { Vec::new() } else { body.to_string().into_bytes() }))
            .expect("a request");
        let response = self.client.send(request).await.expect("an answer");
        let status = response.status().as_u16();
        let bytes = response.into_body().collect().await.expect("a body").to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    /// Reads an object that is there.
    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> impl Future<Output = Value> {
        let place = std::panic::Location::caller();
        async move {
            let (status, body) = self.call("GET", path, "application/json", &Value::Null).await;
            assert_eq!(status, 200, "GET {path} at {place}: {body}");
            body
        }
    }

    /// Creates an object in the collection at `path`.
    #[track_caller]
    pub(crate) fn create(&self, path: &str, body: &Value) -> impl Future<Output = Value> {
        let place = std::panic::Location::caller();
        async move {
            let (status, answer) = self.call("POST", path, "application/json", body).await;
            assert_eq!(status, 201, "POST {path} at {place}: {answer}");
            answer
        }
    }

    /// Changes an object by merge patch.
    #[track_caller]
    pub(crate) fn patch(&self, path: &str, body: &Value) -> impl Future<Output = Value> {
        let place = std::panic::Location::caller();
        async move {
            let (status, answer) = self.call("PATCH", path, "application/merge-patch+json", body).await;
            assert_eq!(status, 200, "PATCH {path} at {place}: {answer}");
            answer
        }
    }

    /// Server-side apply: creates or replaces what this test owns of the object.
    pub(crate) async fn apply(&self, path: &str, body: &Value) {
        let path = format!("{path}?fieldManager=api-tier&force=true");
        let (status, answer) = self.call("PATCH", &path, "application/apply-patch+yaml", body).await;
        assert!((200..300).contains(&status), "apply {path}: {answer}");
    }

    /// Reads the object at `path` until `wanted` holds of it.
    ///
    /// # Panics
    /// After a minute, with the object as it was last.
    pub(crate) async fn until(&self, path: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let end = tokio::time::Instant::now() + PATIENCE;
        loop {
            let (_, object) = self.call("GET", path, "application/json", &Value::Null).await;
            if wanted(&object) {
                return object;
            }
            assert!(tokio::time::Instant::now() < end, "not in time: {what}; {path} is {object:#}");
            // The API server offers no wait on an arbitrary condition.
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// A namespace of this name that is empty: one of a former run is left behind under another name.
    pub(crate) async fn namespace(&self, prefix: &str) -> String {
        let body = json!({"metadata": {"generateName": format!("{prefix}-")}});
        let answer = self.create("/api/v1/namespaces", &body).await;
        answer["metadata"]["name"].as_str().expect("a name").to_owned()
    }

    /// The configuration of this tier as another user.
    pub(crate) async fn config_as(&self, user: &str) -> Config {
        let mut config = connect::config(Some(&self.kubeconfig), None).await.expect("a kubeconfig");
        config.auth_info.impersonate = Some(user.to_owned());
        config
    }
}
