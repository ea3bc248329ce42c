//! Status → record.

use std::collections::BTreeMap;

use headroom_core::{
    Bytes, Record, Timestamp,
    ledger::{ActionId, Cause, Ledger, LedgerEntry, Outcome},
    names::{InstanceName, TablespaceName, Uid, VolumeName},
    quantity,
    record::{Calm, Growth, MemberRecord, Peak, VolumeRecord},
    usage::Sample,
};

use super::{operation, volume::word};
use crate::{
    names::cause_from_word,
    time,
    v1alpha1::{
        ActionStatus, DynamicStorageStatus, GrowthStatus, InstanceSize, PeakStatus, StorageSizing,
        TablespaceStatus, UsageStatus, VolumeStatus,
    },
};

/// Why a stored status cannot be understood. Nothing may be touched then: a newer version or a person wrote it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// A change of the whole Cluster of a kind that this version does not know.
    #[error("status.operation is {kind:?}, which this version does not know")]
    Operation {
        /// Its kind.
        kind: String,
    },
    /// A word that this version does not know.
    #[error("{path} is {word:?}, which this version does not know")]
    Word {
        /// Where.
        path: String,
        /// The word.
        word: String,
    },
    /// No size.
    #[error("{path} is {text:?}, which is no size")]
    Size {
        /// Where.
        path: String,
        /// What it says.
        text: String,
    },
    /// No time.
    #[error("{path} is {text:?}, which is no time")]
    Time {
        /// Where.
        path: String,
        /// What it says.
        text: String,
    },
    /// A number that cannot be.
    #[error("{path} is {number}, which cannot be")]
    Number {
        /// Where.
        path: String,
        /// The number.
        number: i64,
    },
    /// Something that must be there is not.
    #[error("{path} is missing")]
    Missing {
        /// Where.
        path: String,
    },
    /// Twice the same key.
    #[error("{path} is there twice")]
    Twice {
        /// Where.
        path: String,
    },
}

impl Unreadable {
    /// The next step.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Operation { .. } | Self::Word { .. } => {
                "run the version of headroom that wrote it; nothing is changed until then"
            }
            Self::Size { .. }
            | Self::Time { .. }
            | Self::Number { .. }
            | Self::Missing { .. }
            | Self::Twice { .. } => {
                "undo the edit of the status, or clear .status.storageSizing: sizes are then taken from the claims and \
                 the day's budget starts anew"
            }
        }
    }
}

/// The record that a status holds. An empty status holds an empty record.
///
/// # Errors
/// Whatever this version cannot understand of what is durable; what is only shown is not looked at.
pub fn read(status: &DynamicStorageStatus) -> Result<Record, Unreadable> {
    let DynamicStorageStatus {
        observed_generation: _,
        conditions: _,
        storage_sizing,
        operation,
        last_shrink_at,
    } = status;
    let mut record = Record::empty();
    record.shrink = operation.as_ref().map(operation::read).transpose()?;
    record.shrunk_at = optional_time("status.lastShrinkAt", last_shrink_at.as_deref())?;
    let Some(StorageSizing { last_action_id, data, tablespaces, wal }) = storage_sizing else {
        return Ok(record);
    };
    if let Some(id) = last_action_id {
        record.sequence = number("status.storageSizing.lastActionId", *id)?;
    }
    let tablespaces = tablespaces.iter().map(|TablespaceStatus { name, volume }| {
        (VolumeName::Tablespace(TablespaceName::from(name.as_str())), volume)
    });
    let data = data.iter().map(|volume| (VolumeName::Data, volume));
    let wal = wal.iter().map(|volume| (VolumeName::Wal, volume));
    for (name, volume) in data.chain(tablespaces).chain(wal) {
        let path = format!("status of {name}");
        if let Some(volume) = volume_record(&path, volume)?
            && record.volumes.insert(name, volume).is_some()
        {
            return Err(Unreadable::Twice { path });
        }
    }
    Ok(record)
}

fn volume_record(path: &str, status: &VolumeStatus) -> Result<Option<VolumeRecord>, Unreadable> {
    let VolumeStatus {
        state: _,
        reason: _,
        message: _,
        effective_size,
        target_size: _,
        size_at_birth: _,
        actual_sizes,
        last_action: _,
        actions,
        budget: _,
        growth,
        shrink_eligible_since,
        peak_usage,
        next_maintenance_window: _,
        notices: _,
    } = status;
    let Some(effective) = effective_size else {
        // A ledger or a running growth without a size is no state that this program writes.
        return if actions.is_empty() && growth.is_none() {
            Ok(None)
        } else {
            Err(Unreadable::Missing { path: format!("{path}: effectiveSize") })
        };
    };
    let entries = actions.iter().map(|action| entry(path, action)).collect::<Result<Vec<_>, _>>()?;
    let mut members = BTreeMap::new();
    for size in actual_sizes {
        if let Some(member) = member(path, size)?
            && members.insert(InstanceName::from(size.instance.as_str()), member).is_some()
        {
            return Err(Unreadable::Twice { path: format!("{path}: actualSizes[{}]", size.instance) });
        }
    }
    Ok(Some(VolumeRecord {
        effective: size(&format!("{path}: effectiveSize"), effective)?,
        ledger: Ledger { entries },
        growth: growth.as_ref().map(|growth| running(path, growth)).transpose()?,
        calm: calm(path, shrink_eligible_since.as_deref(), peak_usage.as_ref())?,
        members,
    }))
}

