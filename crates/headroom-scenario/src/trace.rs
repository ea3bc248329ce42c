//! What a run leaves behind. Both worlds append the same entries; checkers read nothing else.
//!
//! The simulator has a total order, a cluster only an order per object: checkers use [`Trace::history`] of one object
//! and never compare positions of different objects closer than the clock's accuracy.

use std::collections::BTreeMap;

use headroom_core::{
    Bytes,
    ledger::Cause,
    names::{InstanceName, VolumeName},
    report::State,
};

use crate::{Act, Gate, Strike};

mod hash;
mod object;

pub use hash::TraceHash;
pub use object::Object;

/// Two entries of different objects that are closer than this may have happened in either order (watches lag, and
/// on a cluster more than one clock is involved).
pub const ACCURACY_MS: u64 = 1_000;

/// The entries of one run, in the order in which they were appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// Oldest first.
    pub entries: Vec<Entry>,
}

impl Trace {
    /// Nothing yet.
    pub const fn new() -> Self {
        Self { entries: Vec::new() }
    }

    /// Appends an entry.
    pub fn push(&mut self, at_ms: u64, what: What) {
        self.entries.push(Entry { at_ms, what });
    }

    /// The entries of one object, oldest first: their order is exact in every world.
    pub fn history<'a>(&'a self, object: &'a Object) -> impl Iterator<Item = &'a Entry> {
        self.entries.iter().filter(move |entry| Object::of(&entry.what) == *object)
    }

    /// When the fixture became ready, and the entries from there on.
    pub fn after_ready(&self) -> &[Entry] {
        let ready = self.entries.iter().position(|entry| entry.what == What::FixtureReady);
        ready.and_then(|at| self.entries.get(at..)).unwrap_or(&[])
    }

    /// How often the operator had each instance made anew. One that it spared before CloudNativePG began does not count;
    /// one that went all the same does.
    pub fn made_anew(&self) -> BTreeMap<InstanceName, u32> {
        let mut made: BTreeMap<InstanceName, u32> = BTreeMap::new();
        // Those whose end is open, and whether they were spared.
        let mut open: BTreeMap<InstanceName, bool> = BTreeMap::new();
        let mut count = |instance: InstanceName| *made.entry(instance).or_default() += 1;
        for entry in &self.entries {
            if let What::OperatorWrote(written) = &entry.what {
                if let Some(instance) = written.condemns() {
                    let before = open.insert(instance.clone(), false);
                    if before == Some(false) {
                        count(instance);
                    }
                } else if let Some(spared) = written.spares().and_then(|name| open.get_mut(&name)) {
                    *spared = true;
                }
            } else if let What::ClaimGone(instance, VolumeName::Data) = &entry.what
                && open.remove(instance).is_some()
            {
                count(instance.clone());
            }
        }
        open.into_iter().filter(|(_, spared)| !spared).for_each(|(instance, _)| count(instance));
        made
    }
}

impl Default for Trace {
    fn default() -> Self {
        Self::new()
    }
}

impl Entry {
    /// Whether this entry came before `other`; `None` when they are of different objects and closer than the clocks'
    /// accuracy, or of one object at the same time.
    pub fn before(&self, other: &Self) -> Option<bool> {
        let same = Object::of(&self.what) == Object::of(&other.what);
        let apart = self.at_ms.abs_diff(other.at_ms);
        (apart > if same { 0 } else { ACCURACY_MS }).then_some(self.at_ms < other.at_ms)
    }
}

/// Something that was seen or done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Milliseconds since the fixture began to be made.
    pub at_ms: u64,
    /// What.
    pub what: What,
}

/// What was seen or done. Object entries hold the whole object as far as it matters, not a delta.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The fixture is ready; expectations about restarts and promotions count from here.
    FixtureReady,
    /// A user or application acted.
    Acted(Act),
    /// The scenario struck.
    Struck(Strike),
    /// A gate is held from now on.
    GateHeld(Gate),
    /// Something has arrived at the gate.
    GateReached(Gate),
    /// A gate was let go.
    GateReleased(Gate),
    /// A claim, now.
    Claim(ClaimState),
    /// A claim is gone.
    ClaimGone(InstanceName, VolumeName),
    /// An instance pod, now.
    Pod(PodState),
    /// An instance pod is gone.
    PodGone(InstanceName),
    /// The Cluster, now.
    Cluster(ClusterState),
    /// The Cluster is gone.
    ClusterGone,
    /// The DynamicStorage's status, now.
    Storage(StorageState),
    /// The DynamicStorage is gone.
    StorageGone,
    /// A Backup, now.
    Backup(BackupState),
    /// A pod of this instance's join job has begun to run.
    JoinBegan(InstanceName),
    /// A pod of this instance's join job has failed; how many have by now.
    JoinFailed(InstanceName, u32),
    /// A node takes new pods, or no longer.
    Node {
        /// Its name.
        name: String,
        /// It is cordoned.
        cordoned: bool,
    },
    /// An eviction of an instance pod was refused (a `PodDisruptionBudget`).
    EvictionRefused(InstanceName),
    /// A drained node holds no instance pod any more that was there when the drain began.
    Drained(String),
    /// A usage sample by the kubelet.
    Usage {
        /// Whose.
        instance: InstanceName,
        /// Which volume.
        volume: VolumeName,
        /// Size of the file system.
        capacity: Bytes,
        /// Available in it.
        available: Bytes,
    },
    /// A write that the operator made and that took effect.
    OperatorWrote(Written),
    /// A Kubernetes Event.
    Event {
        /// `Normal` or `Warning`.
        kind: String,
        /// Its reason.
        reason: String,
        /// On which kind of object.
        on: String,
        /// Its text.
        message: String,
    },
    /// Rows of the writer acknowledged so far (at most once a second).
    Acknowledged(u64),
    /// An insert was refused for lack of space, or the connection broke.
    InsertFailed {
        /// Whether it was for lack of space.
        no_space: bool,
    },
    /// A verification of all data.
    Verified {
        /// Acknowledged rows.
        acknowledged: u64,
        /// Of them not found.
        lost: u64,
        /// The sentinel's checksum agrees.
        sentinel_ok: bool,
        /// `pg_amcheck` was clean; `None` where the world has no such tool (then not asserted as clean).
        amcheck_clean: Option<bool>,
    },
    /// A remark for the timeline.
    Note(String),
}

