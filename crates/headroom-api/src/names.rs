//! The words of the API: one enum each, one table each, used by status, events and metrics alike.

use headroom_core::{
    ledger::Cause,
    observation::{ObstacleCause, Suspension},
    report::{InTheWay, Notice, Reason, ShrinkReason, State},
};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident => $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant,)+ }

        impl $name {
            /// Every word.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// The value of this word, if it is one of ours.
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|each| each.as_str() == word)
            }
        }
    };
}

words!(
    /// Types of conditions (kstatus).
    ConditionType {
        /// True: every volume is looked after. False: somebody should look. Unknown: work is under way or nothing is known yet.
        Ready => "Ready",
        /// True while claims are being changed.
        Reconciling => "Reconciling",
        /// True when headroom cannot go on by itself.
        Stalled => "Stalled",
    }
);

words!(
    /// Reasons of conditions, volumes, notices and events.
    ReasonName {
        /// Enough is free and nothing runs.
        EnoughFree => "EnoughFree",
        /// A claim smaller than its siblings is being raised.
        Repairing => "Repairing",
        /// A claim is not bound yet.
        WaitingForBinding => "WaitingForBinding",
        /// Waits for the maintenance window.
        OutsideWindow => "OutsideWindow",
        /// The schedule never fires again.
        NoWindowAhead => "NoWindowAhead",
        /// A second sample must confirm the first.
        Confirming => "Confirming",
        /// All planned slots are spent.
        PlannedBudgetSpent => "PlannedBudgetSpent",
        /// All slots are spent.
        BudgetSpent => "BudgetSpent",
        /// The first replica grows.
        WaitingForCanary => "WaitingForCanary",
        /// The storage works on it.
        WaitingForStorage => "WaitingForStorage",
        /// No pod mounts the claim.
        WaitingForMount => "WaitingForMount",
        /// The storage cannot have this size.
        Infeasible => "Infeasible",
        /// The first replica made no progress.
        CanaryStuck => "CanaryStuck",
        /// A ResourceQuota refused.
        QuotaExceeded => "QuotaExceeded",
        /// A LimitRange refused.
        LimitRangeExceeded => "LimitRangeExceeded",
        /// The API server says that the class cannot expand.
        ExpansionRefused => "ExpansionRefused",
        /// Not allowed for headroom's account.
        Forbidden => "Forbidden",
        /// The claim is not bound.
        NotBound => "NotBound",
        /// The API server asks to slow down.
        Throttled => "Throttled",
        /// The API server is unavailable.
        ApiUnavailable => "ApiUnavailable",
        /// Refused as invalid.
        InvalidRequest => "InvalidRequest",
        /// Refused for a reason that is not known.
        RefusedUnknown => "RefusedUnknown",
        /// At or above the critical threshold.
        Critical => "Critical",
        /// The server stopped because the volume is full.
        DiskFull => "DiskFull",
        /// Full before a growth could end.
        FullSoon => "FullSoon",
        /// In emergency, and emergencies may not act.
        EmergencyDisabled => "EmergencyDisabled",
        /// At the limit.
        LimitReached => "LimitReached",
        /// The Cluster's own size is above the limit.
        LimitBelowClusterSize => "LimitBelowClusterSize",
        /// Growth would hide a WAL fault.
        WalFault => "WALFault",
        /// No usage has been seen.
        NoUsage => "NoUsage",
        /// The usage is too old.
        StaleUsage => "StaleUsage",
        /// File system and claim disagree.
        NotSizedByClaim => "NotSizedByClaim",
        /// A kubelet does not answer.
        KubeletSilent => "KubeletSilent",
        /// The StorageClass forbids expansion.
        StorageClassNotExpandable => "StorageClassNotExpandable",
        /// `resizeInUseVolumes: false`.
        OnlineResizeDisabled => "OnlineResizeDisabled",
        /// A static volume.
        StaticVolume => "StaticVolume",
        /// The Cluster has no such volume.
        NoSuchVolume => "NoSuchVolume",
        /// No bound claim.
        NoBoundClaim => "NoBoundClaim",
        /// Hibernated.
        Hibernated => "Hibernated",
        /// The Cluster is being deleted.
        ClusterDeleting => "ClusterDeleting",
        /// CNPG's reconciliation is disabled.
        ReconciliationDisabled => "ReconciliationDisabled",
        /// `mode: Paused`.
        Paused => "Paused",
        /// `mode: Advise`.
        Advising => "Advising",
        /// headroom lets go of the Cluster.
        Releasing => "Releasing",
        /// A shrink would begin, and nothing is changed.
        ShrinkAdvised => "ShrinkAdvised",
        /// The window is shorter than a copy.
        WindowTooShort => "WindowTooShort",
        /// The last shrink was within seven days.
        ShrunkRecently => "ShrunkRecently",
        /// Another volume is due soon and can share the pass.
        GatheringVolumes => "GatheringVolumes",
        /// Too few replicas without a further instance.
        NeedsSurge => "NeedsSurge",
        /// A single instance may not be switched over.
        NeedsSwitchoverConsent => "NeedsSwitchoverConsent",
        /// A person is asked to promote.
        PromoteByHand => "PromoteByHand",
        /// The Cluster is not fit for the next step.
        ClusterNotHealthy => "ClusterNotHealthy",
        /// The next step waits for a second look.
        ShrinkConfirming => "ShrinkConfirming",
        /// What a shrink must know cannot be read.
        FactsUnknown => "FactsUnknown",
        /// A node of the Cluster is cordoned.
        NodeCordoned => "NodeCordoned",
        /// A Backup runs.
        BackupRunning => "BackupRunning",
        /// WAL archiving fails, and a shrink waits for it.
        ArchivingBroken => "ArchivingBroken",
        /// A PodDisruptionBudget allows no disruption.
        DisruptionForbidden => "DisruptionForbidden",
        /// The old primary of a single instance has not come back yet.
        OldPrimaryNotReady => "OldPrimaryNotReady",
        /// New replicas are made from snapshots.
        ReplicasComeFromSnapshots => "ReplicasComeFromSnapshots",
        /// A claim that headroom does not size would be born smaller.
        NewClaimsTooSmall => "NewClaimsTooSmall",
        /// With a parameter of the Cluster CNPG accepts no second instance.
        ParameterForbidsReplicas => "ParameterForbidsReplicas",
        /// No replica follows closely enough.
        ReplicaBehind => "ReplicaBehind",
        /// How fast WAL is written is being measured.
        MeasuringWal => "MeasuringWAL",
        /// A growth comes first.
        GrowthFirst => "GrowthFirst",
        /// A Job makes an instance.
        JoinRunning => "JoinRunning",
        /// The usage of a member is not known, or the primary's not for long enough to see whether it fills.
        UsageUnknown => "UsageUnknown",
        /// Somebody lowered the number of instances again.
        SurgeReverted => "SurgeReverted",
        /// A further instance is added.
        AddingInstance => "AddingInstance",
        /// An instance is about to be made anew.
        ReplacingInstance => "ReplacingInstance",
        /// An instance is being made.
        CopyingInstance => "CopyingInstance",
        /// A replica becomes primary.
        SwitchingOver => "SwitchingOver",
        /// An instance goes.
        RemovingInstance => "RemovingInstance",
        /// Claims grow back.
        TurningBack => "TurningBack",
        /// What a shrink costs and saves.
        ShrinkPlan => "ShrinkPlan",
        /// A shrink has started.
        ShrinkStarted => "ShrinkStarted",
        /// A shrink was seen complete.
        ShrinkCompleted => "ShrinkCompleted",
        /// A shrink has turned back.
        ShrinkTurnedBack => "ShrinkTurnedBack",
        /// CNPG waits for a Job that waits for the primary, whose pod is gone.
        JoinTrapped => "JoinTrapped",
        /// CNPG waits for a pod that no node takes, and the primary's is gone.
        PodTrapped => "PodTrapped",
        /// The second opinion refused the plan.
        PlanRefused => "PlanRefused",
        /// Nothing is known yet.
        NothingSeen => "NothingSeen",
        /// A growth has started.
        GrowthStarted => "GrowthStarted",
        /// A growth was seen complete.
        GrowthCompleted => "GrowthCompleted",
        /// A growth was stopped.
        GrowthStopped => "GrowthStopped",
        /// A former primary may need a rebuild.
        MemberNeedsRebuild => "MemberNeedsRebuild",
        /// The Cluster's spec size is too small for new replicas.
        ClusterSizeBehind => "ClusterSizeBehind",
        /// The Cluster's spec size keeps a volume from shrinking.
        ClusterSizeIsFloor => "ClusterSizeIsFloor",
        /// Archiving fails.
        ArchiverFailing => "ArchiverFailing",
        /// A replication slot retains WAL.
        SlotRetainsWal => "SlotRetainsWAL",
        /// A member reports no fresh usage.
        MemberWithoutUsage => "MemberWithoutUsage",
        /// A claim's request was lowered by somebody.
        RequestLowered => "RequestLowered",
        /// The threshold that holds.
        CriticalAt => "CriticalAt",
        /// The WAL volume is full.
        WalVolumeFull => "WALVolumeFull",
        /// The WAL volume is nearly full.
        WalVolumeLow => "WALVolumeLow",
        /// The WAL volume is observed only.
        WalObserved => "WALObserved",
        /// The spec makes no policy.
        InvalidSpec => "InvalidSpec",
        /// The schedule is no cron of six fields.
        InvalidSchedule => "InvalidSchedule",
        /// No such time zone.
        UnknownTimeZone => "UnknownTimeZone",
        /// A duration cannot be read.
        InvalidDuration => "InvalidDuration",
        /// A size cannot be read.
        InvalidQuantity => "InvalidQuantity",
        /// The Cluster does not exist.
        ClusterNotFound => "ClusterNotFound",
        /// The stored status cannot be understood.
        UnreadableStatus => "UnreadableStatus",
        /// A foreign object cannot be decoded.
        ObjectUnreadable => "ObjectUnreadable",
        /// An error in headroom itself.
        InternalError => "InternalError",
    }
);

