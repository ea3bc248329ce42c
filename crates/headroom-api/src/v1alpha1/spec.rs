//! The spec: what users write.
#![allow(clippy::duplicated_attributes, reason = "every printer column has a json_path and a type")]

use kube_derive::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Quantity, rules, status::DynamicStorageStatus};

// No column shows usage: the status holds none that is current (gauges alone never cause a write, design §4), and a
// stale figure in a column would be read as a present one. No metric of ours shows it either: kubelets export it
// themselves (kubelet_volume_stats_available_bytes).

/// What a user wants for the volumes of one Cluster. `clusterRef` and `storage.limit` are enough.
#[derive(CustomResource, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "headroom.dev",
    version = "v1alpha1",
    kind = "DynamicStorage",
    plural = "dynamicstorages",
    shortname = "dyns",
    namespaced,
    status = "DynamicStorageStatus",
    derive = "PartialEq",
    doc = "Lets the PostgreSQL volumes of one CloudNativePG Cluster grow by themselves between request and limit, and \
        shrink where shrink.enabled is true.",
    crates(kube_core = "::kube_core"),
    printcolumn(name = "Cluster", type_ = "string", json_path = ".spec.clusterRef.name"),
    printcolumn(
        name = "State",
        type_ = "string",
        json_path = ".status.storageSizing.data.state",
        description = "State of the data volume"
    ),
    printcolumn(
        name = "Size",
        type_ = "string",
        json_path = ".status.storageSizing.data.effectiveSize",
        description = "What every claim of the data volume should have"
    ),
    printcolumn(name = "Limit", type_ = "string", json_path = ".spec.storage.limit"),
    printcolumn(
        name = "Next",
        type_ = "string",
        json_path = ".status.storageSizing.data.nextMaintenanceWindow.start",
        description = "When the maintenance window opens next, or opened"
    ),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Mode", type_ = "string", json_path = ".spec.mode", priority = 1),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].reason",
        priority = 1
    ),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].message",
        priority = 1
    )
)]
#[serde(rename_all = "camelCase")]
pub struct DynamicStorageSpec {
    /// The Cluster, in the same namespace and with the same name as this object. Cannot be changed.
    pub cluster_ref: ClusterReference,

    /// What headroom may do. Apply: decide, report and act. Advise: decide and report, change nothing. Paused: stop
    /// before the next write and say what that leaves.
    #[serde(default)]
    pub mode: Mode,

    /// When the sizes in the Cluster's spec are raised to the effective sizes, so that new replicas start large enough
    /// without headroom. Never; OnRelease: when this object is deleted; Follow: after each proven growth, and when
    /// this object is deleted.
    #[serde(default)]
    pub sync_cluster_size: ClusterSizeSync,

    /// The data volume (PGDATA).
    pub storage: VolumeSpec,

    /// Tablespace volumes, by the name they have in the Cluster.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 64),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"])
    )]
    pub tablespaces: Vec<TablespaceSpec>,
}

/// Names the Cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("x-kubernetes-validations" = rules::cluster_reference()))]
pub struct ClusterReference {
    /// Name of the Cluster.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
}

/// What headroom may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Mode {
    /// Decide, report and act.
    #[default]
    Apply,
    /// Decide and report; change nothing.
    Advise,
    /// Stop before the next write and say what that leaves.
    Paused,
}

/// When the sizes in the Cluster's spec are raised to the effective sizes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ClusterSizeSync {
    /// Never.
    Never,
    /// When the DynamicStorage is deleted.
    #[default]
    OnRelease,
    /// After each proven growth, and when the DynamicStorage is deleted.
    Follow,
}

/// The rules for one volume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules::volume()))]
pub struct VolumeSpec {
    /// The floor. Left out: the Cluster's own size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Quantity>,

    /// The ceiling: planned growth never goes beyond it.
    pub limit: Quantity,

    /// Percent of the file system to keep free, 5 to 50.
    #[serde(default = "twenty")]
    #[schemars(range(min = 5, max = 50))]
    pub target_buffer: i32,

    /// When planned changes may start. Left out: at any time. An emergency never waits for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maintenance_window: Option<MaintenanceWindow>,

    /// What to do when the volume is nearly or entirely full.
    #[serde(default)]
    pub emergency_grow: EmergencyGrow,

    /// How many changes a day.
    #[serde(default)]
    pub budget: Budget,

    /// Giving space back: off by default.
    #[serde(default)]
    pub shrink: Shrink,

