//! Objects of many equal Clusters, made when they are needed so that only the engine keeps them.

use std::{collections::BTreeMap, fmt::Write as _};

use headroom_core::{
    Bytes, Percent, Policy, Record, Span, Timestamp,
    names::{
        ClusterKey, InstanceName, NodeName, ObjectId, ObjectName, TablespaceName, Text, Uid, Version,
        VolumeName,
    },
    observation::{
        Census, ClaimPhase, ClaimSeen, ClusterSeen, Conduct, ContainerSeen, Fenced, Growable, Mark, PodSeen,
        Primary, Resizing, Scaler, StorageMeta, VolumeSpecSeen,
    },
    policy::{Budget, ClusterSizeSync, EmergencyPolicy, Mode, ShrinkPolicy, Surge, VolumePolicy},
    report::Verdict,
    usage::Sample,
    window::{WindowSpec, Windows},
};
use headroom_engine::{Kind, Published, Seen, StorageSeen, event::ClaimSample};

/// Nodes that the instances are spread over.
pub(super) const NODES: usize = 300;
const INSTANCES: usize = 3;

/// No Cluster here has a window.
pub(super) fn always(_: &WindowSpec, _: Timestamp) -> Windows {
    Windows::Always
}

struct Fnv(u64);

impl std::fmt::Write for Fnv {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        for byte in text.bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        Ok(())
    }
}

/// FNV-1a over the debug text.
pub(super) fn digest(record: Option<&Record>, verdict: &Verdict, generation: u64) -> u64 {
    let mut hash = Fnv(0xcbf2_9ce4_8422_2325);
    write!(hash, "{record:?} {verdict:?} {generation}").unwrap();
    hash.0
}

/// What a status with this verdict tells.
pub(super) fn published(verdict: &Verdict, generation: u64) -> Published {
    let states = match verdict {
        Verdict::Decided(report) => {
            report.volumes.iter().map(|(volume, told)| (volume.clone(), told.state)).collect()
        }
        Verdict::Refused(problem) => panic!("nothing is wrong: {problem:?}"),
    };
    Published { generation: Some(generation), refused: false, states }
}

fn key(number: usize) -> ClusterKey {
    let namespace = format!("team-{:03}", number % 200);
    ClusterKey { namespace: namespace.as_str().into(), name: format!("postgres-{number:05}").as_str().into() }
}

/// The number of a Cluster.
pub(super) fn cluster_number(key: &ClusterKey) -> usize {
    key.name.as_str().rsplit('-').next().unwrap().parse().unwrap()
}

/// The number of a node.
pub(super) fn node_number(node: &NodeName) -> usize {
    node.as_str().rsplit('-').next().unwrap().parse().unwrap()
}

fn uid(kind: u8, number: usize, place: usize) -> Uid {
    format!("{kind:08x}-{number:04x}-4000-8000-{place:012x}").as_str().into()
}

fn instance(number: usize, place: usize) -> InstanceName {
    format!("postgres-{number:05}-{place}").as_str().into()
}

fn volumes() -> [VolumeName; 2] {
    [VolumeName::Data, VolumeName::Tablespace(TablespaceName::from("idx"))]
}

fn claim_name(number: usize, place: usize, volume: &VolumeName) -> ObjectName {
    let tail = if *volume == VolumeName::Data { "" } else { "-tbs-idx" };
    format!("postgres-{number:05}-{place}{tail}").as_str().into()
}

fn volume_policy() -> VolumePolicy {
    VolumePolicy {
        request: None,
        limit: Bytes::gibi(100),
        buffer: Percent::clamped(20),
        unit: Bytes::gibi(1),
        budget: Budget { per_day: 4, reserved: 1 },
        emergency: EmergencyPolicy {
            enabled: true,
            critical: Percent::clamped(95),
            minimum_free: None,
            limit: None,
        },
        shrink: ShrinkPolicy {
            enabled: false,
            stabilization: Span::DAY,
            minimum_saving: Percent::clamped(20),
            surge: Surge::Auto,
            allow_switchover_on_single_instance: false,
        },
        acknowledge_wal_risk: false,
    }
}

/// Our object, as it is created.
pub(super) fn storage(number: usize) -> StorageSeen {
    StorageSeen {
        key: key(number),
        meta: StorageMeta {
            id: ObjectId { name: key(number).name, uid: uid(1, number, 0) },
            version: Version::from("1"),
            deleting: false,
            finalizer: false,
        },
        generation: 1,
        policy: Ok(Policy {
            generation: 1,
            mode: Mode::Apply,
            sync: ClusterSizeSync::OnRelease,
            volumes: volumes().into_iter().map(|volume| (volume, volume_policy())).collect(),
        }),
        windows: BTreeMap::new(),
        record: Ok(Record::empty()),
        digest: 0,
        published: Published::nothing(),
    }
}

