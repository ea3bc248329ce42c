//! `/metrics`, `/healthz` and `/readyz`. Every answer comes from the loop, so an answer proves that the loop turns.

use std::{net::SocketAddr, time::Duration};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::get,
};
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot},
};

/// How long the loop may take to answer. Its turns are milliseconds.
const LIMIT: Duration = Duration::from_secs(5);

/// A question to the loop.
#[derive(Debug)]
pub enum Ask {
    /// Are you there?
    Alive(oneshot::Sender<()>),
    /// Why are you not ready? Empty: it is.
    Ready(oneshot::Sender<Vec<String>>),
    /// The metrics as OpenMetrics text.
    Metrics(oneshot::Sender<String>),
}

/// Serves until the process ends.
///
/// # Errors
/// When the address cannot be listened on.
pub async fn listen(address: SocketAddr, asks: mpsc::Sender<Ask>) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind(address).await?;
    let bound = listener.local_addr()?;
    let router = Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(asks);
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!("the HTTP server ended: {error}");
        }
    });
    Ok(bound)
}

async fn healthz(State(asks): State<mpsc::Sender<Ask>>) -> Response {
    match ask(&asks, Ask::Alive).await {
        Some(()) => "ok\n".into_response(),
        None => silent(),
    }
}

async fn readyz(State(asks): State<mpsc::Sender<Ask>>) -> Response {
    match ask(&asks, Ask::Ready).await {
        Some(causes) if causes.is_empty() => "ok\n".into_response(),
        Some(causes) => (StatusCode::SERVICE_UNAVAILABLE, causes.join("\n") + "\n").into_response(),
        None => silent(),
    }
}

async fn metrics(State(asks): State<mpsc::Sender<Ask>>) -> Response {
    match ask(&asks, Ask::Metrics).await {
        Some(text) => ([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text)
            .into_response(),
        None => silent(),
    }
}

fn silent() -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, "the loop does not answer\n").into_response()
}

async fn ask<T>(asks: &mpsc::Sender<Ask>, question: impl FnOnce(oneshot::Sender<T>) -> Ask) -> Option<T> {
    let (reply, answer) = oneshot::channel();
    let exchange = async {
        asks.send(question(reply)).await.ok()?;
        answer.await.ok()
    };
    tokio::time::timeout(LIMIT, exchange).await.ok()?
}
