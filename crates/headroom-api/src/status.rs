//! Record and report ⇄ status.
//!
//! The status is the only place where the record lives (design §4). It is written whole, in one request that replaces
//! `/status`; what the record holds comes back from [`read`] unchanged. A status that cannot be understood is
//! [`Unreadable`]: then nothing is touched and [`write_refusal`] changes conditions only.

mod clip;
mod conditions;
mod digest;
mod operation;
mod read;
mod volume;

use headroom_core::{Record, Report, Timestamp, names::VolumeName, report::WalReport};

pub use conditions::{Refusal, is_refused};
pub use digest::{digest, refusal_digest, stored_digest};
pub use read::{Unreadable, read};

use crate::v1alpha1::{DynamicStorageStatus, StorageSizing, TablespaceStatus, VolumeStatus};

/// The status that says `record` and `report`.
///
/// Transition times of conditions whose status did not change are kept from `previous`; others are `now`.
pub fn write(
    record: &Record,
    report: &Report,
    previous: Option<&DynamicStorageStatus>,
    now: Timestamp,
) -> DynamicStorageStatus {
    let mut status = render(record, report);
    conditions::date(&mut status.conditions, previous, now);
    status
}

/// The status that says why no decision can be made. Volumes and operation stay as they are.
pub fn write_refusal(
    refusal: &Refusal<'_>,
    generation: u64,
    previous: Option<&DynamicStorageStatus>,
    now: Timestamp,
) -> DynamicStorageStatus {
    let mut status = DynamicStorageStatus {
        observed_generation: Some(signed(generation)),
        conditions: conditions::of_refusal(refusal, generation),
        storage_sizing: previous.and_then(|status| status.storage_sizing.clone()),
        operation: previous.and_then(|status| status.operation.clone()),
        last_shrink_at: previous.and_then(|status| status.last_shrink_at.clone()),
    };
    conditions::date(&mut status.conditions, previous, now);
    status
}

/// The status without transition times: what a digest is taken of.
fn render(record: &Record, report: &Report) -> DynamicStorageStatus {
    let Record { sequence, volumes: recorded, shrink, shrunk_at } = record;
    let Report { generation, volumes: reported, wal, cluster: _ } = report;
    let mut sizing = StorageSizing {
        last_action_id: Some(i64::from(*sequence)),
        data: None,
        tablespaces: Vec::new(),
        wal: wal.as_ref().map(volume::of_wal),
    };
    let mut names: Vec<&VolumeName> = recorded.keys().chain(reported.keys()).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let mut volume = volume::render(name, recorded.get(name), reported.get(name));
        volume.size_at_birth = shrink.as_ref().and_then(|shrink| operation::size_at_birth(shrink, name));
        match name {
            VolumeName::Data => sizing.data = Some(volume),
            VolumeName::Tablespace(tablespace) => {
                sizing.tablespaces.push(TablespaceStatus { name: tablespace.to_string(), volume });
            }
            VolumeName::Wal => sizing.wal = Some(with_wal_verdict(volume, wal.as_ref())),
        }
    }
    DynamicStorageStatus {
        observed_generation: Some(signed(*generation)),
        conditions: conditions::of_report(report),
        storage_sizing: Some(sizing),
        operation: shrink.as_ref().map(operation::render),
        last_shrink_at: shrunk_at.map(crate::time::to_text),
    }
}

/// The WAL volume's record beside what was observed of it.
fn with_wal_verdict(volume: VolumeStatus, wal: Option<&WalReport>) -> VolumeStatus {
    let Some(VolumeStatus { reason, message, notices, .. }) = wal.map(volume::of_wal) else { return volume };
    VolumeStatus { reason, message, notices, ..volume }
}

/// Generations are `int64` on the wire and never negative.
fn signed(generation: u64) -> i64 {
    i64::try_from(generation).unwrap_or(i64::MAX)
}
