//! The connection to the cluster, shared by all scenarios of a run.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use headroom_scenario::WorldError;
use k8s_openapi::api::storage::v1::StorageClass;
use kube::{
    Api, Client, Config,
    api::ListParams,
    config::{KubeConfigOptions, Kubeconfig},
};
use tokio::runtime::Runtime;

use crate::args::Install;

use super::{install, operator};

/// The provisioner of the lab's own driver: what tells the lab from other clusters.
const LAB_PROVISIONER: &str = "lab.csi.headroom.dev";

/// How to reach the cluster and what to use in it.
#[derive(Clone, Debug)]
pub(crate) struct ClusterOptions {
    /// A kubeconfig; else `KUBECONFIG`, else the lab's, else `~/.kube/config`.
    pub(crate) kubeconfig: Option<PathBuf>,
    /// The image of PostgreSQL for the fixtures (`spec.imageName`).
    pub(crate) postgres_image: Option<String>,
    /// A StorageClass; else the default one.
    pub(crate) storage_class: Option<String>,
    /// Where the lab keeps its state, for gates.
    pub(crate) lab_dir: PathBuf,
    /// Whether to install this checkout's operator.
    pub(crate) install: Install,
    /// Kill the operator about this often while scenarios run, at random moments.
    pub(crate) kill_operator_every: Option<Duration>,
    /// Seed of those moments.
    pub(crate) seed: u64,
}

/// A client with the runtime that drives it.
#[derive(Clone)]
pub struct Connection {
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) client: Client,
    pub(crate) options: ClusterOptions,
    /// The StorageClass of the fixtures.
    pub(crate) class: String,
    /// It is the lab: gates can be held, images can be loaded.
    pub(crate) is_lab: bool,
}

impl Connection {
    /// Connects, finds the StorageClass, and makes sure that headroom runs.
    ///
    /// # Errors
    /// When there is no cluster, no CloudNativePG, no expandable StorageClass or no headroom; the message says what to do.
    pub(crate) fn open(options: ClusterOptions) -> Result<Self, WorldError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(|error| failed("start the runtime", &error))?;
        let (client, class, is_lab) = runtime.block_on(find(&options))?;
        let connection = Self { runtime: Arc::new(runtime), client, options, class, is_lab };
        install::ensure(&connection)?;
        if let Some(mean) = connection.options.kill_operator_every {
            let kills = operator::kill_at_random(connection.client.clone(), mean, connection.options.seed);
            connection.runtime.spawn(kills);
        }
        Ok(connection)
    }

    /// `spec.imageName` of the fixtures; `None` leaves it to CloudNativePG.
    pub(crate) fn postgres_image(&self) -> Option<String> {
        self.options
            .postgres_image
            .clone()
            .or_else(|| self.is_lab.then(|| "headroom.dev/lab/postgresql:15".to_owned()))
    }
}

/// An error of a named act.
pub(crate) fn failed(doing: &str, why: &dyn std::fmt::Display) -> WorldError {
    WorldError { doing: doing.to_owned(), why: why.to_string() }
}

async fn find(options: &ClusterOptions) -> Result<(Client, String, bool), WorldError> {
    let config = config(options).await?;
    let client = Client::try_from(config).map_err(|error| failed("make a Kubernetes client", &error))?;
    let version = client.apiserver_version().await.map_err(|error| WorldError {
        doing: "reach the cluster".to_owned(),
        why: format!(
            "{error}; start one with `sudo -E cargo lab up`, or name a kubeconfig with --kubeconfig"
        ),
    })?;
    crate::talk(&format!("cluster: Kubernetes {}", version.git_version));
    require_cnpg(&client).await?;
    let (class, is_lab) = storage_class(&client, options).await?;
    Ok((client, class, is_lab))
}

async fn config(options: &ClusterOptions) -> Result<Config, WorldError> {
    let lab = options.lab_dir.join("kubeconfig");
    let path = options
        .kubeconfig
        .clone()
        .or_else(|| std::env::var_os("KUBECONFIG").map(PathBuf::from))
        .or_else(|| lab.exists().then_some(lab));
    let mut config = match path {
        Some(path) => {
            let kubeconfig = Kubeconfig::read_from(&path)
                .map_err(|error| failed(&format!("read the kubeconfig {}", path.display()), &error))?;
            Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
                .await
                .map_err(|error| failed("use the kubeconfig", &error))?
        }
        None => Config::infer().await.map_err(|error| WorldError {
            doing: "find a cluster".to_owned(),
            why: format!(
                "{error}; start one with `sudo -E cargo lab up`, or name a kubeconfig with --kubeconfig"
            ),
        })?,
    };
    // Longer than a watch lasts, so that a quiet watch is not taken for a dead one.
    config.read_timeout = Some(Duration::from_secs(295));
    Ok(config)
}

async fn require_cnpg(client: &Client) -> Result<(), WorldError> {
    let group = client.list_api_group_resources("postgresql.cnpg.io/v1").await;
    match group {
        Ok(list) if list.resources.iter().any(|resource| resource.name == "clusters") => Ok(()),
        _ => Err(WorldError {
            doing: "find CloudNativePG in the cluster".to_owned(),
            why: "clusters.postgresql.cnpg.io is not served; install CloudNativePG (in the lab: \
                  `cargo lab up --cnpg-manifest FILE --cnpg-image TAR`)"
                .to_owned(),
        }),
    }
}

async fn storage_class(client: &Client, options: &ClusterOptions) -> Result<(String, bool), WorldError> {
    let list = Api::<StorageClass>::all(client.clone())
        .list(&ListParams::default())
        .await
        .map_err(|error| failed("list StorageClasses", &error))?;
    let is_default = |class: &StorageClass| {
        class.metadata.annotations.as_ref().is_some_and(|annotations| {
            annotations
                .get("storageclass.kubernetes.io/is-default-class")
                .is_some_and(|value| value == "true")
        })
    };
    let class = list
        .items
        .iter()
        .find(|class| match &options.storage_class {
            Some(name) => class.metadata.name.as_ref() == Some(name),
            None => is_default(class),
        })
        .ok_or_else(|| {
            failed("find a StorageClass", &"none is the default; name one with --storage-class")
        })?;
    let name = class.metadata.name.clone().unwrap_or_else(|| "unnamed".to_owned());
    if class.allow_volume_expansion != Some(true) {
        let why =
            format!("StorageClass {name} does not allow expansion; name another one with --storage-class");
        return Err(failed("use the StorageClass", &why));
    }
    Ok((name, class.provisioner == LAB_PROVISIONER))
}
