//! What must be remembered of objects to write request bodies.
//!
//! A merge patch replaces a list as a whole, a JSON patch names a list item by its place, and a condition keeps its
//! transition time: so a body needs a little of the object as it was read. It is kept beside the version that it was
//! read at, and a request for another version is answered as the conflict that it would be.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use headroom_core::names::{ClusterKey, TablespaceName, Uid, Version};
use headroom_engine::Kind;

use crate::translate::Stored;

/// Shared by the watches and the executor.
#[derive(Clone, Debug)]
pub struct Shared(Arc<Mutex<Known>>);

impl Shared {
    /// Nothing is known.
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(Known {
            clusters: BTreeMap::new(),
            storages: BTreeMap::new(),
            listing: BTreeMap::new(),
        })))
    }

    /// Access; held only for the length of a synchronous step.
    pub fn lock(&self) -> MutexGuard<'_, Known> {
        // A panic elsewhere leaves whole entries behind: each is replaced in one assignment.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Shared {
    fn default() -> Self {
        Self::new()
    }
}

/// What is remembered, by key.
#[derive(Debug)]
pub struct Known {
    clusters: BTreeMap<ClusterKey, KnownCluster>,
    storages: BTreeMap<ClusterKey, KnownStorage>,
    /// Keys met since a list of this kind began; what a list does not name is gone when it is done.
    listing: BTreeMap<Kind, BTreeSet<ClusterKey>>,
}

/// Of a Cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownCluster {
    /// Its uid.
    pub uid: Uid,
    /// The version that was read.
    pub version: Version,
    /// The tablespaces in the order of the spec.
    pub tablespaces: Vec<TablespaceName>,
}

/// Of a DynamicStorage.
#[derive(Clone, Debug)]
pub struct KnownStorage {
    /// Its uid.
    pub uid: Uid,
    /// The version that was read.
    pub version: Version,
    /// Its generation.
    pub generation: u64,
    /// Finalizers of others.
    pub foreign_finalizers: Vec<String>,
    /// What a next status must keep of the stored one.
    pub stored: Stored,
}

impl Known {
    /// The Cluster, if it was seen.
    pub fn cluster(&self, key: &ClusterKey) -> Option<&KnownCluster> {
        self.clusters.get(key)
    }

    /// The DynamicStorage, if it was seen.
    pub fn storage(&self, key: &ClusterKey) -> Option<&KnownStorage> {
        self.storages.get(key)
    }

    /// Takes in a Cluster, unless a newer version of it is known.
    pub fn take_cluster(&mut self, key: ClusterKey, cluster: KnownCluster) {
        self.met(Kind::Cluster, &key);
        if self.clusters.get(&key).is_none_or(|old| !older(&cluster.version, &old.version)) {
            self.clusters.insert(key, cluster);
        }
    }

    /// Takes in a DynamicStorage, unless a newer version of it is known.
    pub fn take_storage(&mut self, key: ClusterKey, storage: KnownStorage) {
        self.met(Kind::Storage, &key);
        if self.storages.get(&key).is_none_or(|old| !older(&storage.version, &old.version)) {
            self.storages.insert(key, storage);
        }
    }

    fn met(&mut self, kind: Kind, key: &ClusterKey) {
        if let Some(keys) = self.listing.get_mut(&kind) {
            keys.insert(key.clone());
        }
    }

    /// A list of this kind begins.
    pub fn list_began(&mut self, kind: Kind) {
        self.listing.insert(kind, BTreeSet::new());
    }

    /// The list is complete.
    pub fn list_done(&mut self, kind: Kind) {
        let Some(met) = self.listing.remove(&kind) else { return };
        match kind {
            Kind::Cluster => self.clusters.retain(|key, _| met.contains(key)),
            Kind::Storage => self.storages.retain(|key, _| met.contains(key)),
            Kind::Claim | Kind::Pod | Kind::Class => {}
        }
    }

    /// Forgets a Cluster that is gone.
    pub fn drop_cluster(&mut self, key: &ClusterKey, uid: &str) {
        if self.clusters.get(key).is_some_and(|old| old.uid.as_str() == uid) {
            self.clusters.remove(key);
        }
    }

    /// Forgets a DynamicStorage that is gone.
    pub fn drop_storage(&mut self, key: &ClusterKey, uid: &str) {
        if self.storages.get(key).is_some_and(|old| old.uid.as_str() == uid) {
            self.storages.remove(key);
        }
    }
}

/// Whether `new` is older than `old`. Versions that are no numbers cannot be compared: the newer arrival wins.
fn older(new: &Version, old: &Version) -> bool {
    matches!((new.number(), old.number()), (Some(new), Some(old)) if new < old)
}

#[cfg(test)]
mod tests {
    use headroom_core::names::ObjectName;

    use super::*;

    #[test]
    fn an_older_version_that_arrives_late_changes_nothing() {
        let shared = Shared::new();
        let key = ClusterKey { namespace: ObjectName::from("ns"), name: ObjectName::from("pg") };
        let cluster = |version: &str| KnownCluster {
            uid: Uid::from("u"),
            version: Version::from(version),
            tablespaces: Vec::new(),
        };
        let mut known = shared.lock();
        known.take_cluster(key.clone(), cluster("100"));
        known.take_cluster(key.clone(), cluster("99"));
        assert_eq!(known.cluster(&key), Some(&cluster("100")));
        known.take_cluster(key.clone(), cluster("opaque"));
        assert_eq!(known.cluster(&key), Some(&cluster("opaque")));
        known.drop_cluster(&key, "another uid");
        assert!(known.cluster(&key).is_some());
        known.drop_cluster(&key, "u");
        assert_eq!(known.cluster(&key), None);
    }

    #[test]
    fn what_a_list_does_not_name_is_forgotten_when_it_is_done() {
        let shared = Shared::new();
        let key = |name: &str| ClusterKey { namespace: ObjectName::from("ns"), name: ObjectName::from(name) };
        let cluster = |version: &str| KnownCluster {
            uid: Uid::from("u"),
            version: Version::from(version),
            tablespaces: Vec::new(),
        };
        let mut known = shared.lock();
        known.take_cluster(key("stays"), cluster("1"));
        known.take_cluster(key("goes"), cluster("1"));
        known.list_began(Kind::Cluster);
        known.take_cluster(key("stays"), cluster("1"));
        assert!(known.cluster(&key("goes")).is_some(), "not before the list is complete");
        known.list_done(Kind::Cluster);
        assert!(known.cluster(&key("goes")).is_none() && known.cluster(&key("stays")).is_some());
    }
}
