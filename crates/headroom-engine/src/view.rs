//! What a session judges: the index as one Cluster's policy, observation and record.

use alloc::{collections::BTreeMap, format};

use headroom_core::{
    Bytes, Observation, Policy, Record,
    action::RaiseClusterSizes,
    names::{ClusterKey, InstanceName, NodeName, Text, VolumeName},
    observation::{
        ClaimSeen, ClusterSeen, Evidence, Freshness, Growable, MemberSeen, Obstacle, StorageMeta, Suspension,
    },
    report::Problem,
};

use crate::{
    Kind, StorageSeen,
    index::{
        Index,
        entry::{ClaimHeld, Entry},
    },
    windows::WindowCache,
};

/// What can be judged of one Cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "made, matched and dropped within one step; a box would cost more"
)]
pub(crate) enum Ground<'a> {
    /// There is a policy, a Cluster and a readable record: decide.
    Decide(Case<'a>),
    /// No decision can be made: say why, touch nothing.
    Refuse(Problem),
    /// Our object is being deleted and no decision can be made: raise the Cluster's sizes if that can be done, then
    /// let the object go.
    Release(Option<RaiseClusterSizes>),
    /// Nothing to do at all.
    Nothing,
}

/// The arguments of `decide`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Case<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) record: &'a Record,
    pub(crate) seen: Observation,
}

/// What is known beside the index.
pub(crate) struct Surroundings<'a> {
    pub(crate) windows: &'a WindowCache,
    pub(crate) silent_nodes: &'a BTreeMap<NodeName, Text>,
    pub(crate) freshness: Freshness,
    /// Set aside after an internal error; its words.
    pub(crate) quarantined: Option<&'a Text>,
}

/// What can be judged of a Cluster now.
pub(crate) fn ground<'a>(index: &'a Index, key: &ClusterKey, around: &Surroundings<'_>) -> Ground<'a> {
    let Some(entry) = index.entry(key) else { return Ground::Nothing };
    let Some(storage) = entry.storage.as_ref().map(|kept| &kept.value) else { return Ground::Nothing };
    if storage.meta.deleting && !storage.meta.finalizer {
        // It goes by itself, or waits for somebody else's finalizer.
        return Ground::Nothing;
    }
    if entry.unreadable.contains_key(&Kind::Storage) {
        // What is held of it is out of date, so nothing can be written to it either.
        return Ground::Nothing;
    }
    let cluster = entry.cluster.as_ref().map(|kept| &kept.value);
    match refusal(key, entry, around.quarantined) {
        Err(_) if storage.meta.deleting => release(storage, cluster),
        Err(problem) => Ground::Refuse(problem),
        Ok(parts)
            if storage.meta.deleting && parts.cluster.suspended == Some(Suspension::ClusterDeleting) =>
        {
            Ground::Release(None)
        }
        Ok(parts) => Ground::Decide(Case {
            policy: parts.policy,
            record: parts.record,
            seen: observe(index, entry, &storage.meta, &parts, around),
        }),
    }
}

/// Everything that a decision needs.
struct Parts<'a> {
    policy: &'a Policy,
    record: &'a Record,
    cluster: &'a ClusterSeen,
}

/// Why no decision can be made, or what it needs.
fn refusal<'a>(key: &ClusterKey, entry: &'a Entry, quarantined: Option<&Text>) -> Result<Parts<'a>, Problem> {
    if let Some(words) = quarantined {
        return Err(internal_error(words));
    }
    let storage = entry.storage.as_ref().map(|kept| &kept.value).ok_or_else(|| cluster_not_found(key))?;
    let policy = storage.policy.as_ref().map_err(Problem::clone)?;
    let record = storage.record.as_ref().map_err(Problem::clone)?;
    if let Some((kind, found)) = entry.unreadable.iter().next() {
        return Err(unreadable(*kind, &found.words));
    }
    let cluster = entry.cluster.as_ref().map(|kept| &kept.value).ok_or_else(|| cluster_not_found(key))?;
    Ok(Parts { policy, record, cluster })
}

/// An object that is being deleted must not hang because no decision can be made: sizes are raised from the record
/// when there is a Cluster to raise, and the object is let go.
fn release<'a>(storage: &StorageSeen, cluster: Option<&ClusterSeen>) -> Ground<'a> {
    let cluster = cluster.filter(|cluster| cluster.suspended != Some(Suspension::ClusterDeleting));
    let raise = match (&storage.record, cluster) {
        (Ok(record), Some(cluster)) => raise(record, cluster),
        (Ok(_) | Err(_), Some(_) | None) => None,
    };
    Ground::Release(raise)
}

