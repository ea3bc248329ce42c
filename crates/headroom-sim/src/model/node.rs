//! Kubelets: pods start, restart, end; file systems grow at a pod's sync.

use super::{
    Ev, Model,
    draw::Subsystem,
    object::{Container, Exit, Name, Pod, PodPhase, Step},
    postgres::Start,
    queue::Millis,
};

/// Back-off between restarts of a container in seconds; the first restart is immediate (trace 12a, experiments G2).
const BACK_OFF_S: [u64; 6] = [10, 20, 40, 80, 160, 300];
/// A container that ran this long is forgiven its crashes (kubelet: twice the largest back-off).
const FORGIVEN_AFTER: Millis = 600_000;

/// What a kubelet remembers of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restarts {
    /// Crashes since the container last ran long.
    pub crashes: usize,
}

impl Model {
    /// The scheduler: a pod whose claims are bound gets a node some ms after its creation.
    pub(super) fn pod_created(&mut self, pod: &Pod) {
        let delay = self.draws.range(Subsystem::Node, &pod.meta.name, 5, 35);
        self.queue.push(self.now + delay, Ev::Schedule(pod.meta.name.clone(), pod.meta.uid));
    }

    pub(super) fn schedule(&mut self, name: &Name, uid: u64) {
        let Some(pod) = self.api.pod(name).cloned() else { return };
        let unbound = self.api.claims_of(&pod.instance).any(|claim| claim.capacity.is_none());
        if unbound || self.api.claims_of(&pod.instance).next().is_none() {
            self.queue.push(self.now + 50, Ev::Schedule(name.clone(), uid));
            return;
        }
        let Some(node) = self.least_loaded(&pod) else {
            // No node takes it.
            self.queue.push(self.now + 1000, Ev::Schedule(name.clone(), uid));
            return;
        };
        self.api.update_pod(name, |pod| pod.node = Some(node));
        let mount = self.draws.range(Subsystem::Node, name, 300, 500);
        self.queue.push(self.now + mount, Ev::Mounted(name.clone(), uid));
        // Pod creation to running container: 1.3 to 4 s (traces 01, 03, 08, 12c); the image is there.
        let start = self.draws.range(Subsystem::Node, name, 1300, 2600);
        self.queue.push(self.now + start, Ev::Start(name.clone(), uid));
    }

    /// Spread over nodes; a pod that comes back prefers the node with fewest pods, then the first by name.
    fn least_loaded(&self, pod: &Pod) -> Option<Name> {
        let load = |node: &Name| {
            let on = |other: &&std::sync::Arc<Pod>| other.node.as_ref() == Some(node) && other.job.is_none();
            self.api.pods().filter(on).filter(|other| other.cluster == pod.cluster).count()
        };
        self.nodes.iter().filter(|node| !self.cordoned.contains(*node)).min_by_key(|node| load(node)).cloned()
    }

    /// A mount finishes what waits for the node (traces/README.md fact 21; 0.4 s after the pod in experiments G3).
    pub(super) fn mounted(&mut self, name: &Name) {
        let Some(instance) = self.api.pod(name).map(|pod| pod.instance.clone()) else { return };
        for claim in self.claims_waiting_for_node(&instance) {
            self.node_expand(&claim);
        }
    }

    fn claims_waiting_for_node(&self, instance: &Name) -> Vec<Name> {
        let waiting = self.api.claims_of(instance).filter(|claim| claim.step == Step::NodePending);
        waiting.map(|claim| claim.meta.name.clone()).collect()
    }

    /// The next sync of the pod that mounts the claim: 0.5 to 1.4 periods away (traces 05, 06, 12: 0.5 to 14 s at a
    /// period of 10 s), also while its container is in back-off (experiments G2a). No pod: at the next mount.
    pub(super) fn plan_node_expansion(&mut self, name: &Name) {
        let Some(claim) = self.api.claim(name).cloned() else { return };
        let mounted = self.api.pods().any(|pod| {
            pod.instance == claim.instance
                && pod.phase == PodPhase::Running
                && pod.node.is_some()
                && !pod.meta.deleting
        });
        if mounted {
            let most = self.settings.sync_period * 14 / 10;
            let delay = self.draws.range(Subsystem::Node, name, 500, most);
            self.queue.push(self.now + delay, Ev::NodeExpand(name.clone(), claim.meta.uid));
        }
    }

