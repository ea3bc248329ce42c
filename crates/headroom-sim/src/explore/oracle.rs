//! The differential oracle: what a disturbed run is compared with.
//!
//! A run that met a fault must end in the same state as the undisturbed run of the same seed, and must have taken
//! effect as often. Compared are, per kind:
//!
//! * claims at the end: request, capacity, whether they go or wait for the node, by instance and volume;
//! * pods at the end: ready, terminating;
//! * the Cluster at the end, whole;
//! * the DynamicStorage at the end: whether its status speaks of its generation, Ready, and per volume state, reason,
//!   sizes, running growth, and the ledger entry by entry;
//! * raises of claims that took effect: by claim, each size in its order. A patch that changed nothing is none, nor is one
//!   that somebody else undid: CloudNativePG may lower a request from its cache, and whether it does is a race that the
//!   scenario is about. Sizes of a growth that another one overtook, and claims that are gone at the end, are left out on
//!   both sides: how many claims it had reached by then is a matter of seconds (that none is raised twice to one size, or
//!   to a size that was never recorded, is an invariant of every run);
//! * the same holds for a shrink: a size that it led to for a while and that never became the effective one is left out;
//!   and of one that is struck what it does to instances: whether a Job must go or a primary be moved once more is a matter
//!   of seconds (how many promotions and how many replaced instances there may be, every such scenario says, and that
//!   no primary is destroyed and nobody twice is an invariant of every run). A mark taken off is none, unless its
//!   bearer went all the same: CloudNativePG had begun by then;
//! * what the status has recorded, in its order: per volume effective size, running growth and target, ledger. This is
//!   the durable part, which a fault must neither repeat nor skip; a write that only tells a state or reason anew
//!   (`WaitingForUsage` after a restart) may be repeated and is not counted, nor is one that records nothing. Whether a
//!   first size is recorded by itself or in one write with the first growth is a matter of when the second sample comes:
//!   the growth's entry holds the same size and a ledger with nothing before it, and is compared whole;
//! * other writes (finalizer, sizes in the Cluster, deletions): how often each.
//!
//! One run alone is not compared, only held to the invariants: that of a scenario which rests on what a process remembers
//! (`rests_on_memory`: a rate that it has seen sizes the growth) and in which another process takes over. Such a scenario
//! keeps the lab's quick kubelet in swarms, too: in one sample a minute the rate that it rests on is another one.
//!
//! Where the expectations give a range of sizes, because how fast WAL is written between two looks sizes the claims
//! (`rests_on_pace`), a run that looks later sees another pace: one that lags behind, or waits in vain for an answer, is
//! compared in all but sizes. A shrink in which a clock loses an hour for minutes, or for good and another process has it
//! back, is held to its scenario's expectations alone: calm that was recorded an hour too early is over at once, and the
//! shrink begins while WAL is still being written. Nobody can tell that from an hour of calm. With a stock kubelet it begins
//! before what was filled is measured, and only the invariants judge it.
//!
//! Not compared: times, names made from counters (uids, versions), how often a server restarted meanwhile (a crash loop
//! counts on while a fault delays its cure), rows, samples.

use std::collections::{BTreeMap, BTreeSet};

use headroom_core::{
    Bytes,
    ledger::Cause,
    names::{InstanceName, VolumeName},
};
use headroom_scenario::{
    Trace, View, What,
    trace::{ClusterState, Conditions, StorageState, VolumeState, Written},
};

/// A claim: request, capacity, terminating, file system pending.
type ClaimEnd = (Bytes, Option<Bytes>, bool, bool);

/// What the status records of a volume: effective size, running growth with its target, ledger.
type Recorded = (Option<Bytes>, Option<(Cause, Option<Bytes>)>, Vec<(Cause, Bytes, bool)>);

/// What is compared of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    claims: BTreeMap<(InstanceName, VolumeName), ClaimEnd>,
    pods: BTreeMap<InstanceName, (bool, bool)>,
    cluster: Option<ClusterState>,
    storage: Option<(bool, Conditions, Vec<VolumeState>)>,
    raises: BTreeMap<(InstanceName, VolumeName), Vec<Bytes>>,
    recorded: BTreeMap<VolumeName, Vec<Recorded>>,
    others: BTreeMap<String, u32>,
}

