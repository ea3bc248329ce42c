//! One message per reason.

use headroom_core::{
    ledger::Cause,
    names::{InstanceName, Text, VolumeName},
    observation::ObstacleCause,
    report::{Reason, State, VolumeReport},
};

use super::{at, suspension};
use crate::time::to_text;

/// Why, and the next step. Numbers come from the report where there is one.
pub(super) fn text(name: &VolumeName, reason: &Reason, report: Option<&VolumeReport>) -> String {
    match reason {
        Reason::EnoughFree
        | Reason::Repairing(_)
        | Reason::WaitingForCanary(_)
        | Reason::WaitingForStorage { .. }
        | Reason::WaitingForMount(_)
        | Reason::WaitingForBinding(_)
        | Reason::Releasing => under_way(reason, report),
        Reason::OutsideWindow
        | Reason::NoWindowAhead
        | Reason::Confirming
        | Reason::PlannedBudgetSpent
        | Reason::BudgetSpent
        | Reason::WalFault
        | Reason::Paused
        | Reason::Suspended(_)
        | Reason::ShrinkNotYet => held(reason, report),
        Reason::Critical(_)
        | Reason::DiskFull(_)
        | Reason::FullSoon(_)
        | Reason::EmergencyDisabled
        | Reason::LimitReached
        | Reason::LimitBelowClusterSize { .. } => pressing(reason, report),
        Reason::Infeasible { instance, words } => infeasible(instance, words),
        Reason::CanaryStuck(instance) => format!(
            "the claim of {instance}, which grows first, made no progress in five minutes, so no other claim was \
             touched and the slot is given back: see whether the CSI driver's resizer runs and what `kubectl describe \
             pvc` says"
        ),
        Reason::Refused { instance, cause, words } => refused(instance, *cause, words),
        Reason::NoUsage
        | Reason::StaleUsage
        | Reason::NotSizedByClaim(_)
        | Reason::KubeletSilent(..)
        | Reason::StorageClassNotExpandable
        | Reason::OnlineResizeDisabled
        | Reason::StaticVolume
        | Reason::NoSuchVolume
        | Reason::NoBoundClaim => set_up(name, reason),
    }
}

/// The target, for a sentence.
fn to_target(report: Option<&VolumeReport>) -> String {
    report.and_then(|report| report.target).map_or_else(String::new, |target| format!(" to {target}"))
}

fn under_way(reason: &Reason, report: Option<&VolumeReport>) -> String {
    let target = to_target(report);
    match reason {
        Reason::Repairing(instance) => format!(
            "the claim of {instance} is smaller than its siblings and is being raised; this needs no window and no slot"
        ),
        Reason::WaitingForBinding(instance) => format!(
            "the claim of {instance} is smaller than its siblings and not bound yet, so its size cannot change; it is \
             raised once it is bound"
        ),
        Reason::WaitingForCanary(instance) => {
            format!(
                "growing{target}: {instance} goes first, the other claims follow once it has the new size"
            )
        }
        Reason::WaitingForStorage { instance, node_step } => {
            let who = if *node_step { "the node's file-system step" } else { "the storage system" };
            format!("growing{target}: waiting for {who} on the claim of {instance}")
        }
        Reason::WaitingForMount(instance) => format!(
            "growing{target}: the claim of {instance} is mounted by no pod; its file system grows when a pod mounts it"
        ),
        Reason::Releasing => super::releasing(),
        _other => "more than targetBuffer is free on every member".to_owned(),
    }
}

fn held(reason: &Reason, report: Option<&VolumeReport>) -> String {
    let target = to_target(report);
    let want = format!("less than targetBuffer is free; growth{target} waits");
    match reason {
        Reason::OutsideWindow => match report.and_then(|report| report.window) {
            Some((start, end)) => format!(
                "{want} for the maintenance window from {} to {}; an emergency would not wait",
                to_text(start),
                to_text(end)
            ),
            None => format!("{want} for the maintenance window; an emergency would not wait"),
        },
        Reason::NoWindowAhead => format!(
            "{want} for a maintenance window, and the schedule never fires again: correct maintenanceWindow.schedule"
        ),
        Reason::Confirming => {
            "less than targetBuffer is free in one sample; the next one, with a newer kubelet time, must confirm it"
                .to_owned()
        }
        Reason::PlannedBudgetSpent => match report.and_then(|report| at(report.budget.next_planned)) {
            Some(next) => format!(
                "{want} for a slot, the next one at {next}; the reserve is kept for emergencies; raise \
                 budget.actionsPerDay to go on sooner"
            ),
            None => format!(
                "{want} for a slot; the reserve is kept for emergencies; raise budget.actionsPerDay to go on sooner"
            ),
        },
        Reason::BudgetSpent => match report.and_then(|report| at(report.budget.next_emergency)) {
            Some(next) => format!(
                "growth{target} is wanted and all slots of the last 24 hours are spent, the next one comes at {next}: \
                 raise budget.actionsPerDay, or free space"
            ),
            None => format!(
                "growth{target} is wanted and all slots of the last 24 hours are spent: raise budget.actionsPerDay, or \
                 free space"
            ),
        },
        Reason::WalFault => format!(
            "{want} because WAL piles up behind a fault that it would only hide: repair the archive or the replication \
             slot (see notices), or set acknowledgeWALRisk; an emergency would not wait"
        ),
        Reason::Suspended(why) => suspension(*why),
        Reason::ShrinkNotYet => super::notice(&headroom_core::report::Notice::ShrinkNotYet),
        _other => match report.and_then(|report| report.running) {
            Some(_) => format!(
                "mode is Paused: the growth{target} is left unfinished; set mode to Apply to go on"
            ),
            None => "mode is Paused: nothing is changed; set mode to Apply to go on".to_owned(),
        },
    }
}

