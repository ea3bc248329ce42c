//! Clients: for the API server, the kubelets and the instances.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use hyper_util::{client::legacy, rt::TokioExecutor};
use kube::{
    Client, Config,
    client::{Body, ClientBuilder, ConfigExt as _},
    config::{KubeConfigOptions, Kubeconfig},
};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(5);

/// Why no client could be made.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Neither a kubeconfig nor a service account was found.
    #[error(
        "no cluster is configured: {0}; run inside a pod with a service account, or give --kubeconfig FILE or set KUBECONFIG"
    )]
    Nowhere(String),
    /// The kubeconfig cannot be used.
    #[error("the kubeconfig cannot be used: {0}; check the file with `kubectl config view`")]
    Kubeconfig(#[from] kube::config::KubeconfigError),
    /// The configuration makes no client.
    #[error("no client can be made from the configuration: {0}")]
    Client(#[source] Box<kube::Error>),
    /// A certificate authority cannot be read.
    #[error(
        "{path} cannot be read as PEM certificates: {words}; give a file with the authority of the kubelets' certificates"
    )]
    Authority {
        /// The file.
        path: PathBuf,
        /// Why.
        words: String,
    },
}

impl From<kube::Error> for ConnectError {
    fn from(error: kube::Error) -> Self {
        Self::Client(Box::new(error))
    }
}

/// How to reach the API server: `kubeconfig` if given, else as every Kubernetes client (`KUBECONFIG`, the default
/// kubeconfig, the pod's service account).
///
/// The client's own repetition of 429, 503 and 504 is switched off: each request is one wire call, and what a refusal
/// means is the engine's to decide.
///
/// # Errors
/// When nothing is configured or the file cannot be used.
pub async fn config(kubeconfig: Option<&PathBuf>, context: Option<&str>) -> Result<Config, ConnectError> {
    let options = KubeConfigOptions { context: context.map(str::to_owned), ..KubeConfigOptions::default() };
    let mut config = match kubeconfig {
        Some(path) => Config::from_custom_kubeconfig(Kubeconfig::read_from(path)?, &options).await?,
        None if context.is_some() => Config::from_kubeconfig(&options).await?,
        None => Config::infer().await.map_err(|error| ConnectError::Nowhere(error.to_string()))?,
    };
    config.default_retry = false;
    config.connect_timeout = Some(CONNECT);
    Ok(config)
}

/// A client for the API server.
///
/// # Errors
/// When the configuration is not usable (certificates, authentication plugin).
pub fn api_client(config: Config) -> Result<Client, ConnectError> {
    Ok(Client::try_from(config)?)
}

/// Called for every bookmark of a watch.
pub type Beat = Arc<dyn Fn() + Send + Sync>;

/// A client for watches that calls `beat` for every bookmark.
///
/// # Errors
/// When the configuration is not usable.
pub fn watch_client(config: &Config, beat: Beat) -> Result<Client, ConnectError> {
    Ok(listening(ClientBuilder::try_from(config.clone())?, beat))
}

/// Makes the client for watches. The watch runtime uses bookmarks itself and passes none on, but they are the sign that a
/// quiet watch still stands.
pub fn listening<S, B>(builder: ClientBuilder<S>, beat: Beat) -> Client
where
    S: tower::Service<http::Request<Body>, Response = http::Response<B>> + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<tower::BoxError>,
    B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
    B::Error: Into<tower::BoxError>,
{
    let listen = tower::util::MapResponseLayer::new(move |response: http::Response<B>| {
        let beat = beat.clone();
        response.map(|body| {
            http_body_util::BodyExt::map_frame(body, move |frame| {
                if frame.data_ref().is_some_and(|data| data.starts_with(BOOKMARK)) {
                    beat();
                }
                frame
            })
        })
    });
    builder.with_layer(&listen).build()
}

/// How a line of a watch begins that is a bookmark.
const BOOKMARK: &[u8] = br#"{"type":"BOOKMARK""#;

/// How a kubelet's certificate is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KubeletTrust {
    /// By the cluster's own authority.
    Cluster,
    /// By the authority in this PEM file, read anew as it changes.
    Authority(PathBuf),
    /// Not at all: an explicit choice of the user, for kubelets with self-signed certificates.
    Nothing,
}

/// A client for kubelets: any address, the identity of `config` (a service-account token is read anew from its file as
/// it changes).
///
/// # Errors
/// When the authority cannot be read or the configuration is not usable.
pub fn kubelet_client(config: &Config, trust: &KubeletTrust) -> Result<Client, ConnectError> {
    let mut config = config.clone();
    config.tls_server_name = None;
    match trust {
        KubeletTrust::Cluster => {}
        KubeletTrust::Authority(path) => {
            config.root_cert = Some(authority(path)?);
            config.root_cert_file = Some(path.clone());
            config.accept_invalid_certs = false;
        }
        KubeletTrust::Nothing => trust_anybody(&mut config),
    }
    direct(&config)
}

