//! The operator's Deployment, the installed one or a scenario's own: stopped, started and killed as people and nodes do.

use std::{fmt::Debug, time::Duration};

use headroom_scenario::WorldError;
use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::Deployment,
        coordination::v1::Lease,
        core::v1::Pod,
        rbac::v1::{Role, RoleBinding},
    },
};
use kube::{
    Api, Client, Resource,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{connect::failed, leftover, pod, wait};

mod own;

/// Where headroom is installed, by `deploy/`.
pub(crate) const NAMESPACE: &str = "headroom-system";
/// The ServiceAccount it writes as.
pub(crate) const ACCOUNT: &str = "headroom";
/// Its Deployment.
pub(crate) const DEPLOYMENT: &str = "headroom";
/// Selects its pods.
const SELECTOR: &str = "app.kubernetes.io/name=headroom";

/// How long a start or stop may take.
const LIMIT: Duration = Duration::from_mins(2);
const PERIOD: Duration = Duration::from_millis(500);

/// The operator that looks after a scenario: the installed one, or one of the scenario's own.
#[derive(Clone)]
pub(crate) struct Operator {
    client: Client,
    deployment: String,
    /// Selects its pods.
    selector: String,
}

impl Operator {
    /// The one that is installed, for all namespaces.
    pub(crate) fn installed(client: &Client) -> Self {
        Self { client: client.clone(), deployment: DEPLOYMENT.to_owned(), selector: SELECTOR.to_owned() }
    }

    /// One for this namespace alone; [`Operator::install`] starts it.
    pub(crate) fn of_scenario(client: &Client, namespace: &str) -> Self {
        Self {
            client: client.clone(),
            deployment: own::name(namespace),
            selector: format!("{}={namespace}", own::SCENARIO),
        }
    }

    /// Makes and starts the operator of a scenario; an earlier one is removed.
    pub(crate) async fn install(&self, namespace: &str) -> Result<(), WorldError> {
        let doing = "start an operator for the scenario alone";
        self.remove().await?;
        let client = &self.client;
        let deployments = Api::<Deployment>::namespaced(client.clone(), NAMESPACE);
        let installed = deployments.get(DEPLOYMENT).await.map_err(|error| failed(doing, &error))?;
        let installed = serde_json::to_value(&installed).map_err(|error| failed(doing, &error))?;
        make::<Role>(client, &own::role(namespace)).await.map_err(|why| failed(doing, &why))?;
        make::<RoleBinding>(client, &own::role_binding(namespace))
            .await
            .map_err(|why| failed(doing, &why))?;
        let deployment = own::deployment(&installed, namespace);
        make::<Deployment>(client, &deployment).await.map_err(|why| failed(doing, &why))
    }

    /// Removes the operator of a scenario, with all that belongs to it.
    pub(crate) async fn remove(&self) -> Result<(), WorldError> {
        let doing = "remove the scenario's own operator";
        remove_object::<Deployment>(&self.client, &self.deployment)
            .await
            .map_err(|why| failed(doing, &why))?;
        remove_object::<RoleBinding>(&self.client, &self.deployment)
            .await
            .map_err(|why| failed(doing, &why))?;
        remove_object::<Role>(&self.client, &self.deployment).await.map_err(|why| failed(doing, &why))?;
        remove_object::<Lease>(&self.client, &self.deployment).await.map_err(|why| failed(doing, &why))
    }

    /// Scales the Deployment and waits until that many pods are ready, and no others are left.
    pub(crate) async fn scale(&self, replicas: u32) -> Result<(), WorldError> {
        let doing = if replicas == 0 { "stop the operator" } else { "start the operator" };
        let deployments = Api::<Deployment>::namespaced(self.client.clone(), NAMESPACE);
        let patch = Patch::Merge(json!({"spec": {"replicas": replicas}}));
        deployments
            .patch(&self.deployment, &PatchParams::default(), &patch)
            .await
            .map_err(|error| failed(doing, &error))?;
        let settled = wait::until(LIMIT, PERIOD, || async {
            (self.ready().await? == (replicas, replicas)).then_some(())
        });
        settled.await.ok_or_else(|| failed(doing, &format!("not settled within {} s", LIMIT.as_secs())))
    }

    /// Kills the operator's pods without grace; the Deployment starts another.
    pub(crate) async fn kill(&self) -> Result<(), WorldError> {
        let pods = Api::<Pod>::namespaced(self.client.clone(), NAMESPACE);
        let list = pods.list(&ListParams::default().labels(&self.selector)).await;
        let list = list.map_err(|error| failed("find the operator's pod", &error))?;
        for name in list.items.into_iter().filter_map(|pod| pod.metadata.name) {
            let gone = pods.delete(&name, &DeleteParams::default().grace_period(0)).await;
            gone.map_err(|error| failed("kill the operator", &error))?;
        }
        Ok(())
    }

    /// Pods of the operator: how many are ready and how many there are.
    async fn ready(&self) -> Option<(u32, u32)> {
        let pods = Api::<Pod>::namespaced(self.client.clone(), NAMESPACE);
        let list = pods.list(&ListParams::default().labels(&self.selector)).await.ok()?;
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Some((count(list.items.iter().filter(|pod| pod::serves(pod)).count()), count(list.items.len())))
    }
}

async fn make<K>(client: &Client, object: &Value) -> Result<(), String>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + Debug
        + Serialize
        + DeserializeOwned,
{
    let object: K = serde_json::from_value(object.clone()).map_err(|error| error.to_string())?;
    let api = Api::<K>::namespaced(client.clone(), NAMESPACE);
    api.create(&PostParams::default(), &object).await.map(drop).map_err(|error| error.to_string())
}

/// Removes an object of that name and waits until it is gone.
async fn remove_object<K>(client: &Client, name: &str) -> Result<(), String>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    let api = Api::<K>::namespaced(client.clone(), NAMESPACE);
    match api.delete(name, &DeleteParams::foreground()).await {
        Ok(_) => {}
        Err(kube::Error::Api(status)) if status.code == 404 => return Ok(()),
        Err(error) => return Err(error.to_string()),
    }
    let gone =
        wait::until(LIMIT, PERIOD, || async { matches!(api.get_opt(name).await, Ok(None)).then_some(()) });
    gone.await.ok_or_else(|| format!("{name} is still there after {} s", LIMIT.as_secs()))
}

