//! What CNPG does next, in the order of its own reconcile loop: full disk, primary, sizes, pods, jobs, number of
//! instances, healthy.

use std::collections::BTreeSet;

use super::{
    rollout,
    status::{claims, instance_pods, instances},
};
use crate::model::{
    apiserver::ApiServer,
    job::BACK_OFF_LIMIT,
    object::{Cluster, Container, Name, PENDING, Pod, PodPhase, phase, serial_of},
    queue::Millis,
};

/// One thing that CNPG does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Move {
    /// Writes the phase and its reason.
    Phase(&'static str, Option<Name>),
    /// Raises a claim to the size in the spec.
    Raise(Name, u64),
    /// Makes the first instance.
    First(Name),
    /// Joins a further instance.
    Join(Name),
    /// Marks an instance's claims ready, if they are not, and creates its pod.
    Adopt(Name),
    /// Deletes an instance's claims and pod.
    Remove(Name),
    /// The same because its pod says so: to be made anew.
    Replace(Name),
    /// Deletes completed jobs.
    DropJobs,
    /// Elects this replica.
    FailOver(Name),
    /// Switches over to this replica, for this reason.
    SwitchOver(Name, Name),
    /// Deletes an instance's pod, to be made anew.
    Remake(Name),
    /// Restarts the server of an instance in its pod.
    RestartInPlace(Name),
    /// Looks again this much later.
    Again(Millis),
}

/// A server that ended with another code than 4 is failed over 9 s after its stop (experiments G2b).
const FAILOVER_AFTER: Millis = 7200;
const DISK_REASON: &str =
    "Insufficient disk space detected in one or more pods is preventing PostgreSQL from running.";

/// What CNPG remembers between two looks that no object says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// The primary's container was first seen down then.
    pub primary_down: Option<Millis>,
    /// A failover or switchover is on its way.
    pub moving: bool,
    /// The first instance's claims are there and its job is about to be.
    pub creating: bool,
    /// Raises of claims are decided and not yet written.
    pub raising: bool,
    /// The revision of the parameters that the instance managers have told of.
    pub parameters: u32,
}

/// What there is to plan with.
pub struct Situation<'a> {
    /// All objects.
    pub api: &'a ApiServer,
    /// The Cluster.
    pub cluster: &'a Cluster,
    /// What CNPG remembers.
    pub memory: Memory,
    /// Nodes that take no pods.
    pub cordoned: &'a BTreeSet<Name>,
    /// Now.
    pub now: Millis,
}

/// What to do now.
pub fn plan(situation: &Situation<'_>) -> Vec<Move> {
    let Situation { api, cluster, memory, .. } = situation;
    let name = &cluster.meta.name;
    if !cluster.spec.reconcile {
        return Vec::new();
    }
    if cluster.spec.instances > 1 && !cluster.spec.wal_log_hints {
        // Its webhook does not see the scale subresource; its controller does nothing for such a Cluster (S2).
        let words = "`wal_log_hints` must be set to `on` when `instances` > 1";
        return vec![Move::Phase(phase::INVALID, Some(words.into()))];
    }
    let pods = instance_pods(api, name);
    if pods.iter().any(|pod| !pod.meta.deleting && no_room_for_wal(pod)) {
        // `ensureNoFailoverOnFullDisk` returns before anything else is looked at, sizes included.
        return vec![Move::Phase(phase::DISK, Some(DISK_REASON.into())), Move::Again(10_000)];
    }
    if memory.moving || memory.creating {
        return Vec::new();
    }
    let mut moves = Vec::new();
    if let Some(step) = primary_step(situation, &pods) {
        moves.push(step);
        return moves;
    }
    let unfinished = || api.jobs().filter(|job| job.cluster == *name && !job.succeeded);
    if let Some(job) = unfinished().find(|job| job.failed > BACK_OFF_LIMIT) {
        let reason = format!("Instance creation failed for the following jobs: {}.", job.meta.name);
        return vec![Move::Phase(phase::UNRECOVERABLE, Some(reason.into()))];
    }
    // Claims are looked at only when no job runs and every pod does (`reconcileResources`).
    let active = |pod: &&Pod| !pod.meta.deleting && pod.phase == PodPhase::Running;
    if cluster.spec.resize_in_use && unfinished().next().is_none() && pods.iter().all(active) {
        moves.extend(raises(api, cluster));
    }
    // Only while no job runs, and never the current or the target primary; who else is ready is not asked, and the
    // annotation stays where it is refused (experiments E2 to E4, E7; S: `cluster_unrecoverable.go`).
    let protected = [&cluster.status.current_primary, &cluster.status.target_primary];
    let doomed = pods.iter().find(|pod| {
        pod.unrecoverable() && !pod.meta.deleting && !protected.contains(&&Some(pod.instance.clone()))
    });
    if let Some(pod) = doomed.filter(|_| unfinished().next().is_none()) {
        moves.push(Move::Replace(pod.instance.clone()));
        return moves;
    }
    moves.extend(instance_steps(api, cluster, *memory, &pods));
    moves
}

