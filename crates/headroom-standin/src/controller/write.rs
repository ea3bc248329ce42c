//! Writes that are asked for again when a look was cut short: what is there already is no error, what is gone neither.

use kube::api::{ApiResource, DeleteParams, DynamicObject, GroupVersionKind, Patch, PatchParams, PostParams};
use kube::{Api, Client, Error};
use serde_json::{Value, json};

use crate::cluster::{Cluster, ClusterStatus, resource};
use crate::names::STAND_IN;

/// Kinds that are written beside Clusters: API version and kind.
const KINDS: [(&str, &str); 9] = [
    ("v1", "PersistentVolumeClaim"),
    ("v1", "Pod"),
    ("v1", "Secret"),
    ("v1", "Service"),
    ("v1", "ServiceAccount"),
    ("batch/v1", "Job"),
    ("policy/v1", "PodDisruptionBudget"),
    ("rbac.authorization.k8s.io/v1", "Role"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"),
];

/// One namespace of the API.
#[derive(Clone)]
pub(crate) struct Writer {
    pub(crate) client: Client,
    pub(crate) namespace: String,
}

impl Writer {
    fn api(&self, kind: &str) -> Api<DynamicObject> {
        let version = KINDS.iter().find(|(_, known)| *known == kind).map_or("v1", |(version, _)| version);
        let (group, version) = version.split_once('/').unwrap_or(("", version));
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        Api::namespaced_with(self.client.clone(), &self.namespace, &resource)
    }

    /// Creates an object unless it exists.
    pub(crate) async fn create(&self, object: &Value) -> Result<(), Error> {
        let parsed: DynamicObject = serde_json::from_value(object.clone()).map_err(Error::SerdeError)?;
        let kind = parsed.types.as_ref().map(|types| types.kind.clone()).unwrap_or_default();
        match self.api(&kind).create(&params(), &parsed).await {
            Ok(_) => {
                tracing::info!(
                    "{}: created {kind} {}",
                    self.namespace,
                    parsed.metadata.name.unwrap_or_default()
                );
                Ok(())
            }
            Err(error) => harmless(error, 409),
        }
    }

    /// Merges a patch into an object, if it is there.
    pub(crate) async fn merge(&self, kind: &str, name: &str, patch: &Value) -> Result<(), Error> {
        let patched = self.api(kind).patch(name, &PatchParams::default(), &Patch::Merge(patch)).await;
        patched.map(drop).or_else(|error| harmless(error, 404))
    }

    /// Deletes an object, and in the background what it owns.
    pub(crate) async fn delete(&self, kind: &str, name: &str) -> Result<(), Error> {
        match self.api(kind).delete(name, &DeleteParams::background()).await {
            Ok(_) => {
                tracing::info!("{}: deleted {kind} {name}", self.namespace);
                Ok(())
            }
            Err(error) => harmless(error, 404),
        }
    }

    /// Writes the status of the Cluster as it was read; when somebody wrote meanwhile this is an error, and the next look
    /// sees what.
    pub(crate) async fn status(&self, cluster: &Cluster, status: &ClusterStatus) -> Result<Cluster, Error> {
        let api = Api::<Cluster>::namespaced_with(self.client.clone(), &self.namespace, &resource());
        let patch = json!([
            {"op": "test", "path": "/metadata/resourceVersion", "value": cluster.metadata.resource_version},
            {"op": "add", "path": "/status", "value": status},
        ]);
        let patch = Patch::<Cluster>::Json(serde_json::from_value(patch).map_err(Error::SerdeError)?);
        let name = cluster.metadata.name.as_deref().unwrap_or_default();
        let params = PatchParams { field_manager: Some(STAND_IN.to_owned()), ..PatchParams::default() };
        api.patch_status(name, &params, &patch).await
    }
}

fn params() -> PostParams {
    PostParams { field_manager: Some(STAND_IN.to_owned()), ..PostParams::default() }
}

fn harmless(error: Error, code: u16) -> Result<(), Error> {
    let answered = matches!(&error, Error::Api(answer) if answer.code == code);
    if answered { Ok(()) } else { Err(error) }
}
