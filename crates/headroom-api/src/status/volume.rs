//! One volume, rendered. Every part of the record is taken apart by name, so that a new field cannot be forgotten.

use std::collections::BTreeMap;

use headroom_core::{
    ledger::{ActionId, Cause, Ledger, LedgerEntry, Outcome},
    names::{InstanceName, VolumeName},
    record::{Calm, Growth, MemberRecord, Peak, VolumeRecord},
    report::{BudgetReport, MemberReport, Notice, VolumeReport, WalReport},
    usage::Sample,
};

use super::{clip, signed};
use crate::{
    names::{ReasonName, cause, state},
    prose,
    time::to_text,
    v1alpha1::{
        ActionStatus, BudgetStatus, GrowthStatus, InstanceSize, NextSlots, NoticeStatus, PeakStatus,
        UsageStatus, VolumeStatus, WindowStatus,
    },
};

/// Most ledger entries that are stored (the schema's bound); older ones are left out. Storage systems refuse far
/// fewer changes a day, so this only keeps the status writable whatever happens.
const ACTIONS_MAX: usize = 1_024;

/// The words of an action's kind and results.
pub(super) mod word {
    pub(in crate::status) const GROW: &str = "Grow";
    pub(in crate::status) const SHRINK: &str = "Shrink";
    pub(in crate::status) const RUNNING: &str = "Running";
    pub(in crate::status) const COMPLETED: &str = "Completed";
    pub(in crate::status) const REFUNDED: &str = "Refunded";
    pub(in crate::status) const SUPERSEDED: &str = "Superseded";
}

/// A volume from its record and its report; either may be absent, not both.
pub(super) fn render(
    name: &VolumeName,
    record: Option<&VolumeRecord>,
    report: Option<&VolumeReport>,
) -> VolumeStatus {
    let mut status = VolumeStatus::default();
    if let Some(report) = report {
        put_report(&mut status, name, report);
    }
    if let Some(record) = record {
        put_record(&mut status, record);
    }
    status.actual_sizes = sizes(record.map(|record| &record.members), report.map(|report| &report.members));
    status
}

fn put_record(status: &mut VolumeStatus, record: &VolumeRecord) {
    let VolumeRecord { effective, ledger: Ledger { entries }, growth, calm, members: _ } = record;
    let newest = entries.len().saturating_sub(ACTIONS_MAX);
    status.effective_size = Some(effective.to_string());
    status.actions = entries.iter().skip(newest).map(action).collect();
    status.last_action = status.actions.last().cloned();
    status.growth = growth.as_ref().map(running);
    status.shrink_eligible_since = calm.map(|calm| to_text(calm.since));
    status.peak_usage = calm.map(|Calm { since: _, peak: Peak { since, used, before } }| PeakStatus {
        since: to_text(since),
        used: used.to_string(),
        used_before: before.to_string(),
    });
}

fn put_report(status: &mut VolumeStatus, name: &VolumeName, report: &VolumeReport) {
    let VolumeReport {
        state: shown,
        reason,
        // The record's size is stored, so that a size that is only wanted never counts as remembered.
        effective: _,
        target,
        ceiling: _,
        members: _,
        budget,
        window,
        running: _,
        notices,
    } = report;
    status.state = Some(state(*shown).to_owned());
    status.reason = Some(ReasonName::from(reason).as_str().to_owned());
    status.message = Some(clip::message(prose::volume(name, report)));
    status.target_size = target.map(|target| target.to_string());
    status.budget = Some(slots(budget));
    status.next_maintenance_window =
        window.map(|(start, end)| WindowStatus { start: to_text(start), end: to_text(end) });
    status.notices = noticed(notices);
}

/// The WAL volume: observed only.
pub(super) fn of_wal(wal: &WalReport) -> VolumeStatus {
    let WalReport { full, low, notices } = wal;
    let reason = if !full.is_empty() {
        ReasonName::WalVolumeFull
    } else if !low.is_empty() {
        ReasonName::WalVolumeLow
    } else {
        ReasonName::WalObserved
    };
    VolumeStatus {
        reason: Some(reason.as_str().to_owned()),
        message: Some(clip::message(prose::wal(wal))),
        notices: noticed(notices),
        ..VolumeStatus::default()
    }
}

fn noticed(notices: &[Notice]) -> Vec<NoticeStatus> {
    let notice = |notice| NoticeStatus {
        reason: ReasonName::from(notice).as_str().to_owned(),
        message: clip::message(prose::notice(notice)),
    };
    notices.iter().take(1_024).map(notice).collect()
}

fn sizes(
    recorded: Option<&BTreeMap<InstanceName, MemberRecord>>,
    reported: Option<&BTreeMap<InstanceName, MemberReport>>,
) -> Vec<InstanceSize> {
    let mut sizes: BTreeMap<&InstanceName, InstanceSize> = BTreeMap::new();
    for (instance, report) in reported.into_iter().flatten() {
        let MemberReport { requested, capacity } = report;
        let size = sizes.entry(instance).or_default();
        size.requested = Some(requested.to_string());
        size.capacity = capacity.map(|capacity| capacity.to_string());
    }
    for (instance, record) in recorded.into_iter().flatten() {
        let MemberRecord { claim, grown_at, last_usage } = record;
        let size = sizes.entry(instance).or_default();
        size.claim_uid = Some(claim.to_string());
        size.growth_completed_at = grown_at.map(to_text);
        size.last_usage = last_usage.map(usage);
    }
    sizes
        .into_iter()
        .map(|(instance, size)| InstanceSize { instance: instance.to_string(), ..size })
        .collect()
}

fn usage(sample: Sample) -> UsageStatus {
    let Sample { at, capacity, available } = sample;
    UsageStatus { at: to_text(at), capacity: capacity.to_string(), available: available.to_string() }
}

fn action(entry: &LedgerEntry) -> ActionStatus {
    let LedgerEntry { id: ActionId(id), cause: why, from, to, started, outcome } = entry;
    let (result, ended) = match outcome {
        Outcome::Running => (word::RUNNING, None),
        Outcome::Completed { at } => (word::COMPLETED, Some(*at)),
        Outcome::Refunded { at } => (word::REFUNDED, Some(*at)),
        Outcome::Superseded { at } => (word::SUPERSEDED, Some(*at)),
    };
    ActionStatus {
        id: i64::from(*id),
        kind: if *why == Cause::Shrink { word::SHRINK } else { word::GROW }.to_owned(),
        cause: cause(*why).to_owned(),
        from: from.to_string(),
        to: to.to_string(),
        started_at: to_text(*started),
        completed_at: ended.map(to_text),
        result: result.to_owned(),
    }
}

fn running(growth: &Growth) -> GrowthStatus {
    let Growth { id: ActionId(id), cause: why, generation, started, from, to, canary } = growth;
    GrowthStatus {
        id: i64::from(*id),
        cause: cause(*why).to_owned(),
        generation: signed(*generation),
        started_at: to_text(*started),
        from: from.to_string(),
        to: to.to_string(),
        canary: canary.as_ref().map(ToString::to_string),
    }
}

fn slots(budget: &BudgetReport) -> BudgetStatus {
    let BudgetReport { used, planned, emergency, next_planned, next_emergency } = *budget;
    let next = NextSlots { planned: next_planned.map(to_text), emergency: next_emergency.map(to_text) };
    BudgetStatus {
        actions_last_24h: i32::from(used),
        available_for_planned: i32::from(planned),
        available_for_emergency: i32::from(emergency),
        next_slot_at: (next != NextSlots::default()).then_some(next),
    }
}
