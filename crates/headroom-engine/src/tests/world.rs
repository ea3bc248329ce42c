//! A toy API server with toy Clusters: instant, exact, and small enough to be explored.

use alloc::{boxed::Box, collections::BTreeMap, format, string::String, vec::Vec};

use headroom_core::{
    Action, Bytes, Percent, Policy, Record, Span, Timestamp,
    action::{RaiseClusterSizes, Resize},
    names::{ClusterKey, InstanceName, NodeName, ObjectId, ObjectName, Text, Uid, Version, VolumeName},
    observation::{
        Census, ClaimPhase, ClaimSeen, ClusterSeen, Conduct, ContainerSeen, Fenced, Growable, Mark, PodSeen,
        Primary, Resizing, Scaler, StorageMeta, VolumeSpecSeen,
    },
    policy::{Budget, ClusterSizeSync, EmergencyPolicy, Mode, ShrinkPolicy, Surge, VolumePolicy},
    report::Verdict,
    usage::Sample,
    window::{WindowSpec, Windows},
};

use crate::{Event, Kind, Published, Refusal, Request, Response, Seen, StorageSeen, event::ClaimSample};

pub(super) const CLASS: &str = "expandable";

/// What the API server holds.
#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) version: u64,
    pub(super) clusters: BTreeMap<ClusterKey, Toy>,
    /// Changes that the watches have not shown yet, oldest first.
    pub(super) unseen: Vec<Event>,
    /// The kubelets' time of the next samples.
    pub(super) sampled_at: i64,
}

/// One Cluster with its objects.
#[derive(Clone, Debug)]
pub(super) struct Toy {
    pub(super) storage: Option<StorageSeen>,
    pub(super) cluster: Option<ClusterSeen>,
    pub(super) claims: Vec<(InstanceName, ClaimSeen)>,
    pub(super) pods: Vec<(InstanceName, Version, PodSeen)>,
    /// Used bytes of every claim.
    pub(super) used: Bytes,
}

pub(super) fn key(name: &str) -> ClusterKey {
    ClusterKey { namespace: ObjectName::from("ns"), name: ObjectName::from(name) }
}

pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix(1_000_000 + seconds)
}

/// A stable digest: FNV-1a over the debug text.
pub(super) fn digest(record: Option<&Record>, verdict: &Verdict, generation: u64) -> u64 {
    Fnv::of(format_args!("{record:?} {verdict:?} {generation}"))
}

/// FNV-1a over what is written into it.
pub(super) struct Fnv(u64);

impl Fnv {
    pub(super) fn of(text: core::fmt::Arguments<'_>) -> u64 {
        let mut hash = Self(0xcbf2_9ce4_8422_2325);
        core::fmt::write(&mut hash, text).unwrap();
        hash.0
    }
}

impl core::fmt::Write for Fnv {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        for byte in text.bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        Ok(())
    }
}

pub(super) fn always(_: &WindowSpec, _: Timestamp) -> Windows {
    Windows::Always
}

pub(super) fn policy(generation: u64) -> Policy {
    let volume = VolumePolicy {
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
    };
    Policy {
        generation,
        mode: Mode::Apply,
        sync: ClusterSizeSync::Never,
        volumes: BTreeMap::from([(VolumeName::Data, volume)]),
    }
}

fn claim(instance: &str, size: Bytes) -> ClaimSeen {
    ClaimSeen {
        id: ObjectId {
            name: ObjectName::from(instance),
            uid: Uid::from(format!("claim-{instance}").as_str()),
        },
        version: Version::from("1"),
        requested: size,
        requested_text: Text::from(format!("{size}").as_str()),
        capacity: Some(size),
        phase: ClaimPhase::Bound,
        resize: Resizing::none(),
        initializing: false,
        terminating: false,
        growable: Growable::Unknown,
    }
}

fn pod(instance: &str, node: &str) -> PodSeen {
    PodSeen {
        id: ObjectId { name: ObjectName::from(instance), uid: Uid::from(format!("pod-{instance}").as_str()) },
        node: Some(NodeName::from(node)),
        address: None,
        ready: true,
        unready_since: None,
        pending: false,
        terminating: false,
        container: ContainerSeen::Running { since: at(-1000) },
        last_exit: None,
        version: Version::from("1"),
        mark: Mark::None,
    }
}

