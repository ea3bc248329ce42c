//! CNPG's Backups by volume snapshot and to an object store, and the Clusters that are recovered from them (S: `volumesnapshot/reconciler.go`,
//! `online.go`, `offline.go`, `backup_controller.go` of 1.30; trace 17 for what is refused).

use std::collections::BTreeMap;

use super::{
    Ev, Happened, Model,
    draw::Subsystem,
    object::{Container, Name, Pod, Volume},
    queue::Millis,
};

/// A Backup object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// Its name.
    pub name: Name,
    /// Its Cluster.
    pub cluster: Name,
    /// `status.phase`; empty at first.
    pub phase: &'static str,
    /// `status.error`.
    pub error: Option<Name>,
    /// The server runs on meanwhile.
    online: bool,
    /// The instance whose volumes are taken, and the run of its server when that began.
    target: Option<Target>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Target {
    instance: Name,
    pod: u64,
    restarts: u32,
}

/// What a completed Backup can restore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// `restoreSize` by volume: the device when it was taken.
    pub sizes: BTreeMap<Volume, u64>,
    /// Bytes by volume.
    pub content: BTreeMap<Volume, u64>,
    /// Acknowledged rows, in thousandths.
    pub rows: u64,
}

/// Where a Backup stands; between two of them CNPG waits for its own requeue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// An instance is elected.
    Begin,
    /// The server is in backup mode, or down.
    Cut,
    /// The snapshots are there.
    Finalize,
    /// They are ready to use.
    Complete,
    /// The object store has everything.
    Stored,
}

/// CNPG's requeue for a target that is not there.
const NO_TARGET: Millis = 30_000;
/// For a server that starts or ends a backup, or does not answer.
const SERVER: Millis = 5_000;
/// For snapshots and fences.
const SNAPSHOT: Millis = 10_000;

impl Model {
    /// A user creates a Backup.
    pub fn start_backup(&mut self, cluster: &Name) {
        let name: Name = format!("backup-{}", self.backups.len() + 1).into();
        let backup = Backup {
            name: name.clone(),
            cluster: cluster.clone(),
            phase: "",
            error: None,
            online: false,
            target: None,
        };
        self.happened.push(Happened::Backup(backup.clone()));
        self.backups.insert(name.clone(), backup);
        let delay = self.draws.range(Subsystem::Cnpg, &name, 10, 100);
        self.queue.push(self.now + delay, Ev::Backup(name, Stage::Begin));
    }

    /// All Backups, by name.
    pub fn backups(&self) -> impl Iterator<Item = &Backup> {
        self.backups.values()
    }

    /// Whether a Backup has begun and not ended.
    pub fn backup_running(&self) -> bool {
        self.backups.values().any(|backup| !["completed", "failed"].contains(&backup.phase))
    }

    /// The newest completed Backup.
    pub fn completed_backup(&self) -> Option<Name> {
        self.backups
            .values()
            .filter(|backup| backup.phase == "completed")
            .map(|backup| backup.name.clone())
            .next_back()
    }

    /// What a Backup can restore.
    pub fn snapshot(&self, backup: &str) -> Option<&Snapshot> {
        self.snapshots.get(backup)
    }

    pub(super) fn backup_step(&mut self, name: &Name, stage: Stage) {
        let Some(backup) = self.backups.get(name).cloned() else { return };
        if self.api.cluster(&backup.cluster).is_none() {
            return;
        }
        match stage {
            Stage::Begin => self.begin_backup(&backup),
            Stage::Cut => self.cut_backup(&backup),
            Stage::Finalize => self.finalize_backup(&backup),
            Stage::Complete => self.complete_backup(&backup),
            Stage::Stored => self.stored(&backup),
        }
    }

    fn show_backup(&mut self, name: &Name, change: impl FnOnce(&mut Backup)) {
        let Some(backup) = self.backups.get_mut(name) else { return };
        let before = backup.clone();
        change(backup);
        if *backup != before {
            self.happened.push(Happened::Backup(backup.clone()));
        }
    }

