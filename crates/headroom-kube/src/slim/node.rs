//! Node.

use serde::Deserialize;

use super::Wire;

/// What headroom reads of a node: where its kubelet listens.
#[derive(Clone, Debug, Deserialize)]
pub struct Node {
    /// `status`.
    pub status: Option<Status>,
}

/// `status`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// `addresses`.
    pub addresses: Option<Vec<Address>>,
    /// `daemonEndpoints`.
    pub daemon_endpoints: Option<Endpoints>,
}

/// An address of a node.
#[derive(Clone, Debug, Deserialize)]
pub struct Address {
    /// `type`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `address`.
    pub address: String,
}

/// `daemonEndpoints`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Endpoints {
    /// `kubeletEndpoint`.
    pub kubelet_endpoint: Option<Endpoint>,
}

/// An endpoint.
#[derive(Clone, Debug, Deserialize)]
pub struct Endpoint {
    /// `Port`, with this capital.
    #[serde(rename = "Port")]
    pub port: u16,
}

impl Wire for Node {
    const GROUP: &'static str = "";
    const VERSION: &'static str = "v1";
    const KIND: &'static str = "Node";
    const PLURAL: &'static str = "nodes";
}
