//! A toy world of one Cluster: builders, and "apply" for what a decision asks.

use std::collections::BTreeMap;

use headroom_core::{
    Action, Bytes, Decision, Observation, Percent, Policy, Record, Span, Timestamp, decide,
    decision::Need,
    ledger::{ActionId, Cause, Ledger, LedgerEntry, Outcome},
    lint,
    lint::Severity,
    names::{InstanceName, ObjectId, ObjectName, Text, Uid, Version, VolumeName},
    observation::{
        Census, ClaimPhase, ClaimSeen, ClusterSeen, Conduct, ContainerExit, ContainerSeen, Evidence, Fenced,
        Freshness, Growable, Mark, MemberSeen, Obstacle, ObstacleCause, PodSeen, Primary, Resizing, Scaler,
        StorageMeta, VolumeSpecSeen,
    },
    policy::{Budget, ClusterSizeSync, EmergencyPolicy, Mode, ShrinkPolicy, Surge, VolumePolicy},
    record::VolumeRecord,
    report::{Reason, State, VolumeReport},
    usage::{Sample, Samples},
    window::Windows,
};

/// 2026-11-23T12:00:00Z.
pub(crate) const NOON: i64 = 1_795_435_200;

/// One Cluster at one time.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) policy: Policy,
    pub(crate) seen: Observation,
    pub(crate) record: Record,
    pub(crate) now: Timestamp,
    /// Which case this is, for messages.
    pub(crate) label: String,
}

pub(crate) fn gi(count: u64) -> Bytes {
    Bytes::gibi(count)
}

pub(crate) fn mi(count: u64) -> Bytes {
    Bytes::mebi(count)
}

pub(crate) fn instance(number: usize) -> InstanceName {
    InstanceName::from(format!("pg-{number}").as_str())
}

pub(crate) fn object(name: &str) -> ObjectId {
    ObjectId { name: ObjectName::from(name), uid: Uid::from(format!("uid-{name}").as_str()) }
}

/// XFS on a claim of `claim` bytes: a constant 64 MiB less.
pub(crate) fn file_system(claim: Bytes) -> Bytes {
    claim.minus_or_zero(mi(64))
}

pub(crate) fn rules() -> VolumePolicy {
    VolumePolicy {
        request: None,
        limit: gi(100),
        buffer: Percent::clamped(20),
        unit: gi(1),
        budget: Budget { per_day: 4, reserved: 1 },
        emergency: EmergencyPolicy {
            enabled: true,
            critical: Percent::clamped(95),
            minimum_free: None,
            limit: None,
        },
        shrink: ShrinkPolicy {
            enabled: false,
            stabilization: Span::hours(24),
            minimum_saving: Percent::clamped(20),
            surge: Surge::Auto,
            allow_switchover_on_single_instance: false,
        },
        acknowledge_wal_risk: false,
    }
}

pub(crate) fn claim(name: &str, size: Bytes) -> ClaimSeen {
    ClaimSeen {
        id: object(name),
        version: Version::from("1"),
        requested: size,
        requested_text: Text::from(size.to_string().as_str()),
        capacity: Some(size),
        phase: ClaimPhase::Bound,
        resize: Resizing::none(),
        initializing: false,
        terminating: false,
        growable: Growable::Yes,
    }
}

impl World {
    /// `instances` healthy instances with data claims of 10Gi, half full; `pg-1` is primary. Archiving is known to be
    /// fine and the finalizer is on.
    pub(crate) fn new(instances: usize) -> Self {
        let now = Timestamp::from_unix(NOON);
        let mut world = Self {
            policy: Policy {
                generation: 1,
                mode: Mode::Apply,
                sync: ClusterSizeSync::OnRelease,
                volumes: BTreeMap::from([(VolumeName::Data, rules())]),
            },
            seen: Observation {
                cluster: cluster(instances),
                members: BTreeMap::new(),
                windows: BTreeMap::from([(VolumeName::Data, Windows::Always)]),
                evidence: Evidence::none(),
                freshness: Freshness::Cached,
                storage: StorageMeta {
                    id: object("pg"),
                    version: Version::from("1"),
                    deleting: false,
                    finalizer: true,
                },
            },
            record: Record::empty(),
            now,
            label: String::new(),
        };
        world.seen.evidence.wal = Some(headroom_core::observation::WalSeen { at: now, facts: None });
        for number in 1..=instances {
            world.add_member(number, gi(10));
        }
        world.set_used_all(50);
        world.settle();
        world
    }