/// The Cluster sizes that are below the recorded effective sizes.
fn raise(record: &Record, cluster: &ClusterSeen) -> Option<RaiseClusterSizes> {
    let behind = |volume: &VolumeName| cluster.volumes.get(volume).and_then(|spec| spec.size);
    let sizes: BTreeMap<VolumeName, Bytes> = record
        .volumes
        .iter()
        .filter(|(volume, recorded)| behind(volume).is_some_and(|size| size < recorded.effective))
        .map(|(volume, recorded)| (volume.clone(), recorded.effective))
        .collect();
    if sizes.is_empty() {
        return None;
    }
    Some(RaiseClusterSizes { cluster: cluster.id.clone(), version: cluster.version.clone(), sizes })
}

fn observe(
    index: &Index,
    entry: &Entry,
    storage: &StorageMeta,
    parts: &Parts<'_>,
    around: &Surroundings<'_>,
) -> Observation {
    let mut members: BTreeMap<InstanceName, MemberSeen> = BTreeMap::new();
    let mut evidence = Evidence {
        obstacles: entry.obstacles.clone(),
        wal: entry.wal.clone(),
        survey: entry.survey.clone(),
        steady_since: entry.changed,
        ..Evidence::none()
    };
    for held in entry.pods.values().map(|kept| &kept.value) {
        let pod = entry.pod_of(&held.instance).cloned();
        if let Some(node) = held.pod.node.as_ref()
            && let Some(words) = around.silent_nodes.get(node)
        {
            evidence.silent_nodes.insert(node.clone(), words.clone());
        }
        members.entry(held.instance.clone()).or_insert_with(|| MemberSeen { pod, claims: BTreeMap::new() });
    }
    for held in entry.claims.values().map(|kept| &kept.value) {
        let uid = &held.claim.id.uid;
        if !held.samples.as_slice().is_empty() {
            evidence.samples.insert(uid.clone(), held.samples.clone());
        }
        if let Some(obstacle) = &held.obstacle {
            evidence.obstacles.insert(uid.clone(), Obstacle::clone(obstacle));
        }
        if let Some((_, since)) = held.waiting {
            evidence.waiting_since.insert(uid.clone(), since);
        }
        if let Some(since) = held.grown {
            evidence.grown_since.insert(uid.clone(), since);
        }
        let claims = &mut members
            .entry(held.instance.clone())
            .or_insert_with(|| MemberSeen { pod: None, claims: BTreeMap::new() })
            .claims;
        // Two claims of one volume and instance: the one that is not going away is meant.
        if claims.get(&held.volume).is_none_or(|other| other.terminating) {
            claims.insert(held.volume.clone(), shown(index, held));
        }
    }
    Observation {
        cluster: parts.cluster.clone(),
        members,
        windows: around.windows.of(parts.policy),
        evidence,
        freshness: around.freshness,
        storage: storage.clone(),
    }
}

fn shown(index: &Index, held: &ClaimHeld) -> ClaimSeen {
    let growable = match held.class.as_ref().map(|class| index.expandable(class)) {
        None => Growable::Static,
        Some(None) => Growable::Unknown,
        Some(Some(true)) => Growable::Yes,
        Some(Some(false)) => Growable::ClassForbids,
    };
    ClaimSeen { growable, ..held.claim.clone() }
}

fn cluster_not_found(key: &ClusterKey) -> Problem {
    Problem {
        reason: "ClusterNotFound",
        message: Text::from(
            format!("there is no Cluster {} in namespace {}", key.name, key.namespace).as_str(),
        ),
        hint: Text::from("create the Cluster, or correct spec.clusterRef.name"),
    }
}

fn unreadable(kind: Kind, words: &Text) -> Problem {
    let what = match kind {
        Kind::Storage => "DynamicStorage",
        Kind::Cluster => "Cluster",
        Kind::Claim => "PersistentVolumeClaim",
        Kind::Pod => "Pod",
        Kind::Class => "StorageClass",
    };
    Problem {
        reason: "ObjectUnreadable",
        message: Text::from(format!("a {what} of this Cluster cannot be read: {words}").as_str()),
        hint: Text::from(
            "nothing is changed until it can be read; correct the object, or install the headroom version that knows it",
        ),
    }
}

fn internal_error(words: &Text) -> Problem {
    Problem {
        reason: "InternalError",
        message: Text::from(format!("headroom failed on this Cluster and leaves it alone: {words}").as_str()),
        hint: Text::from("report this; headroom tries again when the spec of the DynamicStorage changes"),
    }
}
