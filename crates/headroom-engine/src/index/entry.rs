//! What is held of one Cluster.

use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
};

use headroom_core::{
    Bytes, Timestamp,
    names::{InstanceName, ObjectName, Text, Uid, Version, VolumeName},
    observation::{ClaimSeen, ClusterSeen, Obstacle, PodSeen, SurveySeen, WalSeen},
    usage::Samples,
};

use super::{flat::Flat, kept::Kept};
use crate::{Kind, StorageSeen};

/// Everything of one Cluster: objects, and evidence beside the object it speaks of, so that it goes with it.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// Our object.
    pub(crate) storage: Option<Kept<StorageSeen>>,
    /// The Cluster.
    pub(crate) cluster: Option<Kept<ClusterSeen>>,
    /// Its claims by name.
    pub(crate) claims: Flat<ObjectName, Kept<ClaimHeld>>,
    /// Its instance pods by name.
    pub(crate) pods: Flat<ObjectName, Kept<PodHeld>>,
    /// Kinds of which an object of this Cluster could not be decoded, and since when.
    pub(crate) unreadable: BTreeMap<Kind, Unreadable>,
    /// What the primary's status endpoint said.
    pub(crate) wal: Option<WalSeen>,
    /// What only a shrink must know.
    pub(crate) survey: Option<SurveySeen>,
    /// When the Cluster, a claim or a pod was last seen to change.
    pub(crate) changed: Option<Timestamp>,
    /// Refusals that concern the Cluster or our object.
    pub(crate) obstacles: BTreeMap<Uid, Obstacle>,
    /// Objects that a watch reported while a request is in flight; `None` while none is.
    pub(crate) touched: Option<BTreeMap<(Kind, ObjectName), Touch>>,
    /// Whether `spec.instances` has changed since a request was last sent.
    pub(crate) rescaled: bool,
}

/// A claim with its evidence.
#[derive(Clone, Debug)]
pub(crate) struct ClaimHeld {
    /// Whose.
    pub(crate) instance: InstanceName,
    /// Which volume.
    pub(crate) volume: VolumeName,
    /// Its StorageClass.
    pub(crate) class: Option<ObjectName>,
    /// The claim; `growable` is looked up when it is shown.
    pub(crate) claim: ClaimSeen,
    /// Usage of this very claim (by uid).
    pub(crate) samples: Samples,
    /// The last refusal.
    pub(crate) obstacle: Option<Box<Obstacle>>,
    /// The request that is above the capacity, and since when.
    pub(crate) waiting: Option<(Bytes, Timestamp)>,
    /// When its capacity was seen to have grown.
    pub(crate) grown: Option<Timestamp>,
}

/// A pod with the instance it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PodHeld {
    /// Whose.
    pub(crate) instance: InstanceName,
    /// The pod.
    pub(crate) pod: PodSeen,
}

/// An object that could not be decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unreadable {
    /// Why.
    pub(crate) words: Text,
    /// The list of its kind during which it was found.
    pub(crate) epoch: u64,
    /// When.
    pub(crate) at: Timestamp,
}

/// What a watch said of an object while a request was in flight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Touch {
    /// It is there.
    There,
    /// It is gone as of this version.
    Gone(Option<Version>),
}

impl Entry {
    /// Nothing is held.
    pub(crate) const fn empty() -> Self {
        Self {
            storage: None,
            cluster: None,
            claims: Flat::new(),
            pods: Flat::new(),
            unreadable: BTreeMap::new(),
            wal: None,
            survey: None,
            changed: None,
            obstacles: BTreeMap::new(),
            touched: None,
            rescaled: false,
        }
    }

    /// Whether nothing of it needs to be remembered.
    pub(crate) fn is_empty(&self) -> bool {
        self.storage.is_none()
            && self.cluster.is_none()
            && self.claims.is_empty()
            && self.pods.is_empty()
            && self.unreadable.is_empty()
            && self.touched.is_none()
    }