/// Removes what runs that are over have left of operators of their own.
pub(crate) async fn remove_leftovers(client: &Client) -> Result<(), WorldError> {
    let deployments = Api::<Deployment>::namespaced(client.clone(), NAMESPACE);
    let list = deployments.list(&ListParams::default().labels(own::SCENARIO)).await;
    for left in list.map_err(|error| failed("look for operators of earlier runs", &error))?.items {
        let labels = left.metadata.labels.unwrap_or_default();
        if leftover::is_over(labels.get(leftover::PROCESS))
            && let Some(namespace) = labels.get(own::SCENARIO)
        {
            Operator::of_scenario(client, namespace).remove().await?;
        }
    }
    Ok(())
}

/// Kills the operator at random moments, about every `mean`, for ever. Counts to the trace of nobody: what it must not
/// change is everything the scenarios assert.
pub(crate) async fn kill_at_random(client: Client, mean: Duration, seed: u64) {
    use rand::{RngExt, SeedableRng};
    let installed = Operator::installed(&client);
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    loop {
        let span = random.random_range(mean.as_millis() / 4..=mean.as_millis() * 7 / 4);
        wait::pause(Duration::from_millis(u64::try_from(span).unwrap_or(u64::MAX))).await;
        match installed.kill().await {
            Ok(()) => crate::talk("killed the operator"),
            Err(error) => crate::talk(&format!("{error}")),
        }
    }
}
