//! A running change of the whole Cluster: intent, never progress.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A change of the whole Cluster; all of it is record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct OperationStatus {
    /// Its entry in the `actions` of its volumes.
    pub id: i64,
    /// Shrink, or a word newer than this version.
    #[schemars(length(max = 64))]
    pub kind: String,
    /// The generation of the spec that it was last fitted to.
    pub generation: i64,
    /// When the intent was recorded.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schemars(extend("format" = "date-time"))]
    pub started_at: String,
    /// The volumes that shrink.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 512),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"])
    )]
    pub volumes: Vec<OperationVolume>,
    /// `spec.instances` of the Cluster as somebody else set it: restored at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instances_before: Option<i64>,
    /// Whether an instance is added first: No, Wanted, Seen or Returning.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 64))]
    pub surge: String,
    /// The instances to be replaced, with their claims of the data volume.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 1024),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["instance"])
    )]
    pub originals: Vec<OriginalInstance>,
    /// Who is being replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub victim: Option<VictimStatus>,
    /// Where it leads: Smaller, Back or Tidy.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 64))]
    pub course: String,
    /// Why it turned back: Emergency, TooSmall, SpecChanged, Released or External.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub turned_back: Option<String>,
}

/// A volume that shrinks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OperationVolume {
    /// data, or tablespace/NAME.
    #[schemars(length(min = 1, max = 320))]
    pub name: String,
    /// Effective size before.
    #[serde(default)]
    #[schemars(length(max = 32))]
    pub from: String,
    /// What new claims get.
    #[serde(default)]
    #[schemars(length(max = 32))]
    pub to: String,
}

/// An instance to be replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OriginalInstance {
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub instance: String,
    /// Its claim of the data volume: it is replaced when that has another uid.
    #[serde(default, rename = "claimUID")]
    #[schemars(length(max = 253))]
    pub claim_uid: String,
}

/// Who is being replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VictimStatus {
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub instance: String,
    /// Its pod.
    #[serde(default, rename = "podUID")]
    #[schemars(length(max = 253))]
    pub pod_uid: String,
    /// All its claims.
    #[serde(default, rename = "claimUIDs")]
    #[schemars(length(max = 512), inner(length(max = 253)), extend("x-kubernetes-list-type" = "set"))]
    pub claim_uids: Vec<String>,
}
