//! What the instances say of themselves at their status endpoint.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::{Client, Config, ResourceExt as _};
use serde::Deserialize;

use crate::names::STATUS_PORT;

/// How long one instance may take to answer.
const LIMIT: Duration = Duration::from_secs(1);

/// What an instance says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Report {
    /// Its server is primary.
    pub(crate) is_primary: bool,
    /// Its server receives WAL.
    pub(crate) is_wal_receiver_active: bool,
    /// The newest position it has received.
    pub(crate) received_lsn: Option<String>,
    /// The newest position it has replayed.
    pub(crate) replay_lsn: Option<String>,
}

impl Report {
    /// How much WAL it has, as a byte count.
    pub(crate) fn position(&self) -> u64 {
        let read = |text: &Option<String>| text.as_deref().and_then(position).unwrap_or(0);
        read(&self.received_lsn).max(read(&self.replay_lsn))
    }
}

/// A log position `16/B374D848` as a byte count.
fn position(text: &str) -> Option<u64> {
    let (high, low) = text.split_once('/')?;
    let (high, low) = (u64::from_str_radix(high, 16).ok()?, u64::from_str_radix(low, 16).ok()?);
    high.checked_mul(1 << 32)?.checked_add(low)
}

/// Asks every pod that has an address; those that do not answer are not in the result.
pub(crate) async fn ask(pods: impl IntoIterator<Item = &Pod>) -> BTreeMap<String, Report> {
    let asked = pods.into_iter().filter_map(|pod| {
        let address = pod.status.as_ref()?.pod_ip.clone()?;
        let name = pod.name_any();
        Some(async move { Some((name, ask_one(&address).await?)) })
    });
    futures::future::join_all(asked).await.into_iter().flatten().collect()
}

async fn ask_one(address: &str) -> Option<Report> {
    let host = if address.contains(':') { format!("[{address}]") } else { address.to_owned() };
    let mut config = Config::new(format!("https://{host}:{STATUS_PORT}").parse().ok()?);
    // Each start of an instance makes a certificate of its own.
    config.root_cert = Some(Vec::new());
    config.accept_invalid_certs = true;
    config.connect_timeout = Some(LIMIT);
    config.read_timeout = Some(LIMIT);
    config.default_retry = false;
    let client = Client::try_from(config).ok()?;
    let request = http::Request::get("/pg/status").body(Vec::new()).ok()?;
    let answer = tokio::time::timeout(LIMIT, client.request_text(request)).await;
    serde_json::from_str(&answer.ok()?.ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_farther_of_received_and_replayed_counts() {
        let report = Report {
            received_lsn: Some("0/10".to_owned()),
            replay_lsn: Some("1/0".to_owned()),
            ..Report::default()
        };
        assert_eq!(report.position(), 1 << 32);
        assert_eq!(Report::default().position(), 0);
    }
}