    /// Grow on schedule even while WAL piles up behind a failing archiver or a replication slot. Without it such a
    /// growth is held with reason WALFault, because it would only hide the fault. Emergencies are never held.
    #[serde(default, rename = "acknowledgeWALRisk")]
    pub acknowledge_wal_risk: bool,
}

/// The rules for one tablespace volume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TablespaceSpec {
    /// Name of the tablespace in the Cluster.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,

    /// The rules, the same as for the data volume.
    #[serde(flatten)]
    pub volume: VolumeSpec,
}

/// When planned changes may start; what has started may finish later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MaintenanceWindow {
    /// Cron with six fields, seconds first, as in ScheduledBackup: `0 0 3 * * *` is every day at three.
    #[schemars(length(min = 1, max = 128))]
    pub schedule: String,

    /// How long it stays open: `2h`, `90m`, `1h30m`; at most 168h.
    #[schemars(length(min = 2, max = 16), regex(pattern = r"^([0-9]+h)?([0-9]+m)?([0-9]+s)?$"))]
    pub duration: String,

    /// Name of a time zone of the IANA database, such as Europe/Berlin.
    #[serde(default = "utc")]
    #[schemars(length(min = 1, max = 64))]
    pub time_zone: String,
}

/// When a volume is in emergency and how far growth may go then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EmergencyGrow {
    /// Whether an emergency may act outside window and planned budget.
    #[serde(default = "yes")]
    pub enabled: bool,

    /// Percent used at which the volume is in emergency, 80 to 99; at least 100 - targetBuffer + 3.
    #[serde(default = "ninety_five")]
    #[schemars(range(min = 80, max = 99))]
    pub critical_threshold: i32,

    /// Available space at or below which the volume is in emergency, beside criticalThreshold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub critical_minimum_free: Option<Quantity>,

    /// A ceiling above limit that only emergencies may use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emergency_limit: Option<Quantity>,
}

/// Slots of a sliding 24 hours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules::budget()))]
pub struct Budget {
    /// Changes of this volume per sliding 24 hours. Providers have limits of their own (EBS: 4 per volume).
    #[serde(default = "four")]
    #[schemars(range(min = 1, max = 24))]
    pub actions_per_day: i32,

    /// How many of them only emergencies may use.
    #[serde(default = "one")]
    #[schemars(range(min = 0, max = 24))]
    pub reserved_for_emergency: i32,
}

/// Giving space back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Shrink {
    /// Off by default. With mode Advise the notice ShrinkPlan says what a shrink would cost and save.
    #[serde(default)]
    pub enabled: bool,

    /// How long the volume must have been too large: `24h`, `36h`.
    #[serde(default = "a_day")]
    #[schemars(length(min = 2, max = 16), regex(pattern = r"^([0-9]+h)?([0-9]+m)?([0-9]+s)?$"))]
    pub stabilization: String,

    /// Least saving that is worth the copies, in percent of the present size.
    #[serde(default = "twenty_percent")]
    #[schemars(length(min = 2, max = 4), regex(pattern = "^([1-9]|[1-9][0-9])%$"))]
    pub minimum_saving: String,

    /// Whether a further instance is added during the change: Auto and Always add one, so that there are never fewer
    /// replicas than declared; Never accepts one replica less while it is copied, and needs three instances or more.
    #[serde(default)]
    pub surge: Surge,

    /// Accept the write outage of a switchover on a single instance.
    #[serde(default)]
    pub allow_switchover_on_single_instance: bool,
}

/// Whether a shrink adds an instance first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Surge {
    /// headroom decides: always, in this version.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Default for EmergencyGrow {
    fn default() -> Self {
        Self {
            enabled: true,
            critical_threshold: ninety_five(),
            critical_minimum_free: None,
            emergency_limit: None,
        }
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self { actions_per_day: four(), reserved_for_emergency: one() }
    }
}

impl Default for Shrink {
    fn default() -> Self {
        Self {
            enabled: false,
            stabilization: a_day(),
            minimum_saving: twenty_percent(),
            surge: Surge::Auto,
            allow_switchover_on_single_instance: false,
        }
    }
}

const fn twenty() -> i32 {
    20
}
const fn ninety_five() -> i32 {
    95
}
const fn four() -> i32 {
    4
}
const fn one() -> i32 {
    1
}
const fn yes() -> bool {
    true
}
fn utc() -> String {
    "UTC".to_owned()
}
fn a_day() -> String {
    "24h".to_owned()
}
fn twenty_percent() -> String {
    "20%".to_owned()
}
