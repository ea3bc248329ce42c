//! `Cluster` as the stand-in reads and writes it.

use std::collections::BTreeMap;

use kube::api::{ApiResource, GroupVersionKind};
use kube::core::Object;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::names::{GROUP, VERSION};

/// A Cluster.
pub type Cluster = Object<ClusterSpec, ClusterStatus>;

/// Its place in the API.
pub fn resource() -> ApiResource {
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(GROUP, VERSION, "Cluster"), "clusters")
}

/// `spec`, as far as the stand-in knows it; what else is there is kept by the API server and ignored here.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterSpec {
    /// Instances.
    #[serde(default = "one")]
    pub instances: u32,
    /// Image of PostgreSQL.
    #[serde(default)]
    pub image_name: Option<String>,
    /// The data volume.
    pub storage: Storage,
    /// A volume for pg_wal.
    #[serde(default)]
    pub wal_storage: Option<Storage>,
    /// Tablespaces.
    #[serde(default)]
    pub tablespaces: Vec<Tablespace>,
    /// Settings of the server.
    #[serde(default)]
    pub postgresql: Postgresql,
    /// How the first instance is made.
    #[serde(default)]
    pub bootstrap: Bootstrap,
    /// Requests and limits of the container.
    #[serde(default)]
    pub resources: Option<Value>,
    /// Whether PodDisruptionBudgets are made.
    #[serde(default, rename = "enablePDB")]
    pub enable_pdb: Option<bool>,
}

const fn one() -> u32 {
    1
}

/// A volume.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Storage {
    /// Its size, a quantity.
    #[serde(default)]
    pub size: String,
    /// Its class; the default one if absent.
    #[serde(default)]
    pub storage_class: Option<String>,
    /// Whether claims follow the size; true when absent.
    #[serde(default)]
    pub resize_in_use_volumes: Option<bool>,
}

/// A tablespace.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tablespace {
    /// Its name.
    pub name: String,
    /// Its owner; the application's if absent.
    #[serde(default)]
    pub owner: Option<Named>,
    /// Its volume.
    pub storage: Storage,
}

/// The name of a role or of a secret.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Named {
    /// Its name.
    pub name: String,
}

/// `postgresql`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Postgresql {
    /// Settings by name.
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
    /// Synchronous replication.
    #[serde(default)]
    pub synchronous: Option<Synchronous>,
}

/// `postgresql.synchronous`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Synchronous {
    /// `any` or `first`.
    pub method: String,
    /// How many standbys.
    pub number: u32,
}

/// `bootstrap`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Bootstrap {
    /// A new, empty database.
    #[serde(default)]
    pub initdb: Option<Initdb>,
}

/// `bootstrap.initdb`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Initdb {
    /// Name of the application's database.
    #[serde(default = "app")]
    pub database: String,
    /// Its owner.
    #[serde(default = "app")]
    pub owner: String,
    /// The secret with the owner's password; one is made if absent.
    #[serde(default)]
    pub secret: Option<Named>,
    /// Whether pages carry checksums.
    #[serde(default)]
    pub data_checksums: bool,
}

fn app() -> String {
    "app".to_owned()
}

impl Default for Initdb {
    fn default() -> Self {
        Self { database: app(), owner: app(), secret: None, data_checksums: false }
    }
}

impl ClusterSpec {
    /// How the first database is made.
    pub fn initdb(&self) -> Initdb {
        self.bootstrap.initdb.clone().unwrap_or_default()
    }
}

/// `status`. Zero and empty values are absent on the wire (traces' README, fact 8).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClusterStatus {
    /// Phase.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase_reason: Option<String>,
    /// Instances that exist.
    #[serde(skip_serializing_if = "zero")]
    pub instances: u32,
    /// Ready instances.
    #[serde(skip_serializing_if = "zero")]
    pub ready_instances: u32,
    /// Current primary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_primary: Option<String>,
    /// Target primary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_primary: Option<String>,
    /// Names of the instances.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub instance_names: Vec<String>,
    /// Claims in use.
    #[serde(rename = "healthyPVC", skip_serializing_if = "Vec::is_empty")]
    pub healthy: Vec<String>,
    /// Claims without an instance pod.
    #[serde(rename = "danglingPVC", skip_serializing_if = "Vec::is_empty")]
    pub dangling: Vec<String>,
    /// Claims under an unfinished job.
    #[serde(rename = "initializingPVC", skip_serializing_if = "Vec::is_empty")]
    pub initializing: Vec<String>,
    /// Claims being resized.
    #[serde(rename = "resizingPVC", skip_serializing_if = "Vec::is_empty")]
    pub resizing: Vec<String>,
    /// Claims of an incomplete group.
    #[serde(rename = "unusablePVC", skip_serializing_if = "Vec::is_empty")]
    pub unusable: Vec<String>,
    /// Claims that exist.
    #[serde(rename = "pvcCount", skip_serializing_if = "zero")]
    pub claims: u32,
    /// Instances by state: `healthy`, `replicating`, `failed`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub instances_status: BTreeMap<String, Vec<String>>,
    /// Conditions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Value>,
    /// What others wrote.
    #[serde(flatten)]
    pub others: BTreeMap<String, Value>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn zero(number: &u32) -> bool {
    *number == 0
}

impl ClusterStatus {
    /// The instance that is, or is about to be, primary; `None` while an election is open.
    pub fn target(&self) -> Option<&str> {
        self.target_primary.as_deref().filter(|name| *name != headroom_sim::model::object::PENDING)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_zero_or_empty_is_absent_and_what_others_wrote_is_kept() {
        let status: ClusterStatus =
            serde_json::from_value(json!({"targetPrimary": "pending", "targetPrimaryTimestamp": "t"}))
                .unwrap();
        assert_eq!(status.target(), None);
        assert_eq!(
            serde_json::to_value(&status).unwrap(),
            json!({"targetPrimary": "pending", "targetPrimaryTimestamp": "t"})
        );
    }

    #[test]
    fn a_cluster_without_a_bootstrap_makes_app_owned_by_app() {
        let spec: ClusterSpec = serde_json::from_value(json!({"storage": {"size": "1Gi"}})).unwrap();
        let initdb = spec.initdb();
        assert_eq!((spec.instances, initdb.database.as_str(), initdb.owner.as_str()), (1, "app", "app"));
    }
}