/// The certificates of a PEM file.
fn authority(path: &Path) -> Result<Vec<Vec<u8>>, ConnectError> {
    let unreadable = |words: String| ConnectError::Authority { path: path.to_owned(), words };
    let list = CertificateDer::pem_file_iter(path).map_err(|error| unreadable(error.to_string()))?;
    let list: Result<Vec<_>, _> = list.map(|each| each.map(|certificate| certificate.to_vec())).collect();
    match list {
        Ok(list) if list.is_empty() => Err(unreadable("it holds no certificate".to_owned())),
        Ok(list) => Ok(list),
        Err(error) => Err(unreadable(error.to_string())),
    }
}

/// A client for the instances' status endpoint: no identity is sent, and the certificate is not verified, because each
/// Cluster has an authority of its own whose secret headroom may not read. What it answers is shown, can hold a planned
/// growth back, and is one of the things that must agree before a shrink switches over: whoever can answer in an instance's
/// place could have a replica promoted that lags behind.
///
/// # Errors
/// When TLS cannot be set up.
pub fn instance_client() -> Result<Client, ConnectError> {
    let mut config = Config::new(http::Uri::from_static("https://localhost"));
    trust_anybody(&mut config);
    direct(&config)
}

/// Switches verification off. With no authority named, the system's would be looked for, and an image without a base has
/// none.
fn trust_anybody(config: &mut Config) {
    config.root_cert = Some(Vec::new());
    config.root_cert_file = None;
    config.accept_invalid_certs = true;
}

/// A client without a base address: every request names its own.
fn direct(config: &Config) -> Result<Client, ConnectError> {
    let mut connector = legacy::connect::HttpConnector::new();
    connector.enforce_http(false);
    connector.set_connect_timeout(Some(CONNECT));
    connector.set_nodelay(true);
    let service = legacy::Client::builder(TokioExecutor::new())
        .pool_max_idle_per_host(1)
        .pool_idle_timeout(Duration::from_secs(90))
        .build::<_, Body>(config.rustls_https_connector_with_connector(connector)?);
    let service = tower::ServiceExt::<http::Request<Body>>::map_err(service, tower::BoxError::from);
    Ok(match config.auth_layer()? {
        Some(auth) => ClientBuilder::new(service, "").with_layer(&auth).build(),
        None => ClientBuilder::new(service, "").build(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The authority of kubelets in this file of the crate cannot be used, and the words hold `why`.
    #[track_caller]
    fn unusable(file: &str, why: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let error = authority(&path).expect_err("no authority").to_string();
        assert!(error.contains(file) && error.contains(why), "{error}");
    }

    #[test]
    fn a_file_that_is_no_authority_is_named() {
        unusable("Cargo.toml", "it holds no certificate");
        unusable("absent.pem", "No such file");
    }

    /// Serves one watch with these lines, then ends it; answers with its address.
    async fn watched(lines: &'static str) -> http::Uri {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n\r\n") {
                stream.read_buf(&mut asked).await.expect("a request");
            }
            let head =
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
            stream.write_all(head.as_bytes()).await.expect("written");
            for line in lines.lines() {
                let chunk = format!("{:x}\r\n{line}\n\r\n", line.len() + 1);
                stream.write_all(chunk.as_bytes()).await.expect("written");
                stream.flush().await.expect("written");
            }
            stream.write_all(b"0\r\n\r\n").await.expect("written");
        });
        format!("http://{address}").parse().expect("an address")
    }

    #[tokio::test]
    async fn a_bookmark_is_a_sign_of_life_and_is_passed_on() {
        use futures::StreamExt as _;
        use kube::core::{DynamicObject, WatchEvent};
        let address = watched(concat!(
            r#"{"type":"BOOKMARK","object":{"kind":"Pod","apiVersion":"v1","metadata":{"resourceVersion":"1"}}}"#,
            "\n",
            r#"{"type":"ADDED","object":{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a"}}}"#,
            "\n",
            r#"{"type":"BOOKMARK","object":{"kind":"Pod","apiVersion":"v1","metadata":{"resourceVersion":"2"}}}"#,
        ))
        .await;
        let mut config = Config::new(address);
        trust_anybody(&mut config);
        let beats = Arc::new(std::sync::atomic::AtomicU32::new(0));
        let counted = beats.clone();
        let beat = move || {
            counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        };
        let client = watch_client(&config, Arc::new(beat)).expect("a client");
        let request = http::Request::get("/api/v1/pods?watch=true").body(Vec::new()).expect("a request");
        let events = client.request_events::<DynamicObject>(request).await.expect("a watch");
        let kinds: Vec<&str> = Box::pin(events)
            .map(|event: Result<_, _>| match event {
                Ok(WatchEvent::Bookmark(_)) => "bookmark",
                Ok(WatchEvent::Added(_)) => "added",
                Ok(WatchEvent::Modified(_) | WatchEvent::Deleted(_) | WatchEvent::Error(_)) | Err(_) => {
                    "other"
                }
            })
            .collect()
            .await;
        assert_eq!(kinds, ["bookmark", "added", "bookmark"]);
        assert_eq!(beats.load(std::sync::atomic::Ordering::Relaxed), 2);
    }
}
