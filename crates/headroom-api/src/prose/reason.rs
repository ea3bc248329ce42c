//! One message per reason.

use headroom_core::{
    Bytes, Timestamp,
    ledger::Cause,
    names::{InstanceName, NodeName, Text, VolumeName},
    observation::ObstacleCause,
    report::{Reason, State, VolumeReport},
};

use crate::{prose, time::to_text};

/// Why, and the next step. Numbers come from the report where there is one.
pub(super) fn text(name: &VolumeName, reason: &Reason, report: Option<&VolumeReport>) -> String {
    match reason {
        Reason::EnoughFree => "more than targetBuffer is free on every member".to_owned(),
        Reason::Repairing(instance) => repairing(instance),
        Reason::WaitingForBinding(instance) => waiting_for_binding(instance),
        Reason::OutsideWindow => outside_window(report),
        Reason::NoWindowAhead => no_window_ahead(report),
        Reason::Confirming => confirming(),
        Reason::PlannedBudgetSpent => planned_budget_spent(report),
        Reason::BudgetSpent => budget_spent(report),
        Reason::WaitingForCanary(instance) => waiting_for_canary(instance, report),
        Reason::WaitingForStorage { instance, node_step } => {
            waiting_for_storage(instance, *node_step, report)
        }
        Reason::WaitingForMount(instance) => waiting_for_mount(instance, report),
        Reason::Infeasible { instance, words } => infeasible(instance, words),
        Reason::CanaryStuck(instance) => canary_stuck(instance),
        Reason::Refused { instance, cause, words } => refused(instance, *cause, words),
        Reason::Critical(instance) => {
            pressing(&format!("the volume of {instance} is critically full"), report)
        }
        Reason::DiskFull(instance) => {
            pressing(&format!("the server of {instance} stopped because its volume is full"), report)
        }
        Reason::FullSoon(instance) => {
            pressing(&format!("the volume of {instance} would be full before a growth could end"), report)
        }
        Reason::EmergencyDisabled => emergency_disabled(),
        Reason::LimitReached => limit_reached(report),
        Reason::LimitBelowClusterSize { cluster_size } => limit_below_cluster_size(*cluster_size, report),
        Reason::WalFault => wal_fault(report),
        Reason::NoUsage => no_usage(),
        Reason::StaleUsage => stale_usage(),
        Reason::NotSizedByClaim(instance) => not_sized_by_claim(instance),
        Reason::KubeletSilent(node, words) => kubelet_silent(node, words),
        Reason::StorageClassNotExpandable => class_not_expandable(),
        Reason::OnlineResizeDisabled => online_resize_disabled(),
        Reason::StaticVolume => static_volume(),
        Reason::NoSuchVolume => no_such_volume(name),
        Reason::NoBoundClaim => no_bound_claim(),
        Reason::Suspended(why) => prose::suspension(*why),
        Reason::Paused => paused(report),
        Reason::Releasing => prose::releasing(),
        Reason::Shrink(reason) => prose::shrink::text(reason, report),
    }
}

/// ` to SIZE`, where a target is known.
fn to_target(report: Option<&VolumeReport>) -> String {
    report.and_then(|report| report.target).map_or_else(String::new, |target| format!(" to {target}"))
}

/// What planned growth says while something holds it.
fn held(report: Option<&VolumeReport>) -> String {
    if shrinks(report) {
        return format!("far more than targetBuffer is free; shrinking{} waits", to_target(report));
    }
    format!("less than targetBuffer is free; growth{} waits", to_target(report))
}

/// `, the next one comes at TIME`, where it is known.
fn next_slot(time: Option<Timestamp>) -> String {
    time.map_or_else(String::new, |time| format!(", the next one comes at {}", to_text(time)))
}

fn repairing(instance: &InstanceName) -> String {
    format!(
        "the claim of {instance} is smaller than its siblings and is being raised; this needs no window and no slot"
    )
}

fn waiting_for_binding(instance: &InstanceName) -> String {
    format!(
        "the claim of {instance} is smaller than its siblings and not bound yet, so its size cannot change; it is \
         raised once it is bound"
    )
}

fn outside_window(report: Option<&VolumeReport>) -> String {
    let when = report
        .and_then(|report| report.window)
        .map_or_else(String::new, |(start, end)| format!(" from {} to {}", to_text(start), to_text(end)));
    if shrinks(report) {
        return format!("{} for the maintenance window{when}", held(report));
    }
    format!("{} for the maintenance window{when}; an emergency would not wait", held(report))
}

fn shrinks(report: Option<&VolumeReport>) -> bool {
    report.is_some_and(|report| report.state == State::PendingShrink)
}

fn no_window_ahead(report: Option<&VolumeReport>) -> String {
    format!(
        "{} for a maintenance window, and the schedule never fires again: correct maintenanceWindow.schedule",
        held(report)
    )
}

fn confirming() -> String {
    "less than targetBuffer is free in one sample; the next one, with a newer kubelet time, must confirm it"
        .to_owned()
}

fn planned_budget_spent(report: Option<&VolumeReport>) -> String {
    format!(
        "{} for a slot{}; the reserve is kept for emergencies; raise budget.actionsPerDay to go on sooner",
        held(report),
        next_slot(report.and_then(|report| report.budget.next_planned))
    )
}

fn budget_spent(report: Option<&VolumeReport>) -> String {
    format!(
        "growth{} is wanted and all slots of the last 24 hours are spent{}: raise budget.actionsPerDay, or free space",
        to_target(report),
        next_slot(report.and_then(|report| report.budget.next_emergency))
    )
}

