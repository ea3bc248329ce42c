//! Whether a fact holds, and if not, what still fails.

use std::time::Duration;

use headroom_core::{
    Bytes,
    ledger::Cause,
    names::{InstanceName, VolumeName},
    report::State,
};

use crate::{
    Fact, Gate, Trace,
    trace::{BackupState, ClaimState, ClusterState, StorageState},
    view::View,
    words,
};

mod status;

/// CNPG's phase of a healthy Cluster (traces/README fact 6).
pub const HEALTHY_PHASE: &str = "Cluster in healthy state";

/// Whether `fact` holds at the end of `trace`. For many calls over a growing trace keep a [`View`] and use [`holds`].
///
/// # Errors
/// What still fails, in words.
pub fn evaluate(fact: &Fact, trace: &Trace, quiet: Duration) -> Result<(), String> {
    holds(fact, &View::of(trace), quiet)
}

/// Whether `fact` holds in `view`; `quiet` is the world's [`crate::World::quiet_span`].
///
/// # Errors
/// What still fails, in words.
pub fn holds(fact: &Fact, view: &View, quiet: Duration) -> Result<(), String> {
    match fact {
        Fact::Healthy => healthy(view),
        Fact::Accepted => accepted(view).map(|_| ()),
        Fact::IntentRecorded { volume, cause } => status::intent_recorded(view, volume, *cause),
        Fact::StateSeen(volume, state) => status::state_seen(view, volume, *state),
        Fact::StateIs(volume, state) => status::state_is(view, volume, *state),
        Fact::ReasonIs(volume, reason) => status::reason_is(view, volume, reason),
        Fact::Completed(volume, cause, wanted) => status::completed(view, volume, *cause, *wanted),
        Fact::Held(gate) => held(view, *gate),
        Fact::EveryClaimHas(volume, least) => every_claim_has(view, volume, *least),
        Fact::EveryClaimRequests(volume, least) => every_claim_requests(view, volume, *least),
        Fact::UsedAtLeast(volume, percent) => {
            known_primary(view).and_then(|primary| used_at_least(view, &primary, volume, *percent))
        }
        Fact::FreeAtLeast(volume, percent) => {
            known_primary(view).and_then(|primary| free_at_least(view, &primary, volume, *percent))
        }
        Fact::EveryMemberUsedAtLeast(volume, percent) => every_member_used(view, volume, *percent),
        Fact::ServerStopped { code } => {
            let stopped = view.stops.iter().any(|(who, with)| with == code && view.primaries.contains(who));
            require(stopped, || format!("no server of a primary has stopped with exit code {code}"))
        }
        Fact::InsertRefused => require(view.refused, || "no insert was refused for lack of space".to_owned()),
        Fact::Serving => {
            require(view.serving, || "no row acknowledged since the last disturbance".to_owned())
        }
        Fact::Settled => settled(view),
        Fact::Quiet => settled(view).and_then(|()| silent(view, quiet)),
        Fact::Verified => require(view.verified, || "the verification has not ended".to_owned()),
        Fact::PrimaryChanged => primary_changed(view),
        Fact::Drained => require(view.drained, || "the node is not drained".to_owned()),
        Fact::EvictionRefused => require(view.eviction_refused, || "no eviction was refused".to_owned()),
        Fact::BackupBegun => backup_begun(view),
        Fact::BackupEnded => backup_ended(view),
        Fact::Upgraded => upgraded(view),
        Fact::InstancesAre(count) => instances_are(view, *count),
        Fact::ClaimPending(volume) => {
            let pending = view.claims_of(volume).any(|claim| claim.capacity.is_none());
            require(pending, || format!("every {volume} claim is bound"))
        }
        Fact::JoinBegan => require(view.join_began, || "no join runs".to_owned()),
        Fact::JoinFailed => require(view.join_failed, || "no join has failed".to_owned()),
        Fact::PhaseIs(phase) => {
            let now = view.cluster.as_ref().map_or("", |cluster| cluster.phase.as_str());
            require(now == *phase, || format!("the Cluster's phase is {now:?}, not {phase:?}"))
        }
        Fact::PrimaryRestarts(wanted) => {
            let seen = view.primary().map_or(0, |primary| view.restarts(&primary));
            require(seen >= *wanted, || format!("the primary has restarted {seen} of {wanted} times"))
        }
        Fact::Calm(least) => {
            let calm = Duration::from_millis(view.now_ms.saturating_sub(view.disturbed_ms));
            require(calm >= *least, || format!("{} of {} s have passed", calm.as_secs(), least.as_secs()))
        }
        Fact::Ready(least) => ready(view, *least, u32::MAX),
        Fact::ReadyAtMost(most) => ready(view, 0, *most),
        Fact::HasPod(instance) => has_pod(view, instance),
        Fact::Condemned(least) => require(view.condemned >= *least, || {
            format!("{} of {least} instances are to be made anew", view.condemned)
        }),
        Fact::All(facts) => {
            let failing: Vec<String> =
                facts.iter().filter_map(|fact| holds(fact, view, quiet).err()).collect();
            require(failing.is_empty(), || failing.join("; "))
        }
    }
}

