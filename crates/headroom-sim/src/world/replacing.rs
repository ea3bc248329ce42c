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
    object::{Meta, Name, PodPhase, UNRECOVERABLE},
};

/// Whether a uid is that of the object, and a version too where one is asked for.
fn precondition(meta: Option<&Meta>, of: &ObjectId, expect: Option<&Version>) -> Result<(), Refusal> {
    let meta = meta.ok_or(Refusal::Gone)?;
    if translate::uid(meta.uid) != of.uid {
        return Err(Refusal::Gone);
    }
    match expect {
        Some(expect) if translate::version(meta.version) != *expect => Err(Refusal::Conflict),
        Some(_) | None => Ok(()),
    }
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
    let replication: BTreeMap<InstanceName, ReplicationSeen> = pods()
        .filter_map(|pod| {
            let (primary, receiving, position) = world.model.replication(&cluster, &pod.instance)?;
            let seen = ReplicationSeen { primary, timeline: 1, receiving, position, archiver_failing: false };
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
    if let Err(refusal) = precondition(meta.as_ref(), pod, Some(expect)) {
        return Response::Refused(refusal);
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
    if let Err(refusal) = precondition(meta.as_ref(), promote.cluster(), Some(promote.version())) {
        return Response::Refused(refusal);
    }
    let to = translate::name(promote.to().as_str());
    world.push(What::OperatorWrote(Written::Other(format!("promoted {}", promote.to()))));
    world.model.change(|model| model.switch_over(&name, &to));
    applied(world.model.api().cluster(&name).map(|cluster| translate::cluster(cluster)))
}

pub(super) fn set_instances(world: &mut SimWorld, key: &ClusterKey, set: &SetInstances) -> Response {
    let name = translate::name(key.name.as_str());
    let meta = world.model.api().cluster(&name).map(|cluster| cluster.meta.clone());
    if let Err(refusal) = precondition(meta.as_ref(), set.cluster(), Some(set.version())) {
        return Response::Refused(refusal);
    }
    let to = *set.to();
    world.push(What::OperatorWrote(Written::Other(format!("instances {to}"))));
    world.model.change(|model| model.api.update_cluster(&name, |cluster| cluster.spec.instances = to));
    Response::Done
}

/// The answer to a deletion that changes nothing: refused, or a second one that finds the object on its way out.
fn needless(meta: Option<&Meta>, of: &ObjectId, expect: Option<&Version>) -> Option<Response> {
    match precondition(meta, of, expect) {
        Err(refusal) => Some(Response::Refused(refusal)),
        Ok(()) => meta.is_some_and(|meta| meta.deleting).then_some(Response::Done),
    }
}

pub(super) fn delete_job(world: &mut SimWorld, delete: &DeleteJob) -> Response {
    let name = translate::name(delete.job().name.as_str());
    let meta = world.model.api().job(&name).map(|job| job.meta.clone());
    if let Some(answer) = needless(meta.as_ref(), delete.job(), None) {
        return answer;
    }
    world.push(What::OperatorWrote(Written::Deleted(format!("job {}", delete.job().name))));
    world.model.change(|model| model.delete_job(&name));
    Response::Done
}

pub(super) fn delete_pod(world: &mut SimWorld, delete: &DeletePod) -> Response {
    let name = translate::name(delete.pod().name.as_str());
    let meta = world.model.api().pod(&name).map(|pod| pod.meta.clone());
    if let Some(answer) = needless(meta.as_ref(), delete.pod(), Some(delete.version())) {
        return answer;
    }
    // The admission policy of deploy/shrink.
    if world.model.api().pod(&name).is_some_and(|pod| pod.phase != PodPhase::Pending || pod.node.is_some()) {
        let words = "headroom may delete no pod that a node has taken".into();
        let cause = ObstacleCause::Forbidden;
        return Response::Refused(Refusal::Because { cause, words, retry_after_s: None });
    }
    world.push(What::OperatorWrote(Written::Deleted(format!("pod {}", delete.pod().name))));
    world.model.change(|model| model.delete_pod(&name));
    Response::Done
}

pub(super) fn discard(world: &mut SimWorld, discard: &DiscardClaim) -> Response {
    let name = translate::name(discard.claim().name.as_str());
    let meta = world.model.api().claim(&name).map(|claim| claim.meta.clone());
    if let Some(answer) = needless(meta.as_ref(), discard.claim(), Some(discard.version())) {
        return answer;
    }
    world.push(What::OperatorWrote(Written::Deleted(format!("claim {}", discard.claim().name))));
    world.model.change(|model| model.api.delete_claim(&name));
    Response::Done
}