    pub(super) fn node_expand(&mut self, name: &Name) {
        let Some(claim) = self.api.claim(name).cloned() else { return };
        if claim.step != Step::NodePending || self.gates.hold_node(name) {
            return;
        }
        self.api.update_claim(name, |claim| claim.step = Step::NodeInProgress);
        let delay = self.draws.range(Subsystem::Node, name, 35, 100);
        self.queue.push(self.now + delay, Ev::NodeExpanded(name.clone(), claim.meta.uid));
    }

    pub(super) fn node_expanded(&mut self, name: &Name) {
        let Some(disk) = self.disks.get_mut(name) else { return };
        disk.formatted = disk.device;
        let size = disk.device;
        self.growth_ended(name, size);
        if let Some((cluster, instance)) =
            self.api.claim(name).map(|claim| (claim.cluster.clone(), claim.instance.clone()))
        {
            self.space_gained(&cluster, &instance);
        }
    }

    /// The main container of an instance pod starts.
    pub(super) fn start(&mut self, name: &Name, uid: u64) {
        let Some(pod) = self.api.pod(name).cloned() else { return };
        if pod.meta.deleting || matches!(pod.container, Container::Running(_)) {
            return;
        }
        if pod.job.is_some() {
            self.job_pod_started(&pod);
            return;
        }
        // A container start is a sync of its pod: what waits for the node comes first (trace 12a).
        let waiting = self.claims_waiting_for_node(&pod.instance);
        if !waiting.is_empty() && !self.gates.node_is_held() {
            for claim in waiting {
                self.node_expand(&claim);
            }
            let delay = self.draws.range(Subsystem::Node, name, 110, 200);
            self.queue.push(self.now + delay, Ev::Start(name.clone(), uid));
            return;
        }
        let again = pod.last_exit.is_some();
        let since = self.now;
        self.api.update_pod(name, |pod| {
            pod.phase = PodPhase::Running;
            pod.container = Container::Running(since);
            pod.restarts += u32::from(again);
        });
        if !self.restarts.contains_key(name) {
            self.restarts.insert(name.clone(), Restarts { crashes: 0 });
            let first = self.draws.range(Subsystem::Stats, name, 300, 1500);
            self.queue.push(self.now + first, Ev::Measure(name.clone(), uid));
        }
        let labels = self.draws.range(Subsystem::Cnpg, name, 2000, 2600);
        self.queue.push(self.now + labels, Ev::Labels(pod.cluster.clone()));
        match self.server_start(&pod.cluster, &pod.instance) {
            Start::Up { reports_after, ready_after } => {
                self.queue.push(self.now + reports_after, Ev::Reported(name.clone(), uid));
                self.queue.push(self.now + ready_after, Ev::Ready(name.clone(), uid, since));
            }
            Start::NeverReady => {}
            Start::Fails { code, after } => {
                self.queue.push(self.now + after, Ev::Exit(name.clone(), uid, since, code));
            }
        }
    }

    pub(super) fn ready(&mut self, name: &Name, since: Millis) {
        let Some(pod) = self.api.pod(name).cloned() else { return };
        if pod.container == Container::Running(since) && !pod.meta.deleting {
            self.api.update_pod(name, |pod| pod.ready = true);
            self.server_ready(&pod.cluster, &pod.instance);
        }
    }