fn require(held: bool, still: impl FnOnce() -> String) -> Result<(), String> {
    if held { Ok(()) } else { Err(still()) }
}

fn ready(view: &View, least: u32, most: u32) -> Result<(), String> {
    let ready = view.pods.values().filter(|pod| pod.ready && !pod.terminating).count();
    let between = u32::try_from(ready).is_ok_and(|ready| (least..=most).contains(&ready));
    require(between, || format!("{ready} instances are ready"))
}

fn has_pod(view: &View, instance: &str) -> Result<(), String> {
    let pod = view.pods.get(&InstanceName::from(instance)).filter(|pod| !pod.terminating);
    require(pod.is_some(), || format!("{instance} has no pod"))
}

fn backup_begun(view: &View) -> Result<(), String> {
    let begun = view.backup.as_ref().is_some_and(|backup| !backup.phase.is_empty());
    require(begun, || "no Backup has begun".to_owned())
}

fn held(view: &View, gate: Gate) -> Result<(), String> {
    match view.gates.get(&gate) {
        Some(true) => Ok(()),
        Some(false) => Err(format!("nothing has reached the gate {}", gate.name())),
        None => Err(format!("the gate {} is not held", gate.name())),
    }
}

fn known_primary(view: &View) -> Result<InstanceName, String> {
    view.primary().ok_or_else(|| "no primary has been seen".to_owned())
}

fn primary_changed(view: &View) -> Result<(), String> {
    let now = view.primary();
    require(now.is_some() && now != view.primary_before, || {
        format!("the primary is still {}", now.map_or("unknown".to_owned(), |now| now.to_string()))
    })
}

fn backup_ended(view: &View) -> Result<(), String> {
    require(view.backup.as_ref().is_some_and(BackupState::ended), || {
        let phase = view.backup.as_ref().map_or("absent", |backup| backup.phase.as_str());
        format!("the newest Backup is {phase:?}")
    })
}

fn every_claim_requests(view: &View, volume: &VolumeName, least: Bytes) -> Result<(), String> {
    require(view.claims_of(volume).next().is_some(), || format!("no {volume} claim exists"))?;
    match view.claims_of(volume).find(|claim| claim.requested < least) {
        Some(small) => {
            let ClaimState { instance, requested, .. } = small;
            Err(format!("the {volume} claim of {instance} requests {requested}, not {least}"))
        }
        None => Ok(()),
    }
}

fn every_member_used(view: &View, volume: &VolumeName, percent: u8) -> Result<(), String> {
    require(!view.pods.is_empty(), || "no instance has been seen".to_owned())?;
    view.pods.keys().try_for_each(|member| {
        used_at_least(view, member, volume, percent)?;
        let steady = view.steady.get(&(member.clone(), volume.clone())) == Some(&true);
        require(steady, || format!("the newest samples of {volume} of {member} disagree"))
    })
}

fn free_at_least(view: &View, member: &InstanceName, volume: &VolumeName, percent: u8) -> Result<(), String> {
    let used = view.used_percent(member, volume);
    let free = used.map(|used| 100_u8.saturating_sub(used));
    require(free.is_some_and(|free| free >= percent), || {
        let now = free.map_or("unknown".to_owned(), |free| format!("{free} % free"));
        format!("{volume} of {member} is {now}, not {percent} %")
    })
}

pub(crate) fn instances_are(view: &View, count: u32) -> Result<(), String> {
    let Some(cluster) = &view.cluster else { return Err("no Cluster has been seen".to_owned()) };
    let ClusterState { wanted, instances, ready, .. } = cluster;
    require([wanted, instances, ready].into_iter().all(|seen| *seen == count), || {
        format!("{wanted} instances are wanted, {instances} exist, {ready} are ready, not {count}")
    })
}

pub(crate) fn upgraded(view: &View) -> Result<(), String> {
    let Some(cluster) = &view.cluster else { return Err("no Cluster has been seen".to_owned()) };
    require(cluster.image != view.image_before, || format!("the image is still {}", cluster.image))?;
    require(!view.pods.is_empty(), || "no instance has been seen".to_owned())?;
    match view.pods.values().find(|pod| pod.image != cluster.image) {
        Some(old) => Err(format!("{} runs {}, not {}", old.instance, old.image, cluster.image)),
        None => Ok(()),
    }
}

