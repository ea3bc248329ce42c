//! The connection to the cluster, shared by all scenarios of a run.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use headroom_scenario::{Shared, WorldError};
use k8s_openapi::api::storage::v1::StorageClass;
use kube::{
    Api, Client, Config, ResourceExt as _,
    api::{ApiResource, DynamicObject, GroupVersionKind, ListParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use tokio::runtime::Runtime;

use crate::{args::Install, profile::Profile};

use super::{
    admission::{self, WriteGates},
    class::{self, Class},
    cnpg, install,
    lanes::Lanes,
    manifests::Offer,
    nodes,
    operator::{self, Operator},
};

/// How to reach the cluster and what to use in it.
#[derive(Clone, Debug)]
pub(crate) struct ClusterOptions {
    /// A kubeconfig; else `KUBECONFIG`, else the lab's, else `~/.kube/config`.
    pub(crate) kubeconfig: Option<PathBuf>,
    /// The image of PostgreSQL for the fixtures (`spec.imageName`).
    pub(crate) postgres_image: Option<String>,
    /// Another image of the same version, for rolling upgrades.
    pub(crate) postgres_upgrade_image: Option<String>,
    /// A VolumeSnapshotClass; else one of the StorageClass's driver.
    pub(crate) snapshot_class: Option<String>,
    /// A StorageClass; else the default one.
    pub(crate) storage_class: Option<String>,
    /// The kind of cluster; else told by the StorageClass.
    pub(crate) profile: Option<Profile>,
    /// Where evidence of runs that did not pass is written.
    pub(crate) report: Option<PathBuf>,
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
    /// The same without retries: an eviction that is refused (429) would be asked for again, for minutes, in silence.
    pub(crate) unretried: Client,
    pub(crate) options: ClusterOptions,
    /// The StorageClass of the fixtures.
    pub(crate) class: String,
    /// The VolumeSnapshotClass, where there is one.
    pub(crate) snapshots: Option<String>,
    /// What is to be expected of this cluster.
    pub(crate) profile: Profile,
    /// It is the lab: gates can be held, images can be loaded.
    pub(crate) is_lab: bool,
    /// Groups of nodes for scenarios that drain them.
    pub(crate) lanes: Lanes,
    /// Gates before writes of the operator; `None` where they cannot be had.
    pub(crate) writes: Option<Arc<WriteGates>>,
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
        let (client, unretried) = runtime.block_on(clients(&options))?;
        let class = runtime.block_on(find(&client, &options))?;
        let is_lab = Profile::of_provisioner(&class.provisioner) == Profile::Lab;
        let profile = options.profile.unwrap_or_else(|| Profile::of_provisioner(&class.provisioner));
        crate::talk(&format!("profile {}, StorageClass {}", profile.name(), class.name));
        let snapshots = match &options.snapshot_class {
            Some(name) => Some(name.clone()),
            None => runtime.block_on(snapshot_class(&client, &class.provisioner)),
        };
        let writes = if is_lab { write_gates(&options, &client, &runtime)? } else { None };
        let class = class.name;
        let runtime = Arc::new(runtime);
        runtime.block_on(nodes::remove_leftovers(&client))?;
        runtime.block_on(cnpg::remove_leftovers(&client))?;
        let lanes = runtime.block_on(Lanes::mark(&client))?;
        let connection =
            Self { runtime, client, unretried, options, class, snapshots, profile, is_lab, lanes, writes };
        connection.runtime.block_on(operator::remove_leftovers(&connection.client))?;
        install::ensure(&connection)?;
        if let Some(mean) = connection.options.kill_operator_every {
            let kills = operator::kill_at_random(connection.client.clone(), mean, connection.options.seed);
            connection.runtime.spawn(kills);
        }
        Ok(connection)
    }

    /// Gets ready for scenarios that touch this: those with an operator of their own have the cluster without the
    /// installed one, which would look after their namespaces, too.
    pub(crate) fn begin(&self, shared: Shared) -> Result<(), WorldError> {
        let replicas = u32::from(shared != Shared::Operator);
        self.runtime.block_on(Operator::installed(&self.client).scale(replicas))
    }

    /// Leaves the cluster as it was found: with the installed operator, without lanes.
    pub(crate) fn close(&self) -> Result<(), WorldError> {
        let nodes = self.runtime.block_on(Lanes::unmark(&self.client));
        self.begin(Shared::Nothing).and(nodes)
    }

    /// `spec.imageName` of the fixtures; `None` leaves it to CloudNativePG.
    pub(crate) fn postgres_image(&self) -> Option<String> {
        self.options
            .postgres_image
            .clone()
            .or_else(|| self.is_lab.then(|| "headroom.dev/lab/postgresql:15".to_owned()))
    }

    /// What the cluster offers a fixture.
    pub(crate) fn offer<'a>(&'a self, image: Option<&'a str>, lane: Option<&'a str>) -> Offer<'a> {
        Offer { class: &self.class, image, snapshots: self.snapshots.as_deref(), lane }
    }

    /// The image of a rolling upgrade.
    pub(crate) fn upgrade_image(&self) -> Result<String, WorldError> {
        let of_lab = || self.is_lab.then(|| "headroom.dev/lab/postgresql:15-next".to_owned());
        self.options.postgres_upgrade_image.clone().or_else(of_lab).ok_or_else(|| {
            failed(
                "upgrade the image",
                &"none is known here; name one of the same version with --postgres-upgrade-image",
            )
        })
    }
}

