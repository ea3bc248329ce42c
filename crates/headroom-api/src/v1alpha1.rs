//! `headroom.dev/v1alpha1`: the `DynamicStorage` kind.
//!
//! Enumerations of the spec are Rust enums (the schema guards them); the status is decoded leniently, word by word, by
//! [`crate::status::read`], so that a word of a newer version is an answer and not a dead watch.

mod operation;
mod quantity;
mod rules;
mod spec;
mod status;

pub use operation::{OperationStatus, OperationVolume, OriginalInstance, VictimStatus};
pub use quantity::Quantity;
pub use rules::root_rules;
pub use spec::{
    Budget, ClusterReference, ClusterSizeSync, DynamicStorage, DynamicStorageSpec, EmergencyGrow,
    MaintenanceWindow, Mode, Shrink, Surge, TablespaceSpec, VolumeSpec,
};
pub use status::{
    ActionStatus, BudgetStatus, Condition, DynamicStorageStatus, GrowthStatus, InstanceSize, NextSlots,
    NoticeStatus, PeakStatus, StorageSizing, TablespaceStatus, UsageStatus, VolumeStatus, WindowStatus,
};
