//! PersistentVolumeClaim.

use serde::Deserialize;

use super::{QuantityText, Wire};

/// What headroom reads of a claim.
#[derive(Clone, Debug, Deserialize)]
pub struct Claim {
    /// `spec`.
    pub spec: Spec,
    /// `status`.
    pub status: Option<Status>,
}

/// `spec`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Spec {
    /// `storageClassName`; absent or empty for a static volume.
    pub storage_class_name: Option<String>,
    /// `resources`.
    pub resources: Resources,
}

/// `resources`.
#[derive(Clone, Debug, Deserialize)]
pub struct Resources {
    /// `requests`.
    pub requests: StorageOnly,
}

/// A resource list of which only `storage` is read.
#[derive(Clone, Debug, Deserialize)]
pub struct StorageOnly {
    /// `storage`.
    pub storage: QuantityText,
}

/// `status`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// `phase`.
    pub phase: Option<String>,
    /// `capacity`.
    pub capacity: Option<StorageOnly>,
    /// `conditions`.
    pub conditions: Option<Vec<Condition>>,
    /// `allocatedResourceStatuses`.
    pub allocated_resource_statuses: Option<ResizeStatus>,
}

/// A condition of a claim.
#[derive(Clone, Debug, Deserialize)]
pub struct Condition {
    /// `type`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `status`.
    pub status: String,
    /// `message`: the driver's or kubelet's words.
    pub message: Option<String>,
}

/// `allocatedResourceStatuses`.
#[derive(Clone, Debug, Deserialize)]
pub struct ResizeStatus {
    /// `storage`.
    pub storage: Option<String>,
}

impl Wire for Claim {
    const GROUP: &'static str = "";
    const VERSION: &'static str = "v1";
    const KIND: &'static str = "PersistentVolumeClaim";
    const PLURAL: &'static str = "persistentvolumeclaims";
}
