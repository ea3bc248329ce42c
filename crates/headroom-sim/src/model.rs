//! The model: Kubernetes' storage path, CloudNativePG 1.30 and PostgreSQL in virtual time.
//!
//! Each rule names the recorded trace or experiment it stands on; the list is in `model.md` beside `Cargo.toml`. The
//! model imports nothing of the product's rules (`decide`, `lint`, the engine): it would agree with their mistakes.

pub mod apiserver;
pub mod backup;
mod birth;
pub mod cnpg;
pub mod custom;
pub mod drain;
pub mod draw;
pub mod gate;
pub mod job;
pub mod node;
pub mod object;
pub mod postgres;
pub mod queue;
pub mod recovery;
pub mod removal;
pub mod stats;
pub mod storage;

use std::collections::{BTreeMap, BTreeSet};

use headroom_scenario::Kubelets;

use apiserver::{ApiServer, Change, Object, named};
use backup::{Backup, Snapshot, Stage as BackupStage};
use cnpg::{Controller, move_primary::Stage};
use draw::Draws;
use gate::Gates;
use node::Restarts;
use object::{Cluster, ClusterSpec, ClusterStatus, Name};
use postgres::Database;
use queue::{Millis, Queue};
use stats::Measured;
use storage::{Disk, DriverError};

/// Periods of the kubelets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `volumeStatsAggPeriod` in milliseconds.
    pub stats_period: Millis,
    /// `syncFrequency` in milliseconds.
    pub sync_period: Millis,
}

impl Settings {
    /// The lab's: 10 s each, as all traces were recorded.
    pub const LAB: Self = Self { stats_period: 10_000, sync_period: 10_000 };
    /// The kubelet's defaults: 60 s each.
    pub const STOCK: Self = Self { stats_period: 60_000, sync_period: 60_000 };

    /// In the words of a scenario.
    pub const fn kubelets(self) -> Kubelets {
        if self.stats_period < Self::STOCK.stats_period { Kubelets::Quick } else { Kubelets::Stock }
    }
}

/// Something that happens in the model; names are of objects, numbers behind them their uids.
#[derive(Clone, Debug)]
pub(crate) enum Ev {
    Bind(Name, u64),
    ControllerMark(Name, u64),
    ControllerExpand(Name, u64),
    NodeExpand(Name, u64),
    NodeExpanded(Name, u64),
    Schedule(Name, u64),
    Mounted(Name, u64),
    Start(Name, u64),
    Reported(Name, u64),
    Ready(Name, u64, Millis),
    Exit(Name, u64, Millis, i32),
    BackOff(Name, u64),
    Stopped(Name, u64),
    Removed(Name, u64),
    Delete(Name, u64),
    Measure(Name, u64),
    JobPod(Name),
    JobEnd(Name, u64, i32),
    JobPodDone(Name, u64, i32),
    JobCounted(Name, u64, i32),
    Observe(Name),
    Act(Name),
    Raise(Name, Name, u64),
    CreateClaims(Name, Name),
    CreateJob(Name, Name),
    Labels(Name),
    Primary(Name, Name, Stage),
    Crossing(Name, u64),
    Checkpoint(Name, Name),
    Evict(Name, Name, u64),
    Applying(Name),
    InPlace(Name, u64),
    Backup(Name, BackupStage),
    Fenced(Name, u64),
    Unfenced(Name, u64),
}

/// What the model tells its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happened {
    /// An object changed.
    Changed(Change),
    /// A kubelet measured the volumes of an instance whose container runs.
    Measured(Name, Measured),
    /// An insert was refused for lack of space, or the connection broke.
    InsertFailed {
        /// Whether it was for lack of space.
        no_space: bool,
    },
    /// A filler has reached its goal.
    FillDone,
    /// A node takes pods, or no longer.
    Node {
        /// Its name.
        name: Name,
        /// It is cordoned.
        cordoned: bool,
    },
    /// A `PodDisruptionBudget` refused an eviction of this instance.
    EvictionRefused(Name),
    /// A node is drained.
    Drained(Name),
    /// A Backup changed.
    Backup(Backup),
}

