//! The one decision function.
//!
//! Each cause of a change has its own file and its own gates; nothing hides an emergency (design §5):
//! adopt → re-derive → settle → emergency → planned → patches → repair → remember → report.

mod adopt;
mod alarm;
pub(crate) mod backoff;
mod bounds;
mod budget;
mod draft;
mod emergency;
mod growth;
pub(crate) mod member;
mod numbers;
mod planned;
mod preflight;
mod refused;
mod release;
mod remember;
mod repair;
mod shrink;
mod size;
mod trap;
mod volume;
mod wal;
mod walfault;

use alloc::{collections::BTreeMap, vec::Vec};

use self::{
    numbers::Numbers,
    volume::{Decided, POLL_CALM, resting},
};
use crate::{
    Action, Decision, Observation, Policy, Record, Report, Timestamp,
    action::Resize,
    decision::{Attention, Lane},
    names::VolumeName,
    policy::Mode,
    record::Shrink,
    report::{ClusterVerdict, Notice, Reason, State},
};

/// Decides what should be recorded, done and told.
///
/// Pure and total. Where the record differs from the one given, it is written before any action: the actions are those
/// that follow once it is written. Deciding again after all of it is done asks for nothing more.
pub fn decide(policy: &Policy, seen: &Observation, record: &Record, now: Timestamp) -> Decision {
    let rest = at_rest(policy, seen, record);
    let mut numbers = Numbers(record.sequence);
    let mut decided: BTreeMap<VolumeName, Decided> = BTreeMap::new();
    for (name, rules) in &policy.volumes {
        let before = record.volumes.get(name);
        let volume = match &rest {
            Some((_, state, reason)) => resting(rules, name, seen, before, now, (*state, reason.clone())),
            None => volume::volume(policy, name, rules, seen, record, &mut numbers, now),
        };
        decided.insert(name.clone(), volume);
    }
    let mut after = Record {
        sequence: numbers.0,
        volumes: record.volumes.clone(),
        shrink: record.shrink.clone(),
        shrunk_at: record.shrunk_at,
    };
    for (name, volume) in &decided {
        if let Some(kept) = &volume.record {
            after.volumes.insert(name.clone(), kept.clone());
        }
    }
    let scene = shrink::Scene { policy, seen, decided: &decided, now };
    let mut passed = match &rest {
        Some(_) => shrink::rest(&scene, &mut after),
        None => shrink::pass(&scene, &mut after, &mut numbers),
    };
    let plans = if rest.is_some() { Vec::new() } else { shrink::plans(&scene, &after) };
    tell(&mut decided, core::mem::take(&mut passed.told), plans);
    lead(&mut decided, after.shrink.as_ref());
    let actions = actions(policy, seen, &after, (&decided, &passed), rest.is_some());
    assemble(policy, seen, now, Parts { after, decided, actions, rest, passed })
}

/// What a shrink has to say of a volume; an emergency and what forbids all change say more.
fn tell(
    decided: &mut BTreeMap<VolumeName, Decided>,
    told: BTreeMap<VolumeName, (State, Reason)>,
    plans: Vec<(VolumeName, Notice)>,
) {
    for (name, (state, reason)) in told {
        let Some(volume) = decided.get_mut(&name) else { continue };
        match volume.report.state {
            State::Balanced
            | State::Growing
            | State::PendingGrowth
            | State::PendingShrink
            | State::Shrinking
            | State::WaitingForUsage => {
                volume.report.state = state;
                volume.report.reason = reason;
            }
            State::Emergency
            | State::AtLimit
            | State::BudgetExhausted
            | State::Blocked
            | State::Suspended
            | State::Paused => {}
        }
    }
    for (name, plan) in plans {
        if let Some(volume) = decided.get_mut(&name) {
            volume.report.notices.push(plan);
        }
    }
}

/// Where a shrink leads, whether it runs, waits or is left in its midst.
fn lead(decided: &mut BTreeMap<VolumeName, Decided>, shrink: Option<&Shrink>) {
    for (name, volume) in decided {
        let offered = volume.look.offer.filter(|_| volume.report.state == State::PendingShrink);
        let runs = shrink.and_then(|shrink| shrink::leads_to(shrink, name));
        let to = runs.or(offered.map(|offer| offer.to));
        volume.report.target = volume.report.target.or(to);
    }
}

struct Parts {
    after: Record,
    decided: BTreeMap<VolumeName, Decided>,
    actions: Vec<Action>,
    rest: Option<(ClusterVerdict, State, Reason)>,
    passed: shrink::Passed,
}

