//! The world a scenario runs in: the simulator or a real cluster.

use std::time::Duration;

use crate::{Act, Fact, Fixture, Gate, Strike, Trace, Wait};

/// Synchronous on purpose: the script is sequential by meaning. The simulator advances virtual time inside `advance`;
/// the cluster world blocks until its watches have appended what is waited for.
///
/// The world appends every entry of the trace itself: `FixtureReady` at the end of `prepare`, `Acted`, `Struck`,
/// `GateHeld` and `GateReleased` when the act begins, and what follows from it later.
pub trait World {
    /// Whether this world can hold the gate at all.
    fn can_hold(&self, gate: Gate) -> bool;
    /// Makes the fixture and returns when its Cluster is healthy and the DynamicStorage is accepted
    /// ([`Fact::Accepted`], not settled: a filled fixture already wants to grow).
    ///
    /// # Errors
    /// When the fixture cannot be made; the scenario is then inconclusive, not failed.
    fn prepare(&mut self, fixture: &Fixture) -> Result<(), WorldError>;
    /// Does something as a user or application.
    ///
    /// # Errors
    /// When it could not be done.
    fn perform(&mut self, act: &Act) -> Result<(), WorldError>;
    /// Holds a gate from now on.
    ///
    /// # Errors
    /// When it cannot be held.
    fn hold(&mut self, gate: Gate) -> Result<(), WorldError>;
    /// Disturbs.
    ///
    /// # Errors
    /// When it could not be done.
    fn strike(&mut self, strike: &Strike) -> Result<(), WorldError>;
    /// Lets a gate go.
    ///
    /// # Errors
    /// When it was not held.
    fn release(&mut self, gate: Gate) -> Result<(), WorldError>;
    /// Lets time pass until the fact holds over the trace, at most `limit`.
    fn advance(&mut self, until: &Fact, limit: Duration) -> Ended;
    /// Whether this world has stopped in the midst of `prepare` or `advance`, to be looked at or copied. What it was
    /// asked last is asked again, and then goes on where it stopped; only a simulator can do that.
    fn paused(&self) -> bool {
        false
    }
    /// This world's limit for a named wait.
    fn limit(&self, wait: Wait) -> Duration;
    /// How long the operator must have written nothing for [`Fact::Quiet`].
    fn quiet_span(&self) -> Duration {
        Duration::from_secs(30)
    }
    /// What has happened: the checkers' only input.
    fn trace(&self) -> &Trace;
    /// Takes the fixture down (kept when `keep_evidence`).
    fn finish(&mut self, keep_evidence: bool);
}

/// How a wait ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The fact holds.
    Met,
    /// It does not hold within the limit; these parts still fail.
    TimedOut {
        /// What still fails, in words.
        still: String,
    },
    /// It can no longer hold.
    Impossible {
        /// Why.
        why: String,
    },
}

/// Why a world could not do something.
#[derive(Clone, Debug, thiserror::Error)]
#[error("could not {doing}: {why}")]
pub struct WorldError {
    /// What was being done.
    pub doing: String,
    /// Why it failed, with the next step where one is known.
    pub why: String,
}
