//! The one decision function.

use alloc::{collections::BTreeMap, vec::Vec};

use crate::{
    Decision, Observation, Policy, Record, Report, Span, Timestamp,
    decision::{Attention, Lane},
    report::ClusterVerdict,
};

/// Decides what should be recorded, done and told.
pub fn decide(policy: &Policy, _seen: &Observation, record: &Record, _now: Timestamp) -> Decision {
    Decision {
        record: record.clone(),
        needs: None,
        actions: Vec::new(),
        report: Report {
            generation: policy.generation,
            volumes: BTreeMap::new(),
            wal: None,
            cluster: ClusterVerdict::Fine,
        },
        wake: None,
        attention: Attention { lane: Lane::Look, time_to_full: None, poll: Span::seconds(30) },
    }
}
