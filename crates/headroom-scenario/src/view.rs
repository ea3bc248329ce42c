//! The trace folded into what is known at its end. A world keeps one and lets it catch up, so that a fact costs the new
//! entries and not the whole trace.

use std::collections::{BTreeMap, BTreeSet};

use headroom_core::{
    Bytes,
    ledger::Cause,
    names::{InstanceName, VolumeName},
    report::State,
};

use crate::{
    Act, Gate, Strike,
    trace::{ACCURACY_MS, BackupState, ClaimState, ClusterState, Entry, PodState, StorageState, Trace, What},
};

/// Latest object states, and what has been seen since the fixture was ready.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "things that were or were not seen, each by itself")]
pub struct View {
    read: usize,
    /// Time of the newest entry, milliseconds since the fixture began to be made.
    pub now_ms: u64,
    /// When the fixture became ready.
    pub ready_ms: Option<u64>,
    /// Claims that exist.
    pub claims: BTreeMap<(InstanceName, VolumeName), ClaimState>,
    /// Instance pods that exist.
    pub pods: BTreeMap<InstanceName, PodState>,
    /// The Cluster.
    pub cluster: Option<ClusterState>,
    /// The DynamicStorage's status.
    pub storage: Option<StorageState>,
    /// The newest sample (capacity, available) of each file system, taken since the newest fill of its volume began.
    pub usage: BTreeMap<(InstanceName, VolumeName), (Bytes, Bytes)>,
    /// Whether the newest two samples of a file system agree, give or take a fifth of a percent.
    pub steady: BTreeMap<(InstanceName, VolumeName), bool>,
    /// States that the status has shown since the fixture was ready.
    pub states: BTreeSet<(VolumeName, State)>,
    /// Growths that the status has shown since the fixture was ready.
    pub intents: BTreeSet<(VolumeName, Cause)>,
    /// Ends of containers since the fixture was ready.
    pub stops: BTreeSet<(InstanceName, i32)>,
    /// Everyone who has been primary since the fixture was ready, and before.
    pub primaries: BTreeSet<InstanceName>,
    /// Gates that are held, and whether something has reached them.
    pub gates: BTreeMap<Gate, bool>,
    /// When the operator last wrote something.
    pub operator_wrote_ms: Option<u64>,
    /// An insert was refused for lack of space since the last fill began.
    pub refused: bool,
    /// A row was acknowledged well after the last disturbance.
    pub serving: bool,
    /// The newest act is a verification and its answer is there.
    pub verified: bool,
    /// The newest Backup.
    pub backup: Option<BackupState>,
    /// A pod of a join job has failed since the last act or strike.
    pub join_failed: bool,
    /// The same of one that has begun to run.
    pub join_began: bool,
    /// The drain of the last strike has ended.
    pub drained: bool,
    /// How often the operator has had an instance made anew.
    pub condemned: u32,
    /// An eviction was refused since the last strike.
    pub eviction_refused: bool,
    /// Who was primary when the last strike came, or when the fixture was ready.
    pub primary_before: Option<InstanceName>,
    /// The Cluster's image when the fixture was ready.
    pub image_before: String,
    /// When something last disturbed the server: an act, a strike, a restart of the primary's container.
    pub disturbed_ms: u64,
    acknowledged_when_disturbed: u64,
    pods_when_ready: BTreeMap<String, (u32, Option<i32>)>,
}

impl Default for View {
    fn default() -> Self {
        Self::new()
    }
}

impl View {
    /// Nothing has been seen.
    pub const fn new() -> Self {
        Self {
            read: 0,
            now_ms: 0,
            ready_ms: None,
            claims: BTreeMap::new(),
            pods: BTreeMap::new(),
            cluster: None,
            storage: None,
            usage: BTreeMap::new(),
            steady: BTreeMap::new(),
            states: BTreeSet::new(),
            intents: BTreeSet::new(),
            stops: BTreeSet::new(),
            primaries: BTreeSet::new(),
            gates: BTreeMap::new(),
            operator_wrote_ms: None,
            refused: false,
            serving: false,
            verified: false,
            backup: None,
            join_failed: false,
            join_began: false,
            drained: false,
            condemned: 0,
            eviction_refused: false,
            primary_before: None,
            image_before: String::new(),
            disturbed_ms: 0,
            acknowledged_when_disturbed: 0,
            pods_when_ready: BTreeMap::new(),
        }
    }

