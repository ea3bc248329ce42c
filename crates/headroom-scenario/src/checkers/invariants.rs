//! The six core invariants of the requirements: judged in every run, whatever the scenario expects.

use std::collections::BTreeSet;

use headroom_core::{
    Bytes,
    names::{InstanceName, VolumeName},
};

use super::{Assertion, Case, Class, assertion, require, storage};
use crate::{
    Act, What,
    evaluate::settled,
    script::PolicyChange,
    trace::{ACCURACY_MS, Entry, StorageState, VolumeState},
    words,
};

mod completion;
mod conditions;
mod idempotency;

/// A core invariant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Invariant {
    /// Writes committed before a disruption can be read after it.
    NoDataLoss,
    /// No size below `request` or above `limit`; the WAL volume is left alone (phase 1).
    Bounds,
    /// The operator comes to rest.
    Convergence,
    /// All claims of a volume reach the effective size.
    ReplicaConsistency,
    /// A finished action is not done again, and each action has its slot.
    Idempotency,
    /// The status says what is going on.
    StatusCoherence,
}

impl Invariant {
    /// In the order of the requirements.
    pub const ALL: [Self; 6] = [
        Self::NoDataLoss,
        Self::Bounds,
        Self::Convergence,
        Self::ReplicaConsistency,
        Self::Idempotency,
        Self::StatusCoherence,
    ];

    /// How it is called in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoDataLoss => "invariant 1, no data loss",
            Self::Bounds => "invariant 2, policy bounds respected",
            Self::Convergence => "invariant 3, convergence",
            Self::ReplicaConsistency => "invariant 4, replica consistency",
            Self::Idempotency => "invariant 5, idempotency",
            Self::StatusCoherence => "invariant 6, status coherence",
        }
    }

    /// Whether it must hold at every moment, also in a run that was cut short.
    pub const fn is_safety(self) -> bool {
        match self {
            Self::NoDataLoss | Self::Bounds | Self::Idempotency => true,
            Self::Convergence | Self::ReplicaConsistency | Self::StatusCoherence => false,
        }
    }

    const fn class(self) -> Class {
        match self {
            Self::NoDataLoss => Class::Data,
            Self::Bounds | Self::ReplicaConsistency => Class::Storage,
            Self::Convergence => Class::Functional,
            Self::Idempotency | Self::StatusCoherence => Class::Control,
        }
    }

    /// Judges it.
    pub fn check(self, case: &Case<'_>) -> Assertion {
        let found = match self {
            Self::NoDataLoss => no_data_loss(case),
            Self::Bounds => bounds(case),
            Self::Convergence => settled(&case.end),
            Self::ReplicaConsistency => replica_consistency(case),
            Self::Idempotency => idempotency::check(case),
            Self::StatusCoherence => status_coherence(case),
        };
        assertion(self.class(), self.name(), found)
    }
}

/// Every verification, not only the last: a row that was lost for a while was lost.
fn no_data_loss(case: &Case<'_>) -> Result<(), String> {
    for entry in &case.trace.entries {
        if let What::Verified { acknowledged, lost, sentinel_ok, amcheck_clean } = entry.what {
            require(lost == 0, || format!("{lost} of {acknowledged} acknowledged rows lost"))?;
            require(sentinel_ok, || "the sentinel's checksum changed".to_owned())?;
            require(amcheck_clean != Some(false), || "pg_amcheck found corruption".to_owned())?;
        }
    }
    one_primary(case)?;
    primary_keeps_its_claims(case)
}

/// CNPG relabels pods one after the other.
const RELABELLED_MS: u64 = 5_000;

/// Writes go to one server: no two pods that are ready and stay are labelled primary for longer than relabelling takes.
fn one_primary(case: &Case<'_>) -> Result<(), String> {
    let mut primaries: BTreeSet<&InstanceName> = BTreeSet::new();
    let mut since: Option<u64> = None;
    for entry in &case.trace.entries {
        if let Some(began) = since {
            require(entry.at_ms < began.saturating_add(RELABELLED_MS), || {
                let names: Vec<&str> = primaries.iter().map(|name| name.as_str()).collect();
                format!("{} are primaries at once, {} s into the run", names.join(" and "), began / 1000)
            })?;
        }
        if let What::Pod(pod) = &entry.what {
            if pod.primary && pod.ready && !pod.terminating {
                primaries.insert(&pod.instance);
            } else {
                primaries.remove(&pod.instance);
            }
        } else if let What::PodGone(instance) = &entry.what {
            primaries.remove(instance);
        } else if matches!(entry.what, What::ClusterGone | What::Acted(Act::Restore { .. })) {
            primaries.clear();
        }
        since = if primaries.len() > 1 { since.or(Some(entry.at_ms)) } else { None };
    }
    Ok(())
}

/// No claim of the current primary is ever deleted, but with its Cluster. What the trace says of claims and of the Cluster
/// closer together than it is accurate is not compared.
fn primary_keeps_its_claims(case: &Case<'_>) -> Result<(), String> {
    let mut primary: Option<(&str, u64)> = None;
    for entry in &case.trace.entries {
        if matches!(entry.what, What::ClusterGone | What::Acted(Act::Restore { .. })) {
            return Ok(());
        }
        if let Some(cluster) = entry.what.cluster() {
            let now = cluster.primary.as_deref();
            if primary.map(|(name, _)| name) != now {
                primary = now.map(|name| (name, entry.at_ms));
            }
        }
        let Some(claim) = entry.what.claim().filter(|claim| claim.terminating) else { continue };
        let kept = primary.is_none_or(|(name, since)| {
            name != claim.instance.as_str() || entry.at_ms < since.saturating_add(ACCURACY_MS)
        });
        require(kept, || {
            format!("the {} claim of the primary {} was deleted", claim.volume, claim.instance)
        })?;
    }
    Ok(())
}