/// Why the whole Cluster is left alone at present, most binding first. A shrink that runs when the object is deleted is
/// ended first, unless nothing may be changed.
fn at_rest(policy: &Policy, seen: &Observation, record: &Record) -> Option<(ClusterVerdict, State, Reason)> {
    let ending = record.shrink.is_some() && policy.mode == Mode::Apply && seen.cluster.suspended.is_none();
    if seen.storage.deleting && !ending {
        return Some((ClusterVerdict::Releasing, State::Suspended, Reason::Releasing));
    }
    if let Some(why) = seen.cluster.suspended {
        return Some((ClusterVerdict::Suspended(why), State::Suspended, Reason::Suspended(why)));
    }
    match policy.mode {
        Mode::Paused => Some((ClusterVerdict::Paused, State::Paused, Reason::Paused)),
        Mode::Apply | Mode::Advise => None,
    }
}

/// All that may be done now, most urgent first; our finalizer before a planned patch, never before an urgent one.
fn actions(
    policy: &Policy,
    seen: &Observation,
    record: &Record,
    (decided, passed): (&BTreeMap<VolumeName, Decided>, &shrink::Passed),
    at_rest: bool,
) -> Vec<Action> {
    let first = || passed.first.iter().cloned();
    if seen.storage.deleting && at_rest {
        return first().chain(release::release(policy, seen, record)).collect();
    }
    if at_rest || policy.mode != Mode::Apply {
        return first().collect();
    }
    let mut resizes: Vec<&(Lane, Resize)> =
        decided.values().flat_map(|volume| volume.actions.iter()).collect();
    resizes.sort_by_key(|(lane, _)| *lane);
    let urgent = resizes.iter().take_while(|(lane, _)| *lane <= Lane::Emergency).count();
    let (urgent, others) = resizes.split_at_checked(urgent).unwrap_or((&[], &[]));
    let resize = |(_, resize): &&(Lane, Resize)| Action::Resize(resize.clone());
    let mut list: Vec<Action> = first().chain(urgent.iter().map(resize)).collect();
    if !seen.storage.deleting {
        list.extend(release::guard(policy, seen));
    }
    list.extend(others.iter().map(resize));
    list.extend(release::follow(policy, seen, record));
    list.extend(passed.next.clone());
    list
}

/// Puts the answer together.
fn assemble(policy: &Policy, seen: &Observation, now: Timestamp, parts: Parts) -> Decision {
    let Parts { after, decided, actions, rest, passed } = parts;
    let runs = after.shrink.is_some();
    let trapped = trap::trapped(seen).filter(|_| !runs && rest.is_none());
    let trap_edge = trapped.as_ref().map(|trap| trap.since);
    let refused = refused::refused(seen, now).filter(|_| policy.mode == Mode::Apply);
    let refused_edge = refused.as_ref().map(|(_, until)| *until);
    let cluster = match (&rest, policy.mode) {
        (None, _) if trap_edge.is_some_and(|since| since <= now) => trap::verdict(trapped),
        (None | Some((ClusterVerdict::Releasing, _, _)), _) if let Some((verdict, _)) = refused => verdict,
        (Some((verdict, _, _)), _) => verdict.clone(),
        (None, Mode::Advise) => ClusterVerdict::Advising,
        (None, Mode::Apply | Mode::Paused) => ClusterVerdict::Fine,
    };
    let wal_edges = wal::edges(seen);
    let edges = decided
        .values()
        .flat_map(|volume| volume.edges.iter().copied())
        .chain(wal_edges)
        .chain(passed.edges)
        .chain(trap_edge)
        .chain(refused_edge);
    let wal = wal::report(seen, now);
    let wal_need = if rest.is_some() { None } else { wal::need(seen, wal.as_ref(), now) };
    let needs = decided.values().filter_map(|volume| volume.need).chain(wal_need).chain(passed.need).min();
    Decision {
        wake: edges.filter(|edge| *edge > now).min(),
        // What one volume must know never holds up what another may do.
        needs: needs.filter(|_| actions.is_empty()),
        attention: Attention {
            lane: decided
                .values()
                .map(|volume| volume.lane)
                .chain(runs.then_some(Lane::Running))
                .min()
                .unwrap_or(Lane::Look),
            time_to_full: decided.values().filter_map(|volume| volume.time_to_full).min(),
            poll: decided.values().map(|volume| volume.poll).min().unwrap_or(POLL_CALM),
        },
        actions,
        report: Report {
            generation: policy.generation,
            volumes: decided.into_iter().map(|(name, volume)| (name, volume.report)).collect(),
            wal,
            cluster,
        },
        record: after,
    }
}
