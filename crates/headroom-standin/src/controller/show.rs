//! The model's status → the Cluster's.

use std::collections::BTreeMap;

use headroom_sim::model::object::{ClusterStatus as Seen, Name, phase};
use serde_json::{Value, json};

use crate::cluster::ClusterStatus;

/// The status to store in place of `before`; `now` is a time in RFC 3339 for conditions that change.
pub(crate) fn wire(seen: &Seen, before: &ClusterStatus, now: &str) -> ClusterStatus {
    let texts = |names: &[Name]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    let by_state = [("healthy", &seen.active), ("replicating", &seen.replicating), ("failed", &seen.failed)];
    let instances_status: BTreeMap<_, _> = by_state
        .into_iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(state, names)| (state.to_owned(), texts(names)))
        .collect();
    ClusterStatus {
        phase: seen.phase.map(str::to_owned),
        phase_reason: seen.reason.as_deref().map(str::to_owned),
        instances: seen.instances,
        ready_instances: seen.ready,
        current_primary: seen.current_primary.as_deref().map(str::to_owned),
        target_primary: seen.target_primary.as_deref().map(str::to_owned),
        instance_names: texts(&seen.names),
        healthy: texts(&seen.healthy),
        dangling: texts(&seen.dangling),
        initializing: texts(&seen.initializing),
        resizing: texts(&seen.resizing),
        unusable: texts(&seen.unusable),
        claims: seen.claims,
        instances_status,
        conditions: conditions(seen, &before.conditions, now),
        others: before.others.clone(),
    }
}

/// `Ready` is true exactly when the phase is healthy; `Initialized` from the first claim on (traces' README, fact 26).
fn conditions(seen: &Seen, before: &[Value], now: &str) -> Vec<Value> {
    let ready = seen.phase == Some(phase::HEALTHY);
    let mut wanted = Vec::new();
    if seen.claims > 0 {
        wanted.push(("Initialized", true, "BootstrapCompleted", "made by headroom-standin"));
    }
    let words = if ready {
        ("ClusterIsReady", "Cluster is Ready")
    } else {
        ("ClusterIsNotReady", "Cluster Is Not Ready")
    };
    wanted.push(("Ready", ready, words.0, words.1));
    wanted
        .into_iter()
        .map(|(kind, status, reason, message)| {
            let status = if status { "True" } else { "False" };
            let same = before.iter().find(|old| old["type"] == kind && old["status"] == status);
            let since = same.and_then(|old| old["lastTransitionTime"].as_str()).unwrap_or(now);
            json!({"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": since})
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(phase: &'static str) -> Seen {
        Seen { phase: Some(phase), claims: 1, active: vec!["pg-1".into()], ready: 1, ..Seen::default() }
    }

    #[test]
    fn ready_is_true_exactly_while_the_phase_is_healthy_and_keeps_its_time() {
        let first = wire(&seen(phase::WAITING), &ClusterStatus::default(), "t1");
        let second = wire(&seen(phase::HEALTHY), &first, "t2");
        let third = wire(&seen(phase::HEALTHY), &second, "t3");
        let ready = |status: &ClusterStatus| {
            let found = status.conditions.iter().find(|condition| condition["type"] == "Ready");
            found.map(|found| format!("{} {}", found["status"], found["lastTransitionTime"]))
        };
        let expected =
            [r#""False" "t1""#, r#""True" "t2""#, r#""True" "t2""#].map(|text| Some(text.to_owned()));
        assert_eq!([&first, &second, &third].map(ready), expected);
        assert_eq!(second, third);
    }
}
