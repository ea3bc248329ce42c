//! A quorum read takes the place of what is held of a Cluster, but for what the watches said after it was asked.

use alloc::{collections::BTreeSet, vec::Vec};

use headroom_core::{
    Timestamp,
    names::{ClusterKey, ObjectName, Version},
};

use super::{
    Index, Taken,
    entry::{Entry, Touch},
    kept::Source,
    kind_of,
};
use crate::{Kind, Seen};

impl Index {
    /// From now on what the watches say of this Cluster is remembered, until [`Index::settled`].
    pub(crate) fn asked(&mut self, key: &ClusterKey) {
        let entry = self.entries.entry(key.clone()).or_insert_with(Entry::empty);
        entry.touched = Some(alloc::collections::BTreeMap::new());
        entry.rescaled = false;
    }

    /// The request was answered and its answer is folded in.
    pub(crate) fn settled(&mut self, key: &ClusterKey) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.touched = None;
        }
        self.drop_if_empty(key);
    }

    /// Folds in an object that our own request brought back, unless a watch said meanwhile that it is gone.
    pub(crate) fn answered(&mut self, seen: Seen, source: Source, now: Timestamp) -> Taken {
        let (kind, key, name, version) = identify(&seen);
        if let (Some(key), Some(version)) = (key, version)
            && self.gone_meanwhile(key, kind, name, version)
        {
            return Taken { stale: true, ..Taken::nothing() };
        }
        self.take(seen, source, now)
    }

    /// Whether a read shows an object older than it was known to be when the read was asked: no quorum read does, so
    /// that this one is of an earlier moment as a whole.
    pub(crate) fn is_ahead_of(&self, key: &ClusterKey, seen: &[Seen]) -> bool {
        let Some(entry) = self.entries.get(key) else { return false };
        seen.iter().any(|object| {
            let (kind, _, name, version) = identify(object);
            let Some(version) = version else { return false };
            let touched = entry.touched.as_ref().and_then(|touched| touched.get(&(kind, name.clone())));
            touched.is_none() && entry.holds_newer(kind, name, version)
        })
    }

    /// Replaces what is held of a Cluster by what a quorum read found.
    pub(crate) fn replace(&mut self, key: &ClusterKey, seen: Vec<Seen>, now: Timestamp) -> Taken {
        let mut found: BTreeSet<(Kind, ObjectName)> = BTreeSet::new();
        let mut before = None;
        for object in seen {
            let (kind, _, name, _) = identify(&object);
            found.insert((kind, name.clone()));
            let taken = self.answered(object, Source::Read, now);
            before = before.or(taken.before);
        }
        let missing = self.missing(key, &found);
        let gone = !missing.is_empty();
        for (kind, name) in missing {
            self.remove(kind, key, &name);
        }
        if let Some(entry) = self.entries.get_mut(key) {
            entry.unreadable.clear();
            entry.changed = if gone { Some(now) } else { entry.changed };
        }
        Taken { before, ..Taken::keys(alloc::vec![key.clone()]) }
    }

    fn gone_meanwhile(&self, key: &ClusterKey, kind: Kind, name: &ObjectName, version: &Version) -> bool {
        let touched = self.entries.get(key).and_then(|entry| entry.touched.as_ref());
        match touched.and_then(|touched| touched.get(&(kind, name.clone()))) {
            Some(Touch::Gone(gone)) => match (gone.as_ref().and_then(Version::number), version.number()) {
                (Some(gone), Some(read)) => read <= gone,
                (Some(_) | None, Some(_) | None) => true,
            },
            Some(Touch::There) | None => false,
        }
    }

    /// Objects that are held, were not read, and were not shown by a watch since the read was asked.
    fn missing(&self, key: &ClusterKey, found: &BTreeSet<(Kind, ObjectName)>) -> Vec<(Kind, ObjectName)> {
        let Some(entry) = self.entries.get(key) else { return Vec::new() };
        let storage = entry.storage.iter().map(|kept| (Kind::Storage, kept.value.meta.id.name.clone()));
        let cluster = entry.cluster.iter().map(|kept| (Kind::Cluster, kept.value.id.name.clone()));
        let claims = entry.claims.keys().map(|name| (Kind::Claim, name.clone()));
        let pods = entry.pods.keys().map(|name| (Kind::Pod, name.clone()));
        let shown = |object: &(Kind, ObjectName)| {
            entry.touched.as_ref().is_some_and(|touched| touched.get(object) == Some(&Touch::There))
        };
        storage
            .chain(cluster)
            .chain(claims)
            .chain(pods)
            .filter(|object| !found.contains(object) && !shown(object))
            .collect()
    }
}

fn identify(seen: &Seen) -> (Kind, Option<&ClusterKey>, &ObjectName, Option<&Version>) {
    let kind = kind_of(seen);
    match seen {
        Seen::Storage(storage) => {
            (kind, Some(&storage.key), &storage.meta.id.name, Some(&storage.meta.version))
        }
        Seen::Cluster(key, cluster) => (kind, Some(key), &cluster.id.name, Some(&cluster.version)),
        Seen::Claim { key, claim, .. } => (kind, Some(key), &claim.id.name, Some(&claim.version)),
        Seen::Pod(key, _, version, pod) => (kind, Some(key), &pod.id.name, Some(version)),
        Seen::Class { name, .. } => (kind, None, name, None),
    }
}
