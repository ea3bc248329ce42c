//! What `decide` answers.

use alloc::vec::Vec;

use crate::{Action, Record, Report, Span, Timestamp};

/// The answer of [`crate::decide`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a decision that nobody reads changes nothing"]
pub struct Decision {
    /// The durable state as it should be. Where it differs from the present one it is written *before* any action.
    pub record: Record,
    /// What must be known first: read it, then ask again.
    pub needs: Option<Need>,
    /// All that may be done now, in order; the session does the first and asks again.
    pub actions: Vec<Action>,
    /// What to tell people: codes and numbers, no prose.
    pub report: Report,
    /// When to ask again at the latest, if nothing is seen before. `None`: only when something is seen.
    pub wake: Option<Timestamp>,
    /// How urgent this Cluster is and how often its usage should be looked at.
    pub attention: Attention,
}

/// What must be known before more can be decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// A quorum read of Cluster, claims, pods and our object.
    Quorum,
    /// WAL facts from the primary's status endpoint.
    Wal,
    /// Jobs, nodes, Backups and replication: what only a shrink must know.
    Survey,
}

/// Urgency, most urgent first: the agenda's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// A primary's claim is smaller than it should be.
    RepairPrimary,
    /// A volume is in emergency.
    Emergency,
    /// An operation runs.
    Running,
    /// A planned growth may start.
    Planned,
    /// Nothing to do but look.
    Look,
}

/// Urgency and polling of one Cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attention {
    /// The lane.
    pub lane: Lane,
    /// Least time to full over its volumes, when a slope is known.
    pub time_to_full: Option<Span>,
    /// How often usage should be sampled: 1 s while a member is not ready, 10 s near a threshold, else 30 s.
    pub poll: Span,
}
