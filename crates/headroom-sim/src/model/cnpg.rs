//! CloudNativePG 1.30's operator: it sees a change, writes its lists, asks the instances, and does one thing.
//!
//! What it decides is in [`plan`] and [`status`], pure functions over objects; here is how long that takes.

pub mod move_primary;
pub mod plan;
pub mod rollout;
pub mod status;

use super::{
    Ev, Model,
    apiserver::named,
    backup::Snapshot,
    draw::Subsystem,
    object::{Claim, ClusterSpec, Container, Name, Pod, PodPhase, Step, Volume, claim_name, phase},
    queue::Millis,
};
use plan::{Memory, Move, Situation};

/// What the operator keeps in memory about one Cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "four things that may be under way at the same time")]
pub struct Controller {
    observing: bool,
    acting: bool,
    /// The primary's container was first seen down then.
    primary_down: Option<Millis>,
    /// A failover or switchover is on its way.
    moving: bool,
    /// The first instance's claims are there and its job is about to be.
    creating: bool,
    /// Claims whose raise is decided and not yet written.
    raising: std::collections::BTreeSet<Name>,
    /// It was asked to come back by then.
    again: Option<Millis>,
    /// The revision of the parameters that the instance managers have told of.
    parameters: u32,
    /// When it deletes instances that it was told to make anew.
    condemned: std::collections::BTreeMap<Name, Millis>,
}

/// The claims of a new instance are asked for at the size in the spec, whatever its siblings have (traces 05, 16; fact
/// 19). Data is `initializing` at birth, WAL and tablespaces `ready` (experiments G11).
pub fn born(cluster: &Name, instance: &Name, spec: &ClusterSpec) -> Vec<Claim> {
    let claim = |(volume, size): (&Volume, &u64)| Claim {
        meta: named(&claim_name(instance, volume)),
        cluster: cluster.clone(),
        instance: instance.clone(),
        volume: volume.clone(),
        ready: *volume != Volume::Data,
        class: Some(spec.class.clone()),
        restore_size: None,
        requested: *size,
        requested_text: super::size_text(*size).into(),
        capacity: None,
        allocated: None,
        step: Step::None,
        resizing: false,
        file_system_pending: false,
        error: None,
    };
    spec.sizes.iter().map(claim).collect()
}

impl Model {
    /// Something of the Cluster changed: a reconcile follows within 20 to 150 ms (traces 01 to 06).
    pub(super) fn cnpg_notice(&mut self, cluster: &Name) {
        let Some(controller) = self.controllers.get_mut(cluster) else { return };
        if !controller.observing {
            controller.observing = true;
            let delay = self.draws.range(Subsystem::Cnpg, cluster, 20, 150);
            self.queue.push(self.now + delay, Ev::Observe(cluster.clone()));
        }
    }

    pub(super) fn observe(&mut self, cluster: &Name) {
        if self.now < self.cnpg_back_at {
            self.queue.push(self.cnpg_back_at, Ev::Observe(cluster.clone()));
            return;
        }
        if let Some(controller) = self.controllers.get_mut(cluster) {
            controller.observing = false;
        }
        let Some(seen) = self.api.cluster(cluster).cloned() else { return };
        if !seen.spec.reconcile {
            return;
        }
        let lists = status::lists(&self.api, &seen);
        self.api.update_cluster(cluster, |cluster| status::show(lists, &mut cluster.status));
        // An instance whose server has just stopped is asked several times before CNPG goes on: 1.8 s (trace 12a).
        let silent = self.api.pods().any(|pod| {
            pod.cluster == *cluster
                && pod.job.is_none()
                && !pod.ready
                && !pod.meta.deleting
                && pod.last_exit.is_some()
        });
        let (low, high) = if silent { (1400, 2000) } else { (40, 260) };
        let delay = self.draws.range(Subsystem::Cnpg, cluster, low, high);
        let Some(controller) = self.controllers.get_mut(cluster) else { return };
        if !controller.acting {
            controller.acting = true;
            self.queue.push(self.now + delay, Ev::Act(cluster.clone()));
        }
    }