impl ReasonName {
    /// Whether it says that no decision could be made at all: a status with such a reason has untouched volumes.
    pub const fn is_refusal(self) -> bool {
        matches!(
            self,
            Self::InvalidSpec
                | Self::InvalidSchedule
                | Self::UnknownTimeZone
                | Self::InvalidDuration
                | Self::InvalidQuantity
                | Self::ClusterNotFound
                | Self::UnreadableStatus
                | Self::ObjectUnreadable
                | Self::InternalError
        )
    }
}

impl From<&Reason> for ReasonName {
    fn from(reason: &Reason) -> Self {
        match reason {
            Reason::EnoughFree => Self::EnoughFree,
            Reason::Repairing(_) => Self::Repairing,
            Reason::WaitingForBinding(_) => Self::WaitingForBinding,
            Reason::OutsideWindow => Self::OutsideWindow,
            Reason::NoWindowAhead => Self::NoWindowAhead,
            Reason::Confirming => Self::Confirming,
            Reason::PlannedBudgetSpent => Self::PlannedBudgetSpent,
            Reason::BudgetSpent => Self::BudgetSpent,
            Reason::WaitingForCanary(_) => Self::WaitingForCanary,
            Reason::WaitingForStorage { .. } => Self::WaitingForStorage,
            Reason::WaitingForMount(_) => Self::WaitingForMount,
            Reason::Infeasible { .. } => Self::Infeasible,
            Reason::CanaryStuck(_) => Self::CanaryStuck,
            Reason::Refused { cause, .. } => Self::from(*cause),
            Reason::Critical(_) => Self::Critical,
            Reason::DiskFull(_) => Self::DiskFull,
            Reason::FullSoon(_) => Self::FullSoon,
            Reason::EmergencyDisabled => Self::EmergencyDisabled,
            Reason::LimitReached => Self::LimitReached,
            Reason::LimitBelowClusterSize { .. } => Self::LimitBelowClusterSize,
            Reason::WalFault => Self::WalFault,
            Reason::NoUsage => Self::NoUsage,
            Reason::StaleUsage => Self::StaleUsage,
            Reason::NotSizedByClaim(_) => Self::NotSizedByClaim,
            Reason::KubeletSilent(..) => Self::KubeletSilent,
            Reason::StorageClassNotExpandable => Self::StorageClassNotExpandable,
            Reason::OnlineResizeDisabled => Self::OnlineResizeDisabled,
            Reason::StaticVolume => Self::StaticVolume,
            Reason::NoSuchVolume => Self::NoSuchVolume,
            Reason::NoBoundClaim => Self::NoBoundClaim,
            Reason::Suspended(suspension) => Self::from(*suspension),
            Reason::Paused => Self::Paused,
            Reason::Releasing => Self::Releasing,
            Reason::Shrink(reason) => Self::from(reason),
        }
    }
}

