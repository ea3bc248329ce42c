//! The webhook: holds its answer while a gate is held, and lets the write pass once it is released.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    routing::post,
    serve::Listener,
};
use headroom_scenario::Gate;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivatePkcs8KeyDer},
    },
    server::TlsStream,
};

use super::{
    holds::Holds,
    review::{self, Write},
};

/// The longest that an answer is held: less than the 30 s after which the API server would fail open. A client gives up
/// earlier (headroom after 10 s), which ends the question; what comes back is asked anew.
const PATIENCE: Duration = Duration::from_secs(25);
/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// The gates of all namespaces, shared by the webhook and the scenarios.
#[derive(Clone)]
pub(crate) struct Gates {
    shared: Arc<Shared>,
}

struct Shared {
    namespaces: Mutex<BTreeMap<String, Holds>>,
    /// Sent to after every change; those who wait look again.
    changed: watch::Sender<()>,
}

impl Gates {
    /// No gate is held.
    pub(crate) fn new() -> Self {
        Self { shared: Arc::new(Shared { namespaces: Mutex::default(), changed: watch::Sender::new(()) }) }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Holds>> {
        // Plain values that no panic can leave half-changed.
        self.shared.namespaces.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the gates of a namespace or changes them, and wakes who waits at them.
    pub(crate) fn with<T>(&self, namespace: &str, act: impl FnOnce(&mut Holds) -> T) -> T {
        let done = act(self.lock().entry(namespace.to_owned()).or_default());
        self.shared.changed.send_replace(());
        done
    }

    /// Whether a write has come to the gate.
    pub(crate) fn reached(&self, namespace: &str, gate: Gate) -> bool {
        self.lock().get(namespace).is_some_and(|holds| holds.reached(gate))
    }

    /// How many probes have come by.
    pub(crate) fn probes(&self, namespace: &str) -> u64 {
        self.lock().get(namespace).map_or(0, |holds| holds.probes)
    }

    /// Forgets a namespace; what waits there passes.
    pub(crate) fn forget(&self, namespace: &str) {
        self.lock().remove(namespace);
        self.shared.changed.send_replace(());
    }

    /// Waits while a gate holds the write, at most so long; whether it may pass.
    pub(super) async fn pass(&self, namespace: &str, write: &Write, patience: Duration) -> bool {
        let mut changed = self.shared.changed.subscribe();
        let deadline = Instant::now() + patience;
        while self.lock().get_mut(namespace).is_some_and(|holds| holds.stops(write)) {
            match tokio::time::timeout_at(deadline, changed.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return false,
            }
        }
        true
    }
}

/// Answers one AdmissionReview.
async fn answer(
    State(gates): State<Gates>,
    Path(namespace): Path<String>,
    body: String,
) -> Result<([(&'static str, &'static str); 1], String), StatusCode> {
    let value: Value = serde_json::from_str(&body).map_err(|_| StatusCode::BAD_REQUEST)?;
    let review = review::read(&value).ok_or(StatusCode::BAD_REQUEST)?;
    let answer = if review.dry_run {
        gates.with(&namespace, |holds| holds.probes += 1);
        review::allowed(&review.uid)
    } else if gates.pass(&namespace, &review.write, PATIENCE).await {
        review::allowed(&review.uid)
    } else {
        review::timed_out(&review.uid)
    };
    Ok(([("content-type", "application/json")], answer.to_string()))
}

/// A certificate for the loopback: what the API server is told to trust, and what is served with.
pub(crate) struct Identity {
    /// For `caBundle`.
    pub(crate) pem: String,
    acceptor: TlsAcceptor,
}

impl Identity {
    /// A fresh one.
    ///
    /// # Errors
    /// When it cannot be made; in words.
    pub(crate) fn new() -> Result<Self, String> {
        let made = rcgen::generate_simple_self_signed([Ipv4Addr::LOCALHOST.to_string()])
            .map_err(|error| error.to_string())?;
        let chain = vec![CertificateDer::from(made.cert.der().to_vec())];
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key.into()))
            .map_err(|error| error.to_string())?;
        Ok(Self { pem: made.cert.pem(), acceptor: TlsAcceptor::from(Arc::new(config)) })
    }
}

/// Serves on this listener for ever.
pub(crate) async fn serve(listener: TcpListener, identity: Identity, gates: Gates) {
    let app = Router::new().route("/{namespace}", post(answer)).with_state(gates);
    // It ends only with the runtime: the listener retries by itself.
    let _ = axum::serve(Tls { listener, acceptor: identity.acceptor }, app).await;
}

struct Tls {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for Tls {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, from) = Listener::accept(&mut self.listener).await;
            // A caller that does not speak TLS is not the API server.
            if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, self.acceptor.accept(stream)).await {
                return (stream, from);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}