impl Summary {
    /// Of a whole trace.
    pub fn of(trace: &Trace) -> Self {
        let end = View::of(trace);
        let claims = end.claims.iter().map(|(key, claim)| {
            let state = (claim.requested, claim.capacity, claim.terminating, claim.file_system_pending);
            (key.clone(), state)
        });
        let pods = end.pods.iter().map(|(name, pod)| (name.clone(), (pod.ready, pod.terminating)));
        let storage = end.storage.as_ref().map(|shown| {
            (shown.observed_generation == shown.generation, shown.conditions, shown.volumes.clone())
        });
        let mut summary = Self {
            claims: claims.collect(),
            pods: pods.collect(),
            cluster: end.cluster.clone(),
            storage,
            raises: BTreeMap::new(),
            recorded: BTreeMap::new(),
            others: BTreeMap::new(),
        };
        summary.count(trace);
        summary.leave_turned_back_out();
        summary.leave_first_sizes_out();
        if trace.entries.iter().any(|entry| matches!(entry.what, What::Struck(_))) {
            summary.others.retain(|words, _| !of_a_shrink(words));
        }
        summary.leave_overtaken_out();
        summary.leave_departed_out();
        summary
    }

    /// What a run comes to whose sizes are another's: who is there and how, who was made anew and promoted, which actions
    /// ended. In how many steps a claim came to its size, and in how many records, is a matter of sizes.
    pub(crate) fn without_sizes(mut self) -> Self {
        for (requested, capacity, ..) in self.claims.values_mut() {
            *requested = Bytes::ZERO;
            *capacity = capacity.map(|_| Bytes::ZERO);
        }
        for shown in self.storage.iter_mut().flat_map(|(.., volumes)| volumes) {
            (shown.effective, shown.target) = (None, None);
            for (_, size, _) in &mut shown.ledger {
                *size = Bytes::ZERO;
            }
        }
        self.raises.clear();
        self.recorded.clear();
        self
    }

    /// An instance that is scaled away takes its claims along, and what was done to it.
    fn leave_departed_out(&mut self) {
        self.raises.retain(|claim, _| self.claims.contains_key(claim));
        let there: BTreeSet<String> =
            self.pods.keys().map(|name| format!("{OF_AN_INSTANCE}{name}")).collect();
        self.others.retain(|words, _| !words.starts_with(OF_AN_INSTANCE) || there.contains(words));
    }

    /// Of a shrink the sizes that it led to for a while.
    fn leave_turned_back_out(&mut self) {
        for (volume, recorded) in &mut self.recorded {
            let ends = recorded.iter().filter_map(|(effective, _, ledger)| {
                let size = (*effective)?;
                ledger.iter().any(|(cause, to, _)| (*cause, *to) == (Cause::Shrink, size)).then_some(size)
            });
            let ends: BTreeSet<Bytes> = ends.collect();
            let passing =
                |(cause, size, _): &(Cause, Bytes, bool)| *cause == Cause::Shrink && !ends.contains(size);
            let mut sizes = BTreeSet::new();
            let ledgers = recorded.iter_mut().map(|(.., ledger)| ledger);
            let shown = self.storage.iter_mut().flat_map(|(.., volumes)| volumes);
            let shown = shown.filter(|shown| shown.volume == *volume).map(|shown| &mut shown.ledger);
            for ledger in ledgers.chain(shown) {
                for entry in ledger.iter_mut().filter(|entry| passing(entry)) {
                    sizes.insert(entry.1);
                    entry.1 = Bytes::ZERO;
                }
            }
            recorded.dedup();
            for (_, raised) in self.raises.iter_mut().filter(|((_, of), _)| of == volume) {
                raised.retain(|size| !sizes.contains(size));
            }
        }
        self.raises.retain(|_, sizes| !sizes.is_empty());
    }

    /// What the entry after it says once more. Equal entries that come to stand side by side stay two: a growth that was
    /// forgotten and begun anew was begun twice.
    fn leave_first_sizes_out(&mut self) {
        for recorded in self.recorded.values_mut() {
            let mut kept: Vec<Recorded> = Vec::new();
            for next in std::mem::take(recorded) {
                kept.pop_if(|last| is_first_size_of(last, &next));
                kept.push(next);
            }
            *recorded = kept;
        }
    }

    /// A growth that never became the effective size was overtaken.
    fn leave_overtaken_out(&mut self) {
        for (volume, recorded) in &self.recorded {
            let reached: BTreeSet<Bytes> = recorded.iter().filter_map(|(effective, ..)| *effective).collect();
            let targets =
                recorded.iter().filter_map(|(_, running, _)| running.and_then(|(_, target)| target));
            let overtaken: BTreeSet<Bytes> = targets.filter(|target| !reached.contains(target)).collect();
            for (_, sizes) in self.raises.iter_mut().filter(|((_, of), _)| of == volume) {
                sizes.retain(|size| !overtaken.contains(size));
            }
        }
        self.raises.retain(|_, sizes| !sizes.is_empty());
    }

