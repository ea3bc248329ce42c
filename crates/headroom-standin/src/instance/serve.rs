//! The status endpoint on port 8000: probes, and what the server says of itself. TLS with a certificate of this start's
//! own; whoever asks does not verify it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::http::{StatusCode, header::CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::{Identity, facts, sql};
use crate::names::STATUS_PORT;

/// How long a client may take to begin.
const HANDSHAKE: Duration = Duration::from_secs(2);

/// Serves until the process ends.
pub(super) async fn serve(identity: &Identity) -> Result<()> {
    let made =
        rcgen::generate_simple_self_signed([identity.instance.clone()]).context("making a certificate")?;
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der())
        .map_err(|words| anyhow::anyhow!("the key of the status endpoint: {words}"))?;
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .context("setting up TLS")?;
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, STATUS_PORT))
        .await
        .with_context(|| format!("listening on port {STATUS_PORT}"))?;
    let listener = Tls { listener, acceptor: TlsAcceptor::from(Arc::new(config)) };
    let instance = identity.instance.clone();
    let routes = Router::new()
        .route("/healthz", get(|| async { StatusCode::OK }))
        .route("/startupz", get(probe))
        .route("/readyz", get(probe))
        .route("/pg/status", get(move || status(instance.clone())));
    axum::serve(listener, routes).await.context("serving the status endpoint")
}

async fn probe() -> StatusCode {
    if sql::is_ready().await { StatusCode::OK } else { StatusCode::INTERNAL_SERVER_ERROR }
}

async fn status(instance: String) -> Response {
    match facts::read().await {
        Ok(mut facts) => {
            facts["pod"] = serde_json::json!({"name": instance});
            facts["instanceManagerVersion"] = serde_json::json!(crate::objects::version());
            ([(CONTENT_TYPE, "application/json")], facts.to_string()).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}")).into_response(),
    }
}

/// Accepts TLS connections.
struct Tls {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl axum::serve::Listener for Tls {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, address) = axum::serve::Listener::accept(&mut self.listener).await;
            // A client that does not speak TLS is its own business.
            if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, self.acceptor.accept(stream)).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}
