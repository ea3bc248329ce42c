//! Facts: data, evaluated by one pure function over the trace, so that a time-out can say which part still fails, and
//! so that a missed edge still counts.

use std::time::Duration;

use headroom_core::{Bytes, ledger::Cause, names::VolumeName, report::State};

use crate::Gate;

/// Something that the trace shows or does not show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// The Cluster is healthy: phase, instances = ready = wanted, one primary, all pods ready, all claims bound.
    Healthy,
    /// The status speaks of the spec's generation and shows its volumes: what `prepare` waits for (a fixture that was
    /// filled is not settled yet).
    Accepted,
    /// The status has shown a growth of this volume with this cause, intent recorded.
    IntentRecorded {
        /// Which volume.
        volume: VolumeName,
        /// Why.
        cause: Cause,
    },
    /// The status has shown this state for the volume, now or earlier since the scenario began.
    StateSeen(VolumeName, State),
    /// The status shows this state for the volume now.
    StateIs(VolumeName, State),
    /// This gate is held and something waits at it.
    Held(Gate),
    /// Every claim of the volume requests at least this and has at least this capacity.
    EveryClaimHas(VolumeName, Bytes),
    /// The primary's file system of this volume is this full, by the kubelet's own samples.
    UsedAtLeast(VolumeName, u8),
    /// The file systems of this volume of all members are this full by the kubelet's own samples, and the newest two
    /// samples since the newest fill began agree: the fill is over everywhere. (A sample from the midst of a fill would
    /// be read as a rate.)
    EveryMemberUsedAtLeast(VolumeName, u8),
    /// The server of the primary has stopped with this exit code since the scenario began.
    ServerStopped {
        /// `postgres` container's exit code.
        code: i32,
    },
    /// An insert was refused for lack of space since the last fill began.
    InsertRefused,
    /// The writer has had a row acknowledged after the last strike, fill or stop.
    Serving,
    /// No operation runs, no claim is being resized, no volume waits for a growth (at the limit or out of budget is no
    /// waiting) and the status agrees with the spec generation.
    Settled,
    /// Settled, and no write by the operator for the world's quiet span.
    Quiet,
    /// The newest verification is newer than the last act and complete.
    Verified,
    /// `currentPrimary` is another instance than when the last strike came (or the fixture was ready).
    PrimaryChanged,
    /// The drain of the last strike has ended: its node has no instance pod left that began there.
    Drained,
    /// An eviction of the last drain was refused.
    EvictionRefused,
    /// The newest Backup has begun (it has any phase of its own).
    BackupBegun,
    /// The newest Backup has ended, well or not.
    BackupEnded,
    /// Every instance runs the image that the Cluster names, and it is another one than when the fixture was ready.
    Upgraded,
    /// The Cluster wants, has and has ready exactly this many instances.
    InstancesAre(u32),
    /// A claim of this volume is not bound.
    ClaimPending(VolumeName),
    /// A pod of a join job has begun to run since the last act or strike.
    JoinBegan,
    /// A pod of a join job has failed since the last act or strike.
    JoinFailed,
    /// The ledger holds at least this many completed actions of this cause.
    Completed(VolumeName, Cause, u32),
    /// The status shows this reason for the volume now.
    ReasonIs(VolumeName, &'static str),
    /// The primary's file system of this volume has at least this percent free, by the kubelet's newest sample.
    FreeAtLeast(VolumeName, u8),
    /// The Cluster's phase is this now.
    PhaseIs(&'static str),
    /// The container of the primary's pod has been restarted at least this often since the fixture was ready.
    PrimaryRestarts(u32),
    /// Every claim of the volume requests at least this.
    EveryClaimRequests(VolumeName, Bytes),
    /// At least so much time has passed since the last act or strike, or since the primary's server was last restarted.
    Calm(Duration),
    /// At least this many instances are ready now.
    Ready(u32),
    /// At most this many instances are ready now.
    ReadyAtMost(u32),
    /// This instance has a pod that is not on its way out, whether it runs or not.
    HasPod(&'static str),
    /// The operator has had at least this many instances made anew, those included that CNPG has not begun with.
    Condemned(u32),
    /// All of these.
    All(Vec<Fact>),
}
