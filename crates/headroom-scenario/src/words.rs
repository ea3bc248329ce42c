//! Words for people: what states, causes, gates and acts are called in reports.

use std::fmt;

use headroom_core::{ledger::Cause, report::State};

use crate::{Act, Gate, Strike, Wait, Who, scenario::Pace, script::PolicyChange};

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
        Cause::Shrink => "Shrink",
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
            Self::Provision => "provision",
            Self::BeforeSurge => "before-surge",
            Self::BeforeReplace => "before-replace",
            Self::BeforePromotion => "before-promotion",
            Self::BeforeLower => "before-lower",
        }
    }
}

impl Pace {
    /// `medium`, `slow`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Medium => "medium",
            Self::Slow => "slow",
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
            Self::Stall => "stall",
            Self::Drain => "drain",
            Self::Backup => "backup",
            Self::Join => "join",
            Self::Upgrade => "upgrade",
            Self::Restore => "restore",
            Self::Shrink => "shrink",
            Self::Slot => "slot",
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
            Self::Truncate { volume } => write!(f, "drop what was filled into {volume}"),
            Self::Scale { instances } => write!(f, "set spec.instances to {instances}"),
            Self::SetPolicy(change) => change.fmt(f),
            Self::SetClusterSize { volume, size } => {
                write!(f, "set the size of {volume} in the Cluster to {size}")
            }
            Self::UpgradeImage => f.write_str("set another imageName"),
            Self::ForbidDisruptions { on: true } => {
                f.write_str("create a PodDisruptionBudget that allows no disruption")
            }
            Self::ForbidDisruptions { on: false } => f.write_str("delete that PodDisruptionBudget"),
            Self::BreakArchive { on: true } => f.write_str("set up a WAL archive that cannot be used"),
            Self::BreakArchive { on: false } => f.write_str("take the WAL archive out of the Cluster again"),
            Self::WalLogHints { on } => {
                write!(f, "set wal_log_hints to {} in the Cluster", if *on { "on" } else { "off" })
            }
            Self::Reconciliation { enabled: true } => {
                f.write_str("let CloudNativePG act on the Cluster again")
            }
            Self::Reconciliation { enabled: false } => {
                f.write_str("disable CloudNativePG's reconciliation of the Cluster")
            }
            Self::StartBackup => f.write_str("start a Backup"),
            Self::Restore { size } => {
                write!(f, "restore the newest Backup into a new Cluster of {size} with a new DynamicStorage")
            }
            Self::DeleteStorage => f.write_str("delete the DynamicStorage"),
            Self::CreateStorage => f.write_str("make the DynamicStorage again"),
            Self::Uncordon => f.write_str("uncordon all nodes"),
            Self::ProviderLimit { on: true } => {
                f.write_str("let the storage refuse growth for its own limit")
            }
            Self::ProviderLimit { on: false } => f.write_str("let the storage grow volumes again"),
            Self::SilenceKubelet(Some(who)) => write!(f, "silence the kubelet of {who}"),
            Self::SilenceKubelet(None) => f.write_str("let all kubelets answer again"),
            Self::PassTime(span) => write!(f, "let {} s pass", span.as_secs()),
            Self::Verify => f.write_str("verify all data"),
        }
    }
}

impl fmt::Display for PolicyChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limit(limit) => write!(f, "set limit to {limit}"),
            Self::TargetBuffer(percent) => write!(f, "set targetBuffer to {percent}"),
            Self::Budget(day, reserved) => write!(f, "set budget to {day} a day, {reserved} reserved"),
            Self::EmergencyLimit(limit) => write!(f, "set emergencyLimit to {limit}"),
            Self::Request(request) => write!(f, "set request to {request}"),
            Self::Shrink(enabled) => write!(f, "set shrink.enabled to {enabled}"),
            Self::Paused(true) => f.write_str("set mode to Paused"),
            Self::Paused(false) => f.write_str("set mode to Apply"),
        }
    }
}

impl fmt::Display for Strike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KillOperator => f.write_str("kill the operator"),
            Self::DeletePod(who) => write!(f, "delete the pod of {who}"),
            Self::SwitchOver => f.write_str("promote the last replica"),
            Self::FailOver => f.write_str("delete the primary's pod without grace"),
            Self::Drain(who) => write!(f, "drain the node of {who}"),
            Self::Cordon(who) => write!(f, "cordon the node of {who}"),
            Self::CordonAll => f.write_str("cordon all nodes"),
            Self::CnpgAway(span) => write!(f, "stop CloudNativePG's operator for {} s", span.as_secs()),
            Self::BreakData(who) => write!(f, "damage the data directory of {who}"),
            Self::Change(act) => act.fmt(f),
        }
    }
}