    pub(crate) fn add_member(&mut self, number: usize, size: Bytes) {
        let name = format!("pg-{number}");
        let pod = PodSeen {
            id: object(&format!("pod-{name}")),
            node: Some(format!("n{number}").as_str().into()),
            address: None,
            ready: true,
            unready_since: None,
            pending: false,
            terminating: false,
            container: ContainerSeen::Running { since: self.now.minus(Span::hours(10)) },
            last_exit: None,
            version: Version::from("1"),
            mark: Mark::None,
        };
        let claims = BTreeMap::from([(VolumeName::Data, claim(&format!("claim-{number}"), size))]);
        self.seen.members.insert(instance(number), MemberSeen { pod: Some(pod), claims });
    }

    pub(crate) fn rules(&mut self) -> &mut VolumePolicy {
        self.policy.volumes.get_mut(&VolumeName::Data).unwrap()
    }

    pub(crate) fn claim(&mut self, number: usize) -> &mut ClaimSeen {
        let member = self.seen.members.get_mut(&instance(number)).unwrap();
        member.claims.get_mut(&VolumeName::Data).unwrap()
    }

    pub(crate) fn pod(&mut self, number: usize) -> &mut PodSeen {
        self.seen.members.get_mut(&instance(number)).unwrap().pod.as_mut().unwrap()
    }

    /// Gives the claim a size, as if it always had it.
    pub(crate) fn set_size(&mut self, number: usize, size: Bytes) {
        let claim = self.claim(number);
        claim.requested = size;
        claim.requested_text = Text::from(size.to_string().as_str());
        claim.capacity = Some(size);
    }

    /// Two samples, 30 s and 10 s old, with `percent` of the claim's present file system in use.
    pub(crate) fn set_used(&mut self, number: usize, percent: u64) {
        let capacity = file_system(self.claim(number).capacity.unwrap());
        let available = capacity.scaled_up(100 - percent, 100).unwrap();
        self.set_available(number, capacity, available);
    }

    pub(crate) fn set_available(&mut self, number: usize, capacity: Bytes, available: Bytes) {
        let mut samples = Samples::none();
        for age in [30, 10] {
            samples.push(Sample { at: self.now.minus(Span::seconds(age)), capacity, available });
        }
        self.set_samples(number, samples);
    }

    pub(crate) fn set_samples(&mut self, number: usize, samples: Samples) {
        let uid = self.claim(number).id.uid.clone();
        self.seen.evidence.samples.insert(uid, samples);
    }

    pub(crate) fn forget_samples(&mut self, number: usize) {
        let uid = self.claim(number).id.uid.clone();
        self.seen.evidence.samples.remove(&uid);
    }

    pub(crate) fn set_used_all(&mut self, percent: u64) {
        for number in 1..=self.seen.members.len() {
            self.set_used(number, percent);
        }
    }

    /// The same bytes stay in use; the kubelet sees the present file system now.
    pub(crate) fn sample_again(&mut self) {
        for number in 1..=self.seen.members.len() {
            let uid = self.claim(number).id.uid.clone();
            let capacity = file_system(self.claim(number).capacity.unwrap_or(Bytes::ZERO));
            let at = self.now;
            if let Some(samples) = self.seen.evidence.samples.get_mut(&uid) {
                let last = samples.newest().unwrap();
                let used = last.capacity.minus_or_zero(last.available);
                samples.push(Sample { at, capacity, available: capacity.minus_or_zero(used) });
            }
        }
    }

