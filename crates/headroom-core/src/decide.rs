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
mod release;
mod remember;
mod repair;
mod size;
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
    report::{ClusterVerdict, Reason, State},
};

/// Decides what should be recorded, done and told.
///
/// Pure and total. Where the record differs from the one given, it is written before any action: the actions are those
/// that follow once it is written. Deciding again after all of it is done asks for nothing more.
pub fn decide(policy: &Policy, seen: &Observation, record: &Record, now: Timestamp) -> Decision {
    let rest = at_rest(policy, seen);
    let mut numbers = Numbers(record.sequence);
    let mut decided: BTreeMap<VolumeName, Decided> = BTreeMap::new();
    for (name, rules) in &policy.volumes {
        let before = record.volumes.get(name);
        let volume = match &rest {
            Some((_, state, reason)) => resting(rules, name, seen, before, now, (*state, reason.clone())),
            None => volume::volume(policy, name, rules, seen, before, &mut numbers, now),
        };
        decided.insert(name.clone(), volume);
    }
    let mut after = Record { sequence: numbers.0, volumes: record.volumes.clone() };
    for (name, volume) in &decided {
        if let Some(kept) = &volume.record {
            after.volumes.insert(name.clone(), kept.clone());
        }
    }
    let actions = actions(policy, seen, &after, &decided, rest.is_some());
    assemble(policy, seen, now, Parts { after, decided, actions, rest })
}

struct Parts {
    after: Record,
    decided: BTreeMap<VolumeName, Decided>,
    actions: Vec<Action>,
    rest: Option<(ClusterVerdict, State, Reason)>,
}

/// Why the whole Cluster is left alone at present, most binding first.
fn at_rest(policy: &Policy, seen: &Observation) -> Option<(ClusterVerdict, State, Reason)> {
    if seen.storage.deleting {
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
    decided: &BTreeMap<VolumeName, Decided>,
    at_rest: bool,
) -> Vec<Action> {
    if seen.storage.deleting {
        return release::release(policy, seen, record);
    }
    if at_rest || policy.mode != Mode::Apply {
        return Vec::new();
    }
    let mut resizes: Vec<&(Lane, Resize)> =
        decided.values().flat_map(|volume| volume.actions.iter()).collect();
    resizes.sort_by_key(|(lane, _)| *lane);
    let urgent = resizes.iter().take_while(|(lane, _)| *lane <= Lane::Emergency).count();
    let (urgent, others) = resizes.split_at_checked(urgent).unwrap_or((&[], &[]));
    let resize = |(_, resize): &&(Lane, Resize)| Action::Resize(resize.clone());
    let mut list: Vec<Action> = urgent.iter().map(resize).collect();
    list.extend(release::guard(policy, seen));
    list.extend(others.iter().map(resize));
    list.extend(release::follow(policy, seen, record));
    list
}

/// Puts the answer together.
fn assemble(policy: &Policy, seen: &Observation, now: Timestamp, parts: Parts) -> Decision {
    let Parts { after, decided, actions, rest } = parts;
    let cluster = match (&rest, policy.mode) {
        (Some((verdict, _, _)), _) => verdict.clone(),
        (None, Mode::Advise) => ClusterVerdict::Advising,
        (None, Mode::Apply | Mode::Paused) => ClusterVerdict::Fine,
    };
    let wal_edges = wal::edges(seen);
    let edges = decided.values().flat_map(|volume| volume.edges.iter().copied()).chain(wal_edges);
    let wal = wal::report(seen, now);
    let wal_need = if rest.is_some() { None } else { wal::need(seen, wal.as_ref(), now) };
    let needs = decided.values().filter_map(|volume| volume.need).chain(wal_need).min();
    Decision {
        wake: edges.filter(|edge| *edge > now).min(),
        // What one volume must know never holds up what another may do.
        needs: needs.filter(|_| actions.is_empty()),
        attention: Attention {
            lane: decided.values().map(|volume| volume.lane).min().unwrap_or(Lane::Look),
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