/// `isWALSpaceAvailableOnPod`: terminated with code 4, or not ready and last terminated with it.
fn no_room_for_wal(pod: &Pod) -> bool {
    let four = pod.last_exit.is_some_and(|exit| exit.code == 4);
    let terminated = matches!(pod.container, Container::Ended);
    four && (terminated || !pod.ready)
}

fn primary_step(situation: &Situation<'_>, pods: &[&Pod]) -> Option<Move> {
    let Situation { api, cluster, memory, now, .. } = *situation;
    let current = cluster.status.current_primary.as_ref()?;
    if cluster.status.target_primary.as_deref() == Some(PENDING) {
        return None;
    }
    // `handleSwitchover`: neither for a fenced primary nor for one that CNPG itself restarts.
    let restarts = [Some(phase::REMAKING), Some(phase::IN_PLACE)].contains(&cluster.status.phase);
    if cluster.fenced.contains(current) || restarts {
        return None;
    }
    if let Some(step) = leave_node(situation, pods, current) {
        return Some(step);
    }
    let candidate = pods.iter().find(|pod| pod.ready && !pod.meta.deleting && pod.instance != *current);
    let gone = api.instance_pod(current).is_none_or(|pod| pod.meta.deleting);
    let down = memory.primary_down;
    match (candidate, gone, down) {
        (Some(candidate), true, _) => Some(Move::FailOver(candidate.instance.clone())),
        (Some(candidate), false, Some(since)) if now >= since + FAILOVER_AFTER => {
            Some(Move::FailOver(candidate.instance.clone()))
        }
        (Some(_), false, Some(since)) => Some(Move::Again(since + FAILOVER_AFTER - now)),
        (None, false, Some(_)) => Some(Move::Phase(phase::EXTRACTION, None)),
        (None, _, _) | (Some(_), false, None) => None,
    }
}

/// `setPrimaryOnSchedulableNode`: the cordon alone moves the primary, once every replica is ready elsewhere (traces
/// 11b, 11c); without a candidate nothing happens, and nothing says so (11a).
fn leave_node(situation: &Situation<'_>, pods: &[&Pod], current: &Name) -> Option<Move> {
    let Situation { cluster, cordoned, .. } = situation;
    let takes_none = |node: &Option<Name>| node.as_ref().is_some_and(|node| cordoned.contains(node));
    let primary = pods.iter().find(|pod| pod.instance == *current)?;
    let reports = primary.ready && !primary.meta.deleting;
    if !reports || !takes_none(&primary.node) || cluster.status.target_primary.as_ref() != Some(current) {
        return None;
    }
    let elsewhere: Vec<&&Pod> = pods.iter().filter(|pod| pod.node != primary.node).collect();
    let wanted = cluster.spec.instances;
    let in_progress = cluster.status.ready != wanted || elsewhere.len() + 1 < wanted as usize;
    if cluster.status.failed.is_empty() && in_progress {
        return None;
    }
    let candidate = elsewhere.iter().find(|pod| pod.ready && !pod.meta.deleting && !takes_none(&pod.node))?;
    let (to, node) = (&candidate.instance, primary.node.as_deref().unwrap_or_default());
    let reason =
        format!("Switching over to {to}, because primary instance was running on unschedulable node {node}");
    Some(Move::SwitchOver(to.clone(), reason.into()))
}

/// Raises claims to their size in the spec; a larger claim is left alone (`cannot decrease storage requirement`).
fn raises(api: &ApiServer, cluster: &Cluster) -> Vec<Move> {
    claims(api, &cluster.meta.name)
        .into_iter()
        .filter(|claim| claim.capacity.is_some() && !claim.meta.deleting)
        .filter_map(|claim| {
            let size = *cluster.spec.sizes.get(&claim.volume)?;
            (claim.requested < size).then(|| Move::Raise(claim.meta.name.clone(), size))
        })
        .collect()
}

