//! The API server: objects, one version counter for all of them, preconditions, refusals, and what its watches say.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    birth,
    custom::Custom,
    object::{Claim, Cluster, Job, Meta, Name, Pod, PodPhase},
};

/// All objects and what has changed since the changes were last taken.
#[derive(Clone, Debug)]
pub struct ApiServer {
    version: u64,
    uids: u64,
    clusters: BTreeMap<Name, Arc<Cluster>>,
    claims: BTreeMap<Name, Arc<Claim>>,
    pods: BTreeMap<Name, Arc<Pod>>,
    jobs: BTreeMap<Name, Arc<Job>>,
    customs: BTreeMap<Name, Arc<Custom>>,
    classes: BTreeMap<Name, bool>,
    /// `requests.storage` of a ResourceQuota, in bytes.
    pub quota: Option<u64>,
    /// Maximum per claim of a LimitRange, in bytes.
    pub limit_range: Option<u64>,
    /// The admission policy that sizes claims at birth is installed.
    pub size_at_birth: bool,
    changes: Vec<Change>,
}

/// An object as it is now, or was when it went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Object {
    /// A Cluster.
    Cluster(Arc<Cluster>),
    /// A claim.
    Claim(Arc<Claim>),
    /// A pod.
    Pod(Arc<Pod>),
    /// A job.
    Job(Arc<Job>),
    /// Our object.
    Custom(Arc<Custom>),
    /// A StorageClass: name and `allowVolumeExpansion`.
    Class(Name, bool),
}

/// What a watch says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The object.
    pub object: Object,
    /// The version of this change.
    pub version: u64,
    /// It is gone.
    pub gone: bool,
}

/// A refusal, with code, and the words Kubernetes 1.36 uses (experiments G4 to G6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApiError {
    /// 404.
    NotFound,
    /// 409.
    Conflict,
    /// 422 with empty details: a JSON-patch `test` failed.
    TestFailed,
    /// 422 with causes.
    Invalid(Name),
    /// 403; the cause is in the words alone.
    Forbidden(Name),
}

macro_rules! kind {
    ($get:ident, $all:ident, $update:ident, $insert:ident, $remove:ident, $field:ident, $type:ident) => {
        /// The object of this name.
        pub fn $get(&self, name: &str) -> Option<&Arc<$type>> {
            self.$field.get(name)
        }

        /// All of the kind, by name.
        pub fn $all(&self) -> impl Iterator<Item = &Arc<$type>> {
            self.$field.values()
        }

        /// Changes the object; a change that changes nothing is not written. Answers whether it was.
        pub fn $update(&mut self, name: &str, change: impl FnOnce(&mut $type)) -> bool {
            let Some(stored) = self.$field.get_mut(name) else { return false };
            let mut object = $type::clone(stored);
            change(&mut object);
            if object == **stored {
                return false;
            }
            self.version += 1;
            object.meta.version = self.version;
            *stored = Arc::new(object);
            let change = Change { object: Object::$type(stored.clone()), version: self.version, gone: false };
            self.changes.push(change);
            true
        }

        /// Stores a new object under a new uid.
        pub fn $insert(&mut self, mut object: $type) {
            object.meta = self.fresh(&object.meta.name);
            let object = Arc::new(object);
            self.$field.insert(object.meta.name.clone(), object.clone());
            self.changes.push(Change { object: Object::$type(object), version: self.version, gone: false });
        }

        /// Removes the object at once.
        pub fn $remove(&mut self, name: &str) {
            if let Some(object) = self.$field.remove(name) {
                self.version += 1;
                self.changes.push(Change {
                    object: Object::$type(object),
                    version: self.version,
                    gone: true,
                });
            }
        }
    };
}

impl ApiServer {
    /// An empty one.
    pub fn new() -> Self {
        Self {
            version: 1000,
            uids: 0,
            clusters: BTreeMap::new(),
            claims: BTreeMap::new(),
            pods: BTreeMap::new(),
            jobs: BTreeMap::new(),
            customs: BTreeMap::new(),
            classes: BTreeMap::new(),
            quota: None,
            limit_range: None,
            size_at_birth: false,
            changes: Vec::new(),
        }
    }

    kind!(cluster, clusters, update_cluster, insert_cluster, remove_cluster, clusters, Cluster);
    kind!(claim, claims, update_claim, insert_claim, remove_claim, claims, Claim);
    kind!(pod, pods, update_pod, insert_pod, remove_pod, pods, Pod);
    kind!(job, jobs, update_job, insert_job, remove_job, jobs, Job);
    kind!(custom, customs, update_custom, insert_custom, remove_custom, customs, Custom);

    /// Adds or changes a StorageClass.
    pub fn set_class(&mut self, name: &Name, expandable: bool) {
        self.version += 1;
        self.classes.insert(name.clone(), expandable);
        self.changes.push(Change {
            object: Object::Class(name.clone(), expandable),
            version: self.version,
            gone: false,
        });
    }

    /// StorageClasses: name and `allowVolumeExpansion`.
    pub fn classes(&self) -> impl Iterator<Item = (&Name, bool)> {
        self.classes.iter().map(|(name, expandable)| (name, *expandable))
    }

    /// The version of a list made now.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Counts a write of something that is not modelled, such as a Lease.
    pub fn next_version(&mut self) -> u64 {
        self.version += 1;
        self.version
    }

    /// What has changed since this was last called.
    pub fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// Claims of an instance.
    pub fn claims_of(&self, instance: &Name) -> impl Iterator<Item = &Arc<Claim>> {
        self.claims.values().filter(move |claim| claim.instance == *instance)
    }

