//! What the API server does with each request of the engine: exactly one call.

use std::sync::Arc;

use headroom_core::{
    Action, Timestamp,
    action::{RaiseClusterSizes, Resize},
    names::{ClusterKey, ObjectId, Text, Version},
    observation::{ObstacleCause, WalFacts},
    report::Verdict,
};
use headroom_engine::{Refusal, Request, Response, Seen};
use headroom_scenario::{What, trace::Written};

use super::{SimWorld, operator::applied, process::Past, replacing, storage, translate};
use crate::model::{
    apiserver::{ApiError, Object},
    draw::Subsystem,
    object::Name,
};

/// Does a request and answers it.
pub(super) fn apply(world: &mut SimWorld, request: &Request, clock: Timestamp) -> Response {
    if matches!(request, Request::ReadCluster(_) | Request::ReadWal { .. } | Request::Survey { .. }) {
        return call(world, request, clock);
    }
    let before = world.everything();
    let response = call(world, request, clock);
    if matches!(response, Response::Applied(_) | Response::Done) {
        world.past = Past { objects: before, changes: Vec::new() };
    }
    response
}

/// One call; `clock` is the caller's.
fn call(world: &mut SimWorld, request: &Request, clock: Timestamp) -> Response {
    match request {
        Request::ReadCluster(key) => read(world, key),
        Request::ReadWal { key, instance, .. } => {
            let cluster = translate::name(key.name.as_str());
            let up = world.model.api().instance_pod(instance.as_str()).is_some_and(|pod| pod.ready);
            let calm = WalFacts { archiver_failing_since: None, ready_segments: 0, slot: None };
            Response::Wal((up && world.model.api().cluster(&cluster).is_some()).then_some(calm))
        }
        Request::WriteStatus { key, of, expect, record, verdict } => {
            write_status(world, key, (of, expect), (record.as_deref(), verdict), clock)
        }
        Request::Do(_, Action::Resize(resize)) => raise_claim(world, resize),
        Request::Survey { key, .. } => Response::Survey(Some(Box::new(replacing::survey(world, key)))),
        Request::Do(key, Action::RaiseClusterSizes(raise)) => raise_sizes(world, key, raise),
        Request::Do(_, Action::Withdraw(withdraw)) => replacing::withdraw(world, withdraw),
        Request::Do(_, Action::Destroy(destroy)) => replacing::destroy(world, destroy),
        Request::Do(key, Action::Promote(promote)) => replacing::promote(world, key, promote),
        Request::Do(key, Action::SetInstances(set)) => replacing::set_instances(world, key, set),
        Request::Do(_, Action::DeleteJob(delete)) => replacing::delete_job(world, delete),
        Request::Do(_, Action::DeletePod(delete)) => replacing::delete_pod(world, delete),
        Request::Do(_, Action::DiscardClaim(discard)) => replacing::discard(world, discard),
        Request::Do(key, Action::AddFinalizer(of, expect)) => finalizer(world, key, of, expect, true),
        Request::Do(key, Action::RemoveFinalizer(of, expect)) => finalizer(world, key, of, expect, false),
    }
}

/// A quorum read: everything of one Cluster at one moment.
fn read(world: &SimWorld, key: &ClusterKey) -> Response {
    let api = world.model.api();
    let name = translate::name(key.name.as_str());
    let mut seen: Vec<Seen> = Vec::new();
    seen.extend(api.custom(&name).and_then(|custom| translate::seen(&Object::Custom(custom.clone()))));
    seen.extend(api.cluster(&name).map(|cluster| translate::cluster(cluster)));
    seen.extend(api.claims().filter(|claim| claim.cluster == name).map(|claim| translate::claim(claim)));
    let pods = api.pods().filter(|pod| pod.cluster == name && pod.job.is_none());
    seen.extend(pods.map(|pod| translate::pod(pod)));
    Response::Read(seen)
}

/// A read that shows what was before the operator's newest write; where there was none, what is.
pub(super) fn stale(world: &SimWorld, request: &Request) -> Response {
    let Request::ReadCluster(key) = request else { return Response::Unknown };
    if world.past.objects.is_empty() {
        return read(world, key);
    }
    let classes = |seen: &Seen| !matches!(seen, Seen::Class { .. });
    Response::Read(world.past.objects.iter().filter_map(translate::seen).filter(classes).collect())
}