    /// The server of this member stopped `ago` seconds ago and is in back-off.
    pub(crate) fn stop_server(&mut self, number: usize, code: i32, ago: u32) {
        let at = self.now.minus(Span::seconds(ago));
        let pod = self.pod(number);
        pod.ready = false;
        pod.container = ContainerSeen::NotRunning;
        pod.last_exit = Some(ContainerExit { code, at });
    }

    pub(crate) fn refuse(&mut self, number: usize, cause: ObstacleCause, wanted: Bytes) {
        let obstacle =
            Obstacle { cause, words: Text::from("exceeded quota"), at: self.now, attempts: 1, wanted };
        let uid = self.claim(number).id.uid.clone();
        self.seen.evidence.obstacles.insert(uid, obstacle);
    }

    pub(crate) fn fenced(&mut self, number: usize) {
        self.seen.cluster.fenced = Fenced::Instances(vec![instance(number)]);
    }

    pub(crate) fn advance(&mut self, span: Span) {
        self.now = self.now.plus(span);
        if let Some(wal) = &mut self.seen.evidence.wal {
            wal.at = self.now;
        }
    }

    /// An earlier action, `ago` seconds ago, completed.
    pub(crate) fn spend_slot(&mut self, ago: i64) {
        self.record.sequence += 1;
        let started = Timestamp::from_unix(self.now.unix() - ago);
        let entry = LedgerEntry {
            id: ActionId(self.record.sequence),
            cause: Cause::Planned,
            from: gi(9),
            to: gi(10),
            started,
            outcome: Outcome::Completed { at: started },
        };
        self.volume_record().ledger.entries.push(entry);
    }

    pub(crate) fn volume_record(&mut self) -> &mut VolumeRecord {
        self.record.volumes.entry(VolumeName::Data).or_insert_with(|| VolumeRecord {
            effective: gi(10),
            ledger: Ledger { entries: Vec::new() },
            growth: None,
            calm: None,
            members: BTreeMap::new(),
        })
    }

    /// Decides; the second opinion must agree and the wake-up must lie ahead.
    #[track_caller]
    pub(crate) fn decide(&self) -> Decision {
        let decision = decide(&self.policy, &self.seen, &self.record, self.now);
        let findings = lint(&self.policy, &self.seen, &self.record, &decision, self.now);
        let fatal: Vec<_> = findings.iter().filter(|finding| finding.severity == Severity::Fatal).collect();
        assert!(fatal.is_empty(), "{fatal:?} {}\n{:#?}\n{:#?}", self.label, decision.record, decision.report);
        assert!(decision.wake.is_none_or(|wake| wake > self.now), "wake in the past: {decision:#?}");
        decision
    }

    /// One request of the session: writes the record, else does the first action. Answers what was done.
    #[track_caller]
    pub(crate) fn step(&mut self) -> Option<Done> {
        let decision = self.decide();
        // As the session does: intent, then knowledge, then the first action; what was read holds until the next write.
        let read = std::mem::replace(&mut self.seen.freshness, Freshness::Cached);
        if decision.record != self.record {
            self.record = decision.record;
            return Some(Done::Recorded);
        }
        match decision.needs {
            Some(Need::Quorum) => {
                assert_eq!(read, Freshness::Cached, "what was just read is asked for again");
                self.seen.freshness = Freshness::Quorum { read_at: self.now };
                return Some(Done::Read);
            }
            Some(Need::Wal | Need::Survey) => return None,
            None => {}
        }
        let Some(action) = decision.actions.into_iter().next() else {
            self.seen.freshness = read;
            return None;
        };
        self.apply(&action);
        Some(Done::Acted(action))
    }