    /// The instance pod that mounts the claims of an instance; a pod that has ended mounts nothing.
    pub fn instance_pod(&self, instance: &str) -> Option<&Arc<Pod>> {
        self.pods.get(instance).filter(|pod| pod.job.is_none())
    }

    /// Whether a pod (instance or job) still uses the claims of an instance.
    pub fn mounted(&self, instance: &Name) -> bool {
        self.pods.values().any(|pod| {
            pod.instance == *instance && matches!(pod.phase, PodPhase::Pending | PodPhase::Running)
        })
    }

    /// Whether pvc-protection keeps the claims of an instance: a pod that has a node uses them until it is gone, also one
    /// that has ended; one that was never scheduled does not (experiments E8, E9).
    fn protected(&self, instance: &Name) -> bool {
        self.pods.values().any(|pod| pod.instance == *instance && pod.node.is_some())
    }

    /// A controller creates a claim; admission may size it first. Several objects that want it give it the largest
    /// size (experiments G10).
    pub fn create_claim(&mut self, mut claim: Claim) {
        if self.size_at_birth
            && let Some(size) = self.customs.values().filter_map(|custom| birth::size(custom, &claim)).max()
        {
            claim.requested = size;
            claim.requested_text = super::size_text(size).into();
        }
        self.insert_claim(claim);
    }

    /// A user or controller raises (or lowers) a claim's request, with optional `test` operations on uid and text.
    ///
    /// # Errors
    /// As Kubernetes refuses it (experiments G4 to G6).
    pub fn patch_claim(
        &mut self,
        name: &str,
        test: Option<(u64, &str)>,
        to: u64,
    ) -> Result<Arc<Claim>, ApiError> {
        let claim = self.claims.get(name).ok_or(ApiError::NotFound)?;
        if let Some((uid, text)) = test
            && (claim.meta.uid != uid || &*claim.requested_text != text)
        {
            return Err(ApiError::TestFailed);
        }
        self.admit_size(claim, to)?;
        let spelled: Name = super::size_text(to).into();
        self.update_claim(name, |claim| {
            claim.requested = to;
            claim.requested_text = spelled;
        });
        self.claims.get(name).cloned().ok_or(ApiError::NotFound)
    }

    /// Validation and admission of a changed request, in the order in which Kubernetes answers.
    fn admit_size(&self, claim: &Claim, to: u64) -> Result<(), ApiError> {
        if to == claim.requested {
            return Ok(());
        }
        let forbidden = |words: String| {
            let name = &claim.meta.name;
            Err(ApiError::Forbidden(
                format!("persistentvolumeclaims \"{name}\" is forbidden: {words}").into(),
            ))
        };
        let name = &claim.meta.name;
        let Some(capacity) = claim.capacity else {
            let words = format!(
                "PersistentVolumeClaim \"{name}\" is invalid: spec: Forbidden: spec is immutable after creation except \
                 resources.requests and volumeAttributesClassName for bound claims"
            );
            return Err(ApiError::Invalid(words.into()));
        };
        if to < claim.requested && to <= capacity {
            let words = format!(
                "PersistentVolumeClaim \"{name}\" is invalid: spec.resources.requests.storage: Forbidden: field can \
                 not be less than status.capacity"
            );
            return Err(ApiError::Invalid(words.into()));
        }
        let expandable = claim.class.as_ref().and_then(|class| self.classes.get(class)).copied();
        if expandable != Some(true) {
            return forbidden(
                "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must \
                 support resize"
                    .to_owned(),
            );
        }
        if let Some(most) = self.limit_range.filter(|most| to > *most) {
            let (most, to) = (super::size_text(most), super::size_text(to));
            return forbidden(format!(
                "maximum storage usage per PersistentVolumeClaim is {most}, but request is {to}"
            ));
        }
        let used: u64 = self.claims.values().map(|other| other.requested).sum();
        let more = to.saturating_sub(claim.requested);
        if let Some(quota) = self.quota.filter(|quota| used + more > *quota) {
            let (more, used, quota) =
                (super::size_text(more), super::size_text(used), super::size_text(quota));
            return forbidden(format!(
                "exceeded quota: storage, requested: requests.storage={more}, used: requests.storage={used}, limited: \
                 requests.storage={quota}"
            ));
        }
        Ok(())
    }

    /// `delete pvc`: marks it; it goes when no pod uses it any more (pvc-protection).
    pub fn delete_claim(&mut self, name: &str) {
        self.update_claim(name, |claim| claim.meta.deleting = true);
        self.let_go_of_claims();
    }

    /// Removes claims that are marked and not used.
    pub fn let_go_of_claims(&mut self) {
        let free: Vec<Name> = self
            .claims
            .values()
            .filter(|claim| claim.meta.deleting && !self.protected(&claim.instance))
            .map(|claim| claim.meta.name.clone())
            .collect();
        for name in free {
            self.remove_claim(&name);
        }
    }

    fn fresh(&mut self, name: &Name) -> Meta {
        self.version += 1;
        self.uids += 1;
        Meta { name: name.clone(), uid: self.uids, version: self.version, deleting: false }
    }
}

impl Default for ApiServer {
    fn default() -> Self {
        Self::new()
    }
}

/// Identity of an object that is about to be stored; the API server fills in the rest.
pub fn named(name: &Name) -> Meta {
    Meta { name: name.clone(), uid: 0, version: 0, deleting: false }
}
