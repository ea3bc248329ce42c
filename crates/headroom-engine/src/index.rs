//! What the watches, quorum reads and our own writes have shown, folded at once.

pub(crate) mod entry;
mod flat;
pub(crate) mod kept;
mod list;
mod read;
mod same;
mod usage;

use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use headroom_core::{
    Timestamp,
    names::{ClusterKey, InstanceName, ObjectName, Version, VolumeName},
    observation::{ClaimSeen, ClusterSeen},
    usage::Samples,
};

use crate::{Kind, Seen, StorageSeen};
use entry::{ClaimHeld, Entry, PodHeld, Touch};
use kept::{Freshness, Kept, Source};

/// Everything that is known, by Cluster.
#[derive(Clone, Debug)]
pub(crate) struct Index {
    pub(crate) entries: BTreeMap<ClusterKey, Entry>,
    /// StorageClasses: whether they allow expansion, and the list that named them last.
    classes: BTreeMap<ObjectName, (bool, u64)>,
    /// To which Cluster a claim belongs: namespace and name of the claim.
    homes: BTreeMap<(ObjectName, ObjectName), ClusterKey>,
    /// The number of the present or last list, by kind.
    epochs: BTreeMap<Kind, u64>,
    /// Kinds that were listed completely at least once.
    listed: BTreeSet<Kind>,
    /// When each watch last said anything.
    heard: BTreeMap<Kind, Timestamp>,
}

/// What a report changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    /// Clusters for which something changed.
    pub(crate) keys: Vec<ClusterKey>,
    /// Our object as it was before, if it was replaced by something different.
    pub(crate) before: Option<Box<StorageSeen>>,
    /// The report was older than what is held.
    pub(crate) stale: bool,
    /// A quorum read of this Cluster is due at this time: which of two versions is newer cannot be told.
    pub(crate) read_at: Option<(ClusterKey, Timestamp)>,
}

impl Taken {
    /// Nothing changed.
    pub(crate) const fn nothing() -> Self {
        Self { keys: Vec::new(), before: None, stale: false, read_at: None }
    }

    /// These Clusters changed.
    fn keys(keys: Vec<ClusterKey>) -> Self {
        Self { keys, ..Self::nothing() }
    }
}

/// How a report met what is held.
enum Put<T> {
    Changed(Option<T>),
    Same,
    Stale,
    Unclear(Timestamp),
}

/// A report of one object and where it comes from.
struct Report {
    version: Version,
    epoch: u64,
    source: Source,
    now: Timestamp,
}

impl Report {
    fn put<T>(
        self,
        slot: &mut Option<Kept<T>>,
        value: T,
        same: fn(&T, &T) -> bool,
        merge: fn(T, Option<&T>, Timestamp) -> T,
    ) -> Put<T> {
        let Self { version, epoch, source, now } = self;
        let Some(mut held) = slot.take() else {
            *slot = Some(Kept::new(merge(value, None, now), version, epoch, source));
            return Put::Changed(None);
        };
        let put = match held.judge(&version, source, now) {
            Freshness::Older => Put::Stale,
            Freshness::Unclear(until) => Put::Unclear(until),
            Freshness::Newer => {
                let unchanged = same(&held.value, &value);
                let value = merge(value, Some(&held.value), now);
                let before = core::mem::replace(&mut held, Kept::new(value, version, epoch, source));
                if unchanged { Put::Same } else { Put::Changed(Some(before.value)) }
            }
        };
        held.epoch = epoch;
        *slot = Some(held);
        put
    }
}

impl Index {
    /// Nothing has been seen.
    pub(crate) const fn new() -> Self {
        Self {
            entries: BTreeMap::new(),
            classes: BTreeMap::new(),
            homes: BTreeMap::new(),
            epochs: BTreeMap::new(),
            listed: BTreeSet::new(),
            heard: BTreeMap::new(),
        }
    }

    /// What is held of a Cluster.
    pub(crate) fn entry(&self, key: &ClusterKey) -> Option<&Entry> {
        self.entries.get(key)
    }

    /// The clock was set back: what was noted later than now was noted now.
    pub(crate) fn set_back(&mut self, now: Timestamp) {
        for heard in self.heard.values_mut() {
            *heard = now.min(*heard);
        }
        for entry in self.entries.values_mut() {
            entry.set_back(now);
        }
    }

    /// Our object of a Cluster.
    pub(crate) fn storage(&self, key: &ClusterKey) -> Option<&StorageSeen> {
        self.entries.get(key).and_then(|entry| entry.storage.as_ref()).map(|kept| &kept.value)
    }

    /// Whether a StorageClass allows expansion; `None`: it has not been seen.
    pub(crate) fn expandable(&self, class: &ObjectName) -> Option<bool> {
        self.classes.get(class).map(|(expandable, _)| *expandable)
    }

