//! Steps of a script.

use std::time::Duration;

use headroom_core::{Bytes, names::VolumeName};

use crate::Fact;

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Do something as a user or application.
    Do(Act),
    /// Hold a gate from now on.
    Hold(Gate),
    /// Let a gate go.
    Release(Gate),
    /// Disturb. The runner demands that the gate named by the last `Until(Fact::Held(..))` is still held.
    Strike(Strike),
    /// Wait until the trace shows this.
    Until(Fact, Wait),
}

/// What a user or an application does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Start a writer through the `-rw` service that keeps a ledger of acknowledged rows.
    StartWriter {
        /// Rows per second.
        rows_per_second: u32,
    },
    /// Fill the primary's volume with real rows (a table in that volume) until so much is used as fills the file system,
    /// as large as it was when the act began, to this share: a growth meanwhile does not move the mark.
    Fill {
        /// Which volume.
        volume: VolumeName,
        /// Used percent to reach (by available ÷ capacity of the file system), after WAL has come down again.
        used_percent: u8,
    },
    /// Insert in small transactions without end until nothing more fits (or the file system has grown to `stop_at`). Where
    /// the volume holds pg_wal this goes on in spite of refusals until the server has stopped; elsewhere it ends with
    /// the first refusal for lack of space, and with the operator stopped a data volume beside a WAL volume then gets a
    /// checkpoint, which stops the server.
    FillUntilRefused {
        /// Which volume.
        volume: VolumeName,
        /// Stop inserting when the file system has become at least this large.
        stop_at: Bytes,
    },
    /// Stop the operator (its process or Deployment) and wait until it is gone.
    StopOperator,
    /// Start it again.
    StartOperator,
    /// Raise the claim of one member's volume by hand.
    PatchClaim {
        /// Whose.
        who: Who,
        /// Which volume.
        volume: VolumeName,
        /// New request.
        to: Bytes,
    },
    /// Set `spec.instances` of the Cluster.
    Scale {
        /// New number.
        instances: u32,
    },
    /// Change the policy of the data volume.
    SetPolicy(PolicyChange),
    /// Verify all data now: ledger of acknowledged rows, sentinel checksum, `pg_amcheck`.
    Verify,
}

/// A change of the policy by the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyChange {
    /// `limit`.
    Limit(Bytes),
    /// `targetBuffer`.
    TargetBuffer(u8),
    /// `budget.actionsPerDay` and `budget.reservedForEmergency`.
    Budget(u8, u8),
}

/// A disturbance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Strike {
    /// Kill the operator at once (no clean shutdown) and let it be started again.
    KillOperator,
    /// Delete the instance pod of a member.
    DeletePod(Who),
}

/// A member by its role now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// The primary.
    Primary,
    /// The replica with the highest serial.
    LastReplica,
}

/// A moment that can be held (architecture §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Gate {
    /// Intent is recorded, no claim is patched.
    BeforePatch,
    /// The storage's controller expands the first volume.
    ControllerStep,
    /// The node expands the first file system.
    NodeStep,
    /// The first claim is patched, the others are not.
    BetweenClaims,
    /// All is grown, the completion is not recorded.
    BeforeCompletion,
}

/// A named wait; each world has its own table of limits. A limit holds for this part alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wait {
    /// A Cluster becomes healthy from nothing.
    Ready,
    /// Usage is sampled and a decision is made.
    Decision,
    /// A gate is reached.
    Strike,
    /// A growth ends.
    Growth,
    /// PostgreSQL serves again after an outage (a whole crash-loop back-off included).
    Recovery,
    /// Nothing is written any more.
    Quiet,
    /// The maintenance window opens.
    Window,
    /// A fill reaches its mark.
    Fill,
}

/// How long a wait may take; the table type of a world.
pub type Limits = fn(Wait) -> Duration;
