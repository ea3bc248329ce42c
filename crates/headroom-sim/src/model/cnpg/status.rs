//! The lists of CNPG's status, computed from claims, pods and jobs alone (traces/README.md facts 7, 8).

use crate::model::{
    apiserver::ApiServer,
    object::{
        Claim, Cluster, ClusterStatus, Container, Name, PENDING, Pod, PodPhase, Role, phase, serial_of,
    },
};

/// Instance pods of a Cluster in the order of their serials.
pub fn instance_pods<'a>(api: &'a ApiServer, cluster: &Name) -> Vec<&'a Pod> {
    let mut pods: Vec<&Pod> =
        api.pods().map(AsRef::as_ref).filter(|pod| pod.cluster == *cluster && pod.job.is_none()).collect();
    pods.sort_by_key(|pod| serial_of(&pod.instance));
    pods
}

/// Claims of a Cluster in the order of their instances' serials.
pub fn claims<'a>(api: &'a ApiServer, cluster: &Name) -> Vec<&'a Claim> {
    let mut claims: Vec<&Claim> =
        api.claims().map(AsRef::as_ref).filter(|claim| claim.cluster == *cluster).collect();
    claims.sort_by_key(|claim| serial_of(&claim.instance));
    claims
}

/// Instances that exist: those with a claim that is not being deleted.
pub fn instances(api: &ApiServer, cluster: &Name) -> Vec<Name> {
    let mut names: Vec<Name> = claims(api, cluster)
        .into_iter()
        .filter(|claim| !claim.meta.deleting)
        .map(|claim| claim.instance.clone())
        .collect();
    names.dedup();
    names
}

/// Whether the primary's pod is there and its server is not, after it has run.
pub fn primary_down(api: &ApiServer, cluster: &Cluster) -> bool {
    let Some(primary) = &cluster.status.current_primary else { return false };
    if cluster.fenced.contains(primary) {
        return false;
    }
    api.instance_pod(primary).is_some_and(|pod| !pod.ready && pod.last_exit.is_some())
}

/// The lists as they are now; phase and primaries are not among them.
pub fn lists(api: &ApiServer, cluster: &Cluster) -> ClusterStatus {
    let name = &cluster.meta.name;
    let mut lists = ClusterStatus::default();
    for claim in claims(api, name) {
        lists.claims += 1;
        if claim.meta.deleting {
            continue;
        }
        classify(api, cluster, claim, &mut lists);
    }
    for pod in instance_pods(api, name).into_iter().filter(|pod| !pod.meta.deleting) {
        if pod.ready {
            lists.ready += 1;
            lists.active.push(pod.instance.clone());
        } else if pod.phase == PodPhase::Pending || pod.container == Container::Created {
            lists.failed.push(pod.instance.clone());
        } else {
            lists.replicating.push(pod.instance.clone());
        }
    }
    lists.names = instances(api, name);
    lists.instances = u32::try_from(lists.names.len()).unwrap_or(u32::MAX);
    lists
}

fn classify(api: &ApiServer, cluster: &Cluster, claim: &Claim, lists: &mut ClusterStatus) {
    let name = claim.meta.name.clone();
    let group = api.claims_of(&claim.instance).filter(|other| !other.meta.deleting).count();
    let pod = api.instance_pod(&claim.instance);
    let job = api.jobs().find(|job| job.instance == claim.instance && !job.succeeded);
    if pod.is_none() && job.is_none() && claim.ready && group < cluster.spec.sizes.len() {
        lists.unusable.push(name);
    } else if claim.resizing && pod.is_some() {
        lists.resizing.push(name);
    } else if pod.is_some() {
        lists.healthy.push(name);
    } else if job.is_some() && !claim.resizing {
        lists.initializing.push(name);
    } else {
        // A resizing claim without an instance pod is dangling even under its join job (trace 05b).
        lists.dangling.push(name);
    }
}

/// Takes the lists over into the status.
pub fn show(lists: ClusterStatus, status: &mut ClusterStatus) {
    let kept = status.clone();
    *status = ClusterStatus {
        phase: kept.phase,
        reason: kept.reason,
        current_primary: kept.current_primary,
        target_primary: kept.target_primary,
        last_backup_failed: kept.last_backup_failed,
        ..lists
    };
}

/// The phase while the first instance is made (trace 01).
pub fn setting_up(instance: &Name, status: &mut ClusterStatus) {
    status.phase = Some(phase::SETTING_UP);
    status.reason = Some(format!("Creating primary instance {instance}").into());
}

/// The phase of a failover (traces 08b, 09, 12c).
pub fn failing_over(status: &mut ClusterStatus) {
    let old = status.current_primary.as_deref().unwrap_or_default();
    status.reason = Some(format!("Initiating a failover from {old}").into());
    status.phase = Some(phase::FAILING_OVER);
}

/// The phase of a switchover and why it is (traces 07, 11b).
pub fn switching_over(reason: Name, status: &mut ClusterStatus) {
    status.phase = Some(phase::SWITCHOVER);
    status.reason = Some(reason);
}

/// Whether the primary is being moved: an election is open, or the elected one has not been promoted.
pub fn moving(status: &ClusterStatus) -> bool {
    let target = status.target_primary.as_deref();
    status.current_primary.is_some()
        && (target == Some(PENDING) || target != status.current_primary.as_deref())
}

/// The role label that CNPG puts on the pod and its claims; `None` leaves it as it is: before the first report, while the
/// pod is deleted, and while the primary is moved (traces 01, 07, 08b; fact 9).
pub fn role(cluster: &Cluster, pod: &Pod, reports: bool) -> Option<Role> {
    let status = &cluster.status;
    if !reports || pod.meta.deleting || status.current_primary != status.target_primary {
        return None;
    }
    let primary = status.current_primary.as_ref() == Some(&pod.instance);
    Some(if primary { Role::Primary } else { Role::Replica })
}
