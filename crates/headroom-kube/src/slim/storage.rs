//! Our own object.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::Wire;

/// A DynamicStorage as text: `headroom-api` reads spec and status, each on its own, because a spec that cannot be read
/// must not hide a record that can.
#[derive(Clone, Debug, Deserialize)]
pub struct Storage {
    /// `spec`.
    pub spec: Option<Box<RawValue>>,
    /// `status`.
    pub status: Option<Box<RawValue>>,
}

impl Wire for Storage {
    const GROUP: &'static str = "headroom.dev";
    const VERSION: &'static str = "v1alpha1";
    const KIND: &'static str = "DynamicStorage";
    const PLURAL: &'static str = "dynamicstorages";
}
