//! The DynamicStorage as the API server stores it: spec and status as its CRD says, nothing of the operator's memory.

use std::sync::Arc;

use headroom_api::v1alpha1::{DynamicStorageSpec, DynamicStorageStatus};

use super::object::Meta;

/// A DynamicStorage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Custom {
    /// Identity.
    pub meta: Meta,
    /// `metadata.generation`.
    pub generation: u64,
    /// It carries headroom's finalizer.
    pub finalizer: bool,
    /// Its spec.
    pub spec: Arc<DynamicStorageSpec>,
    /// Its status, once written.
    pub status: Option<Arc<DynamicStorageStatus>>,
}
