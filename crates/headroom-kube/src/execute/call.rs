//! The wire call itself.

use std::time::Duration;

use http_body_util::BodyExt as _;

use crate::{Client, words};

/// Methods in use. There is no PUT: nothing is replaced as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// GET.
    Get,
    /// PATCH with `application/json-patch+json` (RFC 6902).
    JsonPatch,
    /// PATCH with `application/merge-patch+json` (RFC 7386).
    MergePatch,
    /// POST of JSON.
    Post,
    /// DELETE with `DeleteOptions` of JSON.
    Delete,
}

/// One HTTP call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Method and content type.
    pub method: Method,
    /// Path and query.
    pub uri: String,
    /// JSON; empty for GET.
    pub body: String,
}

/// What became of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// An answer, complete.
    Answered {
        /// HTTP status.
        status: u16,
        /// `Retry-After` in seconds.
        retry_after_s: Option<u32>,
        /// The body.
        body: Vec<u8>,
    },
    /// Time-out, no connection, or the body was cut: it may or may not have been done. The words say which.
    Lost(String),
}

impl Call {
    fn into_http(self) -> Result<http::Request<kube::client::Body>, http::Error> {
        let (method, content_type) = match self.method {
            Method::Get => (http::Method::GET, None),
            Method::JsonPatch => (http::Method::PATCH, Some("application/json-patch+json")),
            Method::MergePatch => (http::Method::PATCH, Some("application/merge-patch+json")),
            Method::Post => (http::Method::POST, Some("application/json")),
            Method::Delete => (http::Method::DELETE, Some("application/json")),
        };
        let mut request = http::Request::builder()
            .method(method)
            .uri(self.uri)
            .header(http::header::ACCEPT, "application/json");
        if let Some(content_type) = content_type {
            request = request.header(http::header::CONTENT_TYPE, content_type);
        }
        request.body(kube::client::Body::from(self.body.into_bytes()))
    }
}

/// Sends one call, once.
pub async fn send(client: &Client, call: Call, limit: Duration) -> Outcome {
    let request = match call.into_http() {
        Ok(request) => request,
        Err(error) => return Outcome::Lost(format!("the request could not be built: {error}")),
    };
    let exchange = async {
        let response = client.send(request).await.map_err(|error| words::chain(&error))?;
        let (parts, body) = response.into_parts();
        let body = body
            .collect()
            .await
            .map_err(|error| format!("the answer was cut: {}", words::chain(&error)))?
            .to_bytes();
        Ok::<_, String>((parts, body))
    };
    match tokio::time::timeout(limit, exchange).await {
        Err(_) => Outcome::Lost(format!("no answer in {} s", limit.as_secs())),
        Ok(Err(words)) => Outcome::Lost(words),
        Ok(Ok((parts, body))) => Outcome::Answered {
            status: parts.status.as_u16(),
            retry_after_s: parts
                .headers
                .get(http::header::RETRY_AFTER)
                .and_then(|value| value.to_str().ok())
                .and_then(|text| text.trim().parse().ok()),
            body: body.to_vec(),
        },
    }
}