    fn fail_backup(&mut self, backup: &Backup, why: &str) {
        self.show_backup(&backup.name, |backup| {
            backup.phase = "failed";
            backup.error = Some(why.into());
        });
        self.api.update_cluster(&backup.cluster, |cluster| cluster.status.last_backup_failed = true);
        if let Some(target) = &backup.target {
            self.unfence(&backup.cluster, &target.instance.clone());
        }
    }

    fn again(&mut self, backup: &Backup, stage: Stage, after: Millis) {
        let jitter = self.draws.range(Subsystem::Cnpg, &backup.name, 20, 150);
        self.queue.push(self.now + after + jitter, Ev::Backup(backup.name.clone(), stage));
    }

    /// `prefer-standby`: a ready replica, else the primary.
    fn backup_target(&self, cluster: &Name) -> Option<std::sync::Arc<Pod>> {
        let primary = self.api.cluster(cluster)?.status.current_primary.clone();
        let ready = |pod: &&std::sync::Arc<Pod>| {
            pod.cluster == *cluster && pod.job.is_none() && pod.ready && !pod.meta.deleting
        };
        let standby = |pod: &&std::sync::Arc<Pod>| Some(&pod.instance) != primary.as_ref();
        let found = self.api.pods().filter(ready).find(standby);
        found.or_else(|| self.api.pods().find(|pod| ready(pod))).cloned()
    }

    fn begin_backup(&mut self, backup: &Backup) {
        let spec = self.api.cluster(&backup.cluster).map(|cluster| cluster.spec.clone());
        if spec.as_ref().is_some_and(|spec| spec.object_store) {
            self.store(backup);
            return;
        }
        let Some(online) = spec.and_then(|spec| spec.snapshots_online) else {
            self.fail_backup(backup, "cannot proceed with the backup as the cluster has no backup section");
            return;
        };
        let Some(pod) = self.backup_target(&backup.cluster) else {
            self.show_backup(&backup.name, |backup| backup.phase = "pending");
            self.again(backup, Stage::Begin, NO_TARGET);
            return;
        };
        let target = Target { instance: pod.instance.clone(), pod: pod.meta.uid, restarts: pod.restarts };
        self.show_backup(&backup.name, |backup| {
            backup.phase = "started";
            backup.online = online;
            backup.target = Some(target);
        });
        if !online {
            self.fence(&backup.cluster, &pod.instance);
        }
        self.again(backup, Stage::Cut, if online { SERVER } else { SNAPSHOT });
    }

    /// A copy of the server's files takes its time.
    fn store(&mut self, backup: &Backup) {
        self.show_backup(&backup.name, |backup| backup.phase = "started");
        self.show_backup(&backup.name, |backup| backup.phase = "running");
        let takes = self.draws.range(Subsystem::Server, &backup.name, 240_000, 300_000);
        self.again(backup, Stage::Stored, takes);
    }

    fn stored(&mut self, backup: &Backup) {
        self.show_backup(&backup.name, |backup| backup.phase = "completed");
        self.api.update_cluster(&backup.cluster, |cluster| cluster.status.last_backup_failed = false);
    }

    /// The pod of the target, and whether its server has run on since the Backup began.
    fn target_now(&self, backup: &Backup) -> (Option<std::sync::Arc<Pod>>, bool) {
        let Some(target) = &backup.target else { return (None, false) };
        let pod = self.api.instance_pod(&target.instance).filter(|pod| !pod.meta.deleting).cloned();
        let same = pod.as_ref().is_some_and(|pod| {
            let running = matches!(pod.container, Container::Running(_));
            pod.meta.uid == target.pod && pod.restarts == target.restarts && running
        });
        (pod, same)
    }

