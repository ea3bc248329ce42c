//! A kubelet that says of claims what a test tells it.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

/// A volume that the kubelet reports.
#[derive(Clone, Debug)]
pub(crate) struct Volume {
    /// Namespace of the claim `pg-1`.
    pub(crate) namespace: String,
    /// Uid of its pod.
    pub(crate) pod_uid: String,
    /// Size of the file system in MiB.
    pub(crate) capacity_mib: u64,
    /// Used MiB.
    pub(crate) used_mib: u64,
}

/// A listening kubelet. Every answer is measured just now, so that two answers a second apart are two measurements.
pub(crate) struct FakeKubelet {
    /// Where it listens, on 127.0.0.1.
    pub(crate) address: SocketAddr,
    volumes: Arc<Mutex<Vec<Volume>>>,
}

impl FakeKubelet {
    /// Listens with a certificate that nobody signed.
    pub(crate) async fn start() -> Self {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
        let key =
            rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
        let config = rustls::ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .expect("a TLS configuration");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let volumes = Arc::new(Mutex::new(Vec::new()));
        let reported = volumes.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, reported) = (acceptor.clone(), reported.clone());
                tokio::spawn(async move {
                    if let Ok(mut stream) = acceptor.accept(stream).await {
                        // A client that goes away ends the conversation.
                        let _ = converse(&mut stream, &reported).await;
                    }
                });
            }
        });
        Self { address, volumes }
    }

    /// From now on it reports these.
    pub(crate) fn report(&self, volumes: Vec<Volume>) {
        *self.volumes.lock().expect("not poisoned") = volumes;
    }
}

/// Answers requests without bodies, one after the other.
async fn converse(
    stream: &mut (impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin),
    volumes: &Mutex<Vec<Volume>>,
) -> std::io::Result<()> {
    let mut asked = Vec::new();
    loop {
        let mut chunk = [0_u8; 4096];
        let count = stream.read(&mut chunk).await?;
        if count == 0 {
            return Ok(());
        }
        asked.extend_from_slice(&chunk[..count]);
        if !asked.ends_with(b"\r\n\r\n") {
            continue;
        }
        let found = asked.starts_with(b"GET /stats/summary ");
        asked.clear();
        let (status, body) = if found {
            ("200 OK", summary(&volumes.lock().expect("not poisoned")).to_string())
        } else {
            ("404 Not Found", "404 page not found".to_owned())
        };
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(body.as_bytes()).await?;
        stream.flush().await?;
    }
}

fn summary(volumes: &[Volume]) -> Value {
    let mib = |count: u64| count << 20;
    let now = jiff::Timestamp::now().to_string();
    let pods: Vec<Value> = volumes
        .iter()
        .map(|volume| {
            let Volume { namespace, pod_uid, capacity_mib, used_mib } = volume;
            json!({
                "podRef": {"name": "pg-1", "namespace": namespace, "uid": pod_uid},
                "volume": [{
                    "name": "pgdata", "time": now, "pvcRef": {"name": "pg-1", "namespace": namespace},
                    "capacityBytes": mib(*capacity_mib), "usedBytes": mib(*used_mib),
                    "availableBytes": mib(capacity_mib.saturating_sub(*used_mib)),
                }],
            })
        })
        .collect();
    json!({"node": {"nodeName": "by-hand"}, "pods": pods})
}