fn cluster(number: usize) -> Seen {
    let spec = VolumeSpecSeen { size: Some(Bytes::gibi(10)), resize_in_use: true };
    Seen::Cluster(
        key(number),
        Box::new(ClusterSeen {
            id: ObjectId { name: key(number).name, uid: uid(2, number, 0) },
            version: Version::from("1"),
            instances: 3,
            scaled_by: Scaler::Others,
            volumes: volumes().into_iter().map(|volume| (volume, spec.clone())).collect(),
            primary: Primary::Known(instance(number, 1)),
            phase: Text::from("Cluster in healthy state"),
            ready_instances: 3,
            suspended: None,
            fenced: Fenced::Nobody,
            census: Census { instances: 3, loose_claims: 0 },
            conduct: Conduct::plain(),
        }),
    )
}

fn claims(number: usize) -> Vec<Seen> {
    let mut claims = Vec::new();
    for place in 1..=INSTANCES {
        for (volume, kind) in volumes().into_iter().zip(3_u8..) {
            claims.push(Seen::Claim {
                key: key(number),
                instance: instance(number, place),
                class: Some(ObjectName::from("fast")),
                claim: Box::new(ClaimSeen {
                    id: ObjectId { name: claim_name(number, place, &volume), uid: uid(kind, number, place) },
                    version: Version::from("1"),
                    requested: Bytes::gibi(10),
                    requested_text: Text::from("10Gi"),
                    capacity: Some(Bytes::gibi(10)),
                    phase: ClaimPhase::Bound,
                    resize: Resizing::none(),
                    initializing: false,
                    terminating: false,
                    growable: Growable::Unknown,
                }),
                volume,
            });
        }
    }
    claims
}

fn node(number: usize, place: usize) -> usize {
    (number * INSTANCES + place) % NODES
}

fn pods(number: usize) -> Vec<Seen> {
    let pod = |place| PodSeen {
        id: ObjectId { name: instance(number, place).as_str().into(), uid: uid(9, number, place) },
        node: Some(format!("node-{:03}", node(number, place)).as_str().into()),
        address: Some(Text::from("10.20.30.40")),
        ready: true,
        unready_since: None,
        pending: false,
        terminating: false,
        container: ContainerSeen::Running { since: Timestamp::from_unix(1_600_000_000) },
        last_exit: None,
        version: Version::from("1"),
        mark: Mark::None,
    };
    let seen =
        |place| Seen::Pod(key(number), instance(number, place), Version::from("1"), Box::new(pod(place)));
    (1..=INSTANCES).map(seen).collect()
}

/// All but our object.
pub(super) fn others(number: usize) -> Vec<Seen> {
    [vec![cluster(number)], claims(number), pods(number)].concat()
}

/// The objects of one kind.
pub(super) fn of_kind(kind: Kind, number: usize) -> Vec<Seen> {
    match kind {
        Kind::Storage => vec![Seen::Storage(Box::new(storage(number)))],
        Kind::Cluster => vec![cluster(number)],
        Kind::Claim => claims(number),
        Kind::Pod => pods(number),
        Kind::Class => vec![Seen::Class { name: ObjectName::from("fast"), expandable: true }],
    }
}

/// What the kubelet of a node says: half full, and a little more each time.
pub(super) fn samples(on: usize, clusters: usize, at: Timestamp) -> Vec<ClaimSample> {
    let drift = Bytes::new(u64::try_from(at.unix() % 100_000).unwrap() * 1_000);
    let mut samples = Vec::new();
    for place in 1..=INSTANCES {
        // Every hundredth Cluster has its instance of this place on the same node.
        let first = (0..NODES / INSTANCES).find(|number| node(*number, place) == on);
        for number in first.into_iter().flat_map(|first| (first..clusters).step_by(NODES / INSTANCES)) {
            for volume in volumes() {
                let sample = Sample {
                    at,
                    capacity: Bytes::mebi(10_000),
                    available: Bytes::mebi(5_000).minus_or_zero(drift),
                };
                samples.push(ClaimSample {
                    namespace: key(number).namespace,
                    claim: claim_name(number, place, &volume),
                    pod: uid(9, number, place),
                    sample,
                });
            }
        }
    }
    samples
}