/// An error of a named act. The client spells out the whole Status behind what the API server says: its message is enough.
pub(crate) fn failed(doing: &str, why: &dyn std::fmt::Display) -> WorldError {
    let why = why.to_string();
    let message = why.split_once(" (Status {").map_or(why.as_str(), |(message, _)| message);
    WorldError { doing: doing.to_owned(), why: message.trim_start_matches("ApiError: ").to_owned() }
}

/// A client, and one without retries.
async fn clients(options: &ClusterOptions) -> Result<(Client, Client), WorldError> {
    let mut config = config(options).await?;
    let make = |config| Client::try_from(config).map_err(|error| failed("make a Kubernetes client", &error));
    // Within the runtime that drives them.
    let client = make(config.clone())?;
    config.default_retry = false;
    Ok((client, make(config)?))
}

async fn find(client: &Client, options: &ClusterOptions) -> Result<Class, WorldError> {
    let version = client.apiserver_version().await.map_err(|error| WorldError {
        doing: "reach the cluster".to_owned(),
        why: format!(
            "{error}; start a lab with `cargo lab up` as root, or name another kubeconfig with --kubeconfig"
        ),
    })?;
    crate::talk(&format!("cluster: Kubernetes {}", version.git_version));
    require_cnpg(client).await?;
    storage_class(client, options).await
}

/// Gates before writes. Where this process may not have them, scenarios that need one say so.
fn write_gates(
    options: &ClusterOptions,
    client: &Client,
    runtime: &Runtime,
) -> Result<Option<Arc<WriteGates>>, WorldError> {
    runtime.block_on(admission::remove_leftovers(client))?;
    match WriteGates::open(&options.lab_dir, runtime) {
        Ok(gates) => Ok(Some(Arc::new(gates))),
        Err(why) => {
            crate::talk(&format!("writes of the operator cannot be held: {why}"));
            Ok(None)
        }
    }
}

/// Which kubeconfig is meant; `Ok(None)`: what a client finds by itself. Nobody's cluster is taken because a shell happens
/// to point at it: scenarios stop its operator and drain its nodes.
fn chosen(
    given: Option<PathBuf>,
    profile: Option<Profile>,
    lab: Option<PathBuf>,
    named: Option<PathBuf>,
) -> Result<Option<PathBuf>, WorldError> {
    match (given, profile, lab) {
        (Some(given), _, _) => Ok(Some(given)),
        (None, None | Some(Profile::Lab), Some(lab)) => Ok(Some(lab)),
        (None, None | Some(Profile::Lab), None) => Err(WorldError {
            doing: "find a cluster".to_owned(),
            why: "no lab is up; start one with `cargo lab up` as root, or name a cluster of its own with --kubeconfig \
                  FILE, or with --profile to take that of KUBECONFIG: scenarios stop its operator and drain its nodes"
                .to_owned(),
        }),
        (None, Some(_), _) => Ok(named),
    }
}