    /// The main container ends with this code; the kubelet restarts it, at once the first time.
    pub(super) fn exit(&mut self, name: &Name, uid: u64, since: Millis, code: i32) {
        let Some(pod) = self.api.pod(name).cloned() else { return };
        if pod.container != Container::Running(since) {
            return;
        }
        self.server_down(&pod.cluster, &pod.instance);
        let at = self.now;
        self.api.update_pod(name, |pod| {
            pod.container = Container::Ended;
            pod.fail(at);
            pod.last_exit = Some(Exit { code, at });
        });
        if pod.meta.deleting {
            return;
        }
        let restarts = self.restarts.entry(name.clone()).or_insert(Restarts { crashes: 0 });
        if at.saturating_sub(since) >= FORGIVEN_AFTER {
            restarts.crashes = 0;
        }
        let crashes = restarts.crashes;
        restarts.crashes += 1;
        let delay = match crashes.checked_sub(1) {
            None => self.draws.range(Subsystem::Node, name, 100, 350),
            Some(index) => {
                let shown = self.draws.range(Subsystem::Node, name, 1000, 7500);
                self.queue.push(at + shown, Ev::BackOff(name.clone(), uid));
                let base = BACK_OFF_S.get(index).or(BACK_OFF_S.last()).copied().unwrap_or(300) * 1000;
                base + self.draws.range(Subsystem::Node, name, 200, 1400)
            }
        };
        self.queue.push(at + delay, Ev::Start(name.clone(), uid));
    }

    pub(super) fn back_off(&mut self, name: &Name) {
        self.api.update_pod(name, |pod| {
            if pod.container == Container::Ended && pod.phase == PodPhase::Running {
                pod.container = Container::BackOff;
            }
        });
    }

    /// `delete pod`: a clean stop takes 0.4 to 0.9 s (traces 04, 08), then the object goes.
    pub fn delete_pod(&mut self, name: &Name) {
        let Some(pod) = self.api.pod(name).cloned() else { return };
        if pod.meta.deleting {
            return;
        }
        self.api.update_pod(name, |pod| pod.meta.deleting = true);
        // One that is still starting or rewinding takes about 3 s (fact 27).
        let stop = match (matches!(pod.container, Container::Running(_)), pod.ready || pod.job.is_some()) {
            (true, true) => (400, 900),
            (true, false) => (400, 3500),
            (false, _) => (100, 250),
        };
        let delay = self.draws.range(Subsystem::Node, name, stop.0, stop.1);
        self.queue.push(self.now + delay, Ev::Stopped(name.clone(), pod.meta.uid));
    }

    /// `delete pod --grace-period=0 --force`: the object goes within 0.3 s (trace 09).
    pub fn force_delete_pod(&mut self, name: &Name) {
        let Some(pod) = self.api.pod(name).cloned() else { return };
        self.api.update_pod(name, |pod| pod.meta.deleting = true);
        self.server_down(&pod.cluster, &pod.instance);
        let delay = self.draws.range(Subsystem::Node, name, 100, 250);
        self.queue.push(self.now + delay, Ev::Removed(name.clone(), pod.meta.uid));
    }

    pub(super) fn stopped(&mut self, name: &Name, uid: u64) {
        let Some(pod) = self.api.pod(name).cloned() else { return };
        let at = self.now;
        let was_running = matches!(pod.container, Container::Running(_));
        if pod.job.is_none() {
            self.server_down(&pod.cluster, &pod.instance);
        }
        self.api.update_pod(name, |pod| {
            pod.fail(at);
            pod.container = Container::Ended;
            if was_running {
                pod.last_exit = Some(Exit { code: 0, at });
            }
            let ended_badly = pod.last_exit.is_some_and(|exit| exit.code != 0);
            pod.phase = if ended_badly { PodPhase::Failed } else { PodPhase::Succeeded };
        });
        let delay = self.draws.range(Subsystem::Node, name, 200, 480);
        self.queue.push(self.now + delay, Ev::Removed(name.clone(), uid));
    }

    pub(super) fn removed(&mut self, name: &Name) {
        self.restarts.remove(name);
        self.measured.remove(name);
        let uid = self.api.pod(name).map(|pod| pod.meta.uid);
        self.api.remove_pod(name);
        self.api.let_go_of_claims();
        if let Some(uid) = uid {
            self.drained_of(uid);
        }
    }
}
