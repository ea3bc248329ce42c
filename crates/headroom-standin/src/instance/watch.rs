//! The Cluster as the API server tells it.

use std::time::Duration;

use anyhow::{Context as _, Result};
use futures::StreamExt as _;
use kube::api::{Patch, PatchParams};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client};
use serde_json::json;
use tokio::sync::watch;

use super::Identity;
use crate::cluster::{Cluster, resource};
use crate::names::STAND_IN;

/// Between two attempts to reach the API server.
const RETRY: Duration = Duration::from_secs(1);

async fn api(identity: &Identity) -> Result<Api<Cluster>> {
    let client = Client::try_default().await.context("making a Kubernetes client in this pod")?;
    Ok(Api::namespaced_with(client, &identity.namespace, &resource()))
}

/// The Cluster now; waits for the API server.
pub(super) async fn read(identity: &Identity) -> Result<Cluster> {
    let api = api(identity).await?;
    loop {
        match api.get(&identity.cluster).await {
            Ok(cluster) => return Ok(cluster),
            Err(error) => tracing::warn!("reading the Cluster: {error}"),
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// Follows the Cluster from now on.
pub(super) async fn follow(identity: &Identity) -> Result<watch::Receiver<Cluster>> {
    let (sender, receiver) = watch::channel(read(identity).await?);
    let api = api(identity).await?;
    let only = watcher::Config::default().fields(&format!("metadata.name={}", identity.cluster));
    tokio::spawn(async move {
        let mut changes = watcher(api, only).default_backoff().applied_objects().boxed();
        while let Some(change) = changes.next().await {
            match change {
                Ok(cluster) => {
                    sender.send_replace(cluster);
                }
                // The watcher backs off and lists again by itself.
                Err(error) => tracing::warn!("watching the Cluster: {error}"),
            }
        }
    });
    Ok(receiver)
}

/// Says in the Cluster's status that this instance's server has become primary.
pub(super) async fn say_primary(identity: &Identity) -> Result<()> {
    let patch = json!({"status": {"currentPrimary": identity.instance}});
    let params = PatchParams { field_manager: Some(STAND_IN.to_owned()), ..PatchParams::default() };
    let patched = api(identity).await?.patch_status(&identity.cluster, &params, &Patch::Merge(patch)).await;
    patched.map(drop).context("writing currentPrimary")
}