fn write_status(
    world: &mut SimWorld,
    key: &ClusterKey,
    precondition: (&ObjectId, &Version),
    (record, verdict): (Option<&headroom_core::Record>, &Verdict),
    now: Timestamp,
) -> Response {
    let name = translate::name(key.name.as_str());
    let custom = match own_object(world, &name, precondition.0, precondition.1) {
        Ok(custom) => custom,
        Err(refusal) => return Response::Refused(refusal),
    };
    let status = storage::written(&custom, record, verdict, now);
    let kept = if world.model.draws.one_in(Subsystem::Api, &"status".into(), 16) {
        storage::through_json(&status)
    } else {
        Arc::new(status)
    };
    world.push(What::OperatorWrote(Written::Status));
    world.model.change(|model| model.api.update_custom(&name, |custom| custom.status = Some(kept)));
    own_answer(world, &name)
}

fn raise_claim(world: &mut SimWorld, resize: &Resize) -> Response {
    let name: Name = translate::name(resize.claim.name.as_str());
    let test = (translate::uid_number(&resize.claim.uid), resize.from_text.as_str());
    let answer = world.model.change(|model| model.api.patch_claim(&name, Some(test), resize.to.get()));
    match answer {
        Ok(claim) => {
            world.push(What::OperatorWrote(Written::Claim {
                instance: resize.instance.clone(),
                volume: resize.volume.clone(),
                to: resize.to,
            }));
            Response::Applied(Box::new(translate::claim(&claim)))
        }
        Err(error) => Response::Refused(refusal(error)),
    }
}

fn raise_sizes(world: &mut SimWorld, key: &ClusterKey, raise: &RaiseClusterSizes) -> Response {
    let name = translate::name(key.name.as_str());
    let Some(cluster) = world.model.api().cluster(&name).cloned() else {
        return Response::Refused(Refusal::Gone);
    };
    if translate::uid(cluster.meta.uid) != raise.cluster.uid {
        return Response::Refused(Refusal::Gone);
    }
    if translate::version(cluster.meta.version) != raise.version {
        return Response::Refused(Refusal::Conflict);
    }
    world.model.change(|model| {
        model.api.update_cluster(&name, |cluster| {
            for (volume, size) in &raise.sizes {
                cluster.spec.sizes.insert(translate::model_volume(volume), size.get());
            }
        })
    });
    world.push(What::OperatorWrote(Written::Other("sizes in the Cluster".to_owned())));
    applied(world.model.api().cluster(&name).map(|cluster| translate::cluster(cluster)))
}

fn finalizer(world: &mut SimWorld, key: &ClusterKey, of: &ObjectId, expect: &Version, on: bool) -> Response {
    let name = translate::name(key.name.as_str());
    if let Err(refusal) = own_object(world, &name, of, expect) {
        return Response::Refused(refusal);
    }
    world.model.change(|model| model.api.update_custom(&name, |custom| custom.finalizer = on));
    let words = if on { "finalizer added" } else { "finalizer removed" };
    world.push(What::OperatorWrote(Written::Other(words.to_owned())));
    let answer = own_answer(world, &name);
    if !on && world.model.api().custom(&name).is_some_and(|custom| custom.meta.deleting) {
        world.model.change(|model| model.api.remove_custom(&name));
    }
    answer
}

fn own_object(
    world: &SimWorld,
    name: &Name,
    of: &ObjectId,
    expect: &Version,
) -> Result<Arc<crate::model::custom::Custom>, Refusal> {
    let custom = world.model.api().custom(name).cloned().ok_or(Refusal::Gone)?;
    if translate::uid(custom.meta.uid) != of.uid {
        return Err(Refusal::Gone);
    }
    if translate::version(custom.meta.version) == *expect { Ok(custom) } else { Err(Refusal::Conflict) }
}

fn own_answer(world: &SimWorld, name: &Name) -> Response {
    let custom = world.model.api().custom(name).cloned();
    applied(custom.and_then(|custom| translate::seen(&Object::Custom(custom))))
}

/// A refusal by code, and for a 403 by its words (experiments G6).
fn refusal(error: ApiError) -> Refusal {
    let because =
        |cause, words: &Name| Refusal::Because { cause, words: Text::from(&**words), retry_after_s: None };
    match error {
        ApiError::NotFound => Refusal::Gone,
        ApiError::Conflict | ApiError::TestFailed => Refusal::Conflict,
        ApiError::Invalid(words) if words.contains("spec is immutable after creation except") => {
            because(ObstacleCause::NotBound, &words)
        }
        ApiError::Invalid(words) => because(ObstacleCause::Invalid, &words),
        ApiError::Forbidden(words) => {
            let cause = if words.contains("exceeded quota") {
                ObstacleCause::Quota
            } else if words.contains("storage usage per PersistentVolumeClaim is") {
                ObstacleCause::LimitRange
            } else if words.contains("only dynamically provisioned pvc can be resized") {
                ObstacleCause::NotExpandable
            } else {
                ObstacleCause::Forbidden
            };
            because(cause, &words)
        }
    }
}
