//! CNPG's `Cluster` (`postgresql.cnpg.io/v1`).

use serde::Deserialize;

use super::{QuantityText, Wire};

/// What headroom reads of a Cluster.
#[derive(Clone, Debug, Deserialize)]
pub struct Cluster {
    /// `metadata`, for who set what.
    #[serde(default)]
    pub metadata: Managed,
    /// `spec`.
    pub spec: Spec,
    /// `status`; absent for the first moments.
    #[serde(default)]
    pub status: Option<Status>,
}

/// `metadata.managedFields`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Managed {
    /// One entry for each manager, operation and subresource.
    #[serde(default)]
    pub managed_fields: Vec<Manager>,
}

/// One entry of `metadata.managedFields`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manager {
    /// Who.
    pub manager: Option<String>,
    /// Through which subresource.
    pub subresource: Option<String>,
    /// Which fields.
    pub fields_v1: Option<Fields>,
}

/// Those of the fields that headroom asks about.
#[derive(Clone, Debug, Deserialize)]
pub struct Fields {
    /// Of `spec`.
    #[serde(rename = "f:spec")]
    pub spec: Option<SpecFields>,
}

/// Those of `spec` that headroom asks about.
#[derive(Clone, Debug, Deserialize)]
pub struct SpecFields {
    /// `instances`.
    #[serde(rename = "f:instances")]
    pub instances: Option<serde::de::IgnoredAny>,
}

impl Manager {
    /// Whether it set `spec.instances`.
    pub fn scales(&self) -> bool {
        let spec = self.fields_v1.as_ref().and_then(|fields| fields.spec.as_ref());
        spec.is_some_and(|spec| spec.instances.is_some())
    }
}

/// `spec`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Spec {
    /// `instances`; CNPG's default is 1.
    #[serde(default = "one")]
    pub instances: u32,
    /// `storage`.
    pub storage: Option<StorageConfiguration>,
    /// `walStorage`.
    pub wal_storage: Option<StorageConfiguration>,
    /// `tablespaces`; the order matters for a patch by index.
    pub tablespaces: Option<Vec<Tablespace>>,
    /// `primaryUpdateStrategy`: `supervised` leaves promotions to a person.
    pub primary_update_strategy: Option<String>,
    /// `nodeMaintenanceWindow`.
    pub node_maintenance_window: Option<Maintenance>,
    /// `replica`.
    pub replica: Option<ReplicaCluster>,
    /// `backup`.
    pub backup: Option<Backups>,
    /// `postgresql`.
    pub postgresql: Option<Postgresql>,
    /// `minSyncReplicas`, the older way to ask for synchronous standbys.
    pub min_sync_replicas: Option<u32>,
}

/// `nodeMaintenanceWindow`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Maintenance {
    /// `inProgress`.
    pub in_progress: Option<bool>,
}

/// `replica`.
#[derive(Clone, Debug, Deserialize)]
pub struct ReplicaCluster {
    /// `enabled`; where it is absent, `primary` and `self` decide.
    pub enabled: Option<bool>,
    /// `primary`.
    pub primary: Option<String>,
    /// `self`.
    #[serde(rename = "self")]
    pub own: Option<String>,
}

/// `backup`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Backups {
    /// `volumeSnapshot`, whatever it holds.
    pub volume_snapshot: Option<serde::de::IgnoredAny>,
}

/// `postgresql`.
#[derive(Clone, Debug, Deserialize)]
pub struct Postgresql {
    /// `synchronous`.
    pub synchronous: Option<Synchronous>,
    /// `parameters`.
    pub parameters: Option<Parameters>,
}

/// Those of `parameters` with which CNPG refuses a second instance; their values are text there.
#[derive(Clone, Debug, Deserialize)]
pub struct Parameters {
    /// `wal_log_hints`.
    pub wal_log_hints: Option<String>,
    /// `wal_level`.
    pub wal_level: Option<String>,
}

impl Parameters {
    /// Whether `wal_log_hints` is off, in any of the spellings that PostgreSQL knows.
    pub fn without_hints(&self) -> bool {
        let off = ["0", "of", "off", "n", "no", "f", "fa", "fal", "fals", "false"];
        let value = self.wal_log_hints.as_ref().map(|value| value.to_ascii_lowercase());
        value.is_some_and(|value| off.contains(&value.as_str()))
    }

    /// Whether no replica could follow.
    pub fn minimal(&self) -> bool {
        self.wal_level.as_deref() == Some("minimal")
    }
}

/// `synchronous`.
#[derive(Clone, Debug, Deserialize)]
pub struct Synchronous {
    /// `number`.
    pub number: Option<u32>,
}

const fn one() -> u32 {
    1
}

/// A tablespace.
#[derive(Clone, Debug, Deserialize)]
pub struct Tablespace {
    /// `name`.
    pub name: String,
    /// `storage`.
    pub storage: Option<StorageConfiguration>,
}

/// `StorageConfiguration`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StorageConfiguration {
    /// `size`; may be empty when the template says it.
    pub size: Option<QuantityText>,
    /// `resizeInUseVolumes`; true when absent.
    pub resize_in_use_volumes: Option<bool>,
    /// `pvcTemplate`.
    pub pvc_template: Option<Template>,
}

impl StorageConfiguration {
    /// CNPG's `GetSizeOrNil` (api/v1/cluster_funcs.go): `size` unless it is empty, else the template's request.
    /// A `size` that is no quantity hides the template, as it does there.
    pub fn size_text(&self) -> Option<&QuantityText> {
        match &self.size {
            Some(size) if !size.0.is_empty() => Some(size),
            Some(_) | None => {
                self.pvc_template.as_ref()?.resources.as_ref()?.requests.as_ref()?.storage.as_ref()
            }
        }
    }
}

/// `pvcTemplate`.
#[derive(Clone, Debug, Deserialize)]
pub struct Template {
    /// `resources`.
    pub resources: Option<Resources>,
}

/// `resources`.
#[derive(Clone, Debug, Deserialize)]
pub struct Resources {
    /// `requests`.
    pub requests: Option<Requests>,
}

/// `requests`.
#[derive(Clone, Debug, Deserialize)]
pub struct Requests {
    /// `storage`.
    pub storage: Option<QuantityText>,
}

/// `status`; what is zero or empty is absent on the wire.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// `currentPrimary`: set when that instance's server has become primary.
    pub current_primary: Option<String>,
    /// `targetPrimary`: `pending` while an election is open.
    pub target_primary: Option<String>,
    /// `phase`.
    pub phase: Option<String>,
    /// `readyInstances`.
    pub ready_instances: Option<u32>,
    /// `instances`.
    pub instances: Option<u32>,
    /// `danglingPVC`.
    #[serde(rename = "danglingPVC")]
    pub dangling: Option<Vec<String>>,
    /// `initializingPVC`.
    #[serde(rename = "initializingPVC")]
    pub initializing: Option<Vec<String>>,
    /// `unusablePVC`.
    #[serde(rename = "unusablePVC")]
    pub unusable: Option<Vec<String>>,
}

impl Wire for Cluster {
    const GROUP: &'static str = "postgresql.cnpg.io";
    const VERSION: &'static str = "v1";
    const KIND: &'static str = "Cluster";
    const PLURAL: &'static str = "clusters";
}