impl From<&ShrinkReason> for ReasonName {
    fn from(reason: &ShrinkReason) -> Self {
        match reason {
            ShrinkReason::Advised => Self::ShrinkAdvised,
            ShrinkReason::WindowTooShort { .. } => Self::WindowTooShort,
            ShrinkReason::Rests { .. } => Self::ShrunkRecently,
            ShrinkReason::Gathers { .. } => Self::GatheringVolumes,
            ShrinkReason::NeedsSurge => Self::NeedsSurge,
            ShrinkReason::NeedsConsent => Self::NeedsSwitchoverConsent,
            ShrinkReason::PromoteByHand(_) => Self::PromoteByHand,
            ShrinkReason::NotHealthy(_) => Self::ClusterNotHealthy,
            ShrinkReason::Confirming => Self::ShrinkConfirming,
            ShrinkReason::FactsUnknown => Self::FactsUnknown,
            ShrinkReason::NodeCordoned(_) => Self::NodeCordoned,
            ShrinkReason::BackupRunning => Self::BackupRunning,
            ShrinkReason::ArchiverFailing => Self::ArchivingBroken,
            ShrinkReason::DisruptionForbidden(_) => Self::DisruptionForbidden,
            ShrinkReason::OldPrimaryNotReady { .. } => Self::OldPrimaryNotReady,
            ShrinkReason::FromSnapshots => Self::ReplicasComeFromSnapshots,
            ShrinkReason::BornSmaller(_) => Self::NewClaimsTooSmall,
            ShrinkReason::SingleOnly(_) => Self::ParameterForbidsReplicas,
            ShrinkReason::Behind(_) => Self::ReplicaBehind,
            ShrinkReason::MeasuringWal => Self::MeasuringWal,
            ShrinkReason::Busy => Self::GrowthFirst,
            ShrinkReason::JobRunning(_) => Self::JoinRunning,
            ShrinkReason::UsageUnknown(_) => Self::UsageUnknown,
            ShrinkReason::SurgeReverted { .. } => Self::SurgeReverted,
            ShrinkReason::AddingInstance => Self::AddingInstance,
            ShrinkReason::Replacing(_) => Self::ReplacingInstance,
            ShrinkReason::Copying => Self::CopyingInstance,
            ShrinkReason::SwitchingOver(_) => Self::SwitchingOver,
            ShrinkReason::RemovingInstance => Self::RemovingInstance,
            ShrinkReason::TurningBack(_) => Self::TurningBack,
        }
    }
}

