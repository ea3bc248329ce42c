//! Codes and numbers → words. The only place where words are made, so that equal reports read equally.
//!
//! Each message names the cause and the next step. None holds anything that changes by itself: no usage, no "in three
//! minutes"; times are absolute.

mod reason;
pub(crate) mod shrink;

use std::collections::BTreeMap;

use headroom_core::{
    Bytes,
    ledger::Cause,
    names::{InstanceName, Text, VolumeName},
    observation::{ObstacleCause, Suspension},
    report::{InTheWay, Notice, Reason, State, VolumeReport, WalReport},
};

use crate::time::to_text;

/// How a volume stands, least worrying first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Nothing to do.
    Fine,
    /// Something waits for a time that will come by itself.
    Waiting,
    /// Not enough is known yet.
    Unknown,
    /// Claims are being changed.
    Progressing,
    /// headroom was told to leave it alone.
    LeftAlone,
    /// Nearly or entirely full, and being changed.
    Urgent,
    /// headroom cannot go on by itself: somebody should look.
    Stalled,
}

/// How a volume stands, by the true cause of its state.
pub fn standing(volume: &VolumeReport) -> Standing {
    match &volume.reason {
        Reason::EnoughFree => by_state(volume.state, Standing::Fine),
        Reason::OutsideWindow | Reason::Confirming | Reason::PlannedBudgetSpent => {
            by_state(volume.state, Standing::Waiting)
        }
        Reason::Shrink(reason) => by_state(volume.state, shrink::standing(reason)),
        Reason::NoUsage => Standing::Unknown,
        Reason::Repairing(_)
        | Reason::WaitingForCanary(_)
        | Reason::WaitingForStorage { .. }
        | Reason::WaitingForMount(_)
        | Reason::WaitingForBinding(_)
        | Reason::Releasing => by_state(volume.state, Standing::Progressing),
        Reason::Suspended(_) | Reason::Paused => Standing::LeftAlone,
        Reason::Critical(_) | Reason::DiskFull(_) | Reason::FullSoon(_) => {
            by_state(volume.state, Standing::Urgent)
        }
        Reason::NoWindowAhead
        | Reason::BudgetSpent
        | Reason::Infeasible { .. }
        | Reason::CanaryStuck(_)
        | Reason::Refused { .. }
        | Reason::EmergencyDisabled
        | Reason::LimitReached
        | Reason::LimitBelowClusterSize { .. }
        | Reason::WalFault
        | Reason::StaleUsage
        | Reason::NotSizedByClaim(_)
        | Reason::KubeletSilent(..)
        | Reason::StorageClassNotExpandable
        | Reason::OnlineResizeDisabled
        | Reason::StaticVolume
        | Reason::NoSuchVolume
        | Reason::NoBoundClaim => Standing::Stalled,
    }
}

/// A state that is worse than its reason sounds is taken at its word.
fn by_state(state: State, otherwise: Standing) -> Standing {
    match state {
        State::Balanced | State::PendingGrowth | State::PendingShrink | State::BudgetExhausted => otherwise,
        State::Growing | State::Shrinking => otherwise.max(Standing::Progressing),
        State::WaitingForUsage => otherwise.max(Standing::Unknown),
        State::Emergency => otherwise.max(Standing::Urgent),
        State::Suspended | State::Paused => otherwise.max(Standing::LeftAlone),
        State::AtLimit | State::Blocked => Standing::Stalled,
    }
}

/// Why a volume is in its state, and the next step.
pub fn volume(name: &VolumeName, report: &VolumeReport) -> String {
    reason::text(name, &report.reason, Some(report))
}

/// Why, and the next step, where only the reason is known.
pub fn reason(name: &VolumeName, reason: &Reason) -> String {
    reason::text(name, reason, None)
}