fn instance_steps(api: &ApiServer, cluster: &Cluster, memory: Memory, pods: &[&Pod]) -> Vec<Move> {
    let name = &cluster.meta.name;
    let existing = instances(api, name);
    if existing.is_empty() {
        return vec![Move::First(format!("{name}-1").into())];
    }
    if api.jobs().any(|job| job.cluster == *name && !job.succeeded) {
        return Vec::new();
    }
    // `allInstancesAreActive`: said unless CNPG itself restarts the primary.
    if pods.iter().any(|pod| pod.meta.deleting || pod.phase != PodPhase::Running) {
        return wait(cluster, &[phase::REMAKING, phase::IN_PLACE]);
    }
    let next = next_pod(api, cluster, &existing);
    if let Some(instance) = next.filter(|instance| may_run(api, instance)) {
        let mut steps = vec![Move::Adopt(instance.clone()), Move::Again(100)];
        if cluster.status.phase == Some(phase::HEALTHY) {
            steps.insert(0, waiting());
        }
        return steps;
    }
    if cluster.status.phase == Some(phase::IN_PLACE) {
        return Vec::new();
    }
    if next.is_some_and(|instance| api.claims_of(instance).any(|claim| !claim.ready)) {
        // `Selected PVC is not ready yet`, once a second: nothing else is done, and no Job is made (S7).
        return Vec::new();
    }
    // A claim that is being deleted while its pod lives is not acted on (trace 15, fact 16).
    let doomed = |claim: &&crate::model::object::Claim| {
        claim.meta.deleting && api.instance_pod(&claim.instance).is_some_and(|pod| !pod.meta.deleting)
    };
    if claims(api, name).iter().any(doomed) {
        return Vec::new();
    }
    let unready = pods.iter().any(|pod| !pod.ready);
    let missing = existing.iter().any(|instance| api.instance_pod(instance).is_none());
    if missing {
        return wait(cluster, &[phase::REMAKING, phase::IN_PLACE]);
    }
    if unready {
        return wait(cluster, &[phase::SWITCHOVER, phase::REMAKING, phase::IN_PLACE]);
    }
    let wanted = cluster.spec.instances as usize;
    if existing.len() > wanted {
        return victim(cluster, pods).map(|victim| vec![Move::Remove(victim)]).unwrap_or_default();
    }
    if existing.len() < wanted {
        return join(name, &existing, claims(api, name).iter().map(|claim| &claim.instance));
    }
    let steps = rollout::steps(cluster, pods, memory.parameters);
    if !steps.is_empty() {
        return steps;
    }
    if !memory.raising && cluster.status.phase == Some(phase::HEALTHY) {
        // Each turn that comes to its end does so (S: `cleanupCompletedJobs`).
        let done = api.jobs().any(|job| job.cluster == *name && job.succeeded);
        return if done { vec![Move::DropJobs] } else { Vec::new() };
    }
    vec![Move::DropJobs, Move::Phase(phase::HEALTHY, None)]
}

/// Says that it waits, unless in one of these phases.
fn wait(cluster: &Cluster, keeps: &[&str]) -> Vec<Move> {
    let kept = cluster.status.phase.is_some_and(|phase| keeps.contains(&phase));
    if kept { Vec::new() } else { vec![waiting()] }
}

fn waiting() -> Move {
    Move::Phase(phase::WAITING, Some("Some instances are not yet active. Please wait.".into()))
}

/// The instance that gets a pod next: the primary, else the first without one (S: `findInstancePodToCreate`). Its claims
/// are awaited while they are being deleted.
fn next_pod<'a>(api: &ApiServer, cluster: &Cluster, existing: &'a [Name]) -> Option<&'a Name> {
    let podless = |instance: &&Name| {
        api.pod(instance).is_none() && api.claims_of(instance).all(|claim| !claim.meta.deleting)
    };
    let primary = |instance: &&Name| cluster.status.current_primary.as_ref() != Some(*instance);
    existing.iter().filter(podless).min_by_key(primary)
}

/// Whether its claims are complete: its job, if it had one, is done.
fn may_run(api: &ApiServer, instance: &Name) -> bool {
    let made = api.jobs().any(|job| job.instance == *instance && job.succeeded);
    api.claims_of(instance).all(|claim| (claim.ready || made) && claim.capacity.is_some())
}

/// The ready non-primary with the highest serial goes (trace 04).
fn victim(cluster: &Cluster, pods: &[&Pod]) -> Option<Name> {
    let current = cluster.status.current_primary.as_ref();
    pods.iter().rev().find(|pod| pod.ready && Some(&pod.instance) != current).map(|pod| pod.instance.clone())
}

/// The lowest free serial (traces 10, fact 1); claims that are still going keep theirs.
fn join<'a>(cluster: &Name, existing: &'a [Name], taken: impl Iterator<Item = &'a Name>) -> Vec<Move> {
    let mut used: Vec<u32> = existing.iter().chain(taken).map(|name| serial_of(name)).collect();
    used.sort_unstable();
    let serial = (1..=u32::MAX).find(|serial| !used.contains(serial)).unwrap_or(1);
    let instance: Name = format!("{cluster}-{serial}").into();
    let reason: Name = format!("Creating replica {instance}-join").into();
    vec![Move::Phase(phase::CREATING, Some(reason)), Move::Join(instance)]
}
