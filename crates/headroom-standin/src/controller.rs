//! The controller: looks at everything anew on each change, asks the model what to do, and does it.

mod act;
mod primary;
pub(crate) mod read;
mod report;
mod round;
mod show;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use futures::StreamExt as _;
use headroom_sim::model::queue::Millis;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Node, PersistentVolumeClaim, Pod};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::runtime::controller::{Action, Config as Pace};
use kube::runtime::reflector::ObjectRef;
use kube::runtime::{Controller, watcher};
use kube::{Api, Client, ResourceExt as _};

use crate::cluster::{Cluster, resource};
use crate::names::CLUSTER;
use crate::objects::Build;

/// Changes that come together are looked at once; CNPG reconciles 20 to 150 ms after a change (traces 01 to 06).
const GATHER: Duration = Duration::from_millis(50);
/// After an error of the API.
const RETRY: Duration = Duration::from_millis(500);

/// What one controller shares between its looks.
struct Shared {
    client: Client,
    build: Build,
    memory: Mutex<BTreeMap<String, Remembered>>,
}

/// What is remembered of a Cluster, by its uid.
#[derive(Clone, Debug, Default)]
struct Remembered {
    /// The primary's container was first seen down then.
    primary_down: Option<Millis>,
    /// Services, secrets, rights and budgets were made for so many instances, with or without budgets.
    made_for: Option<(u32, bool)>,
}

impl Shared {
    fn remember<R>(&self, uid: &str, with: impl FnOnce(&mut Remembered) -> R) -> R {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        with(memory.entry(uid.to_owned()).or_default())
    }
}

/// Serves Clusters until it is asked to end.
///
/// # Errors
/// When the kubeconfig cannot be used.
pub async fn run(kubeconfig: &Path, build: Build) -> Result<()> {
    let doing = || format!("using the kubeconfig {}", kubeconfig.display());
    let text = Kubeconfig::read_from(kubeconfig).with_context(doing)?;
    let config = kube::Config::from_custom_kubeconfig(text, &KubeConfigOptions::default()).await;
    let client = Client::try_from(config.with_context(doing)?).with_context(doing)?;
    tracing::info!(
        "{} serves Clusters in place of CloudNativePG, which it is not; for tests only",
        crate::objects::version()
    );
    let ours = watcher::Config::default().labels(CLUSTER);
    let clusters = Api::<Cluster>::all_with(client.clone(), &resource());
    let controller = Controller::new_with(clusters, watcher::Config::default(), resource());
    let known = controller.store();
    let shared = Arc::new(Shared { client: client.clone(), build, memory: Mutex::default() });
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
        .context("listening for SIGTERM")?;
    controller
        .with_config(Pace::default().debounce(GATHER).concurrency(4))
        .owns(Api::<PersistentVolumeClaim>::all(client.clone()), ours.clone())
        .owns(Api::<Pod>::all(client.clone()), ours.clone())
        .owns(Api::<Job>::all(client.clone()), ours)
        .watches(
            Api::<Node>::all(client),
            watcher::Config::default(),
            cordons(move || {
                known.state().iter().map(|cluster| ObjectRef::from_obj_with(&**cluster, resource())).collect()
            }),
        )
        .graceful_shutdown_on(async move {
            terminate.recv().await;
        })
        .run(reconcile, retry, shared)
        .for_each(|_| std::future::ready(()))
        .await;
    Ok(())
}

/// Nodes report all the time; what matters is that one was cordoned or uncordoned.
fn cordons<T>(all: impl Fn() -> Vec<T>) -> impl Fn(Node) -> Vec<T> {
    let seen = Mutex::new(BTreeSet::new());
    move |node: Node| {
        let cordoned = node.spec.as_ref().and_then(|spec| spec.unschedulable) == Some(true);
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = if cordoned { seen.insert(node.name_any()) } else { seen.remove(&node.name_any()) };
        if changed { all() } else { Vec::new() }
    }
}

async fn reconcile(cluster: Arc<Cluster>, shared: Arc<Shared>) -> Result<Action, kube::Error> {
    match round::Round::look(&cluster, &shared).await? {
        Some(round) => round.go().await.map(Action::requeue),
        None => Ok(Action::await_change()),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the signature that kube asks for")]
fn retry(cluster: Arc<Cluster>, error: &kube::Error, _: Arc<Shared>) -> Action {
    // A conflict is ordinary: somebody wrote first, and the next look sees it.
    tracing::warn!("{}/{}: {error}", cluster.namespace().unwrap_or_default(), cluster.name_any());
    Action::requeue(RETRY)
}
