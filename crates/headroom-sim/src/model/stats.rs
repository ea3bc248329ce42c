//! The kubelet's volume statistics: measured per pod with jitter, cached, and hidden while the container is down.

use super::{
    Ev, Happened, Model,
    draw::Subsystem,
    object::{Container, Name, Volume},
    queue::Millis,
};

/// One measurement of all volumes of a pod; they share one time (experiments G1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measured {
    /// When, in whole seconds of virtual time as milliseconds.
    pub at: Millis,
    /// Claim, volume, size of the file system, available bytes.
    pub volumes: Vec<(Name, Volume, u64, u64)>,
}

/// One volume of `/stats/summary`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The claim.
    pub claim: Name,
    /// The uid of the pod that mounts it.
    pub pod: u64,
    /// The time of the measurement.
    pub at: Millis,
    /// Size of the file system.
    pub capacity: u64,
    /// Available to an unprivileged writer.
    pub available: u64,
}

impl Model {
    /// Measures a pod's volumes and plans the next: one to two periods later (experiments G1), in back-off too.
    pub(super) fn measure(&mut self, name: &Name, uid: u64) {
        let Some(pod) = self.api.pod(name).cloned() else { return };
        let mut volumes = Vec::new();
        let claims: Vec<_> = self.api.claims_of(&pod.instance).cloned().collect();
        for claim in claims {
            let Some(disk) = self.disks.get(&claim.meta.name).copied() else { continue };
            let used = self.used(&pod.cluster, &pod.instance, &claim.volume);
            let available = disk.capacity().saturating_sub(used);
            volumes.push((claim.meta.name.clone(), claim.volume.clone(), disk.capacity(), available));
        }
        let measured = Measured { at: self.now / 1000 * 1000, volumes };
        if matches!(pod.container, Container::Running(_)) {
            self.happened.push(Happened::Measured(pod.instance.clone(), measured.clone()));
        }
        self.measured.insert(name.clone(), measured);
        let period = self.settings.stats_period;
        let delay = self.draws.range(Subsystem::Stats, name, period, 2 * period);
        self.queue.push(self.now + delay, Ev::Measure(name.clone(), uid));
    }

    /// `/stats/summary` of a node: pods whose container does not run are not in it (experiments G1).
    pub fn summary(&self, node: &str) -> Vec<Line> {
        let mut lines = Vec::new();
        for pod in self.api.pods() {
            let here = pod.node.as_deref() == Some(node) && matches!(pod.container, Container::Running(_));
            let Some(measured) = self.measured.get(&pod.meta.name).filter(|_| here) else { continue };
            for (claim, _, capacity, available) in &measured.volumes {
                lines.push(Line {
                    claim: claim.clone(),
                    pod: pod.meta.uid,
                    at: measured.at,
                    capacity: *capacity,
                    available: *available,
                });
            }
        }
        lines
    }
}