    /// To which Cluster a claim belongs.
    pub(crate) fn home(&self, namespace: &ObjectName, claim: &ObjectName) -> Option<&ClusterKey> {
        self.homes.get(&(namespace.clone(), claim.clone()))
    }

    /// Folds one object in.
    pub(crate) fn take(&mut self, seen: Seen, source: Source, now: Timestamp) -> Taken {
        let kind = kind_of(&seen);
        let epoch = self.epoch(kind);
        match seen {
            Seen::Storage(storage) => self.take_storage(*storage, epoch, source, now),
            Seen::Cluster(key, cluster) => self.take_cluster(key, *cluster, epoch, source, now),
            Seen::Claim { key, instance, volume, class, claim } => {
                self.take_claim(key, (instance, volume, class, *claim), epoch, source, now)
            }
            Seen::Pod(key, instance, version, pod) => {
                self.take_pod(key, PodHeld { instance, pod: *pod }, Report { version, epoch, source, now })
            }
            Seen::Class { name, expandable } => {
                let before = self.classes.insert(name.clone(), (expandable, epoch));
                if before.is_some_and(|(was, _)| was == expandable) {
                    return Taken::nothing();
                }
                Taken::keys(self.users_of(&name))
            }
        }
    }

    fn take_storage(&mut self, storage: StorageSeen, epoch: u64, source: Source, now: Timestamp) -> Taken {
        let key = storage.key.clone();
        let version = storage.meta.version.clone();
        let entry = self.entries.entry(key.clone()).or_insert_with(Entry::empty);
        if source == Source::Watch {
            entry.touch(Kind::Storage, &storage.meta.id.name, Touch::There);
        }
        let cured = entry.unreadable.remove(&Kind::Storage).is_some();
        let put = Report { version, epoch, source, now }.put(
            &mut entry.storage,
            storage,
            same::storage,
            |new, _, _| new,
        );
        if let Put::Changed(Some(before)) = &put
            && entry.storage.as_ref().is_some_and(|kept| kept.value.meta.id.uid != before.meta.id.uid)
        {
            entry.obstacles.clear();
        }
        let (before, taken) = sort(put, key, cured);
        Taken { before: before.map(Box::new), ..taken }
    }

    fn take_cluster(
        &mut self,
        key: ClusterKey,
        cluster: ClusterSeen,
        epoch: u64,
        source: Source,
        now: Timestamp,
    ) -> Taken {
        let version = cluster.version.clone();
        let entry = self.entries.entry(key.clone()).or_insert_with(Entry::empty);
        if source == Source::Watch {
            entry.touch(Kind::Cluster, &cluster.id.name, Touch::There);
        }
        let cured = entry.unreadable.remove(&Kind::Cluster).is_some();
        let put = Report { version, epoch, source, now }.put(
            &mut entry.cluster,
            cluster,
            same::cluster,
            |new, _, _| new,
        );
        if let (Put::Changed(Some(before)), Some(kept)) = (&put, &entry.cluster) {
            let another = before.primary != kept.value.primary || before.id.uid != kept.value.id.uid;
            if before.instances != kept.value.instances {
                entry.rescaled = true;
                entry.survey_is_old();
            }
            if another {
                // Another server's WAL: what was read says nothing of it.
                entry.wal = None;
                entry.survey = None;
            }
        }
        entry.changes(&put, now);
        sort(put, key, cured).1
    }

    fn take_claim(
        &mut self,
        key: ClusterKey,
        (instance, volume, class, claim): (InstanceName, VolumeName, Option<ObjectName>, ClaimSeen),
        epoch: u64,
        source: Source,
        now: Timestamp,
    ) -> Taken {
        let name = claim.id.name.clone();
        let version = claim.version.clone();
        let moved =
            self.homes.insert((key.namespace.clone(), name.clone()), key.clone()).filter(|home| *home != key);
        let mut left = Vec::new();
        if let Some(home) = moved {
            if let Some(entry) = self.entries.get_mut(&home) {
                entry.claims.remove(&name);
            }
            self.drop_if_empty(&home);
            left.push(home);
        }
        let entry = self.entries.entry(key.clone()).or_insert_with(Entry::empty);
        if source == Source::Watch {
            entry.touch(Kind::Claim, &name, Touch::There);
        }
        let held = ClaimHeld {
            instance,
            volume,
            class,
            claim,
            samples: Samples::none(),
            obstacle: None,
            waiting: None,
            grown: None,
        };
        let mut slot = entry.claims.remove(&name);
        let put = Report { version, epoch, source, now }.put(
            &mut slot,
            held,
            same::claim,
            ClaimHeld::with_evidence_of,
        );
        if let Some(kept) = slot {
            entry.claims.insert(name, kept);
        }
        entry.changes(&put, now);
        let mut taken = sort(put, key, false).1;
        taken.keys.append(&mut left);
        taken
    }

