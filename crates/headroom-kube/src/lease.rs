//! Who may write: a Lease of `coordination.k8s.io`.
//!
//! The lease only saves work; correctness rests on the preconditions of each write. So it is small: read, create, and
//! replace by a merge patch that names the version which was read.

use std::time::Duration;

use headroom_api::FIELD_MANAGER;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    Client,
    execute::{Call, Method, Outcome, send},
    slim::{self, Slim, Wire},
};

/// Which Lease, and whose name goes into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseName {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// `holderIdentity`: unique per process.
    pub identity: String,
}

/// Times of the lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseTimes {
    /// Others may take it when it was not renewed for this long.
    pub duration: Duration,
    /// The holder stops writing when it could not renew for this long; less than `duration`.
    pub deadline: Duration,
    /// Pause between attempts.
    pub retry: Duration,
}

impl Default for LeaseTimes {
    /// 15 s, 10 s, 2 s: those of Kubernetes' own controllers.
    fn default() -> Self {
        Self {
            duration: Duration::from_secs(15),
            deadline: Duration::from_secs(10),
            retry: Duration::from_secs(2),
        }
    }
}

/// A Lease as it was read.
#[derive(Clone, Debug, Deserialize)]
pub struct Lease {
    spec: Option<Spec>,
}

/// `spec`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    holder_identity: Option<String>,
    lease_duration_seconds: Option<i64>,
    acquire_time: Option<String>,
    renew_time: Option<String>,
    lease_transitions: Option<i64>,
}

impl Wire for Lease {
    const GROUP: &'static str = "coordination.k8s.io";
    const VERSION: &'static str = "v1";
    const KIND: &'static str = "Lease";
    const PLURAL: &'static str = "leases";
}

/// What is in the Lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// `resourceVersion`.
    pub version: String,
    /// Who holds it; `None` when it was released.
    pub holder: Option<String>,
    /// `leaseTransitions`.
    pub transitions: i64,
    /// How long its holder says it lasts.
    pub duration: Duration,
}

/// Why the lease could not be read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LeaseError {
    /// Somebody else wrote it meanwhile.
    #[error("another operator wrote the lease first")]
    Conflict,
    /// It is not there.
    #[error("there is no lease yet")]
    Missing,
    /// Refused.
    #[error(
        "the API server refuses the lease ({code}): {words}; headroom's account needs get, create and patch on leases in its own namespace"
    )]
    Refused {
        /// HTTP status.
        code: u16,
        /// The server's words.
        words: String,
    },
    /// No answer, or one that cannot be read.
    #[error("the lease's state is unknown: {0}")]
    Unknown(String),
}

/// Reads and writes one Lease.
#[derive(Clone)]
pub struct LeaseStore {
    client: Client,
    name: LeaseName,
    times: LeaseTimes,
}

impl LeaseStore {
    /// A store; nothing is called yet.
    pub fn new(client: Client, name: LeaseName, times: LeaseTimes) -> Self {
        Self { client, name, times }
    }

    /// Our name in the lease.
    pub fn identity(&self) -> &str {
        &self.name.identity
    }

    /// The times in use.
    pub fn times(&self) -> LeaseTimes {
        self.times
    }

    /// Reads the lease from the quorum.
    ///
    /// # Errors
    /// See [`LeaseError`].
    pub async fn read(&self) -> Result<Held, LeaseError> {
        self.call(Method::Get, self.path(true), String::new()).await
    }

    /// Creates the lease, held by us.
    ///
    /// # Errors
    /// [`LeaseError::Conflict`] when it exists.
    pub async fn create(&self, now: Timestamp) -> Result<Held, LeaseError> {
        let body = json!({
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": self.name.name, "namespace": self.name.namespace},
            "spec": {
                "holderIdentity": self.name.identity,
                "leaseDurationSeconds": self.times.duration.as_secs(),
                "acquireTime": micro(now),
                "renewTime": micro(now),
                "leaseTransitions": 0,
            },
        });
        self.call(Method::Post, self.path(false), body.to_string()).await
    }

