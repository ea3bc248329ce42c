//! Gates before writes of the operator, and before new volumes: a small webhook that the lab's API server asks before it
//! stores a write, and whose answer waits while a gate is held.
//!
//! To the operator this is an API server that is slow: its call ends unanswered, it reads, it tries again. The product
//! knows nothing of it, and other namespaces are never asked about. Only the lab's API server can reach the webhook, so
//! other clusters cannot hold these gates.

use std::path::Path;
use std::time::Duration;

use headroom_scenario::{Gate, WorldError};
use k8s_openapi::api::{
    admissionregistration::v1::ValidatingWebhookConfiguration, core::v1::PersistentVolumeClaim,
};
use kube::{
    Api, Client,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
};
use serde_json::json;
use tokio::runtime::Runtime;

use super::{connect::failed, leftover, wait};

mod door;
mod holds;
mod registration;
mod review;
mod server;

pub(crate) use holds::stands_before_writes;

/// Where a lab says which network namespace its API server runs in.
const NAMESPACE_LINK: &str = "management-netns";
/// How long the API server may take until it asks a webhook that it was told of.
const NOTICED: Duration = Duration::from_secs(30);

/// The webhook and the gates that it knows.
pub(crate) struct WriteGates {
    gates: server::Gates,
    port: u16,
    ca_pem: String,
}

impl WriteGates {
    /// Starts the webhook beside the API server of the lab at `lab`.
    ///
    /// # Errors
    /// When this process may not, or the lab does not say where its API server is; in words.
    pub(crate) fn open(lab: &Path, runtime: &Runtime) -> Result<Self, String> {
        let namespace = lab.join(NAMESPACE_LINK);
        let listener = door::listen_in(&namespace).map_err(|error| {
            let next = "run as root, and `cargo lab up` once more where the lab is older than this checkout";
            format!("no socket in the network namespace {}: {error}; {next}", namespace.display())
        })?;
        let port = listener.local_addr().map_err(|error| error.to_string())?.port();
        let identity = server::Identity::new()?;
        let (gates, ca_pem) = (server::Gates::new(), identity.pem.clone());
        let _guard = runtime.enter();
        let listener = tokio::net::TcpListener::from_std(listener).map_err(|error| error.to_string())?;
        runtime.spawn(server::serve(listener, identity, gates.clone()));
        Ok(Self { gates, port, ca_pem })
    }

    /// Tells the API server to ask about writes in a namespace, and waits until it does: the claim is patched in a dry
    /// run until one of them comes by.
    pub(crate) async fn register(
        &self,
        client: &Client,
        namespace: &str,
        claim: &str,
    ) -> Result<(), WorldError> {
        let doing = "register the webhook of the gates";
        self.unregister(client, namespace).await?;
        let object: ValidatingWebhookConfiguration =
            serde_json::from_value(registration::object(namespace, self.port, &self.ca_pem))
                .map_err(|error| failed(doing, &error))?;
        configurations(client)
            .create(&PostParams::default(), &object)
            .await
            .map_err(|error| failed(doing, &error))?;
        let claims = Api::<PersistentVolumeClaim>::namespaced(client.clone(), namespace);
        let probe = PatchParams { dry_run: true, ..PatchParams::default() };
        let asked = wait::until(NOTICED, Duration::from_millis(200), || async {
            let patch = Patch::Merge(json!({"metadata": {"annotations": {"e2e.headroom.dev/probe": "1"}}}));
            // A refusal shows as the time-out below.
            let _ = claims.patch_metadata(claim, &probe, &patch).await;
            (self.gates.probes(namespace) > 0).then_some(())
        });
        asked.await.ok_or_else(|| failed(doing, &"the API server does not ask it"))
    }

    /// Ends that; what waits passes.
    pub(crate) async fn unregister(&self, client: &Client, namespace: &str) -> Result<(), WorldError> {
        let name = registration::name(namespace);
        let deleted = configurations(client).delete(&name, &DeleteParams::default()).await;
        self.gates.forget(namespace);
        match deleted {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            Err(error) => Err(failed("remove the webhook of the gates", &error)),
        }
    }

    /// Holds a gate of a namespace.
    pub(crate) fn hold(&self, namespace: &str, gate: Gate) {
        self.gates.with(namespace, |holds| holds.hold(gate));
    }

    /// Lets it go; whether it was held.
    pub(crate) fn release(&self, namespace: &str, gate: Gate) -> bool {
        self.gates.with(namespace, |holds| holds.release(gate))
    }

    /// Whether a write has come to it.
    pub(crate) fn reached(&self, namespace: &str, gate: Gate) -> bool {
        self.gates.reached(namespace, gate)
    }
}

/// Removes what runs that were killed have left registered; runs that are still there keep theirs.
pub(crate) async fn remove_leftovers(client: &Client) -> Result<(), WorldError> {
    let doing = "remove webhooks of an earlier run";
    let configurations = configurations(client);
    let list = configurations.list(&ListParams::default().labels(leftover::PROCESS)).await;
    for left in list.map_err(|error| failed(doing, &error))?.items {
        let mark = left.metadata.labels.as_ref().and_then(|labels| labels.get(leftover::PROCESS));
        if let (true, Some(name)) = (leftover::is_over(mark), left.metadata.name) {
            let deleted = configurations.delete(&name, &DeleteParams::default()).await;
            deleted.map_err(|error| failed(doing, &error))?;
        }
    }
    Ok(())
}

fn configurations(client: &Client) -> Api<ValidatingWebhookConfiguration> {
    Api::all(client.clone())
}

#[cfg(test)]
mod tests;