    fn take_pod(&mut self, key: ClusterKey, held: PodHeld, report: Report) -> Taken {
        let name = held.pod.id.name.clone();
        let entry = self.entries.entry(key.clone()).or_insert_with(Entry::empty);
        if report.source == Source::Watch {
            entry.touch(Kind::Pod, &name, Touch::There);
        }
        let mut slot = entry.pods.remove(&name);
        let now = report.now;
        let put = report.put(&mut slot, held, same::pod, |new, _, _| new);
        entry.changes(&put, now);
        if let Some(kept) = slot {
            entry.pods.insert(name, kept);
        }
        sort(put, key, false).1
    }

    /// Takes an object out that a watch says is gone.
    pub(crate) fn gone(
        &mut self,
        kind: Kind,
        key: &ClusterKey,
        name: &ObjectName,
        version: Option<&Version>,
    ) -> Taken {
        if kind == Kind::Class {
            self.classes.remove(name);
            return Taken::keys(self.users_of(name));
        }
        let Some(entry) = self.entries.get_mut(key) else { return Taken::nothing() };
        entry.touch(kind, name, Touch::Gone(version.cloned()));
        let newer = match kind {
            Kind::Storage => entry.storage.as_ref().map(|kept| kept.ended_by(version)),
            Kind::Cluster => entry.cluster.as_ref().map(|kept| kept.ended_by(version)),
            Kind::Claim => entry.claims.get(name).map(|kept| kept.ended_by(version)),
            Kind::Pod => entry.pods.get(name).map(|kept| kept.ended_by(version)),
            Kind::Class => None,
        };
        match newer {
            Some(true) => {
                self.remove(kind, key, name);
                Taken::keys(alloc::vec![key.clone()])
            }
            Some(false) => Taken { stale: true, ..Taken::nothing() },
            None => Taken::nothing(),
        }
    }

    /// Forgets an object and the evidence that hangs on it.
    fn remove(&mut self, kind: Kind, key: &ClusterKey, name: &ObjectName) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        match kind {
            Kind::Storage => {
                entry.storage = None;
                entry.obstacles.clear();
            }
            Kind::Cluster => {
                entry.cluster = None;
                entry.wal = None;
                entry.survey = None;
            }
            Kind::Claim => {
                entry.claims.remove(name);
                self.homes.remove(&(key.namespace.clone(), name.clone()));
            }
            Kind::Pod => {
                entry.pods.remove(name);
            }
            Kind::Class => {}
        }
        self.drop_if_empty(key);
    }

    /// Notes that objects of these Clusters are gone.
    pub(crate) fn changed(&mut self, taken: &Taken, now: Timestamp) {
        for key in &taken.keys {
            if let Some(entry) = self.entries.get_mut(key) {
                entry.changed = Some(now);
            }
        }
    }

    /// Forgets a Cluster of which nothing is left.
    pub(crate) fn drop_if_empty(&mut self, key: &ClusterKey) {
        if self.entries.get(key).is_some_and(Entry::is_empty) {
            self.entries.remove(key);
        }
    }

    fn users_of(&self, class: &ObjectName) -> Vec<ClusterKey> {
        let uses = |entry: &Entry| entry.claims.values().any(|kept| kept.value.class.as_ref() == Some(class));
        self.entries.iter().filter(|(_, entry)| uses(entry)).map(|(key, _)| key.clone()).collect()
    }
}

/// The kind of an object.
pub(crate) const fn kind_of(seen: &Seen) -> Kind {
    match seen {
        Seen::Storage(_) => Kind::Storage,
        Seen::Cluster(..) => Kind::Cluster,
        Seen::Claim { .. } => Kind::Claim,
        Seen::Pod(..) => Kind::Pod,
        Seen::Class { .. } => Kind::Class,
    }
}

impl Entry {
    /// Notes that something of the Cluster changed.
    fn changes<T>(&mut self, put: &Put<T>, now: Timestamp) {
        if matches!(put, Put::Changed(_)) {
            self.changed = Some(now);
        }
    }
}

fn sort<T>(put: Put<T>, key: ClusterKey, cured: bool) -> (Option<T>, Taken) {
    match put {
        Put::Changed(before) => (before, Taken::keys(alloc::vec![key])),
        Put::Same if cured => (None, Taken::keys(alloc::vec![key])),
        Put::Same => (None, Taken::nothing()),
        Put::Stale => (None, Taken { stale: true, ..Taken::nothing() }),
        Put::Unclear(at) => (None, Taken { read_at: Some((key, at)), ..Taken::nothing() }),
    }
}