/// A status of a version that remembered no peak has none.
fn calm(path: &str, since: Option<&str>, peak: Option<&PeakStatus>) -> Result<Option<Calm>, Unreadable> {
    let Some(since) = optional_time(&format!("{path}: shrinkEligibleSince"), since)? else { return Ok(None) };
    let Some(PeakStatus { since: turned, used, used_before }) = peak else {
        return Ok(Some(Calm::from(since)));
    };
    let path = format!("{path}: peakUsage");
    let peak = Peak {
        since: when(&format!("{path}.since"), turned)?,
        used: size(&format!("{path}.used"), used)?,
        before: size(&format!("{path}.usedBefore"), used_before)?,
    };
    Ok(Some(Calm { since, peak }))
}

fn member(path: &str, status: &InstanceSize) -> Result<Option<MemberRecord>, Unreadable> {
    let InstanceSize { instance, requested: _, capacity: _, claim_uid, growth_completed_at, last_usage } =
        status;
    let Some(uid) = claim_uid else { return Ok(None) };
    let path = format!("{path}: actualSizes[{instance}]");
    let sample = last_usage.as_ref().map(|UsageStatus { at, capacity, available }| {
        Ok(Sample {
            at: when(&format!("{path}.lastUsage.at"), at)?,
            capacity: size(&format!("{path}.lastUsage.capacity"), capacity)?,
            available: size(&format!("{path}.lastUsage.available"), available)?,
        })
    });
    Ok(Some(MemberRecord {
        claim: Uid::from(uid.as_str()),
        grown_at: optional_time(&format!("{path}.growthCompletedAt"), growth_completed_at.as_deref())?,
        last_usage: sample.transpose()?,
    }))
}

fn entry(path: &str, status: &ActionStatus) -> Result<LedgerEntry, Unreadable> {
    let ActionStatus { id, kind, cause: why, from, to, started_at, completed_at, result } = status;
    let path = format!("{path}: actions[{id}]");
    let cause = cause(&path, why)?;
    let expected = if cause == Cause::Shrink { word::SHRINK } else { word::GROW };
    if kind != expected {
        return Err(Unreadable::Word { path: format!("{path}.kind"), word: kind.clone() });
    }
    let ended = || match completed_at {
        Some(text) => when(&format!("{path}.completedAt"), text),
        None => Err(Unreadable::Missing { path: format!("{path}.completedAt") }),
    };
    let outcome = match result.as_str() {
        word::RUNNING => Outcome::Running,
        word::COMPLETED => Outcome::Completed { at: ended()? },
        word::REFUNDED => Outcome::Refunded { at: ended()? },
        word::SUPERSEDED => Outcome::Superseded { at: ended()? },
        other => return Err(Unreadable::Word { path: format!("{path}.result"), word: other.to_owned() }),
    };
    Ok(LedgerEntry {
        id: ActionId(number(&format!("{path}.id"), *id)?),
        cause,
        from: size(&format!("{path}.from"), from)?,
        to: size(&format!("{path}.to"), to)?,
        started: when(&format!("{path}.startedAt"), started_at)?,
        outcome,
    })
}

fn running(path: &str, status: &GrowthStatus) -> Result<Growth, Unreadable> {
    let GrowthStatus { id, cause: why, generation, started_at, from, to, canary } = status;
    let path = format!("{path}: growth");
    Ok(Growth {
        id: ActionId(number(&format!("{path}.id"), *id)?),
        cause: cause(&path, why)?,
        generation: u64::try_from(*generation)
            .map_err(|_| Unreadable::Number { path: format!("{path}.generation"), number: *generation })?,
        started: when(&format!("{path}.startedAt"), started_at)?,
        from: size(&format!("{path}.from"), from)?,
        to: size(&format!("{path}.to"), to)?,
        canary: canary.as_deref().map(InstanceName::from),
    })
}

fn cause(path: &str, word: &str) -> Result<Cause, Unreadable> {
    cause_from_word(word)
        .ok_or_else(|| Unreadable::Word { path: format!("{path}.cause"), word: word.to_owned() })
}

pub(super) fn number(path: &str, number: i64) -> Result<u32, Unreadable> {
    u32::try_from(number).map_err(|_| Unreadable::Number { path: path.to_owned(), number })
}

pub(super) fn size(path: &str, text: &str) -> Result<Bytes, Unreadable> {
    quantity::parse(text).map_err(|_| Unreadable::Size { path: path.to_owned(), text: text.to_owned() })
}

pub(super) fn when(path: &str, text: &str) -> Result<Timestamp, Unreadable> {
    time::from_text(text).ok_or_else(|| Unreadable::Time { path: path.to_owned(), text: text.to_owned() })
}

fn optional_time(path: &str, text: Option<&str>) -> Result<Option<Timestamp>, Unreadable> {
    text.map(|text| when(path, text)).transpose()
}