    /// What took effect.
    fn count(&mut self, trace: &Trace) {
        let mut requested: BTreeMap<(InstanceName, VolumeName), Bytes> = BTreeMap::new();
        for entry in &trace.entries {
            if let What::Claim(claim) = &entry.what {
                let key = (claim.instance.clone(), claim.volume.clone());
                self.undone(&key, claim.requested);
                requested.insert(key, claim.requested);
            } else if let What::ClaimGone(instance, volume) = &entry.what {
                requested.remove(&(instance.clone(), volume.clone()));
            } else if let What::Storage(shown) = &entry.what {
                self.record(shown);
            } else if let What::OperatorWrote(written) = &entry.what {
                self.wrote(written, &requested);
            }
        }
        let made_anew = trace.made_anew().into_iter();
        self.others.extend(made_anew.map(|(instance, often)| (format!("{OF_AN_INSTANCE}{instance}"), often)));
    }

    /// Somebody else lowered a request: the raises above it have no effect any more.
    fn undone(&mut self, claim: &(InstanceName, VolumeName), requested: Bytes) {
        if let Some(sizes) = self.raises.get_mut(claim) {
            sizes.retain(|size| *size <= requested);
        }
    }

    fn wrote(&mut self, written: &Written, requested: &BTreeMap<(InstanceName, VolumeName), Bytes>) {
        match written {
            Written::Claim { instance, volume, to } => {
                let key = (instance.clone(), volume.clone());
                if requested.get(&key) != Some(to) {
                    self.raises.entry(key).or_default().push(*to);
                }
            }
            Written::Status => {}
            // Instances are counted by what became of them.
            _ if written.condemns().is_some() || written.spares().is_some() => {}
            Written::Other(words) => self.other(words),
            Written::Deleted(what) => self.other(&format!("deleted {what}")),
        }
    }

    fn other(&mut self, words: &str) {
        let count = self.others.entry(words.to_owned()).or_insert(0);
        *count = count.saturating_add(1);
    }

    fn record(&mut self, shown: &StorageState) {
        for volume in &shown.volumes {
            let running = volume.running.map(|cause| (cause, volume.target));
            let now = (volume.effective, running, volume.ledger.clone());
            // A new object's first status says so before anything is known of its volumes, or it does not come to that.
            if now == (None, None, Vec::new()) {
                continue;
            }
            let known = self.recorded.entry(volume.volume.clone()).or_default();
            if known.last() != Some(&now) {
                known.push(now);
            }
        }
    }

    /// Where this run differs from the undisturbed one, in words; none: it does not.
    pub fn differences(&self, undisturbed: &Self) -> Vec<String> {
        let mut found = Vec::new();
        by_key(&mut found, "claim at the end", &undisturbed.claims, &self.claims);
        by_key(&mut found, "pod at the end", &undisturbed.pods, &self.pods);
        whole(&mut found, "Cluster at the end", &undisturbed.cluster, &self.cluster);
        whole(&mut found, "DynamicStorage at the end", &undisturbed.storage, &self.storage);
        by_key(&mut found, "raises of a claim", &undisturbed.raises, &self.raises);
        by_key(&mut found, "what was recorded", &undisturbed.recorded, &self.recorded);
        by_key(&mut found, "other writes", &undisturbed.others, &self.others);
        found
    }
}

/// Whether `next` begins the first growth of the ledger from the size that is all that `last` records.
fn is_first_size_of(last: &Recorded, (size, running, ledger): &Recorded) -> bool {
    *last == (*size, None, Vec::new()) && running.is_some() && ledger.len() == 1
}

/// How the words of a write to one instance begin, as the simulator's world says them.
const OF_AN_INSTANCE: &str = "deleted instance ";

/// Words of a step of a shrink.
fn of_a_shrink(words: &str) -> bool {
    let steps = [OF_AN_INSTANCE, "deleted claim ", "deleted job ", "instances ", "promoted "];
    steps.iter().any(|start| words.starts_with(start))
}

fn whole<T: PartialEq + std::fmt::Debug>(found: &mut Vec<String>, what: &str, expected: &T, is: &T) {
    if expected != is {
        found.push(format!("{what}: {is:?}; undisturbed: {expected:?}"));
    }
}

fn by_key<K: Ord + std::fmt::Debug, V: PartialEq + std::fmt::Debug>(
    found: &mut Vec<String>,
    what: &str,
    expected: &BTreeMap<K, V>,
    is: &BTreeMap<K, V>,
) {
    let keys: BTreeSet<&K> = expected.keys().chain(is.keys()).collect();
    for key in keys {
        let (wanted, got) = (expected.get(key), is.get(key));
        if wanted != got {
            found.push(format!("{what} {key:?}: {got:?}; undisturbed: {wanted:?}"));
        }
    }
}
