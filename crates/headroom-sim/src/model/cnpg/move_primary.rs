//! Failover and switchover, step by step in the recorded order.

use super::status;
use crate::model::{
    Ev, Model,
    draw::Subsystem,
    object::{Container, Name, PENDING, Role},
};

/// A step of a move of the primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// `targetPrimary: pending`.
    Pending,
    /// Back to the old primary for a moment (traces 08b, 09; not in 12c, where its server was down already).
    Flicker,
    /// The elected one is named.
    Target,
    /// The old primary of a switchover stops.
    Demote,
    /// The new primary has been promoted.
    Current,
    /// Labels follow, and CNPG goes on with the rest.
    Done,
}

impl Model {
    /// Phase at once; the rest within 2 to 2.5 s (traces 08b, 09, 12c).
    pub(super) fn begin_failover(&mut self, cluster: &Name, to: &Name) {
        let Some(controller) = self.controllers.get_mut(cluster) else { return };
        if std::mem::replace(&mut controller.moving, true) {
            return;
        }
        controller.primary_down = None;
        let Some(old) = self.api.cluster(cluster).and_then(|cluster| cluster.status.current_primary.clone())
        else {
            return;
        };
        self.api.update_cluster(cluster, |cluster| status::failing_over(&mut cluster.status));
        let flickers =
            self.api.instance_pod(&old).is_some_and(|pod| matches!(pod.container, Container::Running(_)));
        let mut at = self.now;
        let mut stages = vec![(Stage::Pending, 20, 60)];
        if flickers {
            stages.extend([(Stage::Flicker, 250, 400), (Stage::Pending, 200, 350)]);
        }
        stages.extend([(Stage::Target, 70, 160), (Stage::Current, 1000, 1300), (Stage::Done, 300, 600)]);
        for (stage, low, high) in stages {
            at += self.draws.range(Subsystem::Cnpg, cluster, low, high);
            self.queue.push(at, Ev::Primary(cluster.clone(), to.clone(), stage));
        }
    }

    /// `kubectl cnpg promote`: the client writes target and phase at once; the rest as in trace 07.
    pub fn switch_over(&mut self, cluster: &Name, to: &Name) {
        let (target, reason) = (to.clone(), Name::from(format!("Switching over to {to}")));
        self.api.update_cluster(cluster, |cluster| {
            status::switching_over(reason, &mut cluster.status);
            cluster.status.target_primary = Some(target);
        });
        self.begin_switchover(cluster, to);
    }

    /// CNPG itself writes the phase with its reason first, then the target (traces 11b, 11c).
    pub(super) fn switch_over_because(&mut self, cluster: &Name, to: &Name, reason: Name) {
        self.api.update_cluster(cluster, |cluster| status::switching_over(reason, &mut cluster.status));
        self.set_target(cluster, Some(to.clone()));
        self.begin_switchover(cluster, to);
    }

    fn begin_switchover(&mut self, cluster: &Name, to: &Name) {
        if let Some(controller) = self.controllers.get_mut(cluster) {
            controller.moving = true;
        }
        let mut at = self.now;
        for (stage, low, high) in
            [(Stage::Demote, 1500, 2000), (Stage::Current, 1200, 1700), (Stage::Done, 3800, 4500)]
        {
            at += self.draws.range(Subsystem::Cnpg, cluster, low, high);
            self.queue.push(at, Ev::Primary(cluster.clone(), to.clone(), stage));
        }
        self.label_old_primary(cluster);
    }

    fn label_old_primary(&mut self, cluster: &Name) {
        // Labels are its operator's; what promotes and demotes is the instance managers'.
        if self.now < self.cnpg_back_at {
            return;
        }
        if let Some(old) =
            self.api.cluster(cluster).and_then(|cluster| cluster.status.current_primary.clone())
        {
            self.api.update_pod(&old, |pod| pod.role = Some(Role::Unhealthy));
        }
    }

    pub(in crate::model) fn move_primary(&mut self, cluster: &Name, to: &Name, stage: Stage) {
        let current = self.api.cluster(cluster).and_then(|cluster| cluster.status.current_primary.clone());
        match stage {
            Stage::Pending => {
                self.set_target(cluster, Some(PENDING.into()));
                self.label_old_primary(cluster);
            }
            Stage::Flicker => self.set_target(cluster, current),
            Stage::Target => self.set_target(cluster, Some(to.clone())),
            Stage::Demote => {
                let Some(pod) = current.and_then(|name| self.api.instance_pod(&name).cloned()) else {
                    return;
                };
                if let Container::Running(since) = pod.container {
                    self.exit(&pod.meta.name, pod.meta.uid, since, 0);
                }
            }
            Stage::Current => {
                self.promote(cluster, to);
                let primary = to.clone();
                self.api.update_cluster(cluster, |cluster| cluster.status.current_primary = Some(primary));
            }
            Stage::Done if self.now < self.cnpg_back_at => {
                self.queue.push(self.cnpg_back_at, Ev::Primary(cluster.clone(), to.clone(), stage));
            }
            Stage::Done => {
                if let Some(controller) = self.controllers.get_mut(cluster) {
                    controller.moving = false;
                }
                self.labels(cluster);
                self.cnpg_notice(cluster);
            }
        }
    }

    fn set_target(&mut self, cluster: &Name, target: Option<Name>) {
        self.api.update_cluster(cluster, |cluster| cluster.status.target_primary = target);
    }
}