/// What CNPG last saw of a Cluster: spec, fences, current primary.
type SeenCluster = (ClusterSpec, BTreeSet<Name>, Option<Name>);

/// The simulated cluster.
#[derive(Clone, Debug)]
pub struct Model {
    pub(crate) now: Millis,
    pub(crate) settings: Settings,
    pub(crate) api: ApiServer,
    pub(crate) draws: Draws,
    pub(crate) gates: Gates,
    /// Errors that the storage driver answers next, first one first.
    pub(crate) driver_errors: Vec<DriverError>,
    /// The driver refuses sizes above this as out of range.
    pub(crate) largest_volume: Option<u64>,
    /// The driver refuses every growth for a limit of its own.
    pub(crate) provider_limit: bool,
    /// CNPG's own operator is away until then.
    pub(crate) cnpg_back_at: Millis,
    /// Nodes that take no new pods.
    pub(crate) cordoned: BTreeSet<Name>,
    /// A PodDisruptionBudget of somebody's, `keep`, with `maxUnavailable: 0` over all instances.
    pub(crate) disruptions_forbidden: bool,
    /// Pods that a drain waits for, by node.
    draining: BTreeMap<Name, BTreeSet<u64>>,
    backups: BTreeMap<Name, Backup>,
    snapshots: BTreeMap<Name, Snapshot>,
    queue: Queue<Ev>,
    nodes: Vec<Name>,
    dynamic: BTreeSet<Name>,
    disks: BTreeMap<Name, Disk>,
    resizer_busy: BTreeSet<Name>,
    final_errors: BTreeSet<Name>,
    restarts: BTreeMap<Name, Restarts>,
    /// The primary that each pod of a join copies.
    copies: BTreeMap<Name, Option<Name>>,
    measured: BTreeMap<Name, Measured>,
    databases: BTreeMap<Name, Database>,
    controllers: BTreeMap<Name, Controller>,
    seen_specs: BTreeMap<Name, SeenCluster>,
    happened: Vec<Happened>,
}

impl Model {
    /// An empty cluster of three nodes with one expandable StorageClass, `csi`.
    pub fn new(seed: u64, settings: Settings) -> Self {
        let class: Name = "csi".into();
        let mut model = Self {
            now: 0,
            settings,
            api: ApiServer::new(),
            draws: Draws::new(seed),
            gates: Gates::default(),
            driver_errors: Vec::new(),
            largest_volume: None,
            provider_limit: false,
            cnpg_back_at: 0,
            cordoned: BTreeSet::new(),
            disruptions_forbidden: false,
            draining: BTreeMap::new(),
            backups: BTreeMap::new(),
            snapshots: BTreeMap::new(),
            queue: Queue::new(),
            nodes: ["n1", "n2", "n3"].map(Name::from).to_vec(),
            dynamic: BTreeSet::from([class.clone()]),
            disks: BTreeMap::new(),
            resizer_busy: BTreeSet::new(),
            final_errors: BTreeSet::new(),
            restarts: BTreeMap::new(),
            copies: BTreeMap::new(),
            measured: BTreeMap::new(),
            databases: BTreeMap::new(),
            controllers: BTreeMap::new(),
            seen_specs: BTreeMap::new(),
            happened: Vec::new(),
        };
        model.api.set_class(&class, true);
        model.settle_changes();
        model
    }

    /// Now, in milliseconds since the start.
    pub fn now(&self) -> Millis {
        self.now
    }

    /// Nodes.
    pub fn nodes(&self) -> &[Name] {
        &self.nodes
    }

    /// The API server's objects.
    pub fn api(&self) -> &ApiServer {
        &self.api
    }