impl World {
    pub(super) fn empty() -> Self {
        Self { version: 100, clusters: BTreeMap::new(), unseen: Vec::new(), sampled_at: 0 }
    }

    /// Clusters of one size with so many instances each, all on node `n`.
    pub(super) fn with(names: &[&str], instances: usize, used: Bytes) -> Self {
        let mut world = Self::empty();
        for name in names {
            world.add(name, instances, "n", Bytes::gibi(10), used);
        }
        world
    }

    pub(super) fn add(&mut self, name: &str, instances: usize, node: &str, size: Bytes, used: Bytes) {
        let members: Vec<String> = (1..=instances).map(|number| format!("{name}-{number}")).collect();
        let toy = Toy {
            storage: Some(storage(name)),
            cluster: Some(cluster(name, size)),
            claims: members
                .iter()
                .map(|member| (InstanceName::from(member.as_str()), claim(member, size)))
                .collect(),
            pods: members
                .iter()
                .map(|member| (InstanceName::from(member.as_str()), Version::from("1"), pod(member, node)))
                .collect(),
            used,
        };
        self.clusters.insert(key(name), toy);
    }

    pub(super) fn toy(&mut self, name: &str) -> &mut Toy {
        self.clusters.get_mut(&key(name)).unwrap()
    }

    pub(super) fn next_version(&mut self) -> Version {
        self.version += 1;
        Version::from(format!("{}", self.version).as_str())
    }

    /// Everything of a Cluster.
    pub(super) fn objects(&self, key: &ClusterKey) -> Vec<Seen> {
        let Some(toy) = self.clusters.get(key) else { return Vec::new() };
        let mut seen = Vec::new();
        seen.extend(toy.storage.iter().map(|storage| Seen::Storage(Box::new(storage.clone()))));
        seen.extend(toy.cluster.iter().map(|cluster| Seen::Cluster(key.clone(), Box::new(cluster.clone()))));
        seen.extend(toy.claims.iter().map(|(instance, claim)| seen_claim(key, instance, claim)));
        seen.extend(toy.pods.iter().map(|(instance, version, pod)| {
            Seen::Pod(key.clone(), instance.clone(), version.clone(), Box::new(pod.clone()))
        }));
        seen
    }

    /// All lists, as at the start of the watches.
    pub(super) fn lists(&self) -> Vec<Event> {
        let kinds = [Kind::Class, Kind::Storage, Kind::Cluster, Kind::Claim, Kind::Pod];
        let mut events = Vec::new();
        for kind in kinds {
            events.push(Event::ListBegan(kind));
            if kind == Kind::Class {
                events.push(Event::Seen(Seen::Class { name: ObjectName::from(CLASS), expandable: true }));
            }
            let all = self.clusters.keys().flat_map(|key| self.objects(key));
            events.extend(all.filter(|seen| crate::index::kind_of(seen) == kind).map(Event::Seen));
            events.push(Event::ListDone(kind));
        }
        events
    }

    /// What the kubelet of a node answers.
    pub(super) fn usage(&mut self, node: &NodeName) -> Event {
        self.sampled_at += 60;
        Event::Sampled(node.clone(), Ok(self.samples(node, at(self.sampled_at))))
    }

    pub(super) fn samples(&self, node: &NodeName, at: Timestamp) -> Vec<ClaimSample> {
        let mut samples = Vec::new();
        for (key, toy) in &self.clusters {
            for (instance, _, pod) in toy.pods.iter().filter(|(_, _, pod)| pod.node.as_ref() == Some(node)) {
                for (_, claim) in toy.claims.iter().filter(|(owner, _)| owner == instance) {
                    let capacity = claim.capacity.unwrap();
                    samples.push(ClaimSample {
                        namespace: key.namespace.clone(),
                        claim: claim.id.name.clone(),
                        pod: pod.id.uid.clone(),
                        sample: Sample { at, capacity, available: capacity.minus_or_zero(toy.used) },
                    });
                }
            }
        }
        samples
    }

