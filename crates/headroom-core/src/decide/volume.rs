//! One volume: the causes in their order, and one state that names the true one.

use alloc::{collections::BTreeMap, vec::Vec};

use super::{
    adopt, bounds,
    draft::{Draft, Verdict},
    emergency, growth,
    member::{self, Member, bound_capacity},
    numbers::Numbers,
    planned, preflight, remember, repair,
    shrink::offer::{self, Look},
    size::near,
};
use crate::{
    Bytes, Observation, Policy, Record, Span, Timestamp,
    action::Resize,
    decision::{Lane, Need},
    names::{InstanceName, VolumeName},
    policy::{ClusterSizeSync, VolumePolicy},
    record::VolumeRecord,
    report::{BudgetReport, MemberReport, Notice, Reason, State, VolumeReport},
    usage::{Usage, slope},
    window::Windows,
};

/// What was decided of one volume.
#[derive(Debug)]
pub(super) struct Decided {
    pub(super) record: Option<VolumeRecord>,
    pub(super) actions: Vec<(Lane, Resize)>,
    pub(super) report: VolumeReport,
    pub(super) need: Option<Need>,
    pub(super) edges: Vec<Timestamp>,
    pub(super) lane: Lane,
    pub(super) time_to_full: Option<Span>,
    pub(super) poll: Span,
    /// What a shrink must know of it.
    pub(super) look: Look,
    /// A member is in emergency.
    pub(super) alarmed: bool,
}

/// A member is looked at this often while it is not ready: kubelet stats flash by for 1 to 7 s per restart (G1).
const POLL_UNREADY: Span = Span::seconds(1);
/// Near the buffer, and while something changes.
const POLL_NEAR: Span = Span::seconds(10);
/// Otherwise.
pub(super) const POLL_CALM: Span = Span::seconds(30);

/// A server that runs but is not ready this long after a growth does not heal by growth.
const REBUILD_AFTER: Span = Span::minutes(10);

/// Decides one volume of a Cluster that is not left alone.
pub(super) fn volume(
    policy: &Policy,
    name: &VolumeName,
    rules: &VolumePolicy,
    seen: &Observation,
    known: &Record,
    numbers: &mut Numbers,
    now: Timestamp,
) -> Decided {
    let (before, shrink) = (known.volumes.get(name), known.shrink.as_ref());
    let Some(spec) = seen.cluster.volumes.get(name) else {
        return resting(rules, name, seen, before, now, (State::Blocked, Reason::NoSuchVolume));
    };
    let bounds = bounds::bounds(rules, spec);
    let unsure = adopt::unsure(seen, known.shrunk_at, now);
    let Some((record, need)) = adopt::adopt(seen, name, (before, unsure), bounds, numbers, now) else {
        return resting(rules, name, seen, before, now, (State::WaitingForUsage, Reason::NoBoundClaim));
    };
    let members = member::members(seen, name, &record, now);
    let anew = |name: &InstanceName| shrink.is_some_and(|shrink| super::shrink::anew(seen, shrink, name));
    let blocked = preflight::preflight(spec, &members, record.growth.as_ref(), anew, now);
    let adopted = (record.clone(), numbers.0);
    let mut draft = Draft {
        name,
        policy: rules,
        mode: policy.mode,
        generation: policy.generation,
        seen,
        now,
        bounds,
        record,
        alarms: Vec::new(),
        blocked: blocked.is_some(),
        shrinking: shrink.and_then(|shrink| super::shrink::leads_to(shrink, name)),
        ended: false,
        actions: Vec::new(),
        need,
        notices: Vec::new(),
        wanted: None,
        due: false,
        edges: Vec::new(),
    };
    draft.sound(&members);
    let verdict = causes(&mut draft, &members, blocked, numbers);
    draft.ask_where_unsure(&members, &adopted, numbers);
    let look = offer::look(&mut draft, &members, shrink.is_some());
    remember::remember(&mut draft, &members, before);
    notices(&mut draft, &members, policy.sync, spec.size);
    if let Some(cluster_size) = spec.size.filter(|size| look.floored && undercut(rules, policy.sync, *size)) {
        draft.notices.push(Notice::ClusterSizeIsFloor { cluster_size });
    }
    finish(draft, &members, verdict, look)
}