impl From<ObstacleCause> for ReasonName {
    fn from(cause: ObstacleCause) -> Self {
        match cause {
            ObstacleCause::Quota => Self::QuotaExceeded,
            ObstacleCause::LimitRange => Self::LimitRangeExceeded,
            ObstacleCause::NotExpandable => Self::ExpansionRefused,
            ObstacleCause::Forbidden => Self::Forbidden,
            ObstacleCause::NotBound => Self::NotBound,
            ObstacleCause::Throttled => Self::Throttled,
            ObstacleCause::Unavailable => Self::ApiUnavailable,
            ObstacleCause::Invalid => Self::InvalidRequest,
            ObstacleCause::Unknown => Self::RefusedUnknown,
        }
    }
}

impl From<&InTheWay> for ReasonName {
    fn from(by: &InTheWay) -> Self {
        match by {
            InTheWay::Join(_) => Self::JoinTrapped,
            InTheWay::PendingPod(_) => Self::PodTrapped,
        }
    }
}

impl From<Suspension> for ReasonName {
    fn from(suspension: Suspension) -> Self {
        match suspension {
            Suspension::Hibernated => Self::Hibernated,
            Suspension::ClusterDeleting => Self::ClusterDeleting,
            Suspension::ReconciliationDisabled => Self::ReconciliationDisabled,
        }
    }
}

