//! Lists: mark and sweep by epoch, so that a new list never needs a second copy. And how old the watches are.

use alloc::vec::Vec;

use headroom_core::{
    Timestamp,
    names::{ClusterKey, ObjectName, Text},
};

use super::{
    Index, Taken,
    entry::{Entry, Unreadable},
};
use crate::Kind;

/// Every kind; nothing is decided before each was listed once.
const ALL: [Kind; 5] = [Kind::Storage, Kind::Cluster, Kind::Claim, Kind::Pod, Kind::Class];

impl Index {
    /// The number of the present or last list of a kind.
    pub(super) fn epoch(&self, kind: Kind) -> u64 {
        self.epochs.get(&kind).copied().unwrap_or(0)
    }

    /// A list begins.
    pub(crate) fn list_began(&mut self, kind: Kind) {
        let next = self.epoch(kind).saturating_add(1);
        self.epochs.insert(kind, next);
    }

    /// A list is complete: what it did not name is gone. Answers the Clusters that changed.
    pub(crate) fn list_done(&mut self, kind: Kind) -> Taken {
        self.listed.insert(kind);
        let epoch = self.epoch(kind);
        if kind == Kind::Class {
            return self.sweep_classes(epoch);
        }
        let mut swept: Vec<(ClusterKey, Vec<ObjectName>)> = Vec::new();
        for (key, entry) in &mut self.entries {
            let cured = entry.unreadable.get(&kind).is_some_and(|found| found.epoch < epoch);
            if cured {
                entry.unreadable.remove(&kind);
            }
            let names = unnamed(entry, kind, epoch);
            if cured || !names.is_empty() {
                swept.push((key.clone(), names));
            }
        }
        for (key, names) in &swept {
            for name in names {
                self.remove(kind, key, name);
            }
            self.drop_if_empty(key);
        }
        Taken::keys(swept.into_iter().map(|(key, _)| key).collect())
    }

    fn sweep_classes(&mut self, epoch: u64) -> Taken {
        let unnamed = |(_, (_, named)): &(&ObjectName, &(bool, u64))| *named < epoch;
        let gone: Vec<ObjectName> =
            self.classes.iter().filter(unnamed).map(|(name, _)| name.clone()).collect();
        let mut keys = Vec::new();
        for name in gone {
            self.classes.remove(&name);
            keys.extend(self.users_of(&name));
        }
        Taken::keys(keys)
    }

    /// Whether every kind was listed once.
    pub(crate) fn complete(&self) -> bool {
        ALL.iter().all(|kind| self.listed.contains(kind))
    }

    /// A watch said something.
    pub(crate) fn heard(&mut self, kind: Kind, now: Timestamp) {
        self.heard.insert(kind, now);
    }

    /// When the quietest of the watches that decisions rest on last said anything. StorageClasses are left out: they
    /// hardly ever change, and a quorum read of a Cluster does not read them.
    pub(crate) fn quietest(&self) -> Option<Timestamp> {
        let watched = [Kind::Storage, Kind::Cluster, Kind::Claim, Kind::Pod];
        watched.iter().map(|kind| self.heard.get(kind).copied()).min().flatten()
    }

    /// An object of a Cluster could not be decoded.
    pub(crate) fn unreadable(&mut self, kind: Kind, key: &ClusterKey, words: Text, now: Timestamp) -> Taken {
        let epoch = self.epoch(kind);
        let entry = self.entries.entry(key.clone()).or_insert_with(Entry::empty);
        let known = entry.unreadable.get(&kind).is_some_and(|known| known.words == words);
        let at = entry.unreadable.get(&kind).filter(|_| known).map_or(now, |known| known.at);
        entry.unreadable.insert(kind, Unreadable { words, epoch, at });
        if known { Taken::nothing() } else { Taken::keys(alloc::vec![key.clone()]) }
    }
}

/// Objects of a kind that no list since `epoch` has named.
fn unnamed(entry: &Entry, kind: Kind, epoch: u64) -> Vec<ObjectName> {
    match kind {
        Kind::Storage => {
            let old = entry.storage.iter().filter(|kept| kept.epoch < epoch);
            old.map(|kept| kept.value.meta.id.name.clone()).collect()
        }
        Kind::Cluster => {
            let old = entry.cluster.iter().filter(|kept| kept.epoch < epoch);
            old.map(|kept| kept.value.id.name.clone()).collect()
        }
        Kind::Claim => {
            let old = entry.claims.iter().filter(|(_, kept)| kept.epoch < epoch);
            old.map(|(name, _)| name.clone()).collect()
        }
        Kind::Pod => {
            let old = entry.pods.iter().filter(|(_, kept)| kept.epoch < epoch);
            old.map(|(name, _)| name.clone()).collect()
        }
        Kind::Class => Vec::new(),
    }
}
