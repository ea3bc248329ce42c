//! The one predicate of "healthy" (design §6): the phase lies for seconds, so it counts for nothing alone.

use crate::{
    Observation, Span, Timestamp,
    names::InstanceName,
    observation::{ClaimPhase, ClaimSeen, Fenced, MemberSeen, Primary},
    report::Unhealthy,
};

/// CNPG's word for a healthy Cluster (recorded traces, fact 6).
pub(super) const HEALTHY: &str = "Cluster in healthy state";
/// Two looks that agree lie this far apart.
const STEADY_FOR: Span = Span::seconds(5);

/// The primary of a Cluster that is healthy at this look; else what is wrong.
pub(super) fn healthy(seen: &Observation) -> Result<&InstanceName, Unhealthy> {
    let cluster = &seen.cluster;
    let Primary::Known(primary) = &cluster.primary else { return Err(Unhealthy::Primary) };
    if cluster.fenced != Fenced::Nobody {
        return Err(Unhealthy::Fenced);
    }
    if cluster.conduct.maintained {
        return Err(Unhealthy::Maintained);
    }
    if cluster.conduct.follows {
        return Err(Unhealthy::Follows);
    }
    for (name, member) in &seen.members {
        sound(seen, name, member)?;
    }
    let there = u32::try_from(seen.members.len()).unwrap_or(u32::MAX);
    let counted = [there, cluster.census.instances, cluster.ready_instances];
    if counted.iter().any(|count| *count != cluster.instances) {
        return Err(Unhealthy::Instances);
    }
    if cluster.census.loose_claims > 0 {
        return Err(Unhealthy::LooseClaims);
    }
    if cluster.phase.as_str() != HEALTHY {
        return Err(Unhealthy::Phase);
    }
    if !seen.members.contains_key(primary) {
        return Err(Unhealthy::Primary);
    }
    Ok(primary)
}

fn sound(seen: &Observation, name: &InstanceName, member: &MemberSeen) -> Result<(), Unhealthy> {
    if !member.pod.as_ref().is_some_and(|pod| pod.ready && !pod.terminating) {
        return Err(Unhealthy::Pod(name.clone()));
    }
    let whole = seen.cluster.volumes.keys().all(|volume| member.claims.get(volume).is_some_and(calm));
    if whole && member.claims.values().all(calm) { Ok(()) } else { Err(Unhealthy::Claim(name.clone())) }
}

/// Bound, staying, and as large as it asks to be.
pub(super) fn calm(claim: &ClaimSeen) -> bool {
    claim.phase == ClaimPhase::Bound
        && !claim.terminating
        && claim.capacity.is_some_and(|capacity| capacity >= claim.requested)
}

/// When it has been like this for five seconds.
pub(super) fn steady_at(seen: &Observation, now: Timestamp) -> Timestamp {
    seen.evidence.steady_since.unwrap_or(now).plus(STEADY_FOR)
}