/// Volumes of the fixture with the size they are born with.
fn born(case: &Case<'_>) -> Vec<(VolumeName, Bytes)> {
    let fixture = &case.scenario.fixture;
    let tablespace = fixture.tablespace.map(|size| (VolumeName::Tablespace("idx".into()), size));
    let wal = fixture.wal.map(|size| (VolumeName::Wal, size));
    std::iter::once((VolumeName::Data, fixture.data)).chain(tablespace).chain(wal).collect()
}

fn bounds(case: &Case<'_>) -> Result<(), String> {
    let acts = || case.trace.entries.iter().filter_map(|entry| entry.what.act());
    let policy = &case.scenario.fixture.policy;
    let limits = acts().filter_map(|act| {
        if let Act::SetPolicy(PolicyChange::Limit(limit) | PolicyChange::EmergencyLimit(limit)) = act {
            Some(*limit)
        } else {
            None
        }
    });
    let ceiling = limits.chain(policy.emergency_limit).fold(policy.limit, Bytes::max);
    let by_hand = |volume: &VolumeName, size: Bytes| {
        acts().any(|act| {
            matches!(act, Act::PatchClaim { volume: of, to, .. } | Act::SetClusterSize { volume: of, size: to }
                if of == volume && *to == size)
        })
    };
    for (volume, floor) in born(case) {
        let ceiling = if volume == VolumeName::Wal { floor } else { ceiling.max(floor) };
        for entry in &case.trace.entries {
            within(&volume, floor, ceiling, entry, |size| by_hand(&volume, size))?;
        }
    }
    Ok(())
}

/// One entry against floor and ceiling: requests, what the operator wrote, and what the status calls effective.
fn within(
    volume: &VolumeName,
    floor: Bytes,
    ceiling: Bytes,
    entry: &Entry,
    by_hand: impl Fn(Bytes) -> bool,
) -> Result<(), String> {
    if let Some(claim) = entry.what.claim().filter(|claim| claim.volume == *volume) {
        require(claim.requested >= floor, || format!("{volume}: {}", storage::told(claim)))?;
        let high = claim.requested > ceiling && !by_hand(claim.requested);
        require(!high, || format!("{volume}: {}, above {ceiling}", storage::told(claim)))?;
    }
    if let Some((instance, _, to)) = entry.what.raise().filter(|(_, of, _)| *of == volume) {
        require(*volume != VolumeName::Wal, || format!("the operator wrote to the WAL claim of {instance}"))?;
        require(to <= ceiling, || format!("the operator asked {to} for {volume} of {instance}"))?;
    }
    let effective =
        entry.what.storage().and_then(|status| volume_of(status, volume)).and_then(|shown| shown.effective);
    require(effective.is_none_or(|size| size >= floor), || {
        format!("effective size of {volume} below {floor}")
    })
}

fn volume_of<'a>(status: &'a StorageState, volume: &VolumeName) -> Option<&'a VolumeState> {
    status.volumes.iter().find(|shown| shown.volume == *volume)
}

fn replica_consistency(case: &Case<'_>) -> Result<(), String> {
    let wanted = case.end.cluster.as_ref().map_or(0, |cluster| cluster.wanted);
    for (volume, born) in born(case) {
        let seen = case.end.claims_of(&volume).count();
        require(u32::try_from(seen) == Ok(wanted), || {
            format!("{seen} {volume} claims for {wanted} instances")
        })?;
        storage::same(case, &volume)?;
        let shown = case.end.storage.as_ref().and_then(|status| volume_of(status, &volume));
        let effective = shown.and_then(|shown| shown.effective).unwrap_or(born);
        let small = case.end.claims_of(&volume).find(|claim| {
            claim.requested < effective || claim.capacity.is_none_or(|capacity| capacity < effective)
        });
        if let Some(claim) = small {
            return Err(format!("{volume}: {} of {effective}", storage::told(claim)));
        }
    }
    Ok(())
}

fn status_coherence(case: &Case<'_>) -> Result<(), String> {
    let statuses = case.trace.entries.iter().filter_map(|entry| entry.what.storage());
    for status in statuses {
        conditions::agree(status)?;
        status.volumes.iter().try_for_each(coherent)?;
    }
    completion::check(case)?;
    let Some(status) = &case.end.storage else { return Err("no status".to_owned()) };
    require(status.observed_generation == status.generation, || {
        format!("it speaks of generation {} of {}", status.observed_generation, status.generation)
    })?;
    conditions::at_rest(status)?;
    for shown in &status.volumes {
        let other = case.end.claims_of(&shown.volume).find(|claim| Some(claim.requested) != shown.effective);
        if let Some(claim) = other {
            let effective = shown.effective.map_or("unknown".to_owned(), |size| size.to_string());
            return Err(format!(
                "effective size of {} is {effective}, but {}",
                shown.volume,
                storage::told(claim)
            ));
        }
    }
    Ok(())
}

/// A running action has an open entry in the ledger and leads upward.
fn coherent(shown: &VolumeState) -> Result<(), String> {
    let VolumeState { volume, effective, target, running, ledger, .. } = shown;
    let Some(running) = running else { return Ok(()) };
    let open = ledger.iter().any(|(cause, _, completed)| cause == running && !completed);
    require(open, || format!("a {} growth of {volume} runs without a slot", words::cause(*running)))?;
    require(target.is_some() && target >= effective, || {
        format!("a growth of {volume} runs without a target above")
    })
}