    /// Does what a request asks, as an API server would, and queues what the watches will show.
    pub(super) fn perform(&mut self, request: &Request) -> Response {
        let applied = match request {
            Request::ReadCluster(key) => return Response::Read(self.objects(key)),
            Request::ReadWal { .. } => return Response::Wal(None),
            Request::Survey { .. } => return Response::Survey(None),
            Request::WriteStatus { key, of, expect, record, verdict } => {
                self.write_status(key, of, expect, record.as_deref(), verdict)
            }
            Request::Do(key, Action::Resize(resize)) => self.resize(key, resize),
            Request::Do(key, Action::RemoveFinalizer(of, expect)) => self.remove_finalizer(key, of, expect),
            Request::Do(key, Action::RaiseClusterSizes(raise)) => self.raise(key, raise),
            // No growth asks for them.
            Request::Do(
                _,
                Action::AddFinalizer(..)
                | Action::Withdraw(_)
                | Action::Destroy(_)
                | Action::Promote(_)
                | Action::SetInstances(_)
                | Action::DeleteJob(_)
                | Action::DeletePod(_)
                | Action::DiscardClaim(_),
            ) => Err(Refusal::Gone),
        };
        match applied {
            Ok(seen) => {
                if !matches!(request, Request::Do(_, Action::RemoveFinalizer(..))) {
                    self.unseen.push(Event::Seen(seen.clone()));
                }
                Response::Applied(Box::new(seen))
            }
            Err(refusal) => Response::Refused(refusal),
        }
    }

    fn write_status(
        &mut self,
        key: &ClusterKey,
        of: &ObjectId,
        expect: &Version,
        record: Option<&Record>,
        verdict: &Verdict,
    ) -> Result<Seen, Refusal> {
        let version = self.next_version();
        let storage = self.clusters.get_mut(key).and_then(|toy| toy.storage.as_mut()).ok_or(Refusal::Gone)?;
        if storage.meta.id != *of {
            return Err(Refusal::Gone);
        }
        if storage.meta.version != *expect {
            return Err(Refusal::Conflict);
        }
        if let Some(record) = record {
            storage.record = Ok(record.clone());
        }
        storage.digest = digest(record, verdict, storage.generation);
        storage.published = match verdict {
            Verdict::Decided(report) => Published {
                generation: Some(storage.generation),
                refused: matches!(report.cluster, headroom_core::report::ClusterVerdict::PlanRefused(_)),
                states: report.volumes.iter().map(|(volume, told)| (volume.clone(), told.state)).collect(),
            },
            Verdict::Refused(_) => Published {
                generation: Some(storage.generation),
                refused: true,
                states: storage.published.states.clone(),
            },
        };
        storage.meta.version = version;
        Ok(Seen::Storage(Box::new(storage.clone())))
    }

    fn resize(&mut self, key: &ClusterKey, resize: &Resize) -> Result<Seen, Refusal> {
        let version = self.next_version();
        let toy = self.clusters.get_mut(key).ok_or(Refusal::Gone)?;
        let (instance, claim) =
            toy.claims.iter_mut().find(|(_, claim)| claim.id == resize.claim).ok_or(Refusal::Gone)?;
        if claim.requested_text != resize.from_text {
            return Err(Refusal::Conflict);
        }
        claim.requested = resize.to;
        claim.requested_text = Text::from(format!("{}", resize.to).as_str());
        claim.capacity = Some(resize.to);
        claim.version = version;
        Ok(seen_claim(key, instance, claim))
    }

    fn raise(&mut self, key: &ClusterKey, raise: &RaiseClusterSizes) -> Result<Seen, Refusal> {
        let version = self.next_version();
        let toy = self.clusters.get_mut(key).ok_or(Refusal::Gone)?;
        let cluster =
            toy.cluster.as_mut().filter(|cluster| cluster.id == raise.cluster).ok_or(Refusal::Gone)?;
        if cluster.version != raise.version {
            return Err(Refusal::Conflict);
        }
        for (volume, size) in &raise.sizes {
            cluster.volumes.get_mut(volume).unwrap().size = Some(*size);
        }
        cluster.version = version;
        Ok(Seen::Cluster(key.clone(), Box::new(cluster.clone())))
    }

    /// Changes our object as a user would.
    pub(super) fn edit(&mut self, name: &str, change: impl FnOnce(&mut StorageSeen)) {
        let version = self.next_version();
        let storage = self.toy(name).storage.as_mut().unwrap();
        change(storage);
        storage.meta.version = version;
        let seen = Seen::Storage(Box::new(storage.clone()));
        self.unseen.push(Event::Seen(seen));
    }