    /// Whether this object is held in a newer version than this one, as far as versions tell.
    pub(crate) fn holds_newer(&self, kind: Kind, name: &ObjectName, version: &Version) -> bool {
        match kind {
            Kind::Storage => self.storage.as_ref().is_some_and(|kept| kept.is_newer_than(version)),
            Kind::Cluster => self.cluster.as_ref().is_some_and(|kept| kept.is_newer_than(version)),
            Kind::Claim => self.claims.get(name).is_some_and(|kept| kept.is_newer_than(version)),
            Kind::Pod => self.pods.get(name).is_some_and(|kept| kept.is_newer_than(version)),
            Kind::Class => false,
        }
    }

    /// The pod of an instance: the one that is not going away, if there are two.
    pub(crate) fn pod_of(&self, instance: &InstanceName) -> Option<&PodSeen> {
        let mut found: Option<&PodSeen> = None;
        for held in self.pods.values().map(|kept| &kept.value).filter(|held| held.instance == *instance) {
            if found.is_none_or(|pod| pod.terminating) {
                found = Some(&held.pod);
            }
        }
        found
    }

    /// The claim with this uid.
    pub(crate) fn claim_mut(&mut self, uid: &Uid) -> Option<&mut ClaimHeld> {
        self.claims.values_mut().map(|kept| &mut kept.value).find(|held| held.claim.id.uid == *uid)
    }

    /// Nodes on which its instances run.
    pub(crate) fn nodes(&self) -> BTreeSet<headroom_core::names::NodeName> {
        self.pods.values().filter_map(|kept| kept.value.pod.node.clone()).collect()
    }

    /// Instances were added or taken away, by us or by somebody else, or headroom has done something: what was surveyed
    /// before proves nothing any more, such as that CNPG has no Job.
    pub(crate) fn survey_is_old(&mut self) {
        if let Some(survey) = &mut self.survey {
            survey.at = Timestamp::from_unix(0);
            survey.facts = None;
        }
    }

    /// The clock was set back: no evidence is of later than now.
    pub(crate) fn set_back(&mut self, now: Timestamp) {
        for unreadable in self.unreadable.values_mut() {
            unreadable.at = unreadable.at.min(now);
        }
        for obstacle in self.obstacles.values_mut() {
            obstacle.at = obstacle.at.min(now);
        }
        if let Some(wal) = &mut self.wal {
            wal.at = wal.at.min(now);
        }
        if let Some(survey) = &mut self.survey {
            survey.at = survey.at.min(now);
            survey.mark = survey.mark.filter(|(at, _)| *at <= now);
        }
        self.changed = self.changed.map(|changed| changed.min(now));
        if let Some(storage) = &mut self.storage {
            storage.set_back(now);
        }
        if let Some(cluster) = &mut self.cluster {
            cluster.set_back(now);
        }
        for pod in self.pods.values_mut() {
            pod.set_back(now);
        }
        for claim in self.claims.values_mut() {
            claim.set_back(now);
            if let Some(obstacle) = &mut claim.value.obstacle {
                obstacle.at = obstacle.at.min(now);
            }
            claim.value.waiting = claim.value.waiting.map(|(request, since)| (request, since.min(now)));
        }
    }

    /// Notes that a watch spoke of an object.
    pub(crate) fn touch(&mut self, kind: Kind, name: &ObjectName, touch: Touch) {
        if let Some(touched) = &mut self.touched {
            touched.insert((kind, name.clone()), touch);
        }
    }
}

impl ClaimHeld {
    /// Carries evidence over from the last report of the same claim, and starts or ends the wait for its request.
    pub(crate) fn with_evidence_of(mut self, before: Option<&Self>, now: Timestamp) -> Self {
        if let Some(before) = before.filter(|before| before.claim.id.uid == self.claim.id.uid) {
            self.samples.clone_from(&before.samples);
            self.obstacle.clone_from(&before.obstacle);
            self.waiting = before.waiting;
            let grew = before.claim.capacity.is_some() && before.claim.capacity < self.claim.capacity;
            // What has been measured by then is older, whatever the kubelet's clock says.
            let measured = self.samples.newest().map(|newest| newest.at);
            self.grown = if grew { measured.max(Some(now)) } else { before.grown };
        }
        let unmet = self.claim.capacity.is_some_and(|capacity| capacity < self.claim.requested);
        self.waiting = match self.waiting {
            _ if !unmet => None,
            Some((request, since)) if request == self.claim.requested => Some((request, since)),
            Some(_) | None => Some((self.claim.requested, now)),
        };
        self
    }
}
