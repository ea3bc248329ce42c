//! Words for people: what states, causes, gates and acts are called in reports.

use std::fmt;

use headroom_core::{ledger::Cause, report::State};

use crate::{Act, Gate, Strike, Wait, Who, script::PolicyChange};

/// The state as the status writes it.
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

/// The cause as the status writes it.
pub const fn cause(cause: Cause) -> &'static str {
    match cause {
        Cause::Planned => "Planned",
        Cause::Emergency => "Emergency",
        Cause::External => "External",
    }
}

impl Gate {
    /// The gate in an id: `before-patch`, `controller-step`, …
    pub const fn name(self) -> &'static str {
        match self {
            Self::BeforePatch => "before-patch",
            Self::ControllerStep => "controller-step",
            Self::NodeStep => "node-step",
            Self::BetweenClaims => "between-claims",
            Self::BeforeCompletion => "before-completion",
        }
    }
}

impl Wait {
    /// What is waited for, in one word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Decision => "decision",
            Self::Strike => "strike",
            Self::Growth => "growth",
            Self::Recovery => "recovery",
            Self::Quiet => "quiet",
            Self::Window => "window",
            Self::Fill => "fill",
        }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Primary => "the primary",
            Self::LastReplica => "the last replica",
        })
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StartWriter { rows_per_second } => {
                write!(f, "start a writer of {rows_per_second} rows a second")
            }
            Self::Fill { volume, used_percent } => write!(f, "fill {volume} to {used_percent} %"),
            Self::FillUntilRefused { volume, stop_at } => {
                write!(f, "fill {volume} until nothing more fits (or it has {stop_at})")
            }
            Self::StopOperator => f.write_str("stop the operator"),
            Self::StartOperator => f.write_str("start the operator"),
            Self::PatchClaim { who, volume, to } => {
                write!(f, "raise the {volume} claim of {who} by hand to {to}")
            }
            Self::Scale { instances } => write!(f, "set spec.instances to {instances}"),
            Self::SetPolicy(PolicyChange::Limit(limit)) => write!(f, "set limit to {limit}"),
            Self::SetPolicy(PolicyChange::TargetBuffer(percent)) => {
                write!(f, "set targetBuffer to {percent}")
            }
            Self::SetPolicy(PolicyChange::Budget(day, reserved)) => {
                write!(f, "set budget to {day} a day, {reserved} reserved")
            }
            Self::Verify => f.write_str("verify all data"),
        }
    }
}

impl fmt::Display for Strike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KillOperator => f.write_str("kill the operator"),
            Self::DeletePod(who) => write!(f, "delete the pod of {who}"),
        }
    }
}