    /// What is known at the end of `trace`.
    pub fn of(trace: &Trace) -> Self {
        let mut view = Self::new();
        view.catch_up(trace);
        view
    }

    /// Takes in the entries that were appended since the last call.
    pub fn catch_up(&mut self, trace: &Trace) {
        for entry in trace.entries.iter().skip(self.read) {
            self.take(entry);
        }
    }

    /// Takes in the next entry.
    pub(crate) fn take(&mut self, entry: &Entry) {
        self.read = self.read.saturating_add(1);
        self.now_ms = self.now_ms.max(entry.at_ms);
        self.absorb(entry.at_ms, &entry.what);
    }

    /// Takes in one entry of time `at_ms`.
    fn absorb(&mut self, at_ms: u64, what: &What) {
        match what {
            What::FixtureReady => self.become_ready(at_ms),
            What::Acted(act) => self.acted(at_ms, act),
            What::Struck(strike) => self.struck(at_ms, strike),
            What::GateHeld(gate) => {
                self.gates.insert(*gate, false);
            }
            What::GateReached(gate) => {
                self.gates.entry(*gate).and_modify(|reached| *reached = true);
            }
            What::GateReleased(gate) => {
                self.gates.remove(gate);
            }
            What::Claim(claim) => {
                self.claims.insert((claim.instance.clone(), claim.volume.clone()), claim.clone());
            }
            What::ClaimGone(instance, volume) => {
                self.claims.remove(&(instance.clone(), volume.clone()));
                self.usage.remove(&(instance.clone(), volume.clone()));
            }
            What::Pod(pod) => self.pod(at_ms, pod),
            What::PodGone(instance) => {
                self.pods.remove(instance);
            }
            What::Cluster(cluster) => {
                self.primaries.extend(cluster.primary.as_deref().map(InstanceName::from));
                self.cluster = Some(cluster.clone());
            }
            What::ClusterGone => {
                self.cluster = None;
                // One that is restored counts from its Backup.
                self.acknowledged_when_disturbed = 0;
                self.disturb(at_ms);
            }
            What::Storage(storage) => self.storage(storage),
            What::StorageGone => self.storage = None,
            What::Backup(backup) => self.backup = Some(backup.clone()),
            What::JoinBegan(_) => self.join_began = true,
            What::JoinFailed(..) => self.join_failed = true,
            What::Drained(_) => self.drained = true,
            What::EvictionRefused(_) => self.eviction_refused = true,
            What::Usage { instance, volume, capacity, available } => {
                let key = (instance.clone(), volume.clone());
                let before = self.usage.insert(key.clone(), (*capacity, *available));
                let agrees = before.is_some_and(|(size, was)| {
                    size == *capacity && was.get().abs_diff(available.get()) <= size.get() / 500
                });
                self.steady.insert(key, agrees);
            }
            What::OperatorWrote(written) => {
                self.operator_wrote_ms = Some(at_ms);
                self.condemned = self.condemned.saturating_add(u32::from(written.condemns().is_some()));
            }
            What::Acknowledged(rows) => self.acknowledged(at_ms, *rows),
            What::InsertFailed { no_space } => self.refused |= *no_space,
            What::Verified { .. } => self.verified = true,
            What::Event { .. } | What::Note(_) | What::Node { .. } => {}
        }
    }

    fn become_ready(&mut self, at_ms: u64) {
        self.ready_ms = Some(at_ms);
        self.pods_when_ready =
            self.pods.values().map(|pod| (pod.uid.clone(), (pod.restarts, pod.last_exit))).collect();
        self.states.clear();
        self.intents.clear();
        self.stops.clear();
        self.primary_before = self.primary();
        self.image_before = self.cluster.as_ref().map(|cluster| cluster.image.clone()).unwrap_or_default();
        if let Some(storage) = self.storage.clone() {
            self.storage(&storage);
        }
        self.disturb(at_ms);
    }