    /// A user creates a Cluster.
    pub fn create_cluster(&mut self, name: &Name, spec: ClusterSpec) {
        let volumes = spec.sizes.keys().cloned().collect();
        let mut database = Database::new(&volumes);
        database.synchronous = spec.synchronous;
        if let Some(before) = self.databases.get(name) {
            database.succeed(before);
        }
        self.databases.insert(name.clone(), database);
        self.controllers.insert(name.clone(), Controller::default());
        self.api.insert_cluster(Cluster {
            meta: named(name),
            spec,
            rescaled: false,
            fenced: BTreeSet::new(),
            status: ClusterStatus::default(),
        });
        self.settle_changes();
    }

    /// Changes something from outside and lets the controllers see it.
    pub fn change<R>(&mut self, change: impl FnOnce(&mut Self) -> R) -> R {
        let answer = change(self);
        self.settle_changes();
        answer
    }

    /// A DynamicStorage is stored, with whatever status it carries.
    pub fn insert_custom(&mut self, custom: custom::Custom) {
        self.api.insert_custom(custom);
        self.settle_changes();
    }

    /// A user edits a DynamicStorage.
    pub fn edit_storage(&mut self, name: &Name, edit: impl FnOnce(&mut custom::Custom)) {
        self.api.update_custom(name, edit);
        self.settle_changes();
    }

    /// A user edits a Cluster.
    pub fn edit_cluster(&mut self, name: &Name, edit: impl FnOnce(&mut Cluster)) {
        self.api.update_cluster(name, edit);
    }

    /// Somebody annotates a pod.
    pub fn annotate_pod(&mut self, name: &str, annotation: &str, value: &str) {
        self.api.update_pod(name, |pod| {
            pod.annotations.insert(annotation.into(), value.into());
        });
    }

    /// A user raises a claim by hand.
    ///
    /// # Errors
    /// As Kubernetes refuses it.
    pub fn patch_claim(&mut self, name: &str, to: u64) -> Result<(), apiserver::ApiError> {
        self.api.patch_claim(name, None, to).map(|_| ())
    }

    /// What the storage driver answers to the next `ControllerExpandVolume` calls; then it works again.
    pub fn driver_answers(&mut self, errors: Vec<DriverError>) {
        self.driver_errors = errors;
    }

    /// The driver refuses larger volumes than this as out of range.
    pub fn set_largest_volume(&mut self, bytes: Option<u64>) {
        self.largest_volume = bytes;
    }

    /// CNPG's operator is restarted and away for `span`: meanwhile it does nothing, and then goes on (trace 14).
    pub fn restart_cnpg(&mut self, span: Millis) {
        self.cnpg_back_at = self.now + span;
    }

    /// The driver refuses every growth for a limit of its own, or no longer.
    pub fn set_provider_limit(&mut self, on: bool) {
        self.provider_limit = on;
    }

    /// Somebody's PodDisruptionBudget allows no disruption of any instance, or is gone again.
    pub fn forbid_disruptions(&mut self, on: bool) {
        self.disruptions_forbidden = on;
    }

    /// Sets a ResourceQuota on `requests.storage`.
    pub fn set_quota(&mut self, bytes: Option<u64>) {
        self.api.quota = bytes;
    }

    /// Sets a LimitRange's maximum per claim.
    pub fn set_limit_range(&mut self, bytes: Option<u64>) {
        self.api.limit_range = bytes;
    }

    /// Installs the admission policy that sizes claims at birth, or removes it.
    pub fn set_size_at_birth(&mut self, installed: bool) {
        self.api.size_at_birth = installed;
    }

    /// Sets `allowVolumeExpansion` of the StorageClass.
    pub fn set_class(&mut self, expandable: bool) {
        self.api.set_class(&"csi".into(), expandable);
        self.settle_changes();
    }

    /// A user deletes a claim.
    pub fn delete_claim(&mut self, name: &str) {
        self.api.delete_claim(name);
    }

    /// When the next event happens.
    pub fn next_at(&self) -> Option<Millis> {
        self.queue.next_at()
    }

    /// Lets time pass without an event.
    pub fn pass(&mut self, to: Millis) {
        self.now = self.now.max(to);
    }