async fn config(options: &ClusterOptions) -> Result<Config, WorldError> {
    let lab = Some(options.lab_dir.join("kubeconfig")).filter(|path| path.exists());
    let named = std::env::var_os("KUBECONFIG").map(PathBuf::from);
    let mut config = match chosen(options.kubeconfig.clone(), options.profile, lab, named)? {
        Some(path) => {
            let kubeconfig = Kubeconfig::read_from(&path)
                .map_err(|error| failed(&format!("read the kubeconfig {}", path.display()), &error))?;
            Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
                .await
                .map_err(|error| failed("use the kubeconfig", &error))?
        }
        None => Config::infer().await.map_err(|error| WorldError {
            doing: "find a cluster".to_owned(),
            why: format!("{error}; name a kubeconfig with --kubeconfig"),
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

async fn storage_class(client: &Client, options: &ClusterOptions) -> Result<Class, WorldError> {
    let list = Api::<StorageClass>::all(client.clone())
        .list(&ListParams::default())
        .await
        .map_err(|error| failed("list StorageClasses", &error))?;
    let classes: Vec<Class> = list.items.into_iter().map(Class::from).collect();
    class::choose(&classes, options.storage_class.as_deref(), options.profile)
        .map_err(|why| failed("find a StorageClass", &why))
}

/// A VolumeSnapshotClass of this driver, the default one before others; `None` where there is none, or no such kind.
async fn snapshot_class(client: &Client, driver: &str) -> Option<String> {
    let kind = GroupVersionKind::gvk("snapshot.storage.k8s.io", "v1", "VolumeSnapshotClass");
    let resource = ApiResource::from_gvk_with_plural(&kind, "volumesnapshotclasses");
    let classes =
        Api::<DynamicObject>::all_with(client.clone(), &resource).list(&ListParams::default()).await;
    let mut fitting: Vec<DynamicObject> = classes.ok()?.items;
    fitting.retain(|class| class.data.get("driver").and_then(serde_json::Value::as_str) == Some(driver));
    let is_default = |class: &DynamicObject| {
        let mark = class.annotations().get("snapshot.storage.kubernetes.io/is-default-class");
        mark.is_some_and(|value| value == "true")
    };
    fitting.sort_by_key(|class| (!is_default(class), class.name_any()));
    fitting.first().map(DynamicObject::name_any)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_that_a_shell_points_at_is_taken_with_a_profile_only() {
        let path = |name: &str| Some(PathBuf::from(name));
        let (lab, named) = (|| path("lab"), || path("named"));
        let taken =
            |given, profile, lab| chosen(given, profile, lab, named()).map_err(|error| error.to_string());
        assert_eq!(taken(path("given"), None, lab()), Ok(path("given")));
        assert_eq!(taken(None, None, lab()), Ok(lab()));
        assert_eq!(taken(None, Some(Profile::Lab), lab()), Ok(lab()));
        assert_eq!(taken(None, Some(Profile::Aws), lab()), Ok(named()));
        let refused = taken(None, None, None).expect_err("no cluster is named");
        assert!(refused.contains("no lab is up") && refused.contains("--kubeconfig"), "{refused}");
        assert_eq!(
            chosen(None, Some(Profile::Generic), None, None).ok(),
            Some(None),
            "what a client finds by itself"
        );
    }

    #[test]
    fn an_error_of_the_api_server_is_its_message() {
        let status =
            kube::core::Status::failure("pods \"pg-1\" not found", "NotFound").with_code(404).boxed();
        let error = failed("delete pod pg-1", &kube::Error::Api(status));
        assert_eq!(error.to_string(), "could not delete pod pg-1: pods \"pg-1\" not found: NotFound");
    }
}