    fn acted(&mut self, at_ms: u64, act: &Act) {
        if matches!(act, Act::Verify) {
            self.verified = false;
            return;
        }
        if let Act::Fill { volume, .. } | Act::FillUntilRefused { volume, .. } = act {
            self.refused = false;
            // What was measured before says nothing of this fill.
            self.usage.retain(|(_, of), _| of != volume);
            self.steady.retain(|(_, of), _| of != volume);
        }
        if matches!(act, Act::StartBackup) {
            self.backup = None;
        }
        self.verified = false;
        self.join_failed = false;
        self.join_began = false;
        if !matches!(act, Act::StartWriter { .. }) {
            self.disturb(at_ms);
        }
    }

    fn struck(&mut self, at_ms: u64, strike: &Strike) {
        self.primary_before = self.primary();
        self.join_failed = false;
        self.join_began = false;
        self.drained = false;
        self.eviction_refused = false;
        self.verified = false;
        self.disturb(at_ms);
        if let Some(act) = strike.act() {
            self.acted(at_ms, act);
        }
    }

    fn disturb(&mut self, at_ms: u64) {
        self.disturbed_ms = self.disturbed_ms.max(at_ms);
        self.serving = false;
    }

    /// Rows reported soon after a disturbance may have been acknowledged before it.
    fn acknowledged(&mut self, at_ms: u64, rows: u64) {
        if at_ms < self.disturbed_ms.saturating_add(ACCURACY_MS) {
            self.acknowledged_when_disturbed = rows;
        } else if rows > self.acknowledged_when_disturbed {
            self.serving = true;
            self.acknowledged_when_disturbed = rows;
        }
    }

    fn pod(&mut self, at_ms: u64, pod: &PodState) {
        let before = self.pods.insert(pod.instance.clone(), pod.clone());
        let restarted = before.is_some_and(|before| before.uid == pod.uid && before.restarts < pod.restarts);
        let primary = self.cluster.as_ref().and_then(|cluster| cluster.primary.as_deref());
        if restarted && primary == Some(pod.instance.as_str()) {
            self.disturb(at_ms);
        }
        let Some(code) = pod.last_exit.filter(|_| self.ready_ms.is_some()) else { return };
        if self.pods_when_ready.get(&pod.uid) != Some(&(pod.restarts, Some(code))) {
            self.stops.insert((pod.instance.clone(), code));
        }
    }

    fn storage(&mut self, storage: &StorageState) {
        for volume in &storage.volumes {
            self.states.insert((volume.volume.clone(), volume.state));
            let ledger = volume.ledger.iter().map(|(cause, _, _)| *cause);
            for cause in ledger.chain(volume.running) {
                self.intents.insert((volume.volume.clone(), cause));
            }
        }
        self.storage = Some(storage.clone());
    }

    /// The primary by the Cluster's status.
    pub fn primary(&self) -> Option<InstanceName> {
        self.cluster.as_ref()?.primary.as_deref().map(InstanceName::from)
    }

    /// How often the container of a member's pod has restarted since the fixture was ready.
    pub fn restarts(&self, member: &InstanceName) -> u32 {
        let Some(pod) = self.pods.get(member) else { return 0 };
        let before = self.pods_when_ready.get(&pod.uid).map_or(0, |(restarts, _)| *restarts);
        pod.restarts.saturating_sub(before)
    }

    /// Used share of a file system by its newest sample, in whole percents rounded down.
    pub fn used_percent(&self, member: &InstanceName, volume: &VolumeName) -> Option<u8> {
        let (capacity, available) = self.usage.get(&(member.clone(), volume.clone()))?;
        let used = u128::from(capacity.minus_or_zero(*available).get()).saturating_mul(100);
        u8::try_from(used.checked_div(u128::from(capacity.get()))?).ok()
    }

    /// Claims of one volume.
    pub fn claims_of<'a>(&'a self, volume: &'a VolumeName) -> impl Iterator<Item = &'a ClaimState> {
        self.claims.values().filter(move |claim| claim.volume == *volume)
    }
}