    /// Handles the next event.
    pub fn step(&mut self) {
        let Some((at, event)) = self.queue.pop() else { return };
        self.now = self.now.max(at);
        if self.concerns_a_living_object(&event) {
            self.handle(event);
        }
        self.settle_changes();
    }

    /// What has happened since this was last called.
    pub fn take_happened(&mut self) -> Vec<Happened> {
        std::mem::take(&mut self.happened)
    }

    /// Whether nothing is to come but what comes again and again: the kubelets' measurements.
    pub fn only_recurs(&self) -> bool {
        self.queue.events().all(|event| {
            let recurs = matches!(event, Ev::Measure(..));
            // Planned for a flow that is no more.
            let void =
                matches!(event, Ev::Crossing(cluster, generation) if !self.is_current(cluster, *generation));
            recurs || void || !self.concerns_a_living_object(event)
        })
    }

    fn concerns_a_living_object(&self, event: &Ev) -> bool {
        let claim = |name: &Name, uid: u64| self.api.claim(name).is_some_and(|claim| claim.meta.uid == uid);
        let pod = |name: &Name, uid: u64| self.api.pod(name).is_some_and(|pod| pod.meta.uid == uid);
        match event {
            Ev::Bind(name, uid)
            | Ev::ControllerMark(name, uid)
            | Ev::ControllerExpand(name, uid)
            | Ev::NodeExpand(name, uid)
            | Ev::NodeExpanded(name, uid) => claim(name, *uid),
            Ev::Schedule(name, uid)
            | Ev::Mounted(name, uid)
            | Ev::Start(name, uid)
            | Ev::Reported(name, uid)
            | Ev::Ready(name, uid, _)
            | Ev::Exit(name, uid, _, _)
            | Ev::BackOff(name, uid)
            | Ev::Stopped(name, uid)
            | Ev::Removed(name, uid)
            | Ev::Delete(name, uid)
            | Ev::Measure(name, uid)
            | Ev::JobEnd(name, uid, _)
            | Ev::JobPodDone(name, uid, _)
            | Ev::JobCounted(name, uid, _)
            | Ev::Evict(_, name, uid)
            | Ev::InPlace(name, uid)
            | Ev::Fenced(name, uid)
            | Ev::Unfenced(name, uid) => pod(name, *uid),
            Ev::JobPod(_)
            | Ev::Observe(_)
            | Ev::Act(_)
            | Ev::Raise(..)
            | Ev::CreateClaims(..)
            | Ev::CreateJob(..)
            | Ev::Labels(_)
            | Ev::Primary(..)
            | Ev::Crossing(..)
            | Ev::Checkpoint(..)
            | Ev::Applying(_)
            | Ev::Backup(..) => true,
        }
    }

