//! Makes PersistentVolumes for claims and removes them, in place of external-provisioner.
//!
//! It follows external-provisioner's contract with kube-controller-manager: a claim is ours when its annotation
//! `volume.kubernetes.io/storage-provisioner` names this driver; with `WaitForFirstConsumer` it is due once
//! `volume.kubernetes.io/selected-node` is set; the PersistentVolume is named `pvc-UID`, points to its claim by `claimRef`
//! and is removed after `DeleteVolume` when it is Released and its policy is Delete.

mod claim;
mod persistent_volume;
mod quantity;
mod snapshot;

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use k8s_openapi::api::storage::v1::StorageClass;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::runtime::controller::Action;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use kube::runtime::{Controller as Reconciler, watcher};
use kube::{Api, Client, Resource, ResourceExt};
use tonic::{Code, Request, Status};

use self::claim::{Due, Wanted};
use self::persistent_volume::Ending;
use crate::DRIVER_NAME;
use crate::config::ProvisionerConfig;
use crate::generated::csi::controller_server::Controller;
use crate::generated::csi::volume_content_source::{SnapshotSource, Type as SourceType};
use crate::generated::csi::{DeleteVolumeRequest, VolumeContentSource};

/// How long to wait before trying again what may be better soon.
const RETRY_SOON: Duration = Duration::from_secs(2);

/// How long to wait before trying again what someone must correct first.
const RETRY_LATE: Duration = Duration::from_secs(30);

/// Why the provisioner cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProvisionerError {
    /// The kubeconfig cannot be used.
    #[error("kubeconfig {}: {source}", path.display())]
    Kubeconfig {
        /// Path of the file.
        path: std::path::PathBuf,
        /// What is wrong with it.
        source: Box<KubeconfigError>,
    },
    /// No client can be made of it.
    #[error("no Kubernetes client can be made of kubeconfig {}: {source}", path.display())]
    Client {
        /// Path of the file.
        path: std::path::PathBuf,
        /// What is wrong.
        source: Box<kube::Error>,
    },
}