impl From<&Notice> for ReasonName {
    fn from(notice: &Notice) -> Self {
        match notice {
            Notice::ShrinkPlan { .. } => Self::ShrinkPlan,
            Notice::MemberNeedsRebuild(_) => Self::MemberNeedsRebuild,
            Notice::ClusterSizeBehind { .. } => Self::ClusterSizeBehind,
            Notice::ClusterSizeIsFloor { .. } => Self::ClusterSizeIsFloor,
            Notice::ArchiverFailing { .. } => Self::ArchiverFailing,
            Notice::SlotRetainsWal { .. } => Self::SlotRetainsWal,
            Notice::MemberWithoutUsage(_) => Self::MemberWithoutUsage,
            Notice::RequestLowered(_) => Self::RequestLowered,
            Notice::CriticalAt(_) => Self::CriticalAt,
        }
    }
}

/// The word for a state (design §4).
pub const fn state(state: State) -> &'static str {
    match state {
        State::Balanced => "Balanced",
        State::PendingGrowth => "PendingGrowth",
        State::Growing => "Growing",
        State::Emergency => "Emergency",
        State::AtLimit => "AtLimit",
        State::BudgetExhausted => "BudgetExhausted",
        State::PendingShrink => "PendingShrink",
        State::Shrinking => "Shrinking",
        State::WaitingForUsage => "WaitingForUsage",
        State::Blocked => "Blocked",
        State::Suspended => "Suspended",
        State::Paused => "Paused",
    }
}

/// The word for a cause.
pub const fn cause(cause: Cause) -> &'static str {
    match cause {
        Cause::Planned => "Planned",
        Cause::Emergency => "Emergency",
        Cause::External => "External",
        Cause::Shrink => "Shrink",
    }
}

/// The cause of a word.
pub fn cause_from_word(word: &str) -> Option<Cause> {
    [Cause::Planned, Cause::Emergency, Cause::External, Cause::Shrink]
        .into_iter()
        .find(|each| cause(*each) == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_word_of_its_own_in_camel_case() {
        let mut words: Vec<_> = ReasonName::ALL.iter().map(|reason| reason.as_str()).collect();
        for word in &words {
            assert!(word.starts_with(|c: char| c.is_ascii_uppercase()), "{word}");
            assert!(word.chars().all(|c| c.is_ascii_alphanumeric()), "{word}");
            assert!(word.len() <= 128, "{word}");
        }
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), ReasonName::ALL.len());
    }

    #[test]
    fn every_reason_is_found_by_its_word() {
        for reason in ReasonName::ALL {
            assert_eq!(ReasonName::from_word(reason.as_str()), Some(*reason));
        }
        assert_eq!(ReasonName::from_word("Nonsense"), None);
    }
}