    fn handle(&mut self, event: Ev) {
        match event {
            Ev::Bind(name, _) => self.bind(&name),
            Ev::ControllerMark(name, _) => self.controller_mark(&name),
            Ev::ControllerExpand(name, _) => self.controller_expand(&name),
            Ev::NodeExpand(name, _) => self.node_expand(&name),
            Ev::NodeExpanded(name, _) => self.node_expanded(&name),
            Ev::Schedule(name, uid) => self.schedule(&name, uid),
            Ev::Mounted(name, _) => self.mounted(&name),
            Ev::Start(name, uid) => self.start(&name, uid),
            Ev::Reported(name, _) => self.reported(&name),
            Ev::Ready(name, _, since) => self.ready(&name, since),
            Ev::Exit(name, uid, since, code) => self.exit(&name, uid, since, code),
            Ev::BackOff(name, _) => self.back_off(&name),
            Ev::Stopped(name, uid) => self.stopped(&name, uid),
            Ev::Removed(name, _) => self.removed(&name),
            Ev::Delete(name, _) => self.delete_pod(&name),
            Ev::Measure(name, uid) => self.measure(&name, uid),
            Ev::JobPod(name) => self.create_job_pod(&name),
            Ev::JobEnd(name, uid, code) => self.job_end(&name, uid, code),
            Ev::JobPodDone(name, uid, code) => self.job_pod_done(&name, uid, code),
            Ev::JobCounted(name, _, code) => self.job_counted(&name, code),
            Ev::Observe(cluster) => self.observe(&cluster),
            Ev::Act(cluster) => self.act(&cluster),
            Ev::Raise(cluster, claim, to) => self.raise(&cluster, &claim, to),
            Ev::CreateClaims(cluster, instance) => self.create_claims(&cluster, &instance),
            Ev::CreateJob(cluster, instance) => self.create_first_job(&cluster, &instance),
            Ev::Labels(cluster) => self.labels(&cluster),
            Ev::Primary(cluster, to, stage) => self.move_primary(&cluster, &to, stage),
            Ev::Crossing(cluster, generation) => self.crossing(&cluster, generation),
            Ev::Checkpoint(cluster, instance) => self.checkpoint(&cluster, &instance),
            Ev::Evict(node, name, uid) => self.evict(&node, &name, uid),
            Ev::Applying(cluster) => self.applying(&cluster),
            Ev::InPlace(name, _) => self.restarted_in_place(&name),
            Ev::Backup(name, stage) => self.backup_step(&name, stage),
            Ev::Fenced(name, _) => self.fenced(&name),
            Ev::Unfenced(name, uid) => self.unfenced(&name, uid),
        }
    }

    /// Shows changes to the controllers that watch them, and passes them on.
    fn settle_changes(&mut self) {
        for change in self.api.take_changes() {
            self.react(&change);
            self.happened.push(Happened::Changed(change));
        }
    }

    fn react(&mut self, change: &Change) {
        match &change.object {
            Object::Claim(claim) => {
                if !change.gone {
                    if claim.capacity.is_none() && !claim.meta.deleting {
                        self.claim_created(claim);
                    } else {
                        self.request_changed(claim);
                    }
                }
                self.cnpg_notice(&claim.cluster.clone());
            }
            Object::Pod(pod) => {
                if !change.gone && pod.node.is_none() && pod.phase == object::PodPhase::Pending {
                    self.pod_created(pod);
                }
                self.cnpg_notice(&pod.cluster.clone());
            }
            Object::Job(job) => self.cnpg_notice(&job.cluster.clone()),
            Object::Cluster(cluster) if !change.gone => self.cluster_changed(cluster),
            Object::Cluster(_) | Object::Custom(_) | Object::Class(..) => {}
        }
    }

    /// CNPG reconciles on a change of the spec and of the primary; its own other status writes wake nobody.
    fn cluster_changed(&mut self, cluster: &Cluster) {
        let name = &cluster.meta.name;
        let seen = (cluster.spec.clone(), cluster.fenced.clone(), cluster.status.current_primary.clone());
        let before = self.seen_specs.get(name);
        if before.is_some_and(|(spec, ..)| spec.parameters != cluster.spec.parameters) {
            self.parameters_changed(&name.clone());
        }
        if self.seen_specs.get(name) != Some(&seen) {
            self.seen_specs.insert(name.clone(), seen);
            self.cnpg_notice(name);
        }
    }
}

/// Bytes as the API server stores a quantity that was written in its canonical form.
pub fn size_text(bytes: u64) -> String {
    for (suffix, shift) in [("Ti", 40), ("Gi", 30), ("Mi", 20), ("Ki", 10)] {
        let unit = 1_u64 << shift;
        if bytes >= unit && bytes.is_multiple_of(unit) {
            return format!("{}{suffix}", bytes / unit);
        }
    }
    bytes.to_string()
}

/// A whole quantity in bytes; what else Kubernetes accepts does not occur here.
pub(crate) fn size_of(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let (_, suffix) = text.split_at(digits.len());
    let unit: u64 = match suffix {
        "" => 1,
        "Ki" => 1 << 10,
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        "Ti" => 1 << 40,
        "Pi" => 1 << 50,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit)
}
