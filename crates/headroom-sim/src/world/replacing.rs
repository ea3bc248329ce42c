//! What the API server does with the requests of a shrink.

use std::collections::{BTreeMap, BTreeSet};

use headroom_core::{
    action::Withdraw,
    names::{ClusterKey, InstanceName, NodeName, ObjectId, Version},
    observation::{BudgetSeen, JobSeen, ObstacleCause, ReplicationSeen, Survey},
    witness::{DeleteJob, DeletePod, Destroy, DiscardClaim, Promote, SetInstances},
};
use headroom_engine::{Refusal, Response};
use headroom_scenario::{What, trace::Written};

use super::{SimWorld, operator::applied, translate};
use crate::model::{
    job::BACK_OFF_LIMIT,
    object::{Name, UNRECOVERABLE},
    removal::{Denied, Expected, Removal},
};

/// The uid that a request names, and the version where one is asked for.
fn expected(of: &ObjectId, expect: Option<&Version>) -> Expected {
    // A version that is no number is none of ours.
    let version = expect.map(|expect| expect.number().unwrap_or(0));
    Expected { uid: Some(translate::uid_number(&of.uid)), version }
}

/// Of an object that was made anew the one that was meant is gone.
fn refused(denied: Denied) -> Response {
    Response::Refused(match denied {
        Denied::Absent | Denied::Remade { .. } => Refusal::Gone,
        Denied::Changed { .. } => Refusal::Conflict,
        Denied::Forbidden(words) => {
            Refusal::Because { cause: ObstacleCause::Forbidden, words: words.into(), retry_after_s: None }
        }
    })
}

/// Jobs, nodes, Backups and the status endpoints at one moment.
pub(super) fn survey(world: &SimWorld, key: &ClusterKey) -> Survey {
    let cluster = translate::name(key.name.as_str());
    let api = world.model.api();
    let ours = || api.jobs().filter(|job| job.cluster == cluster);
    let copied = ours().filter(|job| job.succeeded).map(|job| InstanceName::from(&*job.instance));
    let jobs = ours().filter(|job| !job.succeeded).map(|job| JobSeen {
        id: translate::id(&job.meta),
        instance: InstanceName::from(&*job.instance),
        joins: !job.initdb,
        failed: job.failed > BACK_OFF_LIMIT,
        terminating: job.meta.deleting,
    });
    let cordoned: BTreeSet<NodeName> =
        world.model.cordoned.iter().map(|node| NodeName::from(&**node)).collect();
    let pods = || api.pods().filter(|pod| pod.cluster == cluster && pod.job.is_none());
    let budgets = world.model.disruptions_forbidden.then(|| BudgetSeen {
        name: "keep".into(),
        selects: pods().map(|pod| InstanceName::from(&*pod.instance)).collect(),
        eased_by_surge: false,
    });
    let archiver_failing = api.cluster(&cluster).is_some_and(|cluster| cluster.spec.archive_broken);
    let replication: BTreeMap<InstanceName, ReplicationSeen> = pods()
        .filter_map(|pod| {
            let (primary, receiving, position) = world.model.replication(&cluster, &pod.instance)?;
            let archiver_failing = archiver_failing && primary;
            let seen = ReplicationSeen { primary, timeline: 1, receiving, position, archiver_failing };
            Some((InstanceName::from(&*pod.instance), seen))
        })
        .collect();
    Survey {
        jobs: jobs.collect(),
        copied: copied.collect(),
        cordoned,
        backup_running: world.model.backup_running(),
        budgets: budgets.into_iter().collect(),
        replication,
    }
}

/// A patch of a pod's annotations.
fn annotate(
    world: &mut SimWorld,
    pod: &ObjectId,
    expect: &Version,
    change: impl FnOnce(&mut BTreeMap<Name, Name>),
) -> Response {
    let name = translate::name(pod.name.as_str());
    let meta = world.model.api().pod(&name).map(|pod| pod.meta.clone());
    if let Err(denied) = expected(pod, Some(expect)).of(meta.as_ref()) {
        return refused(denied);
    }
    world.model.change(|model| model.api.update_pod(&name, |pod| change(&mut pod.annotations)));
    applied(world.model.api().pod(&name).map(|pod| translate::pod(pod)))
}

pub(super) fn destroy(world: &mut SimWorld, destroy: &Destroy) -> Response {
    let id = destroy.id().0.to_string();
    let response = annotate(world, destroy.pod(), destroy.version(), |annotations| {
        annotations.insert(UNRECOVERABLE.into(), "true".into());
        annotations.insert(headroom_api::REPLACED_BY.into(), id.as_str().into());
    });
    if matches!(response, Response::Applied(_)) {
        world.push(What::OperatorWrote(Written::Deleted(format!("instance {}", destroy.instance()))));
    }
    response
}

pub(super) fn withdraw(world: &mut SimWorld, withdraw: &Withdraw) -> Response {
    let response = annotate(world, &withdraw.pod, &withdraw.version, |annotations| {
        annotations.remove(UNRECOVERABLE);
        annotations.remove(headroom_api::REPLACED_BY);
    });
    if matches!(response, Response::Applied(_)) {
        world.push(What::OperatorWrote(Written::Other(format!("spared {}", withdraw.instance))));
    }
    response
}

pub(super) fn promote(world: &mut SimWorld, key: &ClusterKey, promote: &Promote) -> Response {
    let name = translate::name(key.name.as_str());
    let meta = world.model.api().cluster(&name).map(|cluster| cluster.meta.clone());
    if let Err(denied) = expected(promote.cluster(), Some(promote.version())).of(meta.as_ref()) {
        return refused(denied);
    }
    let to = translate::name(promote.to().as_str());
    world.push(What::OperatorWrote(Written::Other(format!("promoted {}", promote.to()))));
    world.model.change(|model| model.switch_over(&name, &to));
    applied(world.model.api().cluster(&name).map(|cluster| translate::cluster(cluster)))
}

pub(super) fn set_instances(world: &mut SimWorld, key: &ClusterKey, set: &SetInstances) -> Response {
    let name = translate::name(key.name.as_str());
    let to = *set.to();
    if let Err(denied) = world.model.scale(&name, expected(set.cluster(), Some(set.version())), to) {
        return refused(denied);
    }
    world.push(What::OperatorWrote(Written::Other(format!("instances {to}"))));
    Response::Done
}

/// What a deletion came to; one that changes nothing is not told.
fn removed(world: &mut SimWorld, what: &str, of: &ObjectId, removal: Result<Removal, Denied>) -> Response {
    match removal {
        Err(denied) => return refused(denied),
        Ok(Removal::Begun) => {
            world.push(What::OperatorWrote(Written::Deleted(format!("{what} {}", of.name))));
        }
        Ok(Removal::Needless) => {}
    }
    Response::Done
}

pub(super) fn delete_job(world: &mut SimWorld, delete: &DeleteJob) -> Response {
    let job = delete.job();
    let removal = world.model.remove_job(job.name.as_str(), expected(job, None));
    removed(world, "job", job, removal)
}

pub(super) fn delete_pod(world: &mut SimWorld, delete: &DeletePod) -> Response {
    let pod = delete.pod();
    let removal = world.model.remove_pod(pod.name.as_str(), expected(pod, Some(delete.version())));
    removed(world, "pod", pod, removal)
}

pub(super) fn discard(world: &mut SimWorld, discard: &DiscardClaim) -> Response {
    let claim = discard.claim();
    let removal = world.model.remove_claim(claim.name.as_str(), expected(claim, Some(discard.version())));
    removed(world, "claim", claim, removal)
}
