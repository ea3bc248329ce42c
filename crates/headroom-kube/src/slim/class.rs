//! StorageClass.

use serde::Deserialize;

use super::Wire;

/// What headroom reads of a StorageClass.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Class {
    /// `allowVolumeExpansion`; false when absent.
    pub allow_volume_expansion: Option<bool>,
}

impl Wire for Class {
    const GROUP: &'static str = "storage.k8s.io";
    const VERSION: &'static str = "v1";
    const KIND: &'static str = "StorageClass";
    const PLURAL: &'static str = "storageclasses";
}