    /// Changes the Cluster as CNPG or a user would.
    pub(super) fn edit_cluster(&mut self, name: &str, change: impl FnOnce(&mut ClusterSeen)) {
        let version = self.next_version();
        let cluster = self.toy(name).cluster.as_mut().unwrap();
        change(cluster);
        cluster.version = version;
        let seen = Seen::Cluster(key(name), Box::new(cluster.clone()));
        self.unseen.push(Event::Seen(seen));
    }

    /// Changes the first claim of a Cluster.
    pub(super) fn edit_claim(&mut self, name: &str, change: impl FnOnce(&mut ClaimSeen)) {
        let version = self.next_version();
        let (instance, claim) = self.toy(name).claims.first_mut().unwrap();
        change(claim);
        claim.version = version;
        let seen = seen_claim(&key(name), instance, claim);
        self.unseen.push(Event::Seen(seen));
    }

    /// Changes the first pod of a Cluster.
    pub(super) fn edit_pod(&mut self, name: &str, change: impl FnOnce(&mut PodSeen)) {
        let new = self.next_version();
        let (instance, version, pod) = self.toy(name).pods.first_mut().unwrap();
        change(pod);
        *version = new.clone();
        let seen = Seen::Pod(key(name), instance.clone(), new, Box::new(pod.clone()));
        self.unseen.push(Event::Seen(seen));
    }

    /// The Cluster is deleted; its claims and pods stay for now.
    pub(super) fn delete_cluster(&mut self, name: &str) {
        let version = self.next_version();
        let cluster = self.toy(name).cluster.take().unwrap();
        self.unseen.push(Event::Gone(Kind::Cluster, key(name), cluster.id.name, Some(version)));
    }

    fn remove_finalizer(
        &mut self,
        key: &ClusterKey,
        of: &ObjectId,
        expect: &Version,
    ) -> Result<Seen, Refusal> {
        let version = self.next_version();
        let toy = self.clusters.get_mut(key).ok_or(Refusal::Gone)?;
        let mut storage = toy.storage.take_if(|storage| storage.meta.id == *of).ok_or(Refusal::Gone)?;
        if storage.meta.version != *expect {
            toy.storage = Some(storage);
            return Err(Refusal::Conflict);
        }
        storage.meta.version = version.clone();
        storage.meta.finalizer = false;
        self.unseen.push(Event::Gone(Kind::Storage, key.clone(), of.name.clone(), Some(version)));
        Ok(Seen::Storage(Box::new(storage)))
    }

    /// The requests of all claims of a Cluster.
    pub(super) fn sizes(&self, name: &str) -> Vec<Bytes> {
        self.clusters[&key(name)].claims.iter().map(|(_, claim)| claim.requested).collect()
    }
}

pub(super) fn storage(name: &str) -> StorageSeen {
    StorageSeen {
        key: key(name),
        meta: StorageMeta {
            id: ObjectId { name: ObjectName::from(name), uid: Uid::from(format!("storage-{name}").as_str()) },
            version: Version::from("1"),
            deleting: false,
            finalizer: false,
        },
        generation: 1,
        policy: Ok(policy(1)),
        windows: BTreeMap::new(),
        record: Ok(Record::empty()),
        digest: 0,
        published: Published::nothing(),
    }
}

fn cluster(name: &str, size: Bytes) -> ClusterSeen {
    ClusterSeen {
        id: ObjectId { name: ObjectName::from(name), uid: Uid::from(format!("cluster-{name}").as_str()) },
        version: Version::from("1"),
        instances: 1,
        scaled_by: Scaler::Others,
        volumes: BTreeMap::from([(
            VolumeName::Data,
            VolumeSpecSeen { size: Some(size), resize_in_use: true },
        )]),
        primary: Primary::Known(InstanceName::from(format!("{name}-1").as_str())),
        phase: Text::from("Cluster in healthy state"),
        ready_instances: 1,
        suspended: None,
        fenced: Fenced::Nobody,
        census: Census { instances: 1, loose_claims: 0 },
        conduct: Conduct::plain(),
    }
}

pub(super) fn seen_claim(key: &ClusterKey, instance: &InstanceName, claim: &ClaimSeen) -> Seen {
    Seen::Claim {
        key: key.clone(),
        instance: instance.clone(),
        volume: VolumeName::Data,
        class: Some(ObjectName::from(CLASS)),
        claim: Box::new(claim.clone()),
    }
}