/// A notice.
pub fn notice(notice: &Notice) -> String {
    match notice {
        Notice::ShrinkPlan { to, copies, bytes, minutes, saving } => {
            shrink::plan(*to, *copies, *bytes, *minutes, *saving)
        }
        Notice::MemberNeedsRebuild(instance) => format!(
            "{instance} failed over on a full volume and may not come back by itself: if it stays unready after its \
             claim has grown, rebuild it with `kubectl cnpg destroy`"
        ),
        Notice::ClusterSizeBehind { cluster_size } => format!(
            "the Cluster's spec says {cluster_size}, which is less than its claims have: a new replica starts at that \
             size until headroom raises its claim; syncClusterSize: Follow (with which nothing shrinks any more), or \
             a larger size in the Cluster's spec, avoids that"
        ),
        Notice::ClusterSizeIsFloor { cluster_size } => format!(
            "the volume is far larger than what it holds, but no shrink goes below the Cluster's own size, \
             {cluster_size}, which CloudNativePG does not let anybody lower: only a new Cluster restored from a \
             backup can be smaller; without syncClusterSize: Follow its size does not rise with each growth"
        ),
        Notice::ArchiverFailing { since } => format!(
            "WAL archiving has been failing since {} and WAL piles up: repair the archive; growth only buys time",
            to_text(*since)
        ),
        Notice::SlotRetainsWal { slot, retained } => format!(
            "replication slot {slot} retains {retained} of WAL: bring its consumer back or drop the slot; growth only \
             buys time"
        ),
        Notice::MemberWithoutUsage(instance) => format!(
            "{instance} reports no fresh usage and takes no part in planned growth: see whether its pod runs and \
             whether the kubelet of its node answers"
        ),
        Notice::RequestLowered(instance) => format!(
            "the request of {instance}'s claim was found lowered, as CloudNativePG's cache can do, and is raised again \
             at no further slot"
        ),
        Notice::CriticalAt(percent) => {
            format!(
                "the volume counts as critical from {}% used (emergencyGrow.criticalThreshold)",
                percent.get()
            )
        }
    }
}

/// The WAL volume.
pub fn wal(report: &WalReport) -> String {
    let WalReport { full, low, notices } = report;
    let mut text = if !full.is_empty() {
        format!(
            "the WAL volume of {} is full and the server stopped; headroom does not resize WAL volumes in this \
             version: raise walStorage.size in the Cluster, or patch the claim if the Cluster is stuck",
            listed(full)
        )
    } else if !low.is_empty() {
        format!(
            "the WAL volume of {} has less than 10% free; headroom does not resize WAL volumes in this version: raise \
             walStorage.size in the Cluster",
            listed(low)
        )
    } else {
        "observed only: headroom does not resize WAL volumes in this version".to_owned()
    };
    for each in notices {
        text.push_str("; ");
        text.push_str(&notice(each));
    }
    text
}

/// Why a whole Cluster is left alone.
pub fn suspension(suspension: Suspension) -> String {
    match suspension {
        Suspension::Hibernated => {
            "the Cluster is hibernated and left alone; headroom goes on when annotation cnpg.io/hibernation is off"
        }
        Suspension::ClusterDeleting => "the Cluster is being deleted and left alone",
        Suspension::ReconciliationDisabled => {
            "annotation cnpg.io/reconciliationLoop is disabled, so the Cluster is left alone; headroom goes on when it \
             is removed"
        }
    }
    .to_owned()
}

/// `mode: Paused`, and what that leaves.
pub fn paused(volumes: &BTreeMap<VolumeName, VolumeReport>) -> String {
    let named = |shrinks: bool| {
        let left = volumes.iter().filter(|(_, volume)| shrinks == volume.running.is_none());
        let to = |(name, volume): (&VolumeName, &VolumeReport)| {
            volume.target.map(|target| format!("{name} (to {target})"))
        };
        left.filter_map(to).collect::<Vec<_>>().join(", ")
    };
    let (growths, shrinks) = (named(false), named(true));
    let mut left = Vec::new();
    if !growths.is_empty() {
        left.push(format!("a growth is left unfinished on {growths}"));
    }
    if !shrinks.is_empty() {
        left.push(format!(
            "a shrink is left in its midst on {shrinks}, with claims of two sizes and perhaps an instance more"
        ));
    }
    if left.is_empty() {
        "mode is Paused: nothing is changed, emergencies included; set mode to Apply to go on".to_owned()
    } else {
        let left = left.join(" and ");
        format!(
            "mode is Paused: nothing more is changed, emergencies included; {left}; set mode to Apply to go on"
        )
    }
}

/// The object is being deleted.
pub fn releasing() -> String {
    "the DynamicStorage is being deleted: the Cluster's sizes are brought up to the effective sizes first \
     (syncClusterSize), then headroom lets go"
        .to_owned()
}

