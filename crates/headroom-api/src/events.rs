//! Words of Kubernetes Events on the DynamicStorage and its Cluster.

use headroom_core::{
    Bytes,
    ledger::Cause,
    names::{InstanceName, Text, VolumeName},
    observation::ObstacleCause,
    report::{InTheWay, Reason, State},
};

use crate::{
    names::{ReasonName, state as state_word},
    prose,
};

/// Most characters of an Event's note (the API server's bound is 1,024 bytes).
const NOTE_MAX: usize = 1_000;

/// An Event's type, reason and message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventText {
    /// `Normal` or `Warning`.
    pub kind: EventKind,
    /// One CamelCase word, at most 128 characters.
    pub reason: &'static str,
    /// At most 1,024 bytes.
    pub message: String,
}

/// An Event's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// For information.
    Normal,
    /// Somebody should look.
    Warning,
}

impl EventKind {
    /// The word in `events.k8s.io`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Warning => "Warning",
        }
    }
}

/// A growth was started (or was made by somebody else: `cause` External), or a shrink.
pub fn growth_started(volume: &VolumeName, cause: Cause, from: Bytes, to: Bytes) -> EventText {
    let kind = match cause {
        Cause::Planned | Cause::External | Cause::Shrink => EventKind::Normal,
        Cause::Emergency => EventKind::Warning,
    };
    let reason = if cause == Cause::Shrink { ReasonName::ShrinkStarted } else { ReasonName::GrowthStarted };
    text(kind, reason, prose::growth_started(volume, cause, from, to))
}

/// Every instance has the smaller claim.
pub fn shrink_completed(volume: &VolumeName, from: Bytes, to: Bytes) -> EventText {
    text(EventKind::Normal, ReasonName::ShrinkCompleted, prose::shrink_completed(volume, from, to))
}

/// A shrink ended at the size it began with.
pub fn shrink_turned_back(volume: &VolumeName, from: Bytes) -> EventText {
    text(EventKind::Warning, ReasonName::ShrinkTurnedBack, prose::shrink_turned_back(volume, from))
}

/// A growth was seen complete.
pub fn growth_completed(volume: &VolumeName, from: Bytes, to: Bytes) -> EventText {
    text(EventKind::Normal, ReasonName::GrowthCompleted, prose::growth_completed(volume, from, to))
}

/// A growth was stopped.
pub fn growth_stopped(volume: &VolumeName, reason: &Reason) -> EventText {
    text(EventKind::Warning, ReasonName::GrowthStopped, prose::growth_stopped(volume, reason))
}

/// A smaller member is brought up.
pub fn repairing(volume: &VolumeName, instance: &InstanceName, to: Bytes) -> EventText {
    text(EventKind::Normal, ReasonName::Repairing, prose::repairing(volume, instance, to))
}

/// A volume entered a state for a reason.
pub fn state_entered(volume: &VolumeName, state: State, reason: &Reason) -> EventText {
    let kind = match state {
        State::Balanced
        | State::PendingGrowth
        | State::Growing
        | State::PendingShrink
        | State::Shrinking
        | State::WaitingForUsage
        | State::Suspended
        | State::Paused => EventKind::Normal,
        State::Emergency | State::AtLimit | State::BudgetExhausted | State::Blocked => EventKind::Warning,
    };
    let message = format!("{volume} is {}: {}", state_word(state), prose::reason(volume, reason));
    text(kind, ReasonName::from(reason), message)
}

/// The second opinion refused the plan.
pub fn plan_refused(codes: &[&str]) -> EventText {
    text(EventKind::Warning, ReasonName::PlanRefused, prose::plan_refused(codes))
}

/// CloudNativePG makes no pod for the primary, because something else comes first.
pub fn trapped(primary: &InstanceName, by: &InTheWay) -> EventText {
    text(EventKind::Warning, ReasonName::from(by), prose::trapped(primary, by))
}

/// The API server refuses what has to be done to something else than a claim.
pub fn denied(cause: ObstacleCause, words: &Text) -> EventText {
    text(EventKind::Warning, ReasonName::from(cause), prose::refused(cause, words))
}

/// A session used up its allowance of requests.
pub fn session_exhausted() -> EventText {
    let message = "a decision for this Cluster took more requests than it should need, and headroom rests for 30 seconds: \
                   the API server or a webhook may be slow, or another writer changes the same objects; if neither is so, \
                   please report it";
    text(EventKind::Warning, ReasonName::InternalError, message.to_owned())
}

/// This Cluster is set aside after an internal error.
pub fn quarantined(words: &str) -> EventText {
    let message = format!(
        "headroom met an error of its own with this Cluster and leaves it alone until the DynamicStorage changes: {words}"
    );
    text(EventKind::Warning, ReasonName::InternalError, message)
}

/// No decision can be made. A `reason` that is none of [`ReasonName`] becomes `InternalError`.
pub fn refused(reason: &str, message: &str) -> EventText {
    let reason = ReasonName::from_word(reason).unwrap_or(ReasonName::InternalError);
    text(EventKind::Warning, reason, message.to_owned())
}

fn text(kind: EventKind, reason: ReasonName, message: String) -> EventText {
    EventText { kind, reason: reason.as_str(), message: clip(message) }
}

/// Cuts at a character so that the bound in bytes holds.
fn clip(message: String) -> String {
    if message.len() <= NOTE_MAX {
        return message;
    }
    let end = message.char_indices().map(|(at, _)| at).take_while(|at| *at <= NOTE_MAX).last().unwrap_or(0);
    let mut kept = message.get(..end).unwrap_or("").to_owned();
    kept.push('…');
    kept
}

#[cfg(test)]
mod tests {
    use headroom_core::names::Text;

    use super::*;

    #[test]
    fn an_emergency_is_a_warning_and_a_planned_growth_is_not() {
        let event = |cause| growth_started(&VolumeName::Data, cause, Bytes::gibi(10), Bytes::gibi(12));
        assert_eq!(event(Cause::Emergency).kind, EventKind::Warning);
        assert_eq!(event(Cause::Planned).kind, EventKind::Normal);
        assert_eq!(
            event(Cause::Planned).message,
            "data grows from 10Gi to 12Gi: less than targetBuffer is free"
        );
    }

    #[test]
    fn a_state_names_volume_state_and_cause() {
        let event = state_entered(&VolumeName::Data, State::AtLimit, &Reason::LimitReached);
        assert_eq!((event.kind, event.reason), (EventKind::Warning, "LimitReached"));
        assert!(event.message.starts_with("data is AtLimit: more space is wanted"), "{}", event.message);
    }

    #[test]
    fn no_message_is_longer_than_an_event_may_be() {
        let words = Text::from("ä".repeat(5_000).as_str());
        let reason = Reason::Infeasible { instance: InstanceName::from("pg-1"), words };
        let event = growth_stopped(&VolumeName::Data, &reason);
        assert!(event.message.len() <= 1_024 && event.message.ends_with('…'), "{}", event.message.len());
    }
}