    pub(super) fn act(&mut self, cluster: &Name) {
        if self.now < self.cnpg_back_at {
            self.queue.push(self.cnpg_back_at, Ev::Act(cluster.clone()));
            return;
        }
        let Some(controller) = self.controllers.get_mut(cluster) else { return };
        controller.acting = false;
        let marked: std::collections::BTreeSet<Name> =
            self.api.pods().filter(|pod| pod.unrecoverable()).map(|pod| pod.instance.clone()).collect();
        controller.condemned.retain(|instance, _| marked.contains(instance));
        let Some(seen) = self.api.cluster(cluster).cloned() else { return };
        let down = status::primary_down(&self.api, &seen);
        controller.primary_down = down.then(|| controller.primary_down.unwrap_or(self.now));
        let memory = Memory {
            primary_down: controller.primary_down,
            moving: controller.moving,
            creating: controller.creating,
            raising: !controller.raising.is_empty(),
            parameters: controller.parameters,
        };
        let situation =
            Situation { api: &self.api, cluster: &seen, memory, cordoned: &self.cordoned, now: self.now };
        for step in plan::plan(&situation) {
            self.carry_out(cluster, step);
        }
    }

    /// The instance managers see a changed parameter about 1 s later; CNPG learns of it 0.6 to 0.9 s after that
    /// (trace 13).
    pub(super) fn parameters_changed(&mut self, cluster: &Name) {
        let delay = self.draws.range(Subsystem::Cnpg, cluster, 800, 1200);
        self.queue.push(self.now + delay, Ev::Applying(cluster.clone()));
    }

    pub(super) fn applying(&mut self, cluster: &Name) {
        let Some(parameters) = self.api.cluster(cluster).map(|cluster| cluster.spec.parameters) else {
            return;
        };
        self.api.update_cluster(cluster, |cluster| {
            cluster.status.phase = Some(phase::APPLYING);
            cluster.status.reason = Some("PostgreSQL configuration changed".into());
        });
        if let Some(controller) = self.controllers.get_mut(cluster) {
            controller.parameters = parameters;
            let delay = self.draws.range(Subsystem::Cnpg, cluster, 500, 700);
            self.queue.push(self.now + delay, Ev::Observe(cluster.clone()));
        }
    }

    /// The server restarts, its pod notices nothing (trace 13: 5 s, still Ready, no restart counted).
    fn restart_in_place(&mut self, cluster: &Name, instance: &Name) {
        let Some(uid) = self.api.instance_pod(instance).map(|pod| pod.meta.uid) else { return };
        self.server_down(cluster, instance);
        let delay = self.draws.range(Subsystem::Server, instance, 4000, 5500);
        self.queue.push(self.now + delay, Ev::InPlace(instance.clone(), uid));
    }

    pub(super) fn restarted_in_place(&mut self, name: &Name) {
        let Some(pod) = self.api.pod(name).cloned() else { return };
        let Some(parameters) = self.api.cluster(&pod.cluster).map(|cluster| cluster.spec.parameters) else {
            return;
        };
        self.api.update_pod(name, |pod| pod.parameters = parameters);
        self.server_returns(&pod.cluster, &pod.instance);
        if pod.ready {
            self.server_ready(&pod.cluster, &pod.instance);
        }
        self.api.update_cluster(&pod.cluster, |cluster| {
            if cluster.status.phase == Some(phase::IN_PLACE) {
                cluster.status.phase = Some(phase::HEALTHY);
                cluster.status.reason = Some("Primary instance restarted in-place".into());
            }
        });
    }

