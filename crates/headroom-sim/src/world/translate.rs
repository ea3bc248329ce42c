//! Model objects → what the engine sees. The simulator's own translation of the wire facts in `headroom-kube`.

use std::collections::BTreeMap;

use headroom_core::{
    Bytes, Timestamp,
    names::{ClusterKey, InstanceName, NodeName, ObjectId, ObjectName, Text, Uid, Version, VolumeName},
    observation::{
        Census, ClaimPhase, ClaimSeen, ClusterSeen, Conduct, ContainerExit, ContainerSeen, Fenced, Growable,
        Mark, PodSeen, Primary, ResizeStep, Resizing, Scaler, SingleOnly, Suspension, VolumeSpecSeen,
    },
    usage::Sample,
};
use headroom_engine::{Event, Kind, Seen, event::ClaimSample};

use super::storage;
use crate::model::{
    apiserver::{Change, Object},
    object::{Claim, Cluster, Container, Meta, Name, PENDING, Pod, PodPhase, Step, Volume},
    queue::Millis,
    stats::Line,
};

/// The namespace of everything.
pub(crate) const NAMESPACE: &str = "sim";
/// Virtual time starts at 2026-01-05T12:00:07Z, not on a whole minute.
pub(super) const START: i64 = 1_767_614_407;

/// The engine's time at `now`.
pub(crate) fn timestamp(now: Millis) -> Timestamp {
    Timestamp::from_unix(START + i64::try_from(now / 1000).unwrap_or(i64::MAX - START))
}

/// The first moment at which [`timestamp`] is `at`.
pub(super) fn millis(at: Timestamp) -> Millis {
    u64::try_from(at.unix() - START).unwrap_or(0).saturating_mul(1000)
}

pub(super) fn uid(number: u64) -> Uid {
    Uid::from(format!("uid-{number}").as_str())
}

