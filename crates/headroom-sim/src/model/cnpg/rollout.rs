//! Rolling updates: a new image or a parameter that needs a restart (trace 13; S: `cluster_upgrade.go` of 1.30).

use super::plan::Move;
use crate::model::object::{Cluster, Pod, phase};

/// The next step of a rolling update, once all instances are ready; nothing when all are up to date. `seen` is the
/// revision of the parameters that the instance managers have told of.
///
/// Replicas first, the highest serial first, each made anew. Then the primary: in its pod where only a parameter changed,
/// else its pod is made anew and nobody is promoted meanwhile (`primaryUpdateMethod: restart`, the default).
pub fn steps(cluster: &Cluster, pods: &[&Pod], seen: u32) -> Vec<Move> {
    let image = |pod: &Pod| pod.image != cluster.spec.image;
    let outdated = |pod: &Pod| image(pod) || pod.parameters < seen;
    let current = cluster.status.current_primary.as_ref();
    let is_primary = |pod: &Pod| Some(&pod.instance) == current;
    if let Some(replica) = pods.iter().rev().find(|pod| outdated(pod) && !is_primary(pod)) {
        let why = if image(replica) {
            "original and target PostgreSQL image differ"
        } else {
            "Postgres needs a restart to apply some configuration changes"
        };
        let reason = format!("Restarting instance {}, because: {why}", replica.instance).into();
        return vec![Move::Phase(phase::UPGRADING, Some(reason)), Move::Remake(replica.instance.clone())];
    }
    let Some(primary) = pods.iter().find(|pod| is_primary(pod)).filter(|pod| outdated(pod)) else {
        return Vec::new();
    };
    if cluster.spec.supervised {
        let reason = "User must issue a supervised switchover".into();
        return vec![Move::Phase(phase::WAITING_FOR_USER, Some(reason))];
    }
    let instance = primary.instance.clone();
    if image(primary) {
        vec![Move::Phase(phase::REMAKING, None), Move::Remake(instance)]
    } else {
        vec![Move::Phase(phase::IN_PLACE, None), Move::RestartInPlace(instance)]
    }
}
