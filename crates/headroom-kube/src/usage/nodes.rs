//! Where kubelets listen.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use headroom_core::names::NodeName;

use crate::{
    Client,
    execute::{Call, Method, Outcome, send},
    slim::{self, Node, Slim},
};

/// How long an address is believed: a node may be made anew under its old name.
const BELIEVED: Duration = Duration::from_mins(10);
const LIMIT: Duration = Duration::from_secs(5);
/// The kubelet's port where the node names none.
const KUBELET_PORT: u16 = 10_250;

/// Addresses of kubelets, looked up once per node and ten minutes.
#[derive(Clone)]
pub(super) struct Nodes {
    client: Client,
    port: Option<u16>,
    found: Arc<Mutex<BTreeMap<NodeName, (String, Instant)>>>,
}

impl Nodes {
    /// `port` overrides what the nodes say.
    pub(super) fn new(client: Client, port: Option<u16>) -> Self {
        Self { client, port, found: Arc::new(Mutex::new(BTreeMap::new())) }
    }

    /// `HOST:PORT` of the kubelet of `node`.
    pub(super) async fn address(&self, node: &NodeName) -> Result<String, String> {
        let found = self.with(|found| found.get(node).cloned());
        if let Some((address, at)) = found
            && at.elapsed() < BELIEVED
        {
            return Ok(address);
        }
        let address = self.look_up(node).await?;
        self.with(|found| {
            found.retain(|_, (_, at)| at.elapsed() < BELIEVED);
            found.insert(node.clone(), (address.clone(), Instant::now()));
        });
        Ok(address)
    }

    /// The address did not answer: look it up again next time.
    pub(super) fn forget(&self, node: &NodeName) {
        self.with(|found| found.remove(node));
    }

    fn with<T>(&self, f: impl FnOnce(&mut BTreeMap<NodeName, (String, Instant)>) -> T) -> T {
        f(&mut self.found.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn look_up(&self, node: &NodeName) -> Result<String, String> {
        let uri = slim::path::<Node>("", Some(node.as_str()));
        match send(&self.client, Call { method: Method::Get, uri, body: String::new() }, LIMIT).await {
            Outcome::Answered { status: 200, body, .. } => self.read(node, &body),
            Outcome::Answered { status: 403, .. } => {
                Err(format!("node {node} cannot be read: headroom's account lacks `get` on `nodes`"))
            }
            Outcome::Answered { status, .. } => Err(format!("node {node} cannot be read: HTTP {status}")),
            Outcome::Lost(words) => Err(format!("node {node} cannot be read: {words}")),
        }
    }

    fn read(&self, node: &NodeName, body: &[u8]) -> Result<String, String> {
        let object: Slim<Node> =
            serde_json::from_slice(body).map_err(|error| format!("node {node} cannot be read: {error}"))?;
        let status = object.body?.status;
        let internal = status.as_ref().and_then(|status| status.addresses.as_ref()).and_then(|list| {
            list.iter().find(|address| address.kind == "InternalIP").map(|address| address.address.clone())
        });
        let host = internal.ok_or_else(|| format!("node {node} has no InternalIP"))?;
        let named = status
            .and_then(|status| status.daemon_endpoints)
            .and_then(|endpoints| endpoints.kubelet_endpoint)
            .map(|endpoint| endpoint.port)
            .filter(|port| *port != 0);
        let port = self.port.or(named).unwrap_or(KUBELET_PORT);
        Ok(if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") })
    }
}