/// The number behind a uid of ours.
pub(super) fn uid_number(uid: &Uid) -> u64 {
    uid.as_str().strip_prefix("uid-").and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

pub(super) fn version(number: u64) -> Version {
    Version::from(number.to_string().as_str())
}

pub(super) fn key(cluster: &str) -> ClusterKey {
    ClusterKey { namespace: ObjectName::from(NAMESPACE), name: ObjectName::from(cluster) }
}

pub(super) fn id(meta: &Meta) -> ObjectId {
    ObjectId { name: ObjectName::from(&*meta.name), uid: uid(meta.uid) }
}

/// A volume by the core's name.
pub(super) fn volume_name(volume: &Volume) -> VolumeName {
    match volume {
        Volume::Data => VolumeName::Data,
        Volume::Wal => VolumeName::Wal,
        Volume::Tablespace(name) => VolumeName::Tablespace((&**name).into()),
    }
}

/// A volume by the model's name.
pub(super) fn model_volume(volume: &VolumeName) -> Volume {
    match volume {
        VolumeName::Data => Volume::Data,
        VolumeName::Wal => Volume::Wal,
        VolumeName::Tablespace(name) => Volume::Tablespace(name.as_str().into()),
    }
}

/// Which watch shows an object; jobs and their pods are not watched.
pub(super) fn kind(object: &Object) -> Option<Kind> {
    match object {
        Object::Cluster(_) => Some(Kind::Cluster),
        Object::Claim(_) => Some(Kind::Claim),
        Object::Pod(pod) => pod.job.is_none().then_some(Kind::Pod),
        Object::Job(_) => None,
        Object::Custom(_) => Some(Kind::Storage),
        Object::Class(..) => Some(Kind::Class),
    }
}

/// A change as the watch says it.
pub(super) fn event(change: &Change) -> Option<Event> {
    if !change.gone {
        return seen(&change.object).map(Event::Seen);
    }
    let kind = kind(&change.object)?;
    let (cluster, name): (&str, &str) = match &change.object {
        Object::Cluster(cluster) => (&cluster.meta.name, &cluster.meta.name),
        Object::Claim(claim) => (&claim.cluster, &claim.meta.name),
        Object::Pod(pod) => (&pod.cluster, &pod.meta.name),
        Object::Custom(custom) => (&custom.meta.name, &custom.meta.name),
        Object::Job(_) | Object::Class(..) => return None,
    };
    Some(Event::Gone(kind, key(cluster), ObjectName::from(name), Some(version(change.version))))
}

/// An object as the engine sees it.
pub(super) fn seen(object: &Object) -> Option<Seen> {
    Some(match object {
        Object::Cluster(cluster) => self::cluster(cluster),
        Object::Claim(claim) => self::claim(claim),
        Object::Pod(pod) if pod.job.is_none() => self::pod(pod),
        Object::Pod(_) | Object::Job(_) => return None,
        Object::Custom(custom) => Seen::Storage(Box::new(storage::seen(custom))),
        Object::Class(name, expandable) => {
            Seen::Class { name: ObjectName::from(&**name), expandable: *expandable }
        }
    })
}

/// A Cluster; `currentPrimary` and `targetPrimary` make its primary, labels do not.
pub(super) fn cluster(cluster: &Cluster) -> Seen {
    let status = &cluster.status;
    let primary = match (&status.current_primary, &status.target_primary) {
        (None, _) => Primary::Unknown,
        (Some(current), Some(target)) if current == target => Primary::Known(InstanceName::from(&**current)),
        (Some(current), None) => Primary::Known(InstanceName::from(&**current)),
        (Some(_), Some(target)) => {
            Primary::Moving { to: (**target != *PENDING).then(|| InstanceName::from(&**target)) }
        }
    };
    let volumes = cluster.spec.sizes.iter().map(|(volume, size)| {
        let spec =
            VolumeSpecSeen { size: Some(Bytes::new(*size)), resize_in_use: cluster.spec.resize_in_use };
        (volume_name(volume), spec)
    });
    let seen = ClusterSeen {
        id: id(&cluster.meta),
        version: version(cluster.meta.version),
        instances: cluster.spec.instances,
        scaled_by: if cluster.rescaled { Scaler::Headroom } else { Scaler::Others },
        volumes: volumes.collect::<BTreeMap<_, _>>(),
        primary,
        phase: Text::from(status.phase.unwrap_or("")),
        ready_instances: status.ready,
        suspended: (!cluster.spec.reconcile).then_some(Suspension::ReconciliationDisabled),
        fenced: if cluster.fenced.is_empty() {
            Fenced::Nobody
        } else {
            Fenced::Instances(cluster.fenced.iter().map(|name| InstanceName::from(&**name)).collect())
        },
        census: Census {
            instances: status.instances,
            loose_claims: u32::try_from(
                status.dangling.len() + status.initializing.len() + status.unusable.len(),
            )
            .unwrap_or(u32::MAX),
        },
        conduct: Conduct {
            supervised: cluster.spec.supervised,
            maintained: false,
            follows: false,
            snapshots: cluster.spec.snapshots_online.is_some(),
            synchronous: cluster.spec.synchronous,
            single_only: (!cluster.spec.wal_log_hints).then_some(SingleOnly::WalLogHints),
        },
    };
    Seen::Cluster(key(&cluster.meta.name), Box::new(seen))
}

/// A claim.
pub(super) fn claim(claim: &Claim) -> Seen {
    let step = match claim.step {
        Step::None => ResizeStep::None,
        Step::ControllerInProgress => ResizeStep::ControllerInProgress,
        Step::ControllerInfeasible => ResizeStep::ControllerInfeasible,
        Step::NodePending => ResizeStep::NodePending,
        Step::NodeInProgress => ResizeStep::NodeInProgress,
        Step::NodeInfeasible => ResizeStep::NodeInfeasible,
    };
    let seen = ClaimSeen {
        id: id(&claim.meta),
        version: version(claim.meta.version),
        requested: Bytes::new(claim.requested),
        requested_text: Text::from(&*claim.requested_text),
        capacity: claim.capacity.map(Bytes::new),
        phase: if claim.capacity.is_some() { ClaimPhase::Bound } else { ClaimPhase::Pending },
        resize: Resizing {
            step,
            file_system_pending: claim.file_system_pending,
            in_progress: claim.resizing,
            error: claim.error.as_deref().map(Text::from),
        },
        initializing: !claim.ready,
        terminating: claim.meta.deleting,
        growable: Growable::Unknown,
    };
    Seen::Claim {
        key: key(&claim.cluster),
        instance: InstanceName::from(&*claim.instance),
        volume: volume_name(&claim.volume),
        class: claim.class.as_deref().map(ObjectName::from),
        claim: Box::new(seen),
    }
}

/// An instance pod.
pub(super) fn pod(pod: &Pod) -> Seen {
    let container = match pod.container {
        Container::Running(since) => ContainerSeen::Running { since: timestamp(since) },
        Container::Ended | Container::BackOff => ContainerSeen::NotRunning,
        Container::Created => ContainerSeen::Unknown,
    };
    let seen = PodSeen {
        id: id(&pod.meta),
        node: pod.node.as_deref().map(NodeName::from),
        address: pod.node.as_ref().map(|_| Text::from(format!("ip-{}", pod.meta.uid).as_str())),
        ready: pod.ready,
        unready_since: pod.unready_since.filter(|_| !pod.ready).map(timestamp),
        pending: pod.phase == PodPhase::Pending,
        terminating: pod.meta.deleting,
        container,
        last_exit: pod.last_exit.map(|exit| ContainerExit { code: exit.code, at: timestamp(exit.at) }),
        version: version(pod.meta.version),
        mark: match (pod.unrecoverable(), pod.annotations.contains_key(headroom_api::REPLACED_BY)) {
            (false, _) => Mark::None,
            (true, true) => Mark::Ours,
            (true, false) => Mark::Foreign,
        },
    };
    Seen::Pod(
        key(&pod.cluster),
        InstanceName::from(&*pod.instance),
        version(pod.meta.version),
        Box::new(seen),
    )
}

/// Lines of a kubelet's summary.
pub(super) fn samples(lines: &[Line]) -> Vec<ClaimSample> {
    let sample = |line: &Line| ClaimSample {
        namespace: ObjectName::from(NAMESPACE),
        claim: ObjectName::from(&*line.claim),
        pod: uid(line.pod),
        sample: Sample {
            at: timestamp(line.at),
            capacity: Bytes::new(line.capacity),
            available: Bytes::new(line.available),
        },
    };
    lines.iter().map(sample).collect()
}

/// A name of the model.
pub(super) fn name(text: &str) -> Name {
    Name::from(text)
}