impl What {
    /// What a user or application did, a change that struck at a gate included.
    pub fn act(&self) -> Option<&Act> {
        if let Self::Acted(act) | Self::Struck(Strike::Change(act)) = self { Some(act) } else { None }
    }

    /// The claim it shows.
    pub fn claim(&self) -> Option<&ClaimState> {
        if let Self::Claim(claim) = self { Some(claim) } else { None }
    }

    /// The pod it shows.
    pub fn pod(&self) -> Option<&PodState> {
        if let Self::Pod(pod) = self { Some(pod) } else { None }
    }

    /// The Cluster it shows.
    pub fn cluster(&self) -> Option<&ClusterState> {
        if let Self::Cluster(cluster) = self { Some(cluster) } else { None }
    }

    /// The status it shows.
    pub fn storage(&self) -> Option<&StorageState> {
        if let Self::Storage(storage) = self { Some(storage) } else { None }
    }

    /// The raise of a claim by the operator.
    pub fn raise(&self) -> Option<(&InstanceName, &VolumeName, Bytes)> {
        if let Self::OperatorWrote(Written::Claim { instance, volume, to }) = self {
            Some((instance, volume, *to))
        } else {
            None
        }
    }
}

/// A write by the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// A claim was raised.
    Claim {
        /// Whose.
        instance: InstanceName,
        /// Which volume.
        volume: VolumeName,
        /// To.
        to: Bytes,
    },
    /// The status of the DynamicStorage.
    Status,
    /// Something else (finalizer, Cluster sizes); said in words.
    Other(String),
    /// Something was deleted; said in words.
    Deleted(String),
}

impl Written {
    /// The instance that is to be made anew.
    pub fn condemns(&self) -> Option<InstanceName> {
        if let Self::Deleted(what) = self {
            what.strip_prefix("instance ").map(InstanceName::from)
        } else {
            None
        }
    }

    /// The instance that is to stay after all.
    pub fn spares(&self) -> Option<InstanceName> {
        if let Self::Other(what) = self { what.strip_prefix("spared ").map(InstanceName::from) } else { None }
    }
}

/// A claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimState {
    /// Whose.
    pub instance: InstanceName,
    /// Which volume.
    pub volume: VolumeName,
    /// Its uid.
    pub uid: String,
    /// Request.
    pub requested: Bytes,
    /// Capacity, once bound.
    pub capacity: Option<Bytes>,
    /// It has a deletion timestamp.
    pub terminating: bool,
    /// The file system waits for the node.
    pub file_system_pending: bool,
}

/// An instance pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodState {
    /// Whose.
    pub instance: InstanceName,
    /// Its uid.
    pub uid: String,
    /// Ready condition.
    pub ready: bool,
    /// Its label `cnpg.io/instanceRole` says primary: to it writes go.
    pub primary: bool,
    /// Restart count of container `postgres`.
    pub restarts: u32,
    /// Exit code of the newest termination.
    pub last_exit: Option<i32>,
    /// It has a deletion timestamp.
    pub terminating: bool,
    /// Image of container `postgres`.
    pub image: String,
}

/// The Cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterState {
    /// `status.phase`.
    pub phase: String,
    /// `spec.instances`.
    pub wanted: u32,
    /// `status.instances`.
    pub instances: u32,
    /// `status.readyInstances`.
    pub ready: u32,
    /// `status.currentPrimary`.
    pub primary: Option<String>,
    /// `status.targetPrimary`.
    pub target_primary: Option<String>,
    /// `spec.imageName`, else `status.image`.
    pub image: String,
}

/// A CNPG Backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupState {
    /// Its name.
    pub name: String,
    /// `status.phase` as CNPG writes it; empty at first.
    pub phase: String,
    /// `status.error`.
    pub error: Option<String>,
}

impl BackupState {
    /// Whether it is over, well or not.
    pub fn ended(&self) -> bool {
        self.completed() || self.phase == "failed"
    }

    /// Whether it is over and well.
    pub fn completed(&self) -> bool {
        self.phase == "completed"
    }
}

/// The DynamicStorage's status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageState {
    /// `status.observedGeneration`.
    pub observed_generation: u64,
    /// `metadata.generation`.
    pub generation: u64,
    /// Its conditions.
    pub conditions: Conditions,
    /// Per volume.
    pub volumes: Vec<VolumeState>,
}

/// Which conditions of the DynamicStorage are True.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conditions {
    /// `Ready`.
    pub ready: bool,
    /// `Reconciling`.
    pub reconciling: bool,
    /// `Stalled`.
    pub stalled: bool,
}

/// One volume in the status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeState {
    /// Which.
    pub volume: VolumeName,
    /// Its state.
    pub state: State,
    /// Its reason, as in the status.
    pub reason: String,
    /// Effective size.
    pub effective: Option<Bytes>,
    /// Target of a running growth.
    pub target: Option<Bytes>,
    /// Cause of the running growth.
    pub running: Option<Cause>,
    /// Ledger entries as (cause, to, completed); one whose slot was given back is not completed.
    pub ledger: Vec<(Cause, Bytes, bool)>,
}
