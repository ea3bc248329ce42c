//! Nodes that are cordoned and drained, and what `PodDisruptionBudget`s say to an eviction (traces 11a to 11d).

use super::{
    Ev, Happened, Model,
    draw::Subsystem,
    object::{Name, Pod, Role},
    queue::Millis,
};

/// `kubectl drain` tries a refused eviction again after this.
const AGAIN: Millis = 5_000;

impl Model {
    /// The node takes no new pod.
    pub fn cordon(&mut self, node: &Name) {
        if self.cordoned.insert(node.clone()) {
            self.happened.push(Happened::Node { name: node.clone(), cordoned: true });
            self.notice_all();
        }
    }

    /// Cordons every node.
    pub fn cordon_all(&mut self) {
        for node in self.nodes.clone() {
            self.cordon(&node);
        }
    }

    /// All nodes take pods again; drains that have not ended are given up. CNPG does nothing about it (fact 12).
    pub fn uncordon_all(&mut self) {
        self.draining.clear();
        for node in std::mem::take(&mut self.cordoned) {
            self.happened.push(Happened::Node { name: node, cordoned: false });
        }
        self.notice_all();
    }

    /// `kubectl drain`: cordons the node, then evicts the instance pods that are on it. The first eviction comes before
    /// CNPG has seen the cordon (traces 11b, 11c).
    pub fn drain(&mut self, node: &Name) {
        self.cordon(node);
        let here = |pod: &&std::sync::Arc<Pod>| pod.job.is_none() && pod.node.as_ref() == Some(node);
        let pods: Vec<(Name, u64)> =
            self.api.pods().filter(here).map(|pod| (pod.meta.name.clone(), pod.meta.uid)).collect();
        if pods.is_empty() {
            self.happened.push(Happened::Drained(node.clone()));
            return;
        }
        self.draining.insert(node.clone(), pods.iter().map(|(_, uid)| *uid).collect());
        for (pod, uid) in pods {
            let delay = self.draws.range(Subsystem::Application, node, 5, 60);
            self.queue.push(self.now + delay, Ev::Evict(node.clone(), pod, uid));
        }
    }

    pub(super) fn evict(&mut self, node: &Name, name: &Name, uid: u64) {
        let Some(pod) = self.api.pod(name).cloned() else { return };
        if pod.meta.deleting || !self.draining.contains_key(node) {
            return;
        }
        if self.may_be_evicted(&pod) {
            self.delete_pod(name);
        } else {
            self.happened.push(Happened::EvictionRefused(pod.instance.clone()));
            self.queue.push(self.now + AGAIN, Ev::Evict(node.clone(), name.clone(), uid));
        }
    }

    /// `pg-primary` keeps the one pod labelled primary; `pg` (three instances and more) keeps all replicas but one.
    /// A pod labelled `unhealthy` is nobody's (facts 10, 11; S: `poddisruptionbudget.go`).
    fn may_be_evicted(&self, pod: &Pod) -> bool {
        if self.disruptions_forbidden {
            return false;
        }
        let Some(cluster) = self.api.cluster(&pod.cluster) else { return true };
        if !cluster.spec.enable_pdb {
            return true;
        }
        match pod.role {
            Some(Role::Primary) => false,
            Some(Role::Replica) if cluster.spec.instances >= 3 => {
                let counts = |other: &&std::sync::Arc<Pod>| {
                    other.cluster == pod.cluster && other.role == Some(Role::Replica) && other.ready
                };
                let healthy = self.api.pods().filter(counts).filter(|other| !other.meta.deleting).count();
                let without = healthy - usize::from(pod.ready);
                without >= cluster.spec.instances as usize - 2
            }
            Some(Role::Replica | Role::Unhealthy) | None => true,
        }
    }

    /// A pod is gone: the drain that waited for it may be over.
    pub(super) fn drained_of(&mut self, uid: u64) {
        let mut over = Vec::new();
        for (node, waiting) in &mut self.draining {
            if waiting.remove(&uid) && waiting.is_empty() {
                over.push(node.clone());
            }
        }
        for node in over {
            self.draining.remove(&node);
            self.happened.push(Happened::Drained(node));
        }
    }

    /// CNPG watches nodes.
    fn notice_all(&mut self) {
        let clusters: Vec<Name> = self.controllers.keys().cloned().collect();
        for cluster in clusters {
            self.cnpg_notice(&cluster);
        }
    }
}