    fn carry_out(&mut self, cluster: &Name, step: Move) {
        match step {
            Move::Phase(phase, reason) => {
                self.api.update_cluster(cluster, |cluster| {
                    cluster.status.phase = Some(phase);
                    cluster.status.reason = reason;
                });
            }
            Move::Raise(claim, to) => self.decide_raise(cluster, &claim, to),
            Move::First(instance) => self.create_first(cluster, &instance),
            Move::Join(instance) => {
                self.create_job(cluster, &instance, false);
                let delay = self.draws.range(Subsystem::Cnpg, &instance, 7, 60);
                self.queue.push(self.now + delay, Ev::CreateClaims(cluster.clone(), instance));
            }
            Move::Adopt(instance) => {
                let names: Vec<Name> =
                    self.api.claims_of(&instance).map(|claim| claim.meta.name.clone()).collect();
                for name in names {
                    self.api.update_claim(&name, |claim| claim.ready = true);
                }
                self.create_instance_pod(cluster, &instance);
            }
            Move::Remove(instance) => self.destroy(&instance),
            Move::Replace(instance) => self.replace(cluster, &instance),
            Move::DropJobs => self.drop_jobs(cluster),
            Move::FailOver(to) => self.begin_failover(cluster, &to),
            Move::SwitchOver(to, reason) => self.switch_over_because(cluster, &to, reason),
            Move::Remake(instance) => self.delete_pod(&instance),
            Move::RestartInPlace(instance) => self.restart_in_place(cluster, &instance),
            Move::Again(delay) => {
                let at = self.now + delay;
                let Some(controller) = self.controllers.get_mut(cluster) else { return };
                if controller.again.is_none_or(|planned| planned <= self.now || planned > at) {
                    controller.again = Some(at);
                    self.queue.push(at, Ev::Observe(cluster.clone()));
                }
            }
        }
    }

    /// Claims are patched lock-free from a cache: what was decided is written 0.01 to 0.7 s later whatever the claim
    /// says by then (experiments G8).
    fn decide_raise(&mut self, cluster: &Name, claim: &Name, to: u64) {
        let Some(controller) = self.controllers.get_mut(cluster) else { return };
        if controller.raising.insert(claim.clone()) {
            let delay = self.draws.range(Subsystem::Cnpg, cluster, 10, 700);
            self.queue.push(self.now + delay, Ev::Raise(cluster.clone(), claim.clone(), to));
        }
    }

    pub(super) fn raise(&mut self, cluster: &Name, claim: &Name, to: u64) {
        if let Some(controller) = self.controllers.get_mut(cluster) {
            controller.raising.remove(claim);
        }
        // A refusal is CNPG's to log; it comes again with its next reconcile.
        let _ = self.api.patch_claim(claim, None, to);
    }

    /// Claims first, then `targetPrimary`, phase and job (trace 01).
    fn create_first(&mut self, cluster: &Name, instance: &Name) {
        if let Some(controller) = self.controllers.get_mut(cluster) {
            controller.creating = true;
        }
        let source = self.api.cluster(cluster).and_then(|cluster| cluster.spec.recovery.clone());
        let source = source.and_then(|backup| self.snapshots.get(&backup).cloned());
        self.create_claims_from(cluster, instance, source.as_ref());
        let target = instance.clone();
        self.api.update_cluster(cluster, |cluster| cluster.status.target_primary = Some(target));
        self.api.update_cluster(cluster, |cluster| status::setting_up(instance, &mut cluster.status));
        let delay = self.draws.range(Subsystem::Cnpg, instance, 150, 250);
        self.queue.push(self.now + delay, Ev::CreateJob(cluster.clone(), instance.clone()));
    }

    /// Claims first, then the pod (traces 04, 10): scale-down, and `kubectl cnpg destroy`. The Job that made the instance
    /// goes, too: a pod of its that has ended would keep the claims (S: `cluster_unrecoverable.go`).
    pub fn destroy(&mut self, instance: &Name) {
        let jobs: Vec<Name> = self
            .api
            .jobs()
            .filter(|job| job.instance == *instance && job.succeeded)
            .map(|job| job.meta.name.clone())
            .collect();
        for job in jobs {
            self.delete_job(&job);
        }
        let names: Vec<Name> = self.api.claims_of(instance).map(|claim| claim.meta.name.clone()).collect();
        for name in names {
            self.api.delete_claim(&name);
        }
        // Its pod goes after its claims: 0.1 s on an idle machine (experiments E2), 0.5 s seen on a busy one.
        if let Some(uid) = self.api.pod(instance).map(|pod| pod.meta.uid) {
            let delay = self.draws.range(Subsystem::Cnpg, instance, 30, 500);
            self.queue.push(self.now + delay, Ev::Delete(instance.clone(), uid));
        }
    }

