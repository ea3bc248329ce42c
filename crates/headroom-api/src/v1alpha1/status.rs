//! The status: the record (durable) and the verdict (for people), in one object.
//!
//! What is durable and read back is marked *record*; all else is written only. A volume belongs to the record exactly
//! when `effectiveSize` is there, a claim when `claimUID` is there.

use super::operation::OperationStatus;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What headroom remembers and reports.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct DynamicStorageStatus {
    /// The generation of the spec that the conditions speak of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// Ready, Reconciling and Stalled (kstatus).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 16),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"])
    )]
    pub conditions: Vec<Condition>,

    /// The volumes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_sizing: Option<StorageSizing>,

    /// A running shrink of the whole Cluster (record). One of a kind that a newer version left is not touched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<OperationStatus>,

    /// When the last shrink ended, well or not (record).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub last_shrink_at: Option<String>,
}

/// A condition, as `metav1.Condition`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Ready, Reconciling or Stalled.
    #[serde(rename = "type")]
    #[schemars(length(min = 1, max = 64))]
    pub type_: String,
    /// True, False or Unknown.
    #[schemars(length(max = 16))]
    pub status: String,
    /// The generation of the spec that this speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// When `status` last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub last_transition_time: Option<String>,
    /// One CamelCase word.
    #[serde(default)]
    #[schemars(length(max = 128))]
    pub reason: String,
    /// The cause and the next step.
    #[serde(default)]
    #[schemars(length(max = 32768))]
    pub message: String,
}

/// The volumes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct StorageSizing {
    /// The last action number given out (record).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_action_id: Option<i64>,
    /// The data volume.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<VolumeStatus>,
    /// Tablespace volumes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 512),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"])
    )]
    pub tablespaces: Vec<TablespaceStatus>,
    /// The WAL volume: observed, never resized in v1alpha1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wal: Option<VolumeStatus>,
}

/// A tablespace volume.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct TablespaceStatus {
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// The rest is as for the data volume.
    #[serde(flatten)]
    pub volume: VolumeStatus,
}

/// One volume.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct VolumeStatus {
    /// Balanced, PendingGrowth, Growing, Emergency, AtLimit, BudgetExhausted, PendingShrink, Shrinking,
    /// WaitingForUsage, Blocked, Suspended or Paused.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub state: Option<String>,
    /// Why, as one word.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub reason: Option<String>,
    /// Why, and the next step.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub message: Option<String>,
    /// What every claim of the volume should have (record).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub effective_size: Option<String>,
    /// Where a running or wanted change leads.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub target_size: Option<String>,
    /// What a new claim gets while a shrink replaces the others; absent: effectiveSize.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub size_at_birth: Option<String>,
    /// The claims.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 1024),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["instance"])
    )]
    pub actual_sizes: Vec<InstanceSize>,
    /// The newest entry of `actions`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_action: Option<ActionStatus>,
    /// The ledger: actions of the last 24 hours, oldest first (record).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 1024),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["id"])
    )]
    pub actions: Vec<ActionStatus>,
    /// Slots of the sliding 24 hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<BudgetStatus>,
    /// The running growth (record).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub growth: Option<GrowthStatus>,
    /// Since when the volume has been too large (record).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub shrink_eligible_since: Option<String>,
    /// The most that an instance has used since then; a shrink leaves room for it (record).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_usage: Option<PeakStatus>,
    /// The window that is open or opens next; absent where none is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_maintenance_window: Option<WindowStatus>,
    /// What else people should know.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1024), extend("x-kubernetes-list-type" = "atomic"))]
    pub notices: Vec<NoticeStatus>,
}

/// One claim.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InstanceSize {
    /// The instance.
    #[schemars(length(min = 1, max = 253))]
    pub instance: String,
    /// What the claim requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub requested: Option<String>,
    /// What the claim has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub capacity: Option<String>,
    /// The claim that the rest speaks of (record).
    #[serde(default, rename = "claimUID", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub claim_uid: Option<String>,
    /// When a growth of this claim was last seen complete (record).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub growth_completed_at: Option<String>,
    /// Usage at the last change of its class, not the newest (record).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_usage: Option<UsageStatus>,
}

