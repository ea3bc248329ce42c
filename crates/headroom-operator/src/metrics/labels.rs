//! Labels: enumerations only.

use headroom_core::{
    Action, decision::Lane as CoreLane, ledger::Cause, observation::ObstacleCause, report::State as CoreState,
};
use headroom_engine::{Kind, Request, note::NoteKind};
use headroom_kube::execute::Summary;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};

/// A label enumeration: each variant has one word, and the word is the value.
macro_rules! label {
    ($(#[$doc:meta])* $vis:vis enum $name:ident { $($variant:ident => $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        $vis enum $name { $(#[doc = $word] $variant,)+ }

        impl $name {
            /// The word.
            $vis const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl EncodeLabelValue for $name {
            fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
                self.as_str().encode(encoder)
            }
        }
    };
}

label! {
    /// What was asked of the API server.
    pub enum RequestKind {
        ReadCluster => "read_cluster",
        ReadWal => "read_wal",
        Survey => "survey",
        WriteStatus => "write_status",
        Resize => "resize",
        RaiseClusterSizes => "raise_cluster_sizes",
        Finalizer => "finalizer",
        Mark => "mark",
        Promote => "promote",
        SetInstances => "set_instances",
        Delete => "delete",
    }
}

label! {
    /// What became of it.
    pub(super) enum Outcome {
        Read => "read",
        Applied => "applied",
        Conflict => "conflict",
        Gone => "gone",
        Refused => "refused",
        Unknown => "unknown",
    }
}

label! {
    /// Why it was refused.
    pub(super) enum Obstacle {
        Quota => "quota",
        LimitRange => "limit_range",
        NotExpandable => "not_expandable",
        Forbidden => "forbidden",
        NotBound => "not_bound",
        Throttled => "throttled",
        Unavailable => "unavailable",
        Invalid => "invalid",
        Unknown => "unknown",
    }
}

label! {
    /// A watched kind.
    pub(super) enum Watch {
        Storage => "dynamicstorage",
        Cluster => "cluster",
        Claim => "persistentvolumeclaim",
        Pod => "pod",
        Class => "storageclass",
    }
}

label! {
    /// What people were told.
    pub(super) enum Noted {
        GrowthStarted => "growth_started",
        GrowthCompleted => "growth_completed",
        GrowthStopped => "growth_stopped",
        ShrinkCompleted => "shrink_completed",
        ShrinkTurnedBack => "shrink_turned_back",
        Repairing => "repairing",
        StateEntered => "state_entered",
        PlanRefused => "plan_refused",
        Trapped => "trapped",
        Denied => "denied",
        SessionExhausted => "session_exhausted",
        Quarantined => "quarantined",
        Refused => "refused",
    }
}

label! {
    /// Why a growth was started.
    pub(super) enum GrowthCause {
        Planned => "planned",
        Emergency => "emergency",
    }
}

label! {
    /// State of a volume.
    pub(super) enum State {
        Balanced => "Balanced",
        PendingGrowth => "PendingGrowth",
        Growing => "Growing",
        Emergency => "Emergency",
        AtLimit => "AtLimit",
        BudgetExhausted => "BudgetExhausted",
        PendingShrink => "PendingShrink",
        Shrinking => "Shrinking",
        WaitingForUsage => "WaitingForUsage",
        Blocked => "Blocked",
        Suspended => "Suspended",
        Paused => "Paused",
    }
}

label! {
    /// Lane of the agenda.
    pub(super) enum Lane {
        RepairPrimary => "repair_primary",
        Emergency => "emergency",
        Running => "running",
        Planned => "planned",
        Look => "look",
    }
}

/// One label `request` and one `outcome`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct RequestOutcome {
    pub(super) request: RequestKind,
    pub(super) outcome: Outcome,
}

/// One label `request`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByRequest {
    pub(super) request: RequestKind,
}

/// One label `cause`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByObstacle {
    pub(super) cause: Obstacle,
}

/// One label `kind`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByWatch {
    pub(super) kind: Watch,
}

/// One label `note`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByNote {
    pub(super) note: Noted,
}

/// One label `cause`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByCause {
    pub(super) cause: GrowthCause,
}

/// One label `state`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByState {
    pub(super) state: State,
}

/// One label `lane`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByLane {
    pub(super) lane: Lane,
}