/// Each cause with its own gates; then the one verdict that is shown.
fn causes(
    draft: &mut Draft<'_>,
    members: &[Member<'_>],
    blocked: Option<Verdict>,
    numbers: &mut Numbers,
) -> Verdict {
    let worst = draft
        .alarmed(members)
        .next()
        .map(|(member, _)| member.name.clone())
        .filter(|_| draft.policy.emergency.enabled);
    growth::rederive(draft, members, worst.as_ref());
    growth::settle(draft, members, worst.as_ref());
    let emergency = emergency::step(draft, members, numbers);
    let acts = emergency.as_ref().is_none_or(|(_, reason)| *reason == Reason::EmergencyDisabled);
    let planned = if acts { planned::step(draft, members, numbers) } else { None };
    let growing = growth::advance(draft, members, worst.as_ref());
    let repairing = repair::step(draft, members);
    if let Some(blocked) = blocked {
        return blocked;
    }
    if let Some((state, reason)) = emergency {
        // What holds up the cure says more than what called for it.
        let held = growing.as_ref().or(repairing.as_ref()).map(|(_, held)| held.clone());
        return match held {
            Some(held @ (Reason::Refused { .. } | Reason::Infeasible { .. }))
                if state == State::Emergency =>
            {
                (state, held)
            }
            Some(_) | None => (state, reason),
        };
    }
    growing
        .or(repairing)
        .or(planned)
        .or_else(|| {
            let above = draft.bounds.cluster_above.is_some();
            above.then(|| (State::AtLimit, draft.limit_reason()))
        })
        .or_else(|| blind(draft, members))
        .unwrap_or((State::Balanced, Reason::EnoughFree))
}

/// No usage of any member is known.
fn blind(draft: &Draft<'_>, members: &[Member<'_>]) -> Option<Verdict> {
    let known = members.iter().any(|member| match member.usage {
        Usage::Fresh(_) => true,
        // Taken before the last growth: late, not wrong.
        Usage::Mismatch(sample) => member.late(sample, draft.now),
        Usage::Stale(_) | Usage::Never => false,
    });
    if known {
        return None;
    }
    let silent = members.iter().find_map(|member| {
        let node = member.pod?.node.as_ref()?;
        let words = draft.seen.evidence.silent_nodes.get(node)?;
        Some(Reason::KubeletSilent(node.clone(), words.clone()))
    });
    let stale = members.iter().any(|member| matches!(member.usage, Usage::Stale(_)));
    let reason = silent.unwrap_or(if stale { Reason::StaleUsage } else { Reason::NoUsage });
    Some((State::WaitingForUsage, reason))
}