    /// Takes the lease from whoever held it at `held.version`.
    ///
    /// # Errors
    /// [`LeaseError::Conflict`] when it was written since.
    pub async fn take(&self, held: &Held, now: Timestamp) -> Result<Held, LeaseError> {
        self.patch(
            held,
            &json!({
                "holderIdentity": self.name.identity,
                "leaseDurationSeconds": self.times.duration.as_secs(),
                "acquireTime": micro(now),
                "renewTime": micro(now),
                "leaseTransitions": held.transitions.saturating_add(1),
            }),
        )
        .await
    }

    /// Says that we still hold it.
    ///
    /// # Errors
    /// [`LeaseError::Conflict`] when it was written since.
    pub async fn renew(&self, held: &Held, now: Timestamp) -> Result<Held, LeaseError> {
        self.patch(held, &json!({"renewTime": micro(now)})).await
    }

    /// Gives it back, so that the next one need not wait.
    ///
    /// # Errors
    /// [`LeaseError::Conflict`] when it was written since: then it is not ours any more.
    pub async fn release(&self, held: &Held, now: Timestamp) -> Result<Held, LeaseError> {
        self.patch(held, &json!({"holderIdentity": null, "leaseDurationSeconds": 1, "renewTime": micro(now)}))
            .await
    }

    async fn patch(&self, held: &Held, spec: &serde_json::Value) -> Result<Held, LeaseError> {
        let body = json!({"metadata": {"resourceVersion": held.version}, "spec": spec});
        self.call(Method::MergePatch, self.path(true), body.to_string()).await
    }

    fn path(&self, named: bool) -> String {
        slim::path::<Lease>(&self.name.namespace, named.then_some(self.name.name.as_str()))
    }

    async fn call(&self, method: Method, path: String, body: String) -> Result<Held, LeaseError> {
        let uri = match method {
            Method::Get | Method::Delete => path,
            Method::Post | Method::MergePatch | Method::JsonPatch => {
                format!("{path}?fieldManager={FIELD_MANAGER}")
            }
        };
        // An attempt never outlives the pause to the next but one.
        let limit = self.times.deadline.div_f64(2.0);
        match send(&self.client, Call { method, uri, body }, limit).await {
            Outcome::Lost(words) => Err(LeaseError::Unknown(words)),
            Outcome::Answered { status: 200..=299, body, .. } => held(&body),
            Outcome::Answered { status: 404, .. } => Err(LeaseError::Missing),
            Outcome::Answered { status: 409, .. } => Err(LeaseError::Conflict),
            Outcome::Answered { status, body, .. } => {
                let words = serde_json::from_slice::<kube::core::Status>(&body).map(|status| status.message);
                Err(LeaseError::Refused { code: status, words: words.unwrap_or_default() })
            }
        }
    }
}

fn held(body: &[u8]) -> Result<Held, LeaseError> {
    let unknown = |words: String| LeaseError::Unknown(words);
    let object: Slim<Lease> = serde_json::from_slice(body).map_err(|error| unknown(error.to_string()))?;
    let (head, lease) = object.into_parts();
    let spec = lease.map_err(unknown)?.spec;
    let seconds = spec.as_ref().and_then(|spec| spec.lease_duration_seconds).unwrap_or(0);
    Ok(Held {
        version: head.resource_version,
        holder: spec.as_ref().and_then(|spec| spec.holder_identity.clone()).filter(|name| !name.is_empty()),
        transitions: spec.and_then(|spec| spec.lease_transitions).unwrap_or(0),
        duration: Duration::from_secs(u64::try_from(seconds).unwrap_or(0)),
    })
}

/// `metav1.MicroTime`.
fn micro(time: Timestamp) -> String {
    format!("{time:.6}")
}
