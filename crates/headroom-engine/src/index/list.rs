//! Lists: mark and sweep by epoch, so that a new list never needs a second copy. And how old the watches are.

use alloc::vec::Vec;

use headroom_core::{
    Timestamp,
    names::{ClusterKey, ObjectName, Text},
};

use super::{Index, Taken, entry::Unreadable};
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
            let gone: Vec<ObjectName> = self
                .classes
                .iter()
                .filter(|(_, (_, named))| *named < epoch)
                .map(|(name, _)| name.clone())
                .collect();
            let mut keys = Vec::new();
            for name in gone {
                self.classes.remove(&name);
                keys.extend(self.users_of(&name));
            }
            return Taken::keys(keys);
        }
        let mut swept: Vec<(ClusterKey, Option<ObjectName>)> = Vec::new();
        for (key, entry) in &mut self.entries {
            if entry.unreadable.get(&kind).is_some_and(|found| found.epoch < epoch) {
                entry.unreadable.remove(&kind);
                swept.push((key.clone(), None));
            }
            let mut names: Vec<ObjectName> = Vec::new();
            match kind {
                Kind::Storage => names.extend(
                    entry
                        .storage
                        .as_ref()
                        .filter(|kept| kept.epoch < epoch)
                        .map(|kept| kept.value.meta.id.name.clone()),
                ),
                Kind::Cluster => names.extend(
                    entry
                        .cluster
                        .as_ref()
                        .filter(|kept| kept.epoch < epoch)
                        .map(|kept| kept.value.id.name.clone()),
                ),
                Kind::Claim => {
                    names.extend(
                        entry
                            .claims
                            .iter()
                            .filter(|(_, kept)| kept.epoch < epoch)
                            .map(|(name, _)| name.clone()),
                    );
                }
                Kind::Pod => {
                    names.extend(
                        entry
                            .pods
                            .iter()
                            .filter(|(_, kept)| kept.epoch < epoch)
                            .map(|(name, _)| name.clone()),
                    );
                }
                Kind::Class => {}
            }
            swept.extend(names.into_iter().map(|name| (key.clone(), Some(name))));
        }
        let mut keys = Vec::new();
        for (key, name) in swept {
            match name {
                Some(name) => self.remove(kind, &key, &name),
                None => self.drop_if_empty(&key),
            }
            if keys.last() != Some(&key) {
                keys.push(key);
            }
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
        let entry = self.entries.entry(key.clone()).or_insert_with(super::Entry::empty);
        let known = entry.unreadable.get(&kind).is_some_and(|known| known.words == words);
        let at = entry.unreadable.get(&kind).filter(|_| known).map_or(now, |known| known.at);
        entry.unreadable.insert(kind, Unreadable { words, epoch, at });
        if known { Taken::nothing() } else { Taken::keys(alloc::vec![key.clone()]) }
    }
}