/// Why one claim or PersistentVolume was left as it is for now.
#[derive(Debug, thiserror::Error)]
enum ProvisionError {
    #[error("asking the Kubernetes API: {0}")]
    Api(#[source] Box<kube::Error>),
    #[error("{0}")]
    Source(String),
    #[error("{code:?}: {message}", code = .0.code(), message = .0.message())]
    Csi(#[source] Box<Status>),
}

impl From<kube::Error> for ProvisionError {
    fn from(error: kube::Error) -> Self {
        Self::Api(Box::new(error))
    }
}

impl From<Status> for ProvisionError {
    fn from(status: Status) -> Self {
        Self::Csi(Box::new(status))
    }
}

/// The provisioner, connected to a cluster and to the driver's own controller service.
pub(crate) struct Provisioner {
    context: Arc<Context>,
}

struct Context {
    client: Client,
    recorder: Recorder,
    volumes: Arc<dyn Controller>,
}

impl Provisioner {
    /// Reads the kubeconfig. Asks the cluster nothing yet: it may come up later.
    pub(crate) async fn connect(
        config: &ProvisionerConfig,
        volumes: impl Controller,
    ) -> Result<Self, ProvisionerError> {
        let path = &config.kubeconfig;
        let unread = |source| ProvisionerError::Kubeconfig { path: path.clone(), source: Box::new(source) };
        let kubeconfig = Kubeconfig::read_from(path).map_err(unread)?;
        let options = KubeConfigOptions::default();
        let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(unread)?;
        let client = Client::try_from(config);
        let client = client
            .map_err(|source| ProvisionerError::Client { path: path.clone(), source: Box::new(source) })?;
        let reporter = Reporter { controller: DRIVER_NAME.to_owned(), instance: None };
        let recorder = Recorder::new(client.clone(), reporter);
        Ok(Self { context: Arc::new(Context { client, recorder, volumes: Arc::new(volumes) }) })
    }

    /// Provisions until dropped.
    pub(crate) async fn run(self) {
        let api = Api::<PersistentVolumeClaim>::all(self.context.client.clone());
        let claims = Reconciler::new(api, watcher::Config::default())
            .run(provision, retry, Arc::clone(&self.context))
            .for_each(|_| std::future::ready(()));
        let api = Api::<PersistentVolume>::all(self.context.client.clone());
        let volumes = Reconciler::new(api, watcher::Config::default())
            .run(reclaim, retry, Arc::clone(&self.context))
            .for_each(|_| std::future::ready(()));
        futures::join!(claims, volumes);
    }
}

/// Makes the PersistentVolume of a claim, if that is due.
async fn provision(
    claim: Arc<PersistentVolumeClaim>,
    context: Arc<Context>,
) -> Result<Action, ProvisionError> {
    let Some(class) = claim::class_if_ours(&claim) else { return Ok(Action::await_change()) };
    let class = Api::<StorageClass>::all(context.client.clone()).get(class).await?;
    let wanted = match claim::due(&claim, &class) {
        Due::No => return Ok(Action::await_change()),
        Due::Never(why) => {
            context.say(&*claim, EventType::Warning, "ProvisioningFailed", why).await;
            return Ok(Action::await_change());
        }
        Due::Yes(wanted) => *wanted,
    };
    let volume = match create(&claim, &context, wanted).await {
        Ok(volume) => persistent_volume::of(&claim, &class, &volume),
        Err(error @ ProvisionError::Api(_)) => return Err(error),
        Err(error @ (ProvisionError::Csi(_) | ProvisionError::Source(_))) => {
            context.say(&*claim, EventType::Warning, "ProvisioningFailed", error.to_string()).await;
            return Err(error);
        }
    };
    let name = volume.name_any();
    match Api::<PersistentVolume>::all(context.client.clone()).create(&PostParams::default(), &volume).await {
        Ok(_) => {
            tracing::info!(volume = name, claim = claim.name_any(), "provisioned");
            let note = format!("Successfully provisioned volume {name}");
            context.say(&*claim, EventType::Normal, "ProvisioningSucceeded", note).await;
        }
        // The watch has not shown the claim as bound yet.
        Err(kube::Error::Api(status)) if status.code == 409 => {}
        Err(error) => return Err(error.into()),
    }
    Ok(Action::await_change())
}

async fn create(
    claim: &PersistentVolumeClaim,
    context: &Context,
    wanted: Wanted,
) -> Result<crate::generated::csi::Volume, ProvisionError> {
    let Wanted { mut request, snapshot } = wanted;
    if let Some(name) = snapshot {
        let namespace = claim.namespace().unwrap_or_default();
        let found = snapshot::find(&context.client, &namespace, &name).await?;
        let snapshot_id = found.map_err(|why| {
            let what = "error getting handle for DataSource Type VolumeSnapshot by Name";
            ProvisionError::Source(format!("{what} {name}: {why}"))
        })?;
        let r#type = Some(SourceType::Snapshot(SnapshotSource { snapshot_id }));
        request.volume_content_source = Some(VolumeContentSource { r#type });
    }
    let answer = context.volumes.create_volume(Request::new(request)).await?.into_inner();
    let volume = answer.volume.ok_or_else(|| Status::internal("CreateVolume answered without a volume"))?;
    Ok(volume)
}

/// Removes the volume behind a PersistentVolume that is no longer wanted, then the PersistentVolume.
async fn reclaim(volume: Arc<PersistentVolume>, context: Arc<Context>) -> Result<Action, ProvisionError> {
    let Some(handle) = persistent_volume::handle_if_ours(&volume) else { return Ok(Action::await_change()) };
    let ending = persistent_volume::ending(&volume);
    if ending == Ending::No {
        return Ok(Action::await_change());
    }
    if ending == Ending::WithVolume {
        let request =
            Request::new(DeleteVolumeRequest { volume_id: handle.to_owned(), ..Default::default() });
        if let Err(status) = context.volumes.delete_volume(request).await {
            let why = format!("{:?}: {}", status.code(), status.message());
            context.say(&*volume, EventType::Warning, "VolumeFailedDelete", why).await;
            return Err(status.into());
        }
    }
    let api = Api::<PersistentVolume>::all(context.client.clone());
    let name = volume.name_any();
    if volume.metadata.deletion_timestamp.is_none() {
        gone_is_fine(api.delete(&name, &DeleteParams::default()).await.map(drop))?;
    }
    // Read anew: others take their finalizers off at the same moment, and none may be put back.
    if let Some(volume) = api.get_opt(&name).await?
        && let Some(patch) = persistent_volume::without_finalizer(&volume)
    {
        gone_is_fine(api.patch(&name, &PatchParams::default(), &Patch::Merge(patch)).await.map(drop))?;
    }
    tracing::info!(volume = name, "reclaimed");
    Ok(Action::await_change())
}

fn gone_is_fine(answer: kube::Result<()>) -> kube::Result<()> {
    match answer {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        other => other,
    }
}

/// When to look again at what could not be done. The signature is the reconciler's.
#[expect(clippy::needless_pass_by_value)]
fn retry<K: Resource<DynamicType = ()>>(object: Arc<K>, error: &ProvisionError, _: Arc<Context>) -> Action {
    tracing::warn!(kind = %K::kind(&()), name = object.name_any(), %error, "trying again");
    Action::requeue(retry_after(error))
}

fn retry_after(error: &ProvisionError) -> Duration {
    match error {
        ProvisionError::Csi(status) if matches!(status.code(), Code::InvalidArgument | Code::OutOfRange) => {
            RETRY_LATE
        }
        ProvisionError::Csi(_) | ProvisionError::Api(_) | ProvisionError::Source(_) => RETRY_SOON,
    }
}

impl Context {
    /// Writes an Event. One that cannot be written is logged; it is not worth failing for.
    async fn say<K: Resource<DynamicType = ()>>(
        &self,
        about: &K,
        type_: EventType,
        reason: &str,
        note: String,
    ) {
        let event = Event {
            type_,
            reason: reason.to_owned(),
            note: Some(note),
            action: "Provision".to_owned(),
            secondary: None,
        };
        if let Err(error) = self.recorder.publish(&event, &about.object_ref(&())).await {
            tracing::warn!(%error, reason, "the event was not written");
        }
    }
}
