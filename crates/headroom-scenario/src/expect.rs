//! What must hold at the end: five classes, none of which can be left out.

use std::time::Duration;

use headroom_core::{Bytes, ledger::Cause, names::VolumeName, report::State};

use crate::Wait;

/// Expectations in all five classes of the requirements. There is no `Default`: no class can be skipped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expect {
    /// The Cluster's steady state.
    pub functional: Vec<Functional>,
    /// Claims and policy.
    pub storage: Vec<Storage>,
    /// Rows.
    pub data: Vec<Data>,
    /// The operator's own conduct.
    pub control: Vec<Control>,
    /// Time.
    pub timing: Vec<Timing>,
}

/// At least one expectation; an empty list does not compile.
pub fn all<T, const N: usize>(list: [T; N]) -> Vec<T> {
    const { assert!(N > 0, "no class of assertions may be left out") }
    Vec::from(list)
}

/// Class 1: functional.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Functional {
    /// Healthy at the end.
    Healthy,
    /// This many promotions (changes of `currentPrimary`) after the fixture was ready.
    Promotions(u32),
    /// The server of a primary stopped with this exit code after the fixture was ready.
    ServerStopped(i32),
    /// No container of an instance restarted after the fixture was ready.
    NoServerRestart,
    /// Between these many container restarts over all instances after the fixture was ready.
    ServerRestarts(u32, u32),
    /// Between these many promotions after the fixture was ready.
    PromotionsBetween(u32, u32),
    /// Between these many pods made for instances after the fixture was ready: churn.
    PodsMade(u32, u32),
    /// The newest Backup completed.
    BackupCompleted,
    /// The newest Backup completed, or failed and says why.
    BackupEndedClearly,
    /// Every instance runs the Cluster's new image.
    Upgraded,
    /// The Cluster wants and has this many instances at the end.
    Instances(u32),
    /// At no time after the fixture was ready were fewer instances ready than this.
    ReadyAtLeast(u32),
}

/// Class 2: storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Storage {
    /// At the end every claim of the volume requests exactly this and its capacity is no less.
    EveryClaimRequests(VolumeName, Bytes),
    /// At the end every claim of the volume requests at least this and at most that, all the same.
    EveryClaimBetween(VolumeName, Bytes, Bytes),
    /// No claim of the volume ever requested less than the first or more than the second.
    NeverOutside(VolumeName, Bytes, Bytes),
    /// Every claim of the volume that was made after the fixture was ready requested at least this from its first moment.
    BornWith(VolumeName, Bytes),
    /// At the end the primary's file system of the volume has at least this percent free.
    FreeAtLeast(VolumeName, u8),
}

/// Class 3: data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// Every acknowledged row is there: 0 lost.
    EveryAcknowledgedWriteReadable,
    /// The sentinel table's checksum is what it was.
    SentinelUnchanged,
    /// `pg_amcheck` finds nothing.
    AmcheckClean,
    /// While an action of this cause was open in the ledger, the writer never waited longer than this for its next row.
    WritesPauseAtMost(Cause, Duration),
}

/// Class 4: control.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Control {
    /// The status showed this state of the volume at some time (an intermediate state signal).
    PassedThrough(VolumeName, State),
    /// The status never showed this state of the volume (a false alarm).
    NeverShown(VolumeName, State),
    /// The ledger ends with exactly this many entries of this cause for the volume.
    LedgerEntries(VolumeName, Cause, u32),
    /// Each claim of the volume was raised by the operator exactly this often.
    PatchesPerClaim(VolumeName, u32),
    /// All claims of the volume together were raised by the operator exactly this often.
    PatchesInAll(VolumeName, u32),
    /// No claim of the volume was raised by the operator at all.
    NoPatch(VolumeName),
    /// No claim of the volume was raised by the operator more often than this.
    PatchesPerClaimAtMost(VolumeName, u32),
    /// The status showed this state of the volume with this reason at some time.
    PassedThroughAs(VolumeName, State, &'static str),
    /// The operator wrote at most this often (claims, status, all) after the fixture was ready: no churn.
    WritesAtMost(u32),
    /// No claim of the volume was raised by the operator within this time after the fixture was ready.
    NoPatchWithin(VolumeName, Duration),
    /// No pod, claim or job was deleted by the operator.
    NoDestructiveAct,
    /// The operator had exactly this many instances made anew.
    InstancesReplaced(u32),
    /// The operator had between these many instances made anew.
    InstancesReplacedBetween(u32, u32),
    /// A Kubernetes Event with this reason was seen.
    EventSeen(&'static str),
    /// At the end the status shows this state and reason for the volume.
    EndsAs(VolumeName, State, &'static str),
    /// No write by the operator during the quiet span at the end.
    QuietAtTheEnd,
}

/// Class 5: timing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Timing {
    /// From the last fill, act or strike to settled within the world's limit for this wait.
    Within(Wait),
    /// From the last fill, act or strike to settled within the sum of the world's limits for these waits.
    WithinSum(&'static [Wait]),
}
