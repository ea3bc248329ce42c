//! What a survey says against a step.

use super::{
    Scene,
    guard::{Lowering, Step},
    offer::PACE_OVER,
};
use crate::{
    names::{InstanceName, VolumeName},
    observation::{Primary, Survey, SurveySeen},
    report::ShrinkReason,
};

/// What the survey says against a step.
pub(super) fn facts_against(scene: &Scene<'_>, facts: &Survey, step: Step<'_>) -> Option<ShrinkReason> {
    if let Some(job) = facts.jobs.first() {
        return Some(ShrinkReason::JobRunning(job.instance.clone()));
    }
    if let Some(held) = undisruptable(scene, facts, step) {
        return Some(held);
    }
    match step {
        // The way back is open whatever the archive does; and of a surplus instance nothing is left alone on the primary.
        Step::Lower(Lowering::Back | Lowering::Surplus) => None,
        Step::Lower(Lowering::Last) | Step::Leave(_) => at_work(scene, facts),
        Step::Begin | Step::Surge | Step::Replace(_) | Step::Promote => {
            cordoned(scene, facts).or_else(|| at_work(scene, facts))
        }
    }
}

fn cordoned(scene: &Scene<'_>, facts: &Survey) -> Option<ShrinkReason> {
    let mut nodes = scene.seen.members.values().filter_map(|member| member.pod.as_ref()?.node.as_ref());
    nodes.find(|node| facts.cordoned.contains(*node)).map(|node| ShrinkReason::NodeCordoned(node.clone()))
}

/// A Backup; or an archive that fails. That always holds: a promotion then keeps the old primary away for ever, and WAL
/// that is archived nowhere is on the instances alone (experiments S5). A recent backup is no substitute.
fn at_work(scene: &Scene<'_>, facts: &Survey) -> Option<ShrinkReason> {
    if facts.backup_running {
        return Some(ShrinkReason::BackupRunning);
    }
    let Primary::Known(primary) = &scene.seen.cluster.primary else { return None };
    match facts.replication.get(primary) {
        Some(says) if says.primary && !says.archiver_failing => None,
        Some(says) if says.primary => Some(ShrinkReason::ArchiverFailing),
        // It was not asked, or says something else than the Cluster: nothing is known of its archive.
        Some(_) | None => Some(ShrinkReason::FactsUnknown),
    }
}

/// A PodDisruptionBudget of somebody else's that allows no disruption of whom the step disrupts. An instance more
/// disrupts nobody, and loosens a budget that counts: before it only those count that it would not.
fn undisruptable(scene: &Scene<'_>, facts: &Survey, step: Step<'_>) -> Option<ShrinkReason> {
    let primary = match &scene.seen.cluster.primary {
        Primary::Known(primary) => Some(primary),
        Primary::Moving { .. } | Primary::Unknown => None,
    };
    let selects = |name: Option<&InstanceName>, budget: &crate::observation::BudgetSeen| {
        name.is_none_or(|name| budget.selects.contains(name))
    };
    let held = facts.budgets.iter().find(|budget| match step {
        Step::Begin | Step::Surge => !budget.eased_by_surge,
        Step::Replace(victim) => selects(Some(victim), budget),
        Step::Promote => selects(primary, budget),
        Step::Lower(Lowering::Last | Lowering::Surplus) => true,
        // One that is not ready counts for no budget as it is.
        Step::Lower(Lowering::Back) | Step::Leave(_) => false,
    })?;
    Some(ShrinkReason::DisruptionForbidden(held.name.clone()))
}

/// The pace of WAL must be known before a volume that holds pg_wal gets its size.
pub(super) fn pace(
    scene: &Scene<'_>,
    volumes: &[&VolumeName],
    known: &SurveySeen,
    step: Step<'_>,
) -> Option<ShrinkReason> {
    let unmeasured =
        |volume: &&VolumeName| scene.decided.get(*volume).is_some_and(|decided| decided.look.unmeasured);
    let open = step == Step::Begin && volumes.iter().any(unmeasured);
    (open && known.wal_pace(PACE_OVER).is_none()).then_some(ShrinkReason::MeasuringWal)
}
