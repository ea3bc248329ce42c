//! Messages for people that may be lost.

use alloc::vec::Vec;

use headroom_core::{
    Bytes,
    ledger::Cause,
    names::{ClusterKey, InstanceName, Text, VolumeName},
    observation::ObstacleCause,
    report::{InTheWay, Reason, State},
};

/// A message about one Cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Which Cluster.
    pub key: ClusterKey,
    /// What happened.
    pub what: NoteKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoteKind {
    /// A growth was started (intent recorded).
    GrowthStarted {
        /// Which volume.
        volume: VolumeName,
        /// Why.
        cause: Cause,
        /// From.
        from: Bytes,
        /// To.
        to: Bytes,
    },
    /// A growth was seen complete.
    GrowthCompleted {
        /// Which volume.
        volume: VolumeName,
        /// From.
        from: Bytes,
        /// To.
        to: Bytes,
    },
    /// Every instance has the smaller claim.
    ShrinkCompleted {
        /// Which volume.
        volume: VolumeName,
        /// From.
        from: Bytes,
        /// To.
        to: Bytes,
    },
    /// A shrink ended at the size it began with.
    ShrinkTurnedBack {
        /// Which volume.
        volume: VolumeName,
        /// The size that it began with.
        from: Bytes,
    },
    /// A growth was stopped or given up.
    GrowthStopped {
        /// Which volume.
        volume: VolumeName,
        /// Why.
        reason: Reason,
    },
    /// A smaller member's claim is raised to the effective size.
    Repairing {
        /// Which volume.
        volume: VolumeName,
        /// Whose claim.
        instance: InstanceName,
        /// To.
        to: Bytes,
    },
    /// A volume entered a state that people should know of (AtLimit, BudgetExhausted, Blocked, Emergency, …).
    StateEntered {
        /// Which volume.
        volume: VolumeName,
        /// The state.
        state: State,
        /// Why.
        reason: Reason,
    },
    /// The plan was refused by the second opinion; codes.
    PlanRefused(Vec<&'static str>),
    /// The primary's pod is gone, and CNPG makes none because something else comes first.
    Trapped {
        /// The primary, without a pod.
        primary: InstanceName,
        /// What comes first.
        by: InTheWay,
    },
    /// The API server refuses what has to be done to something else than a claim.
    Denied {
        /// Why.
        cause: ObstacleCause,
        /// The API server's words.
        words: Text,
    },
    /// A session used up its allowance of requests.
    SessionExhausted,
    /// This Cluster is set aside after an internal error.
    Quarantined(Text),
    /// No decision can be made (bad spec, missing Cluster, …).
    Refused {
        /// Condition reason.
        reason: &'static str,
        /// What is wrong.
        message: Text,
    },
}

/// Which object a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// The DynamicStorage.
    Storage,
    /// The Cluster.
    Cluster,
    /// Both: trouble is told on each.
    Both,
}

impl NoteKind {
    /// Which object it is about: the start of a change and its end are told on the two in turn, so that a growth costs two
    /// Events; trouble is told on both.
    pub const fn about(&self) -> About {
        match self {
            Self::GrowthStarted { .. } | Self::Repairing { .. } => About::Storage,
            Self::GrowthCompleted { .. } | Self::ShrinkCompleted { .. } => About::Cluster,
            Self::GrowthStopped { .. }
            | Self::ShrinkTurnedBack { .. }
            | Self::StateEntered { .. }
            | Self::PlanRefused(_)
            | Self::Trapped { .. }
            | Self::Denied { .. }
            | Self::SessionExhausted
            | Self::Quarantined(_)
            | Self::Refused { .. } => About::Both,
        }
    }
}