fn waiting_for_canary(instance: &InstanceName, report: Option<&VolumeReport>) -> String {
    format!(
        "growing{}: {instance} goes first, the other claims follow once it has the new size",
        to_target(report)
    )
}

fn waiting_for_storage(instance: &InstanceName, node_step: bool, report: Option<&VolumeReport>) -> String {
    let who = if node_step { "the node's file-system step" } else { "the storage system" };
    format!("growing{}: waiting for {who} on the claim of {instance}", to_target(report))
}

fn waiting_for_mount(instance: &InstanceName, report: Option<&VolumeReport>) -> String {
    format!(
        "growing{}: the claim of {instance} is mounted by no pod; its file system grows when a pod mounts it",
        to_target(report)
    )
}

fn infeasible(instance: &InstanceName, words: &Text) -> String {
    format!(
        "the storage system cannot give the claim of {instance} this size: {words}. Lower limit to what it can give, or \
         ask whoever runs the storage"
    )
}

fn canary_stuck(instance: &InstanceName) -> String {
    format!(
        "the claim of {instance}, which grows first, made no progress in five minutes, so no other claim was touched \
         and the slot is given back: see whether the CSI driver's resizer runs and what `kubectl describe pvc` says"
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

/// An emergency: what is being done about it, or why nothing is.
fn pressing(cause: &str, report: Option<&VolumeReport>) -> String {
    let Some(report) = report else {
        return format!("{cause}: it grows at once if limit and slots allow it");
    };
    let target = to_target(Some(report));
    match (report.state, report.running) {
        (State::AtLimit, _) => {
            format!("{cause}, and the ceiling of {} is reached: raise limit, or free space", report.ceiling)
        }
        (State::BudgetExhausted, _) => format!(
            "{cause}, and all slots are spent{}: raise budget.actionsPerDay, or free space",
            next_slot(report.budget.next_emergency)
        ),
        (_, Some((_, Cause::Emergency))) => format!("{cause}: growing{target} at once"),
        (_, Some((_, Cause::Planned | Cause::External | Cause::Shrink)) | None) => {
            format!("{cause}: growth{target} is wanted at once")
        }
    }
}

fn emergency_disabled() -> String {
    "the volume is nearly or entirely full and emergencyGrow.enabled is false: enable it, wait for the window, or free \
     space"
        .to_owned()
}

fn limit_reached(report: Option<&VolumeReport>) -> String {
    let ceiling = report.map_or_else(String::new, |report| format!(" of {}", report.ceiling));
    format!(
        "more space is wanted and the volume is at its ceiling{ceiling}: raise limit (or emergencyGrow.emergencyLimit \
         for emergencies), or free space"
    )
}

fn limit_below_cluster_size(cluster_size: Bytes, report: Option<&VolumeReport>) -> String {
    let beyond = report.map_or_else(String::new, |report| format!(" beyond {}", report.ceiling));
    format!(
        "the Cluster's own size ({cluster_size}) is above limit, so headroom does not grow this volume{beyond}: raise \
         limit"
    )
}

fn wal_fault(report: Option<&VolumeReport>) -> String {
    format!(
        "{} because WAL piles up behind a fault that it would only hide: repair the archive or the replication slot \
         (see notices), or set acknowledgeWALRisk; an emergency would not wait",
        held(report)
    )
}

fn no_usage() -> String {
    "no usage has been reported by any kubelet yet: this takes a minute or two after a pod starts; if it stays, see \
     whether headroom may get nodes/stats"
        .to_owned()
}

fn stale_usage() -> String {
    "the newest usage is older than five minutes, so nothing is planned on it; a server that stops for lack of space \
     is still seen: see whether the pods run and their nodes' kubelets answer"
        .to_owned()
}

fn not_sized_by_claim(instance: &InstanceName) -> String {
    format!(
        "the file system of {instance} does not have the size of its claim, so growing the claim would not help: use a \
         StorageClass whose volumes are sized by the claim"
    )
}

fn kubelet_silent(node: &NodeName, words: &Text) -> String {
    format!(
        "the kubelet of node {node} does not answer: {words}. See whether headroom may get nodes/stats and reach port \
         10250"
    )
}

fn class_not_expandable() -> String {
    "the StorageClass does not allow expansion: set allowVolumeExpansion: true if its driver can expand"
        .to_owned()
}

fn online_resize_disabled() -> String {
    "resizeInUseVolumes is false in the Cluster, so claims in use are not resized: remove it to let this volume grow"
        .to_owned()
}

fn static_volume() -> String {
    "the claim is bound to a static volume without a StorageClass, and nothing would follow a larger request: move the \
     instance to a dynamically provisioned volume"
        .to_owned()
}

fn no_such_volume(name: &VolumeName) -> String {
    match name {
        VolumeName::Tablespace(tablespace) => format!(
            "the Cluster has no tablespace {tablespace} with storage of its own: correct the name or remove it from \
             spec.tablespaces"
        ),
        VolumeName::Data | VolumeName::Wal => {
            format!("the Cluster declares no {name} volume: see whether its spec is complete")
        }
    }
}

fn no_bound_claim() -> String {
    "no bound claim of this volume has been seen: it is looked at again when the Cluster creates one"
        .to_owned()
}

fn paused(report: Option<&VolumeReport>) -> String {
    match report.and_then(|report| report.running) {
        Some(_) => {
            format!(
                "mode is Paused: the growth{} is left unfinished; set mode to Apply to go on",
                to_target(report)
            )
        }
        None if report.is_some_and(|report| report.target.is_some()) => format!(
            "mode is Paused: the shrink{} is left in its midst; set mode to Apply to go on",
            to_target(report)
        ),
        None => "mode is Paused: nothing is changed; set mode to Apply to go on".to_owned(),
    }
}
