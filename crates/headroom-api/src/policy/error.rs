//! What can be wrong with a spec.

use headroom_core::{Bytes, quantity::ParseQuantityError};

use crate::{names::ReasonName, windows::ParseWindowError};

/// What is wrong with a spec. The message names field and cause, [`SpecError::hint`] the next step.
#[derive(Debug, thiserror::Error)]
pub enum SpecError {
    /// The object is not named as its Cluster.
    #[error("the DynamicStorage is named {name:?} and spec.clusterRef.name is {cluster:?}")]
    NameMismatch {
        /// Its name.
        name: String,
        /// The Cluster's.
        cluster: String,
    },
    /// Two tablespaces of one name.
    #[error("{path} is there twice")]
    DuplicateTablespace {
        /// Which.
        path: String,
    },
    /// No quantity.
    #[error("{path} is {text:?}: {source}")]
    Quantity {
        /// Which field.
        path: String,
        /// What it says.
        text: String,
        /// Why it is none.
        source: ParseQuantityError,
    },
    /// A limit that no volume can have.
    #[error("{path}.limit is {limit}, which is below 64Mi")]
    LimitTooSmall {
        /// Which volume.
        path: String,
        /// The limit.
        limit: Bytes,
    },
    /// The floor is above the ceiling.
    #[error("{path}.request ({request}) is above its limit ({limit})")]
    RequestAboveLimit {
        /// Which volume.
        path: String,
        /// The floor.
        request: Bytes,
        /// The ceiling.
        limit: Bytes,
    },
    /// A number out of its range.
    #[error("{path} is {value}; it must be from {least} to {most}")]
    OutOfRange {
        /// Which field.
        path: String,
        /// What it says.
        value: i32,
        /// Smallest allowed.
        least: u8,
        /// Largest allowed.
        most: u8,
    },
    /// The critical threshold is within or next to the buffer.
    #[error(
        "{path}.emergencyGrow.criticalThreshold is {critical}; it must be at least {least}, which is 100 - targetBuffer + 3"
    )]
    CriticalTooLow {
        /// Which volume.
        path: String,
        /// The threshold.
        critical: i32,
        /// The least that is allowed.
        least: i32,
    },
    /// The volume would always be in emergency.
    #[error("{path}.emergencyGrow.criticalMinimumFree ({minimum}) is not below limit ({limit})")]
    AlwaysCritical {
        /// Which volume.
        path: String,
        /// The minimum.
        minimum: Bytes,
        /// The ceiling.
        limit: Bytes,
    },
    /// The emergency limit is no further ceiling.
    #[error("{path}.emergencyGrow.emergencyLimit ({ceiling}) is not above limit ({limit})")]
    EmergencyLimitNotAbove {
        /// Which volume.
        path: String,
        /// The emergency limit.
        ceiling: Bytes,
        /// The limit.
        limit: Bytes,
    },
    /// The reserve is larger than the budget.
    #[error("{path}.budget.reservedForEmergency ({reserved}) is above actionsPerDay ({per_day})")]
    ReserveAboveBudget {
        /// Which volume.
        path: String,
        /// The reserve.
        reserved: u8,
        /// The budget.
        per_day: u8,
    },
    /// No duration.
    #[error("{path} is {text:?}, which is no duration")]
    Duration {
        /// Which field.
        path: String,
        /// What it says.
        text: String,
    },
    /// No percentage.
    #[error("{path} is {text:?}, which is no percentage")]
    Percentage {
        /// Which field.
        path: String,
        /// What it says.
        text: String,
    },
    /// The maintenance window cannot be used.
    #[error("{path}: {source}")]
    Window {
        /// Which field.
        path: String,
        /// Why.
        source: ParseWindowError,
    },
}

impl SpecError {
    /// The condition reason.
    pub fn reason(&self) -> ReasonName {
        match self {
            Self::Quantity { .. } => ReasonName::InvalidQuantity,
            Self::Duration { .. } => ReasonName::InvalidDuration,
            Self::Window { source, .. } => source.reason(),
            Self::NameMismatch { .. }
            | Self::DuplicateTablespace { .. }
            | Self::LimitTooSmall { .. }
            | Self::RequestAboveLimit { .. }
            | Self::OutOfRange { .. }
            | Self::CriticalTooLow { .. }
            | Self::AlwaysCritical { .. }
            | Self::EmergencyLimitNotAbove { .. }
            | Self::ReserveAboveBudget { .. }
            | Self::Percentage { .. } => ReasonName::InvalidSpec,
        }
    }

    /// The next step.
    pub fn hint(&self) -> String {
        match self {
            Self::NameMismatch { cluster, .. } => {
                format!("create the DynamicStorage with the name {cluster:?}")
            }
            Self::DuplicateTablespace { .. } => "keep one entry per tablespace".to_owned(),
            Self::Quantity { .. } => "write a size such as 10Gi, 1536Mi or 10737418240".to_owned(),
            Self::LimitTooSmall { .. } => "raise limit".to_owned(),
            Self::RequestAboveLimit { .. } => "lower request or raise limit".to_owned(),
            Self::OutOfRange { least, most, .. } => format!("choose a number from {least} to {most}"),
            Self::CriticalTooLow { least, critical, .. } => {
                format!(
                    "raise criticalThreshold to {least}, or targetBuffer to {}",
                    103_i32.saturating_sub(*critical)
                )
            }
            Self::AlwaysCritical { .. } => "lower criticalMinimumFree, or leave it out".to_owned(),
            Self::EmergencyLimitNotAbove { .. } => {
                "raise emergencyLimit, or leave it out so that limit holds in an emergency too".to_owned()
            }
            Self::ReserveAboveBudget { .. } => {
                "lower reservedForEmergency: it is a part of actionsPerDay".to_owned()
            }
            Self::Duration { .. } => "write hours, minutes and seconds such as 24h, 90m or 1h30m".to_owned(),
            Self::Percentage { .. } => "write a whole percentage such as 20%".to_owned(),
            Self::Window { source, .. } => source.hint(),
        }
    }
}
