//! A growth that begins or changes: founded, timely, bounded.

use super::{Case, Volume};
use crate::{
    Bytes, Observation, Timestamp,
    ledger::{Cause, Outcome},
    names::VolumeName,
    observation::{ClaimPhase, ClaimSeen, MemberSeen},
    policy::VolumePolicy,
    record::{Growth, VolumeRecord},
    usage::Sample,
    window::Windows,
};

const STALE_SECONDS: i64 = 300;

pub(super) fn check(case: &mut Case<'_>, volume: &Volume<'_>) {
    let spec = case.seen.cluster.volumes.get(volume.name);
    let floor = spec.and_then(|spec| spec.size).max(volume.rules.request).unwrap_or(Bytes::ZERO);
    let planned_end = volume.rules.limit.max(floor);
    let emergency_end = volume.rules.emergency.limit.map_or(planned_end, |limit| limit.max(planned_end));
    let running = volume.earlier.and_then(|record| record.growth.as_ref());
    if let Some(earlier) = volume.earlier {
        let reached = running.map_or(Bytes::ZERO, |growth| growth.to);
        let allowed = earlier.effective.max(reached).max(emergency_end);
        case.require(volume.later.effective <= allowed, "EffectiveAboveCeiling");
    }
    let Some(growth) = &volume.later.growth else { return };
    if let Some(same) = running.filter(|running| running.id == growth.id) {
        check_same(case, same, growth);
        return;
    }
    case.require(growth.to > volume.later.effective, "TargetNotLarger");
    case.require(spec.is_some_and(|spec| spec.resize_in_use), "OnlineResizeDisabled");
    case.require(case.policy.mode == crate::policy::Mode::Apply, "GrowthWhileResting");
    let leaves = case.seen.storage.deleting && case.before.shrink.is_none();
    let resting = leaves || case.seen.cluster.suspended.is_some();
    case.require(!resting, "GrowthWhileResting");
    match growth.cause {
        Cause::Planned => {
            case.require(running.is_none(), "GrowthReplaced");
            case.require(growth.to <= planned_end, "AboveCeiling");
            case.require(window_open(case.seen, volume.name, case.now), "WindowClosed");
            let asked =
                volume.rules.request.is_some_and(|request| growth.to <= request.max(volume.later.effective))
                    || low(case, volume);
            case.require(asked, "UsageUnknown");
        }
        Cause::Emergency => {
            case.require(volume.rules.emergency.enabled, "EmergencyDisabled");
            case.require(growth.to <= emergency_end, "AboveCeiling");
            let raised = running.filter(|running| superseded(volume.later, running));
            case.require(raised.is_none_or(|raised| raised.to < growth.to), "TargetNotLarger");
            case.require(growth.canary.is_none(), "EmergencyWithCanary");
            case.require(low(case, volume) || unready(case, volume.name), "EmergencyUnfounded");
        }
        Cause::External | Cause::Shrink => case.object("GrowthExternal"),
    }
}

/// Whether the growth ended in favour of another, rather than for lack of want.
fn superseded(record: &VolumeRecord, growth: &Growth) -> bool {
    let mut entries = record.ledger.entries.iter();
    entries.any(|entry| entry.id == growth.id && matches!(entry.outcome, Outcome::Superseded { .. }))
}

/// The same growth, later: its aim never rises.
fn check_same(case: &mut Case<'_>, earlier: &Growth, later: &Growth) {
    let same = earlier.cause == later.cause && earlier.started == later.started && earlier.from == later.from;
    case.require(same, "GrowthRewritten");
    case.require(later.to <= earlier.to, "TargetRaised");
    case.require(later.to == earlier.to || later.generation != earlier.generation, "TargetChanged");
}

fn window_open(seen: &Observation, volume: &VolumeName, now: Timestamp) -> bool {
    match seen.windows.get(volume) {
        Some(Windows::Always) => true,
        Some(Windows::Next { start, end }) => *start <= now && now < *end,
        Some(Windows::Never) | None => false,
    }
}

/// The mounted, bound claims of the volume.
fn mounted<'a>(
    seen: &'a Observation,
    volume: &'a VolumeName,
) -> impl Iterator<Item = (&'a MemberSeen, &'a ClaimSeen)> {
    seen.members
        .values()
        .filter(|member| member.pod.as_ref().is_some_and(|pod| !pod.terminating))
        .filter_map(|member| Some((member, member.claims.get(volume)?)))
        .filter(|(_, claim)| claim.phase == ClaimPhase::Bound)
}

/// Some member's fresh sample is below the buffer, or beyond the least free bytes.
fn low(case: &Case<'_>, volume: &Volume<'_>) -> bool {
    mounted(case.seen, volume.name).any(|(_, claim)| {
        let samples = case.seen.evidence.samples.get(&claim.id.uid);
        samples.and_then(|samples| samples.as_slice().last()).is_some_and(|sample| {
            let fresh = case.now.unix().saturating_sub(sample.at.unix()) <= STALE_SECONDS;
            fresh && is_low(volume.rules, sample)
        })
    })
}

fn is_low(rules: &VolumePolicy, sample: &Sample) -> bool {
    let free = u128::from(sample.available.get()).saturating_mul(100);
    let kept = u128::from(sample.capacity.get()).saturating_mul(u128::from(rules.buffer.get()));
    free < kept || rules.emergency.minimum_free.is_some_and(|least| sample.available <= least)
}

/// Some member that mounts the volume is not ready: the ground of a disk-full signal.
fn unready(case: &Case<'_>, volume: &VolumeName) -> bool {
    mounted(case.seen, volume).any(|(member, _)| member.pod.as_ref().is_some_and(|pod| !pod.ready))
}
