//! Why a maintenance window cannot be used.

use crate::names::ReasonName;

/// Why a maintenance window cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseWindowError {
    /// Not six fields.
    #[error("schedule {schedule:?} has {fields} fields, and six are needed")]
    FieldCount {
        /// The schedule.
        schedule: String,
        /// How many it has.
        fields: usize,
        /// A schedule of six fields that is probably meant.
        suggestion: Option<String>,
    },
    /// Six fields, but no cron.
    #[error("schedule {schedule:?} is no cron expression: {cause}")]
    Schedule {
        /// The schedule.
        schedule: String,
        /// What the parser said.
        cause: String,
    },
    /// A cron that never fires, such as 30 February.
    #[error("schedule {schedule:?} never fires")]
    NeverFires {
        /// The schedule.
        schedule: String,
    },
    /// No duration.
    #[error("duration {duration:?} is no duration")]
    Duration {
        /// The duration.
        duration: String,
    },
    /// Under a minute or over a week.
    #[error("duration {duration} is not between 1m and 168h")]
    DurationOutOfRange {
        /// The duration.
        duration: String,
    },
    /// The next firing comes before the window closes, always.
    #[error("with schedule {schedule:?} and duration {duration} the window never closes")]
    NeverCloses {
        /// The schedule.
        schedule: String,
        /// The duration.
        duration: String,
    },
    /// More firings merge into one window than are looked at.
    #[error("with schedule {schedule:?} and duration {duration} more than {firings} firings make one window")]
    TooDense {
        /// The schedule.
        schedule: String,
        /// The duration.
        duration: String,
        /// The bound.
        firings: u32,
    },
    /// No such time zone.
    #[error("time zone {name:?} is not in the IANA database")]
    TimeZone {
        /// The name.
        name: String,
        /// The most similar name that exists.
        suggestion: Option<String>,
    },
}

impl ParseWindowError {
    /// The condition reason.
    pub const fn reason(&self) -> ReasonName {
        match self {
            Self::FieldCount { .. }
            | Self::Schedule { .. }
            | Self::NeverFires { .. }
            | Self::NeverCloses { .. }
            | Self::TooDense { .. } => ReasonName::InvalidSchedule,
            Self::Duration { .. } | Self::DurationOutOfRange { .. } => ReasonName::InvalidDuration,
            Self::TimeZone { .. } => ReasonName::UnknownTimeZone,
        }
    }

    /// The next step.
    pub fn hint(&self) -> String {
        match self {
            Self::FieldCount { suggestion: Some(suggestion), .. } => {
                format!("six fields, seconds first; did you mean `{suggestion}`?")
            }
            Self::FieldCount { suggestion: None, .. } | Self::Schedule { .. } => {
                "six fields: second minute hour day-of-month month day-of-week; `0 0 3 * * *` is every day at three"
                    .to_owned()
            }
            Self::NeverFires { .. } => "choose a day that exists in some month".to_owned(),
            Self::Duration { .. } => "write hours, minutes and seconds such as 2h, 90m or 1h30m".to_owned(),
            Self::DurationOutOfRange { .. } => {
                "choose a duration from 1m to 168h; leave maintenanceWindow out to allow changes at any time".to_owned()
            }
            Self::NeverCloses { .. } => {
                "shorten duration, or leave maintenanceWindow out to allow changes at any time".to_owned()
            }
            Self::TooDense { .. } => {
                "write fewer firings with a longer duration, or leave maintenanceWindow out to allow changes at any time"
                    .to_owned()
            }
            Self::TimeZone { suggestion: Some(suggestion), .. } => format!("did you mean {suggestion}?"),
            Self::TimeZone { suggestion: None, .. } => "write a name such as UTC or Europe/Berlin".to_owned(),
        }
    }
}