/// Which request it is.
pub const fn request_kind(request: &Request) -> RequestKind {
    match request {
        Request::ReadCluster(_) => RequestKind::ReadCluster,
        Request::ReadWal { .. } => RequestKind::ReadWal,
        Request::Survey { .. } => RequestKind::Survey,
        Request::WriteStatus { .. } => RequestKind::WriteStatus,
        Request::Do(_, Action::Resize(_)) => RequestKind::Resize,
        Request::Do(_, Action::RaiseClusterSizes(_)) => RequestKind::RaiseClusterSizes,
        Request::Do(_, Action::AddFinalizer(..) | Action::RemoveFinalizer(..)) => RequestKind::Finalizer,
        Request::Do(_, Action::Destroy(_) | Action::Withdraw(_)) => RequestKind::Mark,
        Request::Do(_, Action::Promote(_)) => RequestKind::Promote,
        Request::Do(_, Action::SetInstances(_)) => RequestKind::SetInstances,
        Request::Do(_, Action::DeleteJob(_) | Action::DeletePod(_) | Action::DiscardClaim(_)) => {
            RequestKind::Delete
        }
    }
}

pub(super) const fn outcome(summary: Summary) -> Outcome {
    match summary {
        Summary::Read => Outcome::Read,
        Summary::Applied => Outcome::Applied,
        Summary::Conflict => Outcome::Conflict,
        Summary::Gone => Outcome::Gone,
        Summary::Refused(_) => Outcome::Refused,
        Summary::Unknown => Outcome::Unknown,
    }
}

pub(super) const fn obstacle(cause: ObstacleCause) -> Obstacle {
    match cause {
        ObstacleCause::Quota => Obstacle::Quota,
        ObstacleCause::LimitRange => Obstacle::LimitRange,
        ObstacleCause::NotExpandable => Obstacle::NotExpandable,
        ObstacleCause::Forbidden => Obstacle::Forbidden,
        ObstacleCause::NotBound => Obstacle::NotBound,
        ObstacleCause::Throttled => Obstacle::Throttled,
        ObstacleCause::Unavailable => Obstacle::Unavailable,
        ObstacleCause::Invalid => Obstacle::Invalid,
        ObstacleCause::Unknown => Obstacle::Unknown,
    }
}

pub(super) const fn watch(kind: Kind) -> Watch {
    match kind {
        Kind::Storage => Watch::Storage,
        Kind::Cluster => Watch::Cluster,
        Kind::Claim => Watch::Claim,
        Kind::Pod => Watch::Pod,
        Kind::Class => Watch::Class,
    }
}

pub(super) const fn noted(what: &NoteKind) -> Noted {
    match what {
        NoteKind::GrowthStarted { .. } => Noted::GrowthStarted,
        NoteKind::GrowthCompleted { .. } => Noted::GrowthCompleted,
        NoteKind::GrowthStopped { .. } => Noted::GrowthStopped,
        NoteKind::ShrinkCompleted { .. } => Noted::ShrinkCompleted,
        NoteKind::ShrinkTurnedBack { .. } => Noted::ShrinkTurnedBack,
        NoteKind::Repairing { .. } => Noted::Repairing,
        NoteKind::StateEntered { .. } => Noted::StateEntered,
        NoteKind::PlanRefused(_) => Noted::PlanRefused,
        NoteKind::Trapped { .. } => Noted::Trapped,
        NoteKind::Denied { .. } => Noted::Denied,
        NoteKind::SessionExhausted => Noted::SessionExhausted,
        NoteKind::Quarantined(_) => Noted::Quarantined,
        NoteKind::Refused { .. } => Noted::Refused,
    }
}

/// `None`: not a growth of ours.
pub(super) const fn growth(cause: Cause) -> Option<GrowthCause> {
    match cause {
        Cause::Planned => Some(GrowthCause::Planned),
        Cause::Emergency => Some(GrowthCause::Emergency),
        Cause::External | Cause::Shrink => None,
    }
}

pub(super) const fn state(state: CoreState) -> State {
    match state {
        CoreState::Balanced => State::Balanced,
        CoreState::PendingGrowth => State::PendingGrowth,
        CoreState::Growing => State::Growing,
        CoreState::Emergency => State::Emergency,
        CoreState::AtLimit => State::AtLimit,
        CoreState::BudgetExhausted => State::BudgetExhausted,
        CoreState::PendingShrink => State::PendingShrink,
        CoreState::Shrinking => State::Shrinking,
        CoreState::WaitingForUsage => State::WaitingForUsage,
        CoreState::Blocked => State::Blocked,
        CoreState::Suspended => State::Suspended,
        CoreState::Paused => State::Paused,
    }
}

pub(super) const fn lane(lane: CoreLane) -> Lane {
    match lane {
        CoreLane::RepairPrimary => Lane::RepairPrimary,
        CoreLane::Emergency => Lane::Emergency,
        CoreLane::Running => Lane::Running,
        CoreLane::Planned => Lane::Planned,
        CoreLane::Look => Lane::Look,
    }
}