    /// An instance that is to be made anew goes 0.4 to 1.5 s after its annotation (experiments E2).
    fn replace(&mut self, cluster: &Name, instance: &Name) {
        let delay = self.draws.range(Subsystem::Cnpg, instance, 250, 1000);
        let Some(controller) = self.controllers.get_mut(cluster) else { return };
        match controller.condemned.get(instance) {
            Some(at) if *at <= self.now => {
                controller.condemned.remove(instance);
                self.destroy(instance);
            }
            Some(_) => {}
            None => {
                let at = self.now + delay;
                controller.condemned.insert(instance.clone(), at);
                self.queue.push(at, Ev::Act(cluster.clone()));
            }
        }
    }

    pub(super) fn create_first_job(&mut self, cluster: &Name, instance: &Name) {
        if let Some(controller) = self.controllers.get_mut(cluster) {
            controller.creating = false;
        }
        self.create_job(cluster, instance, true);
    }

    pub(super) fn create_claims(&mut self, cluster: &Name, instance: &Name) {
        self.create_claims_from(cluster, instance, None);
    }

    /// Those of the first instance of a recovered Cluster have a snapshot as their `dataSource`, and the size in the
    /// spec all the same (S: `persistentvolumeclaim/build.go`).
    fn create_claims_from(&mut self, cluster: &Name, instance: &Name, source: Option<&Snapshot>) {
        let Some(spec) = self.api.cluster(cluster).map(|cluster| cluster.spec.clone()) else { return };
        self.forget_server(cluster, instance);
        for mut claim in born(cluster, instance, &spec) {
            if self.api.claim(&claim.meta.name).is_some() {
                continue;
            }
            self.disks.remove(&claim.meta.name);
            claim.restore_size = source.and_then(|snapshot| snapshot.sizes.get(&claim.volume).copied());
            self.api.create_claim(claim);
        }
    }

    fn create_instance_pod(&mut self, cluster: &Name, instance: &Name) {
        if self.api.pod(instance).is_some() {
            return;
        }
        let Some(spec) = self.api.cluster(cluster).map(|cluster| cluster.spec.clone()) else { return };
        self.api.insert_pod(Pod {
            meta: named(instance),
            cluster: cluster.clone(),
            instance: instance.clone(),
            job: None,
            node: None,
            phase: PodPhase::Pending,
            ready: false,
            unready_since: Some(self.now),
            container: Container::Created,
            restarts: 0,
            last_exit: None,
            role: None,
            image: spec.image,
            parameters: spec.parameters,
            annotations: std::collections::BTreeMap::new(),
        });
    }

    /// Jobs and their pods go together once the Cluster is healthy (trace 02).
    fn drop_jobs(&mut self, cluster: &Name) {
        let jobs: Vec<Name> = self
            .api
            .jobs()
            .filter(|job| job.cluster == *cluster && job.succeeded)
            .map(|job| job.meta.name.clone())
            .collect();
        for job in jobs {
            self.delete_job(&job);
        }
    }

    /// An instance reports for the first time: the one that was asked to becomes current primary (trace 01).
    pub(super) fn reported(&mut self, name: &Name) {
        let Some(pod) = self.api.pod(name).cloned() else { return };
        self.api.update_cluster(&pod.cluster, |cluster| {
            let status = &mut cluster.status;
            if status.current_primary.is_none() && status.target_primary.as_ref() == Some(name) {
                status.current_primary = Some(name.clone());
            }
        });
    }

    /// Role labels follow the reports by 2 s (traces 01, 03, 08).
    pub(super) fn labels(&mut self, cluster: &Name) {
        let Some(seen) = self.api.cluster(cluster).cloned() else { return };
        let pods: Vec<_> =
            self.api.pods().filter(|pod| pod.cluster == *cluster && pod.job.is_none()).cloned().collect();
        for pod in pods {
            let reports = matches!(pod.container, Container::Running(since) if self.now >= since + 1900);
            if let Some(role) = status::role(&seen, &pod, reports) {
                self.api.update_pod(&pod.meta.name, |pod| pod.role = Some(role));
            }
        }
    }
}