fn pressing(reason: &Reason, report: Option<&VolumeReport>) -> String {
    let target = to_target(report);
    let acting = |cause: String| match report.map(|report| (report.state, report.running)) {
        Some((State::AtLimit, _)) => format!("{cause}, and the limit is reached: raise limit, or free space"),
        Some((State::BudgetExhausted, _)) => match report.and_then(|report| at(report.budget.next_emergency))
        {
            Some(next) => format!(
                "{cause}, and all slots are spent, the next one comes at {next}: raise budget.actionsPerDay, or free \
                 space"
            ),
            None => format!("{cause}, and all slots are spent: raise budget.actionsPerDay, or free space"),
        },
        Some((_, Some((_, Cause::Emergency)))) | None => format!("{cause}: growing{target} at once"),
        Some((_, Some(_) | None)) => format!("{cause}: growth{target} is wanted at once"),
    };
    match reason {
        Reason::Critical(instance) => acting(format!("the volume of {instance} is critically full")),
        Reason::DiskFull(instance) => acting(format!("the server of {instance} stopped because its volume is full")),
        Reason::FullSoon(instance) => {
            acting(format!("the volume of {instance} would be full before a growth could end"))
        }
        Reason::EmergencyDisabled => {
            "the volume is nearly or entirely full and emergencyGrow.enabled is false: enable it, wait for the window, \
             or free space"
                .to_owned()
        }
        Reason::LimitBelowClusterSize { cluster_size } => match report {
            Some(report) => format!(
                "the Cluster's own size ({cluster_size}) is above limit, so headroom does not grow this volume beyond \
                 {}: raise limit",
                report.ceiling
            ),
            None => format!(
                "the Cluster's own size ({cluster_size}) is above limit, so headroom does not grow this volume: raise \
                 limit"
            ),
        },
        _other => match report {
            Some(report) => format!(
                "more space is wanted and the volume is at its ceiling of {}: raise limit (or \
                 emergencyGrow.emergencyLimit for emergencies), or free space",
                report.ceiling
            ),
            None => "more space is wanted and the volume is at its ceiling: raise limit (or \
                     emergencyGrow.emergencyLimit for emergencies), or free space"
                .to_owned(),
        },
    }
}

fn infeasible(instance: &InstanceName, words: &Text) -> String {
    format!(
        "the storage system cannot give the claim of {instance} this size: {words}. Lower limit to what it can give, or \
         ask whoever runs the storage"
    )
}

fn refused(instance: &InstanceName, cause: ObstacleCause, words: &Text) -> String {
    let step = match cause {
        ObstacleCause::Quota => "raise the ResourceQuota of the namespace",
        ObstacleCause::LimitRange => "raise the LimitRange of the namespace",
        ObstacleCause::NotExpandable => "set allowVolumeExpansion on the StorageClass",
        ObstacleCause::Forbidden => "grant headroom the patch verb on persistentvolumeclaims (see deploy/)",
        ObstacleCause::NotBound => "the claim is not bound yet; it is tried again once it is",
        ObstacleCause::Throttled => "the API server asks to slow down; it is tried again",
        ObstacleCause::Unavailable => "the API server is unavailable; it is tried again",
        ObstacleCause::Invalid | ObstacleCause::Unknown => {
            "see whether an admission policy or webhook objects"
        }
    };
    format!("the API server refused to raise the claim of {instance}: {words}. Next step: {step}")
}

fn set_up(name: &VolumeName, reason: &Reason) -> String {
    match reason {
        Reason::NoUsage => {
            "no usage has been reported by any kubelet yet: this takes a minute or two after a pod starts; if it stays, \
             see whether headroom may get nodes/stats"
                .to_owned()
        }
        Reason::StaleUsage => {
            "the newest usage is older than five minutes, so nothing is planned on it; a server that stops for lack of \
             space is still seen: see whether the pods run and their nodes' kubelets answer"
                .to_owned()
        }
        Reason::NotSizedByClaim(instance) => format!(
            "the file system of {instance} does not have the size of its claim, so growing the claim would not help: \
             use a StorageClass whose volumes are sized by the claim"
        ),
        Reason::KubeletSilent(node, words) => format!(
            "the kubelet of node {node} does not answer: {words}. See whether headroom may get nodes/stats and reach \
             port 10250"
        ),
        Reason::StorageClassNotExpandable => {
            "the StorageClass does not allow expansion: set allowVolumeExpansion: true if its driver can expand"
                .to_owned()
        }
        Reason::OnlineResizeDisabled => {
            "resizeInUseVolumes is false in the Cluster, so claims in use are not resized: remove it to let this volume \
             grow"
                .to_owned()
        }
        Reason::StaticVolume => {
            "the claim is bound to a static volume without a StorageClass; nothing would follow a larger request".to_owned()
        }
        Reason::NoSuchVolume => match name {
            VolumeName::Tablespace(tablespace) => format!(
                "the Cluster has no tablespace {tablespace} with storage of its own: correct the name or remove it \
                 from spec.tablespaces"
            ),
            VolumeName::Data | VolumeName::Wal => "the Cluster declares no such volume".to_owned(),
        },
        _other => "no bound claim of this volume has been seen: it is looked at again when the Cluster creates one".to_owned(),
    }
}
