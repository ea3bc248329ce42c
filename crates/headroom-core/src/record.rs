//! The durable record: only what cannot be observed again. It lives in the status of the DynamicStorage.

use alloc::collections::BTreeMap;

use crate::{
    Bytes, Timestamp,
    ledger::{ActionId, Cause, Ledger},
    names::{InstanceName, Uid, VolumeName},
    usage::Sample,
};

pub use calm::{Calm, Peak};
pub use shrink::{Condemned, Course, Shrink, ShrinkSizes, Surging, TurnedBack};

mod calm;
mod shrink;

/// What headroom must not forget about one Cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The last action number given out. Lost: numbers start again, nothing else depends on them. Old: as lost.
    pub sequence: u32,
    /// One entry per volume that has ever been seen with a bound claim. Lost: rebuilt from the claims (design §4).
    /// Old: repair restores what the claims lack.
    pub volumes: BTreeMap<VolumeName, VolumeRecord>,
    /// The running shrink of the whole Cluster. Lost: what is left of it is smaller claims, which repair raises, a
    /// further instance, which nothing removes, and perhaps a mark on a pod, which is withdrawn. Old: its end is seen
    /// from the claims.
    pub shrink: Option<Shrink>,
    /// When the last shrink ended, well or not. Lost: the next one may begin within seven days. Old: as lost.
    pub shrunk_at: Option<Timestamp>,
}

impl Record {
    /// Nothing is remembered.
    pub const fn empty() -> Self {
        Self { sequence: 0, volumes: BTreeMap::new(), shrink: None, shrunk_at: None }
    }

    /// Whether they differ in remembered peaks at most: these are no intent, and nothing needs to wait until they are
    /// written.
    pub fn intends_as(&self, other: &Self) -> bool {
        let without_peaks = |record: &Self| {
            let mut record = record.clone();
            for calm in record.volumes.values_mut().filter_map(|volume| volume.calm.as_mut()) {
                *calm = Calm::from(calm.since);
            }
            record
        };
        self == other || without_peaks(self) == without_peaks(other)
    }
}

/// The durable part of one volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeRecord {
    /// What every claim of the volume should have. Lost: the largest bound claim. Old: a claim found larger raises it.
    pub effective: Bytes,
    /// Actions of the last 24 hours. Lost: up to a day's budget may be spent again. Old: future entries count as spent.
    pub ledger: Ledger,
    /// The running growth. Lost: claims already patched raise `effective` as an external change. Old: its end is seen
    /// from the claims.
    pub growth: Option<Growth>,
    /// The volume has been too large for a while. Lost: stabilisation starts again, which only delays a shrink. Old: as
    /// lost, once a sample says otherwise; each part says more.
    pub calm: Option<Calm>,
    /// Per member, what later judgements need. Lost: an old container exit may be read as new, at most one slot. Old:
    /// another claim uid makes it void, a newer sample outweighs its usage.
    pub members: BTreeMap<InstanceName, MemberRecord>,
}

/// The durable part of one claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberRecord {
    /// The claim this speaks of; another uid means another volume and makes the rest void.
    pub claim: Uid,
    /// When a growth of this claim was last seen complete: signals dated before it are cured.
    pub grown_at: Option<Timestamp>,
    /// The last usage, written when its class changes or with another change, never for itself alone.
    pub last_usage: Option<Sample>,
}

/// A running growth: intent, never progress. Progress is derived from what is observed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Growth {
    /// Its ledger entry.
    pub id: ActionId,
    /// Planned or Emergency.
    pub cause: Cause,
    /// `Policy::generation` it was derived from.
    pub generation: u64,
    /// When the intent was recorded.
    pub started: Timestamp,
    /// Effective size before.
    pub from: Bytes,
    /// Size that every claim gets.
    pub to: Bytes,
    /// The replica that goes first, chosen once so that the choice is stable. `None`: all at once.
    pub canary: Option<InstanceName>,
}
