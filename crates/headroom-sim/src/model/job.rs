//! initdb and join jobs.

use super::{
    Ev, Model,
    apiserver::named,
    draw::Subsystem,
    object::{Container, Exit, Job, MIB, Name, Pod, PodPhase},
};

/// CNPG's `backoffLimit` (experiments G11).
pub const BACK_OFF_LIMIT: u32 = 6;

/// The name of the Job that makes an instance: the first one, anew or from snapshots, or a further one (trace 01, fact 3).
pub fn job_name(instance: &Name, initdb: bool, recovers: bool) -> Name {
    let kind = match (initdb, recovers) {
        (true, true) => "snapshot-recovery",
        (true, false) => "initdb",
        (false, _) => "join",
    };
    format!("{instance}-{kind}").into()
}

impl Model {
    pub(super) fn create_job(&mut self, cluster: &Name, instance: &Name, initdb: bool) {
        let recovers = self.api.cluster(cluster).is_some_and(|cluster| cluster.spec.recovery.is_some());
        let name = job_name(instance, initdb, recovers);
        if self.api.job(&name).is_some() {
            return;
        }
        self.api.insert_job(Job {
            meta: named(&name),
            cluster: cluster.clone(),
            instance: instance.clone(),
            initdb,
            succeeded: false,
            failed: 0,
        });
        let delay = self.draws.range(Subsystem::Cnpg, instance, 5, 50);
        self.queue.push(self.now + delay, Ev::JobPod(name));
    }

    /// `delete job` with its pods in the foreground (experiments E8).
    pub fn delete_job(&mut self, name: &Name) {
        let pods: Vec<Name> = self
            .api
            .pods()
            .filter(|pod| pod.job.as_ref() == Some(name))
            .map(|pod| pod.meta.name.clone())
            .collect();
        for pod in pods {
            self.copies.remove(&pod);
            self.api.remove_pod(&pod);
        }
        self.api.remove_job(name);
        self.api.let_go_of_claims();
    }

    /// The job controller starts the next pod.
    pub(super) fn create_job_pod(&mut self, name: &Name) {
        let Some(job) = self.api.job(name).cloned() else { return };
        let pod: Name = format!("{name}-{}", job.failed + 1).into();
        self.api.insert_pod(Pod {
            meta: named(&pod),
            cluster: job.cluster.clone(),
            instance: job.instance.clone(),
            job: Some(name.clone()),
            node: None,
            phase: PodPhase::Pending,
            ready: false,
            unready_since: Some(self.now),
            container: Container::Created,
            restarts: 0,
            last_exit: None,
            role: None,
            image: super::object::IMAGE.into(),
            parameters: 0,
            annotations: std::collections::BTreeMap::new(),
        });
    }

    /// initdb takes about 2 s; a join copies the primary's bytes at 80 to 120 MiB/s (trace 05b) or fills its volume.
    pub(super) fn job_pod_started(&mut self, pod: &Pod) {
        let Some(job) = pod.job.as_ref().and_then(|name| self.api.job(name)).cloned() else { return };
        if !job.initdb && !self.serving(&job.cluster) {
            // It asks for the primary every 5 s, without end (experiments E4).
            self.queue.push(self.now + 5000, Ev::Start(pod.meta.name.clone(), pod.meta.uid));
            return;
        }
        let source =
            self.api.cluster(&job.cluster).and_then(|cluster| cluster.status.current_primary.clone());
        self.copies.insert(pod.meta.name.clone(), source);
        let since = self.now;
        self.api.update_pod(&pod.meta.name, |pod| {
            pod.phase = PodPhase::Running;
            pod.container = Container::Running(since);
        });
        let (code, copied) = if job.initdb { (0, 0) } else { self.copy(&job) };
        let rate = self.draws.range(Subsystem::Node, &pod.instance, 80, 120);
        let own = self.draws.range(Subsystem::Node, &pod.instance, 1700, 2700);
        let delay = own + copied * 1000 / (rate * MIB);
        self.queue.push(self.now + delay, Ev::JobEnd(pod.meta.name.clone(), pod.meta.uid, code));
    }

    /// Exit code and bytes of a base backup into the claims as they are.
    fn copy(&self, job: &Job) -> (i32, u64) {
        let mut copied = 0;
        for claim in self.api.claims_of(&job.instance) {
            let room = self.disks.get(&claim.meta.name).map_or(0, |disk| disk.capacity());
            let content = self.content(&job.cluster, &claim.volume);
            copied += content.min(room);
            if content > room {
                return (1, copied);
            }
        }
        (0, copied)
    }

    pub(super) fn job_end(&mut self, name: &Name, uid: u64, planned: i32) {
        let at = self.now;
        let source = self.copies.remove(name).flatten();
        let lost = self.api.pod(name).is_some_and(|pod| {
            let primary =
                self.api.cluster(&pod.cluster).and_then(|cluster| cluster.status.current_primary.clone());
            source.is_some() && (primary != source || !self.serving(&pod.cluster))
        });
        // The server that it copied has gone meanwhile: it fails, and the next pod begins anew (experiments E7).
        let code = if lost { 1 } else { planned };
        self.api.update_pod(name, |pod| {
            pod.container = Container::Ended;
            pod.last_exit = Some(Exit { code, at });
        });
        // Container end to pod phase 1.2 to 1.45 s, to job status 0.7 to 1.1 s more (traces 01, 03, 05b).
        let phase = self.draws.range(Subsystem::Node, name, 1150, 1500);
        self.queue.push(at + phase, Ev::JobPodDone(name.clone(), uid, code));
    }

    pub(super) fn job_pod_done(&mut self, name: &Name, uid: u64, code: i32) {
        let phase = if code == 0 { PodPhase::Succeeded } else { PodPhase::Failed };
        self.api.update_pod(name, |pod| pod.phase = phase);
        let delay = self.draws.range(Subsystem::Node, name, 650, 1100);
        self.queue.push(self.now + delay, Ev::JobCounted(name.clone(), uid, code));
    }

    /// The job's status; after a failure the next pod comes 10, 20, 40 s … after the container's end, 2 s less
    /// (trace 05b: 8.0, 17.9, 38.6 s).
    pub(super) fn job_counted(&mut self, pod: &Name, code: i32) {
        let Some(pod) = self.api.pod(pod).cloned() else { return };
        let Some(name) = pod.job.clone() else { return };
        if code == 0 {
            self.api.update_job(&name, |job| job.succeeded = true);
            return;
        }
        self.api.update_job(&name, |job| job.failed += 1);
        let failed = self.api.job(&name).map_or(0, |job| job.failed);
        if failed <= BACK_OFF_LIMIT {
            let ended = pod.last_exit.map_or(self.now, |exit| exit.at);
            let wait = (10_000_u64 << (failed - 1)).min(360_000) - 2000;
            let jitter = self.draws.range(Subsystem::Node, &pod.instance, 0, 600);
            self.queue.push((ended + wait + jitter).max(self.now), Ev::JobPod(name));
        }
    }
}
