//! Which call a request is.

use headroom_core::{
    Action, Timestamp,
    names::{ClusterKey, InstanceName, ObjectId, Text, Uid, Version, VolumeName},
    observation::ObstacleCause,
};
use headroom_engine::{Refusal, Request, Response};

use super::{
    bodies,
    call::{Call, Method},
    replace, status,
};
use crate::{
    known::{Known, KnownStorage},
    slim::{self, Claim, Cluster, Pod, Storage},
    translate::{CLAIM_ROLE_LABEL, CLUSTER_LABEL, POD_ROLE_LABEL},
};

/// How a request is performed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Answered without a call: what must be known for the body is of another version, so the call would conflict.
    Answer(Response),
    /// Reads only, side by side.
    Read(Vec<Call>, Expects),
    /// Exactly one write.
    Write(Call, Expects),
    /// The status endpoint of an instance at this address.
    Wal(Text),
    /// Reads, and the status endpoints of instances at these addresses, side by side.
    Survey(Vec<Call>, ClusterKey, Vec<(InstanceName, Text)>),
}

/// What the answer is read as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expects {
    /// Cluster, DynamicStorage, claims and pods, in this order.
    Everything(ClusterKey),
    /// A claim; `instance` and `volume` are those it was asked for.
    Claim {
        /// Which Cluster.
        key: ClusterKey,
        /// Whose.
        instance: InstanceName,
        /// Which volume.
        volume: VolumeName,
        /// The incarnation that was meant.
        uid: Uid,
    },
    /// A Cluster.
    Cluster,
    /// Our object.
    Storage,
    /// An instance pod.
    Pod,
    /// Something that headroom does not watch.
    Nothing,
}

/// The call that performs `request`; `now` dates changed conditions.
pub fn plan(request: &Request, known: &Known, now: Timestamp) -> Plan {
    match request {
        Request::ReadCluster(key) => Plan::Read(read(key), Expects::Everything(key.clone())),
        Request::ReadWal { key: _, instance: _, address } => Plan::Wal(address.clone()),
        Request::Survey { key, instances } => {
            Plan::Survey(replace::survey(key), key.clone(), instances.clone())
        }
        Request::WriteStatus { key, of, expect, record, verdict } => match storage(known, key, of, expect) {
            None => conflict(),
            Some(storage) => match status::patch(storage, of, expect, record.as_deref(), verdict, now) {
                Ok((method, body)) => {
                    let object = slim::path::<Storage>(key.namespace.as_str(), Some(of.name.as_str()));
                    Plan::Write(write(method, &format!("{object}/status"), &body), Expects::Storage)
                }
                Err(error) => Plan::Answer(Response::Refused(Refusal::Because {
                    cause: ObstacleCause::Invalid,
                    words: Text::from(format!("the status cannot be written: {error}").as_str()),
                    retry_after_s: None,
                })),
            },
        },
        Request::Do(key, action) => act(key, action, known, now),
    }
}

/// Four reads without `resourceVersion`: each is answered from the quorum, not from the API server's cache.
fn read(key: &ClusterKey) -> Vec<Call> {
    let (namespace, name) = (key.namespace.as_str(), key.name.as_str());
    let get = |uri: String| Call { method: Method::Get, uri, body: String::new() };
    // `=`, `,` and `/` of a selector as they must appear in a query.
    let selector = |extra: &str| format!("labelSelector={}%3D{name}%2C{extra}", escape(CLUSTER_LABEL));
    vec![
        get(slim::path::<Cluster>(namespace, Some(name))),
        get(slim::path::<Storage>(namespace, Some(name))),
        get(format!("{}?{}", slim::path::<Claim>(namespace, None), selector(&escape(CLAIM_ROLE_LABEL)))),
        get(format!(
            "{}?{}",
            slim::path::<Pod>(namespace, None),
            selector(&format!("{}%3Dinstance", escape(POD_ROLE_LABEL)))
        )),
    ]
}

pub(super) fn escape(label: &str) -> String {
    label.replace('/', "%2F")
}

fn act(key: &ClusterKey, action: &Action, known: &Known, now: Timestamp) -> Plan {
    let namespace = key.namespace.as_str();
    match action {
        Action::Resize(resize) => {
            let path = slim::path::<Claim>(namespace, Some(resize.claim.name.as_str()));
            let expects = Expects::Claim {
                key: key.clone(),
                instance: resize.instance.clone(),
                volume: resize.volume.clone(),
                uid: resize.claim.uid.clone(),
            };
            Plan::Write(json_patch(&path, &bodies::resize(resize)), expects)
        }
        Action::RaiseClusterSizes(raise) => {
            let cluster = known.cluster(key);
            let cluster = cluster.filter(|it| it.version == raise.version && it.uid == raise.cluster.uid);
            match cluster.and_then(|cluster| bodies::raise_sizes(raise, &cluster.tablespaces)) {
                None => conflict(),
                Some(body) => {
                    let path = slim::path::<Cluster>(namespace, Some(raise.cluster.name.as_str()));
                    Plan::Write(json_patch(&path, &body), Expects::Cluster)
                }
            }
        }
        Action::AddFinalizer(id, version) => finalizers(key, id, version, known, true),
        Action::RemoveFinalizer(id, version) => finalizers(key, id, version, known, false),
        Action::Withdraw(withdraw) => replace::withdraw(namespace, withdraw),
        Action::Destroy(destroy) => replace::destroy(namespace, destroy),
        Action::Promote(promote) => replace::promote(namespace, promote, now),
        Action::SetInstances(set) => replace::set_instances(namespace, set),
        Action::DeleteJob(delete) => replace::delete_job(namespace, delete),
        Action::DeletePod(delete) => replace::delete_pod(namespace, delete),
        Action::DiscardClaim(discard) => replace::discard(namespace, discard),
    }
}

fn finalizers(key: &ClusterKey, id: &ObjectId, version: &Version, known: &Known, ours: bool) -> Plan {
    match storage(known, key, id, version) {
        None => conflict(),
        Some(storage) => {
            let path = slim::path::<Storage>(key.namespace.as_str(), Some(id.name.as_str()));
            let body = bodies::finalizers(id, version, &storage.foreign_finalizers, ours);
            Plan::Write(merge_patch(&path, &body), Expects::Storage)
        }
    }
}

fn storage<'a>(
    known: &'a Known,
    key: &ClusterKey,
    id: &ObjectId,
    version: &Version,
) -> Option<&'a KnownStorage> {
    known.storage(key).filter(|storage| storage.uid == id.uid && storage.version == *version)
}

fn conflict() -> Plan {
    Plan::Answer(Response::Refused(Refusal::Conflict))
}

fn json_patch(path: &str, body: &serde_json::Value) -> Call {
    write(Method::JsonPatch, path, body)
}

pub(super) fn merge_patch(path: &str, body: &serde_json::Value) -> Call {
    write(Method::MergePatch, path, body)
}

pub(super) fn write(method: Method, path: &str, body: &serde_json::Value) -> Call {
    Call {
        method,
        uri: format!("{path}?fieldManager={}", headroom_api::FIELD_MANAGER),
        body: body.to_string(),
    }
}
