//! CloudNativePG's operator: stopped and started again.

use std::time::Duration;

use headroom_scenario::WorldError;
use k8s_openapi::api::apps::v1::Deployment;
use kube::{
    Api, Client, ResourceExt as _,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};

use super::{connect::failed, leftover, wait};

/// Where CloudNativePG's manifest puts its operator.
pub(crate) const NAMESPACE: &str = "cnpg-system";
/// The Deployment of that manifest.
const DEPLOYMENT: &str = "cnpg-controller-manager";
/// How long its pod may take to go or to be ready.
const LIMIT: Duration = Duration::from_mins(2);
const PERIOD: Duration = Duration::from_millis(500);

/// Its pods go. The mark tells a later run that it was a run of the matrix.
///
/// # Errors
/// When the Deployment cannot be changed, or a pod stays.
pub(crate) async fn stop(client: &Client) -> Result<(), WorldError> {
    scale(client, 0, &json!(leftover::mark())).await
}

/// It runs again and is ready.
///
/// # Errors
/// When the Deployment cannot be changed, or is not ready in time.
pub(crate) async fn start(client: &Client) -> Result<(), WorldError> {
    scale(client, 1, &Value::Null).await
}

/// Starts it again where a run was killed that had stopped it.
///
/// # Errors
/// When it cannot be started.
pub(crate) async fn remove_leftovers(client: &Client) -> Result<(), WorldError> {
    let found = Api::<Deployment>::namespaced(client.clone(), NAMESPACE).get_opt(DEPLOYMENT).await;
    let found = found.map_err(|error| failed("look at CloudNativePG's operator", &error))?;
    let mark = found.as_ref().and_then(|found| found.annotations().get(leftover::PROCESS));
    if mark.is_some() && leftover::is_over(mark) {
        crate::talk("start CloudNativePG's operator, which an earlier run left stopped");
        start(client).await?;
    }
    Ok(())
}

async fn scale(client: &Client, replicas: i32, mark: &Value) -> Result<(), WorldError> {
    let doing =
        if replicas == 0 { "stop CloudNativePG's operator" } else { "start CloudNativePG's operator" };
    let deployments = Api::<Deployment>::namespaced(client.clone(), NAMESPACE);
    let patch =
        json!({"metadata": {"annotations": {leftover::PROCESS: mark}}, "spec": {"replicas": replicas}});
    let patched = deployments.patch(DEPLOYMENT, &PatchParams::default(), &Patch::Merge(patch)).await;
    let wanted = patched.map_err(|error| failed(doing, &error))?.metadata.generation;
    let settled = wait::until(LIMIT, PERIOD, || async {
        let status = deployments.get(DEPLOYMENT).await.ok()?.status?;
        let is = |count: Option<i32>| count.unwrap_or(0) == replicas;
        (status.observed_generation >= wanted && is(status.replicas) && is(status.ready_replicas))
            .then_some(())
    });
    settled.await.ok_or_else(|| failed(doing, &format!("not settled within {} s", LIMIT.as_secs())))
}