/// One measurement of a file system.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UsageStatus {
    /// The kubelet's time of the measurement.
    #[serde(default)]
    #[schemars(extend("format" = "date-time"))]
    pub at: String,
    /// Size of the file system.
    #[serde(default)]
    #[schemars(length(max = 32))]
    pub capacity: String,
    /// What can still be written.
    #[serde(default)]
    #[schemars(length(max = 32))]
    pub available: String,
}

/// The most that an instance used, to a thirty-second, in two turns of at least `stabilization` each: what was used within
/// the last `stabilization` is never forgotten.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PeakStatus {
    /// When the present turn began.
    #[serde(default)]
    #[schemars(extend("format" = "date-time"))]
    pub since: String,
    /// The most in the present turn.
    #[serde(default)]
    #[schemars(length(max = 32))]
    pub used: String,
    /// The most in the turn before it.
    #[serde(default)]
    #[schemars(length(max = 32))]
    pub used_before: String,
}

/// One action: one slot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActionStatus {
    /// Its number, unique in this object.
    pub id: i64,
    /// Grow or Shrink.
    #[serde(default)]
    #[schemars(length(max = 64))]
    pub kind: String,
    /// Planned, Emergency, External or Shrink.
    #[serde(default)]
    #[schemars(length(max = 64))]
    pub cause: String,
    /// Effective size before.
    #[serde(default)]
    #[schemars(length(max = 32))]
    pub from: String,
    /// Effective size wanted.
    #[serde(default)]
    #[schemars(length(max = 32))]
    pub to: String,
    /// When the intent was recorded.
    #[serde(default)]
    #[schemars(extend("format" = "date-time"))]
    pub started_at: String,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub completed_at: Option<String>,
    /// Running, Completed, Refunded or Superseded.
    #[serde(default)]
    #[schemars(length(max = 64))]
    pub result: String,
}

/// Slots of the sliding 24 hours.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BudgetStatus {
    /// Actions that count now.
    #[serde(default, rename = "actionsLast24h")]
    pub actions_last_24h: i32,
    /// Slots that a planned action may use now.
    #[serde(default)]
    pub available_for_planned: i32,
    /// Slots that an emergency may use now.
    #[serde(default)]
    pub available_for_emergency: i32,
    /// When the next slot returns, where none is left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_slot_at: Option<NextSlots>,
}

/// When slots return.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NextSlots {
    /// For a planned action.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub planned: Option<String>,
    /// For an emergency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub emergency: Option<String>,
}

/// A running growth: intent, never progress.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GrowthStatus {
    /// Its entry in `actions`.
    #[serde(default)]
    pub id: i64,
    /// Planned or Emergency.
    #[serde(default)]
    #[schemars(length(max = 64))]
    pub cause: String,
    /// The generation of the spec that it was derived from.
    #[serde(default)]
    pub generation: i64,
    /// When the intent was recorded.
    #[serde(default)]
    #[schemars(extend("format" = "date-time"))]
    pub started_at: String,
    /// Effective size before.
    #[serde(default)]
    #[schemars(length(max = 32))]
    pub from: String,
    /// Size that every claim gets.
    #[serde(default)]
    #[schemars(length(max = 32))]
    pub to: String,
    /// The replica that goes first; absent: all at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub canary: Option<String>,
}

/// A maintenance window.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct WindowStatus {
    /// When it opens, or opened.
    #[serde(default)]
    #[schemars(extend("format" = "date-time"))]
    pub start: String,
    /// When it closes.
    #[serde(default)]
    #[schemars(extend("format" = "date-time"))]
    pub end: String,
}

/// Something that people should know.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct NoticeStatus {
    /// One CamelCase word.
    #[serde(default)]
    #[schemars(length(max = 128))]
    pub reason: String,
    /// The cause and the next step.
    #[serde(default)]
    #[schemars(length(max = 4096))]
    pub message: String,
}
