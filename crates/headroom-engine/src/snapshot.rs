//! What the engine knows, for metrics and for people.

use alloc::{collections::BTreeMap, vec::Vec};

use headroom_core::{
    Decision, Observation,
    decision::Lane,
    lint::Finding,
    names::{ClusterKey, InstanceName, NodeName, Text, VolumeName},
    observation::ObstacleCause,
    usage::Sample,
};

use crate::{
    Role,
    agenda::Agenda,
    desk::{Counts, Told},
};

/// The engine at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Whether it holds the lease.
    pub role: Role,
    /// Whether it holds the lease and every kind was listed once.
    pub working: bool,
    /// Every Cluster that has a DynamicStorage.
    pub clusters: BTreeMap<ClusterKey, ClusterView>,
    /// Clusters that want a request, by lane.
    pub waiting: BTreeMap<Lane, usize>,
    /// Alarms that are set.
    pub alarms: usize,
    /// Requests in flight.
    pub in_flight: usize,
    /// Nodes whose kubelets are asked for usage.
    pub nodes: usize,
    /// Nodes whose kubelet did not answer, with its words.
    pub silent_nodes: BTreeMap<NodeName, Text>,
    /// Counted since the start of the process.
    pub totals: Totals,
}

/// One Cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterView {
    /// What was last decided of its volumes.
    pub volumes: Vec<Told>,
    /// The newest usage of each claim.
    pub usage: BTreeMap<(VolumeName, InstanceName), Sample>,
    /// Its lane.
    pub lane: Lane,
    /// Whether it is set aside after an internal error.
    pub quarantined: bool,
    /// Counted since the start of the process.
    pub counts: Counts,
}

/// Counted since the start of the process, with the longest that queues ever were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Totals {
    /// Decisions made.
    pub decisions: u64,
    /// Requests sent.
    pub requests: u64,
    /// Refusals by cause.
    pub refusals: BTreeMap<ObstacleCause, u64>,
    /// Conflicts, missing objects and unknown outcomes.
    pub unsure: u64,
    /// Kubelets asked.
    pub polls: u64,
    /// Kubelets that did not answer.
    pub failed_polls: u64,
    /// Sessions that used up their requests.
    pub exhausted: u64,
    /// Reports dropped because something newer is known.
    pub stale_events: u64,
    /// Samples dropped because another pod measured them than the one that mounts the claim.
    pub foreign_samples: u64,
    /// Messages lost because nobody collected them.
    pub notes_lost: u64,
    /// The most Clusters that ever wanted a request at once.
    pub peak_waiting: usize,
    /// The most requests that were ever in flight at once.
    pub peak_in_flight: usize,
    /// The most alarms that were ever set at once.
    pub peak_alarms: usize,
}

/// A decision as it would be made now, with what it was made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// What was seen.
    pub seen: Observation,
    /// What would be decided.
    pub decision: Decision,
    /// What the second opinion says of it.
    pub findings: Vec<Finding>,
}

impl Totals {
    pub(crate) const fn zero() -> Self {
        Self {
            decisions: 0,
            requests: 0,
            refusals: BTreeMap::new(),
            unsure: 0,
            polls: 0,
            failed_polls: 0,
            exhausted: 0,
            stale_events: 0,
            foreign_samples: 0,
            notes_lost: 0,
            peak_waiting: 0,
            peak_in_flight: 0,
            peak_alarms: 0,
        }
    }

    pub(crate) fn refused(&mut self, cause: ObstacleCause) {
        let count = self.refusals.entry(cause).or_insert(0);
        *count = count.saturating_add(1);
    }

    pub(crate) fn peak(&mut self, agenda: &Agenda, in_flight: usize) {
        self.peak_waiting = self.peak_waiting.max(agenda.waiting());
        self.peak_alarms = self.peak_alarms.max(agenda.alarms());
        self.peak_in_flight = self.peak_in_flight.max(in_flight);
    }
}