/// Phase, counts, primary, pods and claims together: the phase alone lies for seconds (design §6).
fn healthy(view: &View) -> Result<(), String> {
    let Some(cluster) = &view.cluster else { return Err("no Cluster has been seen".to_owned()) };
    let ClusterState { phase, wanted, instances, ready, primary, target_primary, .. } = cluster;
    require(phase == HEALTHY_PHASE, || format!("the Cluster's phase is {phase:?}"))?;
    require(instances == wanted && ready == wanted, || {
        format!("{ready} of {wanted} instances are ready ({instances} exist)")
    })?;
    require(primary.is_some() && primary == target_primary, || {
        format!("current primary {primary:?} is not target primary {target_primary:?}")
    })?;
    let up = view.pods.values().filter(|pod| pod.ready && !pod.terminating).count();
    require(u32::try_from(up) == Ok(*wanted), || format!("{up} of {wanted} pods are ready"))?;
    match view.claims.values().find(|claim| claim.capacity.is_none() || claim.terminating) {
        Some(claim) => Err(format!("the {} claim of {} is not bound", claim.volume, claim.instance)),
        None => Ok(()),
    }
}

fn every_claim_has(view: &View, volume: &VolumeName, least: Bytes) -> Result<(), String> {
    let wanted = view.cluster.as_ref().map_or(1, |cluster| cluster.wanted);
    let seen = view.claims_of(volume).count();
    require(u32::try_from(seen).is_ok_and(|seen| seen >= wanted), || {
        format!("{seen} of {wanted} claims of {volume} exist")
    })?;
    let small = view
        .claims_of(volume)
        .find(|claim| claim.requested < least || claim.capacity.is_none_or(|capacity| capacity < least));
    match small {
        Some(claim) => Err(format!(
            "the {volume} claim of {} requests {} and has {}, not {least}",
            claim.instance,
            claim.requested,
            claim.capacity.map_or("nothing".to_owned(), |capacity| capacity.to_string()),
        )),
        None => Ok(()),
    }
}

fn used_at_least(view: &View, member: &InstanceName, volume: &VolumeName, percent: u8) -> Result<(), String> {
    let Some(now) = view.used_percent(member, volume) else {
        return Err(format!("no usage of {volume} of {member} has been seen"));
    };
    require(now >= percent, || format!("{volume} of {member} is {now} % full, not {percent} %"))
}

/// Whether a volume in this state is on its way to something.
const fn moving(state: State) -> bool {
    match state {
        State::PendingGrowth
        | State::Growing
        | State::Emergency
        | State::Shrinking
        | State::WaitingForUsage => true,
        // Space that is given back later is no unrest; a shrink that runs is told by its slot.
        State::PendingShrink
        | State::Balanced
        | State::AtLimit
        | State::BudgetExhausted
        | State::Blocked
        | State::Suspended
        | State::Paused => false,
    }
}

fn accepted(view: &View) -> Result<&StorageState, String> {
    let Some(storage) = &view.storage else { return Err("the DynamicStorage has no status".to_owned()) };
    require(storage.observed_generation == storage.generation, || {
        format!("the status speaks of generation {}, not {}", storage.observed_generation, storage.generation)
    })?;
    require(!storage.volumes.is_empty(), || "the status shows no volume".to_owned())?;
    Ok(storage)
}

pub(crate) fn settled(view: &View) -> Result<(), String> {
    for shown in &accepted(view)?.volumes {
        let shrinks = shown.ledger.iter().any(|(cause, _, ended)| *cause == Cause::Shrink && !ended);
        require(shown.running.is_none() && !moving(shown.state) && !shrinks, || {
            format!("{} is {} ({})", shown.volume, words::state(shown.state), shown.reason)
        })?;
    }
    let resizing = view.claims.values().find(|claim| {
        claim.file_system_pending || claim.capacity.is_some_and(|capacity| capacity < claim.requested)
    });
    match resizing {
        Some(claim) => Err(format!("the {} claim of {} is being resized", claim.volume, claim.instance)),
        None => Ok(()),
    }
}

/// No write by the operator in the last `quiet`.
pub(crate) fn silent(view: &View, quiet: Duration) -> Result<(), String> {
    let span = u64::try_from(quiet.as_millis()).unwrap_or(u64::MAX);
    let since = view.operator_wrote_ms.or(view.ready_ms).unwrap_or(0).max(view.disturbed_ms);
    let lasted = view.now_ms.saturating_sub(since);
    require(lasted >= span, || format!("quiet for {} of {} s", lasted / 1000, span / 1000))
}