    /// What the API server does with an accepted request.
    #[track_caller]
    pub(crate) fn apply(&mut self, action: &Action) {
        match action {
            Action::Resize(resize) => {
                let now = self.now;
                let member = self.seen.members.get_mut(&resize.instance).unwrap();
                let claim = member.claims.get_mut(&resize.volume).unwrap();
                assert_eq!(claim.requested_text, resize.from_text, "a failed test");
                claim.requested = resize.to;
                claim.requested_text = Text::from(resize.to.to_string().as_str());
                let uid = claim.id.uid.clone();
                self.seen.evidence.waiting_since.insert(uid, now);
            }
            Action::RaiseClusterSizes(raise) => {
                for (volume, size) in &raise.sizes {
                    self.seen.cluster.volumes.get_mut(volume).unwrap().size = Some(*size);
                }
            }
            Action::AddFinalizer(..) => self.seen.storage.finalizer = true,
            Action::RemoveFinalizer(..) => self.seen.storage.finalizer = false,
            Action::Withdraw(_)
            | Action::Destroy(_)
            | Action::Promote(_)
            | Action::SetInstances(_)
            | Action::DeleteJob(_)
            | Action::DeletePod(_)
            | Action::DiscardClaim(_) => panic!("no growth asks for this: {action:?}"),
        }
    }

    /// Steps until nothing more is asked. Answers the patches in order.
    #[track_caller]
    pub(crate) fn settle(&mut self) -> Vec<(InstanceName, Bytes)> {
        let mut patches = Vec::new();
        for _ in 0..64 {
            match self.step() {
                None => return patches,
                Some(Done::Acted(Action::Resize(resize))) => patches.push((resize.instance, resize.to)),
                Some(Done::Acted(_) | Done::Recorded | Done::Read) => {}
            }
        }
        panic!("asks without end: {:#?}", self.decide());
    }

    /// The storage gives every mounted, bound claim what it asks for; the kubelet sees it.
    pub(crate) fn storage_works(&mut self) {
        self.advance(Span::seconds(5));
        for member in self.seen.members.values_mut() {
            let mounted = member.pod.is_some();
            for claim in
                member.claims.values_mut().filter(|claim| claim.phase == ClaimPhase::Bound && mounted)
            {
                claim.capacity = claim.capacity.map(|capacity| capacity.max(claim.requested));
                claim.resize = Resizing::none();
                self.seen.evidence.waiting_since.remove(&claim.id.uid);
            }
        }
        self.sample_again();
    }

    /// Works and settles until nothing changes; answers all patches.
    #[track_caller]
    pub(crate) fn finish(&mut self) -> Vec<(InstanceName, Bytes)> {
        let mut patches = self.settle();
        for _ in 0..16 {
            self.storage_works();
            let more = self.settle();
            if more.is_empty() {
                return patches;
            }
            patches.extend(more);
        }
        panic!("grows without end: {patches:?}");
    }

    pub(crate) fn report(&self) -> VolumeReport {
        self.decide().report.volumes[&VolumeName::Data].clone()
    }

    #[track_caller]
    pub(crate) fn assert_says(&self, state: State, reason: &Reason) {
        let report = self.report();
        assert_eq!((report.state, &report.reason), (state, reason));
    }

    pub(crate) fn outcomes(&mut self) -> Vec<(Cause, &'static str)> {
        let entries = &self.volume_record().ledger.entries;
        entries
            .iter()
            .map(|entry| {
                let outcome = match entry.outcome {
                    Outcome::Running => "running",
                    Outcome::Completed { .. } => "completed",
                    Outcome::Refunded { .. } => "refunded",
                    Outcome::Superseded { .. } => "superseded",
                };
                (entry.cause, outcome)
            })
            .collect()
    }

    pub(crate) fn effective(&mut self) -> Bytes {
        self.volume_record().effective
    }
}

/// What one step of the session did.
#[derive(Debug)]
pub(crate) enum Done {
    Read,
    Recorded,
    Acted(Action),
}

fn cluster(instances: usize) -> ClusterSeen {
    let count = u32::try_from(instances).unwrap();
    ClusterSeen {
        id: object("cluster"),
        version: Version::from("1"),
        instances: count,
        scaled_by: Scaler::Others,
        volumes: BTreeMap::from([(
            VolumeName::Data,
            VolumeSpecSeen { size: Some(gi(10)), resize_in_use: true },
        )]),
        primary: Primary::Known(instance(1)),
        phase: Text::from("Cluster in healthy state"),
        ready_instances: count,
        suspended: None,
        fenced: Fenced::Nobody,
        census: Census { instances: count, loose_claims: 0 },
        conduct: Conduct::plain(),
    }
}