/// What else people should know.
fn notices(
    draft: &mut Draft<'_>,
    members: &[Member<'_>],
    sync: ClusterSizeSync,
    cluster_size: Option<Bytes>,
) {
    if let Some(size) = cluster_size.filter(|size| *size < draft.record.effective)
        && sync != ClusterSizeSync::Follow
    {
        draft.notices.push(Notice::ClusterSizeBehind { cluster_size: size });
    }
    for member in members {
        draft.edge(member.stale_at());
        let fresh = matches!(member.usage, Usage::Fresh(_));
        let late = member.last.is_some_and(|last| member.late(last, draft.now));
        if matches!(member.usage, Usage::Mismatch(_)) {
            draft.edge(member.late_until().map(|until| until.plus(Span::seconds(1))));
        }
        if member.mounted() && !member.fenced && !fresh && !late {
            draft.notices.push(Notice::MemberWithoutUsage(member.name.clone()));
        }
        let idle = member.running_since().filter(|_| !member.ready() && !member.primary && !member.fenced);
        if let (Some(since), Some(grown)) = (idle, member.grown_at) {
            let patience = since.max(grown).plus(REBUILD_AFTER);
            draft.edge([patience]);
            if patience <= draft.now {
                draft.notices.push(Notice::MemberNeedsRebuild(member.name.clone()));
            }
        }
    }
    draft.ask_for_cause();
    draft.tell_wal();
}

/// Whether the Cluster's own size is more than the user asks of headroom: `request` is lower, or headroom raised it.
fn undercut(rules: &VolumePolicy, sync: ClusterSizeSync, cluster_size: Bytes) -> bool {
    rules.request.map_or(sync == ClusterSizeSync::Follow, |request| request < cluster_size)
}

/// The report, the lane and the edges of a decided volume.
fn finish(mut draft: Draft<'_>, members: &[Member<'_>], (state, reason): Verdict, look: Look) -> Decided {
    let budget = draft.budget();
    let windows = draft.windows();
    let window_edge = draft.window_edge();
    draft.edge(window_edge);
    let returns = super::budget::returns(&draft.record.ledger, draft.now);
    draft.edge(returns.first().copied());
    let running = draft.record.growth.as_ref();
    let target = running.map(|growth| growth.to).or(draft.wanted);
    let alarmed = !draft.alarms.is_empty();
    let repairs_primary = draft.actions.iter().any(|(lane, _)| *lane == Lane::RepairPrimary);
    let lane = if repairs_primary {
        Lane::RepairPrimary
    } else if alarmed {
        Lane::Emergency
    } else if running.is_some() || !draft.actions.is_empty() {
        Lane::Running
    } else if draft.due {
        Lane::Planned
    } else {
        Lane::Look
    };
    let unready = members.iter().any(|member| {
        member.mounted() && !member.fenced && !(member.ready() && member.running_since().is_some())
    });
    let close = running.is_some()
        || !draft.actions.is_empty()
        || members.iter().any(|member| member.last.is_some_and(|sample| near(draft.policy, sample)));
    let report = VolumeReport {
        state,
        reason,
        effective: Some(draft.record.effective),
        target,
        ceiling: draft.bounds.high,
        members: claims(draft.seen, draft.name),
        budget,
        window: shown(windows, draft.now),
        running: running.map(|growth| (growth.id, growth.cause)),
        notices: draft.notices,
    };
    Decided {
        actions: draft.actions,
        report,
        need: draft.need,
        edges: draft.edges,
        lane,
        time_to_full: members.iter().filter_map(|member| slope::time_to_full(member.samples)).min(),
        poll: if unready {
            POLL_UNREADY
        } else if close {
            POLL_NEAR
        } else {
            POLL_CALM
        },
        record: Some(draft.record),
        look,
        alarmed,
    }
}

/// A volume of which nothing is judged: its record stays as it is.
pub(super) fn resting(
    rules: &VolumePolicy,
    name: &VolumeName,
    seen: &Observation,
    before: Option<&VolumeRecord>,
    now: Timestamp,
    (state, reason): Verdict,
) -> Decided {
    let windows = seen.windows.get(name).copied().unwrap_or(Windows::Never);
    let no_entries = crate::ledger::Ledger { entries: Vec::new() };
    let ledger = before.map_or(&no_entries, |record| &record.ledger);
    let budget: BudgetReport = super::budget::budget(rules.budget, ledger, now);
    let returns = super::budget::returns(ledger, now);
    let largest = seen
        .members
        .values()
        .filter_map(|member| member.claims.get(name))
        .filter_map(|claim| bound_capacity(claim).map(|capacity| capacity.min(claim.requested)))
        .max();
    let growth = before.and_then(|record| record.growth.as_ref());
    let ceiling = seen.cluster.volumes.get(name).map_or(rules.limit, |spec| bounds::bounds(rules, spec).high);
    Decided {
        record: before.cloned(),
        actions: Vec::new(),
        report: VolumeReport {
            state,
            reason,
            effective: before.map(|record| record.effective).or(largest),
            target: growth.map(|growth| growth.to),
            ceiling,
            members: claims(seen, name),
            budget,
            window: shown(windows, now),
            running: growth.map(|growth| (growth.id, growth.cause)),
            notices: Vec::new(),
        },
        need: None,
        edges: returns.first().copied().into_iter().chain(windows.next_edge(now)).collect(),
        lane: Lane::Look,
        time_to_full: None,
        poll: POLL_CALM,
        look: Look::NONE,
        alarmed: false,
    }
}

/// All claims of the volume, also those that are not bound.
fn claims(seen: &Observation, name: &VolumeName) -> BTreeMap<InstanceName, MemberReport> {
    seen.members
        .iter()
        .filter_map(|(instance, member)| {
            let claim = member.claims.get(name)?;
            Some((instance.clone(), MemberReport { requested: claim.requested, capacity: claim.capacity }))
        })
        .collect()
}

/// The window that is open or opens next.
fn shown(windows: Windows, now: Timestamp) -> Option<(Timestamp, Timestamp)> {
    match windows {
        Windows::Next { start, end } if now < end => Some((start, end)),
        Windows::Next { .. } | Windows::Always | Windows::Never => None,
    }
}
