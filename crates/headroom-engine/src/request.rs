//! Requests to the API server and their answers.

use alloc::{boxed::Box, vec::Vec};

use headroom_core::{
    Action, Record,
    names::{ClusterKey, InstanceName, ObjectId, Text, Version},
    observation::{ObstacleCause, Survey, WalFacts},
    report::Verdict,
};

use crate::Seen;

/// Names one request in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// One request. All but [`Request::ReadCluster`] and [`Request::Survey`] are exactly one wire call; those only read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// A quorum read of the Cluster, its claims, its pods and our object.
    ReadCluster(ClusterKey),
    /// The status endpoint of an instance (`https://ADDRESS:8000/pg/status`).
    ReadWal {
        /// Which Cluster.
        key: ClusterKey,
        /// Which instance: the primary.
        instance: InstanceName,
        /// Its pod's address.
        address: Text,
    },
    /// What only a shrink must know: Jobs, nodes, Backups and the status endpoints of the instances. Several calls, which
    /// only read.
    Survey {
        /// Which Cluster.
        key: ClusterKey,
        /// Its instances and their pods' addresses.
        instances: Vec<(InstanceName, Text)>,
    },
    /// Write the status of the DynamicStorage: record and verdict in one patch with uid and version as preconditions.
    WriteStatus {
        /// Which Cluster.
        key: ClusterKey,
        /// Our object; its uid is a precondition.
        of: ObjectId,
        /// Its version is a precondition.
        expect: Version,
        /// The durable state; `None` leaves what is stored (unreadable status).
        record: Option<Box<Record>>,
        /// The verdict.
        verdict: Verdict,
    },
    /// Do one action.
    Do(ClusterKey, Action),
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// Everything that a quorum read found; the index replaces what it holds of this Cluster.
    Read(Vec<Seen>),
    /// What the status endpoint said; `None`: it could not be read.
    Wal(Option<WalFacts>),
    /// What a survey found; `None`: it could not be made.
    Survey(Option<Box<Survey>>),
    /// Done; the object as it is now.
    Applied(Box<Seen>),
    /// Done; the answer does not hold the object as it is now.
    Done,
    /// Refused; nothing was done.
    Refused(Refusal),
    /// Time-out, lost connection, 504, cut body: it may or may not have been done.
    Unknown,
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A precondition failed (409, or 422 with empty details for a JSON-patch `test`).
    Conflict,
    /// The object is gone (404, or another uid).
    Gone,
    /// Refused for this reason.
    Because {
        /// The reason.
        cause: ObstacleCause,
        /// The server's words.
        words: Text,
        /// `Retry-After` in seconds, when given.
        retry_after_s: Option<u32>,
    },
}