    /// Before the snapshots are there a lost target is elected anew.
    fn cut_backup(&mut self, backup: &Backup) {
        let (pod, same) = self.target_now(backup);
        let fenced_still_up = !backup.online && pod.as_ref().is_some_and(|pod| pod.ready);
        if backup.online && !same {
            self.again(backup, Stage::Begin, if pod.is_some() { SERVER } else { NO_TARGET });
            return;
        }
        if pod.is_none() || fenced_still_up {
            self.again(backup, Stage::Cut, SNAPSHOT);
            return;
        }
        let Some(instance) = backup.target.as_ref().map(|target| target.instance.clone()) else { return };
        let sizes = self
            .api
            .claims_of(&instance)
            .filter_map(|claim| Some((claim.volume.clone(), self.disks.get(&claim.meta.name)?.device)))
            .collect();
        let (content, rows) = self.contents_of(&backup.cluster, &instance);
        self.snapshots.insert(backup.name.clone(), Snapshot { sizes, content, rows });
        self.again(backup, Stage::Finalize, SNAPSHOT);
    }

    /// The backup mode of the server ends, or the fence. A server that has restarted meanwhile knows nothing of the
    /// Backup, and that is its end.
    fn finalize_backup(&mut self, backup: &Backup) {
        let (pod, same) = self.target_now(backup);
        let Some(pod) = pod else {
            self.show_backup(&backup.name, |backup| backup.phase = "pending");
            self.again(backup, Stage::Finalize, NO_TARGET);
            return;
        };
        if !backup.online {
            self.unfence(&backup.cluster, &pod.instance);
            self.show_backup(&backup.name, |backup| backup.phase = "finalizing");
            self.again(backup, Stage::Complete, 0);
        } else if same {
            self.again(backup, Stage::Complete, SERVER);
        } else if pod.ready {
            let name = &backup.name;
            let why = format!(
                "can't execute snapshot backup: trying to stop backup with name: , while reconciling backup with \
                 name: {name}"
            );
            self.fail_backup(backup, &why);
        } else {
            self.again(backup, Stage::Finalize, SERVER);
        }
    }

    fn complete_backup(&mut self, backup: &Backup) {
        let (_, same) = self.target_now(backup);
        if backup.online && !same {
            self.finalize_backup(backup);
            return;
        }
        self.show_backup(&backup.name, |backup| backup.phase = "finalizing");
        self.show_backup(&backup.name, |backup| backup.phase = "completed");
        self.api.update_cluster(&backup.cluster, |cluster| cluster.status.last_backup_failed = false);
    }

    /// The server of a fenced instance is stopped; its container runs on, its pod is not Ready.
    fn fence(&mut self, cluster: &Name, instance: &Name) {
        self.api.update_cluster(cluster, |cluster| {
            cluster.fenced.insert(instance.clone());
        });
        let Some(uid) = self.api.instance_pod(instance).map(|pod| pod.meta.uid) else { return };
        let delay = self.draws.range(Subsystem::Server, instance, 300, 1500);
        self.queue.push(self.now + delay, Ev::Fenced(instance.clone(), uid));
    }

    pub(super) fn fenced(&mut self, name: &Name) {
        let Some(pod) = self.api.pod(name).cloned() else { return };
        self.server_down(&pod.cluster, &pod.instance);
        let at = self.now;
        self.api.update_pod(name, |pod| pod.fail(at));
    }

    fn unfence(&mut self, cluster: &Name, instance: &Name) {
        let changed = self.api.update_cluster(cluster, |cluster| {
            cluster.fenced.remove(instance);
        });
        let Some(pod) = self.api.instance_pod(instance).cloned().filter(|_| changed) else { return };
        if matches!(pod.container, Container::Running(_)) && !pod.meta.deleting {
            let delay = self.draws.range(Subsystem::Server, instance, 500, 1500);
            self.queue.push(self.now + delay, Ev::Unfenced(instance.clone(), pod.meta.uid));
        }
    }

    pub(super) fn unfenced(&mut self, name: &Name, uid: u64) {
        let Some(pod) = self.api.pod(name).cloned() else { return };
        if let Container::Running(since) = pod.container {
            self.server_returns(&pod.cluster, &pod.instance);
            let delay = self.draws.range(Subsystem::Server, name, 2700, 9800);
            self.queue.push(self.now + delay, Ev::Ready(name.clone(), uid, since));
        }
    }
}
