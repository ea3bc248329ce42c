//! The kubelets, asked directly: `https://NODE:10250/stats/summary` with nothing but the right `nodes/stats`. The way
//! through the API server (`nodes/proxy`) would be a right to run commands in every container of the cluster.

use std::time::Duration;

use headroom_core::names::{NodeName, Text};
use headroom_engine::{Event, event::ClaimSample};

use super::{nodes::Nodes, summary};
use crate::{
    Client,
    execute::{Call, Method, Outcome, send},
};

/// The longest that a kubelet may take; 2.2 s was the longest seen (experiments G1).
const LIMIT: Duration = Duration::from_secs(5);
/// How much of a kubelet's own words is shown.
const WORDS: usize = 200;

/// Asks kubelets.
#[derive(Clone)]
pub struct Kubelets {
    kubelets: Client,
    nodes: Nodes,
}

impl Kubelets {
    /// `api` finds the nodes' addresses, `kubelets` ([`crate::connect::kubelet_client`]) asks them; `port` overrides
    /// what the nodes say.
    pub fn new(api: Client, kubelets: Client, port: Option<u16>) -> Self {
        Self { kubelets, nodes: Nodes::new(api, port) }
    }

    /// Asks one kubelet. Always answers, at the latest after ten seconds.
    pub async fn poll(&self, node: NodeName) -> Event {
        let answer = self.ask(&node).await;
        if let Err(words) = &answer {
            self.nodes.forget(&node);
            tracing::debug!(%node, "{words}");
        }
        Event::Sampled(node, answer.map_err(|words| Text::from(words.as_str())))
    }

    async fn ask(&self, node: &NodeName) -> Result<Vec<ClaimSample>, String> {
        let address = self.nodes.address(node).await?;
        let uri = format!("https://{address}/stats/summary");
        match send(&self.kubelets, Call { method: Method::Get, uri, body: String::new() }, LIMIT).await {
            Outcome::Answered { status: 200, body, .. } => {
                summary::parse(&body).map_err(|error| format!("{address} answered no summary: {error}"))
            }
            Outcome::Answered { status, body, .. } => {
                Err(format!("{address} answered {status}: {}{}", short(&body), hint(status)))
            }
            Outcome::Lost(words) => Err(format!("{address}: {words}{}", tls_hint(&words))),
        }
    }
}

fn short(body: &[u8]) -> String {
    String::from_utf8_lossy(body).trim().chars().take(WORDS).collect()
}

fn hint(status: u16) -> &'static str {
    match status {
        401 => "; the kubelet does not accept the token: is webhook authentication on?",
        403 => "; headroom's account needs `get` on `nodes/stats`",
        _ => "",
    }
}

fn tls_hint(words: &str) -> &'static str {
    if words.contains("certificate") {
        "; its certificate is not signed by the authority in use: give --kubelet-ca FILE, or \
         --kubelet-insecure-skip-verify for self-signed ones"
    } else {
        ""
    }
}
