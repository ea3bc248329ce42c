//! The operator's Deployment: stopped, started and killed as people and nodes do.

use std::time::Duration;

use headroom_scenario::WorldError;
use k8s_openapi::api::{apps::v1::Deployment, core::v1::Pod};
use kube::{
    Api, Client,
    api::{DeleteParams, ListParams, Patch, PatchParams},
};
use serde_json::json;

use super::{connect::failed, wait};

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

/// Scales the Deployment and waits until that many pods are ready, and no others are left.
pub(crate) async fn scale(client: &Client, replicas: u32) -> Result<(), WorldError> {
    let doing = if replicas == 0 { "stop the operator" } else { "start the operator" };
    let deployments = Api::<Deployment>::namespaced(client.clone(), NAMESPACE);
    let patch = Patch::Merge(json!({"spec": {"replicas": replicas}}));
    deployments
        .patch(DEPLOYMENT, &PatchParams::default(), &patch)
        .await
        .map_err(|error| failed(doing, &error))?;
    let settled =
        wait::until(LIMIT, PERIOD, || async { (ready(client).await? == (replicas, replicas)).then_some(()) });
    settled.await.ok_or_else(|| failed(doing, &format!("not settled within {} s", LIMIT.as_secs())))
}

/// Kills the operator's pods without grace; the Deployment starts another.
pub(crate) async fn kill(client: &Client) -> Result<(), WorldError> {
    let pods = Api::<Pod>::namespaced(client.clone(), NAMESPACE);
    let list = pods.list(&ListParams::default().labels(SELECTOR)).await;
    let list = list.map_err(|error| failed("find the operator's pod", &error))?;
    for name in list.items.into_iter().filter_map(|pod| pod.metadata.name) {
        let gone = pods.delete(&name, &DeleteParams::default().grace_period(0)).await;
        gone.map_err(|error| failed("kill the operator", &error))?;
    }
    Ok(())
}

/// Pods of the operator: how many are ready and how many there are.
async fn ready(client: &Client) -> Option<(u32, u32)> {
    let pods = Api::<Pod>::namespaced(client.clone(), NAMESPACE);
    let list = pods.list(&ListParams::default().labels(SELECTOR)).await.ok()?;
    let is_ready = |pod: &&Pod| {
        let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
        conditions.is_some_and(|list| list.iter().any(|c| c.type_ == "Ready" && c.status == "True"))
            && pod.metadata.deletion_timestamp.is_none()
    };
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Some((count(list.items.iter().filter(is_ready).count()), count(list.items.len())))
}

/// Kills the operator at random moments, about every `mean`, for ever. Counts to the trace of nobody: what it must not
/// change is everything the scenarios assert.
pub(crate) async fn kill_at_random(client: Client, mean: Duration, seed: u64) {
    use rand::{RngExt, SeedableRng};
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    loop {
        let span = random.random_range(mean.as_millis() / 4..=mean.as_millis() * 7 / 4);
        wait::pause(Duration::from_millis(u64::try_from(span).unwrap_or(u64::MAX))).await;
        match kill(&client).await {
            Ok(()) => crate::talk("killed the operator"),
            Err(error) => crate::talk(&format!("{error}")),
        }
    }
}