/// The second opinion refused the plan.
pub fn plan_refused(codes: &[&str]) -> String {
    format!(
        "headroom's own check refused its plan ({}) and nothing was done: this is a defect; please report it with the \
         output of `kubectl get dyns -o yaml`",
        codes.join(", ")
    )
}

/// CloudNativePG makes no pod for the primary, because something else comes first.
pub fn trapped(primary: &InstanceName, by: &InTheWay) -> String {
    match by {
        InTheWay::Join(joining) => format!(
            "outage: the pod of the primary {primary} is gone, CloudNativePG recreates no pod before the Job that makes \
             {joining} has ended, and that Job waits for the primary. Delete the Job, which holds no data: `kubectl \
             delete job {joining}-join` (`kubectl get jobs` shows another name where replicas come from snapshots); \
             CloudNativePG then brings the primary back. If it makes no Job again, delete the claims of {joining} as \
             well, `{joining}` last: no instance ever ran on them. headroom did not ask for this instance and touches \
             nothing"
        ),
        InTheWay::PendingPod(pending) => format!(
            "outage: the pod of the primary {primary} is gone, and CloudNativePG recreates no pod while the one of \
             {pending} is Pending, which no node takes. Give it a node (`kubectl describe pod {pending}` says what is \
             missing), or delete it, in which nothing runs: `kubectl delete pod {pending}`; CloudNativePG then makes \
             the primary's first. No shrink runs, so headroom touches nothing"
        ),
    }
}

/// The API server refuses what has to be done to the Cluster, a pod, a Job or our own object.
pub fn refused(cause: ObstacleCause, words: &Text) -> String {
    let step = match cause {
        ObstacleCause::Forbidden => {
            "grant headroom's account what is missing (deploy/operator/sync.yaml for the Cluster's sizes, deploy/shrink \
             for a shrink; apply both again after an upgrade), or see which admission policy objects"
        }
        ObstacleCause::Invalid | ObstacleCause::Unknown => {
            "see whether an admission policy or webhook objects"
        }
        ObstacleCause::Quota
        | ObstacleCause::LimitRange
        | ObstacleCause::NotExpandable
        | ObstacleCause::NotBound
        | ObstacleCause::Throttled
        | ObstacleCause::Unavailable => "it is tried again",
    };
    format!("the API server refuses what headroom has to do: {words}. Next step: {step}")
}

/// A growth was started.
pub fn growth_started(name: &VolumeName, cause: Cause, from: Bytes, to: Bytes) -> String {
    match cause {
        Cause::Planned => format!("{name} grows from {from} to {to}: less than targetBuffer is free"),
        Cause::Emergency => {
            format!("{name} grows from {from} to {to} at once: it is nearly or entirely full")
        }
        Cause::External => {
            format!(
                "{name} was grown from {from} to {to} by somebody else; it counts towards the day's budget"
            )
        }
        Cause::Shrink => format!(
            "{name} shrinks from {from} to {to}: far more than targetBuffer is free; instances are replaced one by one"
        ),
    }
}

/// A growth was seen complete.
pub fn growth_completed(name: &VolumeName, from: Bytes, to: Bytes) -> String {
    format!("{name} has grown from {from} to {to}; every mounted claim has the new size")
}

/// Every instance has the smaller claim.
pub fn shrink_completed(name: &VolumeName, from: Bytes, to: Bytes) -> String {
    format!("{name} has shrunk from {from} to {to}; every instance was replaced")
}

/// A shrink ended at the size it began with.
pub fn shrink_turned_back(name: &VolumeName, from: Bytes) -> String {
    format!(
        "the shrink of {name} turned back: every claim has {from} again; the next one may begin in seven days"
    )
}

/// A growth was stopped.
pub fn growth_stopped(name: &VolumeName, why: &Reason) -> String {
    format!("growth of {name} was stopped: {}", reason(name, why))
}

/// A smaller member is brought up.
pub fn repairing(name: &VolumeName, instance: &InstanceName, to: Bytes) -> String {
    format!("the claim of {instance} for {name} is smaller than its siblings and is raised to {to}")
}

fn listed(instances: &[InstanceName]) -> String {
    instances.iter().map(InstanceName::as_str).collect::<Vec<_>>().join(", ")
}
