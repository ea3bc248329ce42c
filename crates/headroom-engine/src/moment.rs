//! What is recorded only as one moment shows it. Each kind has a watch of its own, and no two of them ever stand at the
//! same moment: claims of a deleted Cluster stand beside the object made anew, a raised claim beside the Cluster whose
//! size was raised before it, a pod that has come is not there yet. A quorum read shows all of them at once.

use headroom_core::{
    Bytes, Record,
    ledger::{ActionId, Cause},
    names::VolumeName,
    record::VolumeRecord,
    report::{Reason, Report},
};

use crate::view::Case;

/// Whether `after` rests on how several objects stand to each other: the first record of a volume, a growth that others
/// made, and the end of a growth that leaves a claim out.
pub(crate) fn is_needed(case: &Case<'_>, after: &Record) -> bool {
    after.volumes.iter().any(|(volume, after)| match case.record.volumes.get(volume) {
        None => true,
        Some(before) => {
            others_grew(before, after) || ended(before, after).is_some_and(|to| leaves_out(case, volume, to))
        }
    })
}

/// Whether `report` says of a sample and a claim that they do not fit: the claim may only be shown late.
pub(crate) fn is_needed_to_tell(report: &Report) -> bool {
    report.volumes.values().any(|told| matches!(told.reason, Reason::NotSizedByClaim(_)))
}

fn others_grew(before: &VolumeRecord, after: &VolumeRecord) -> bool {
    let known = |id: ActionId| before.ledger.entries.iter().any(|entry| entry.id == id);
    after.ledger.entries.iter().any(|entry| entry.cause == Cause::External && !known(entry.id))
}

/// Where the growth led that is over.
fn ended(before: &VolumeRecord, after: &VolumeRecord) -> Option<Bytes> {
    let goes_on = |id: ActionId| after.growth.as_ref().is_some_and(|growth| growth.id == id);
    before.growth.as_ref().filter(|growth| !goes_on(growth.id)).map(|growth| growth.to)
}

fn leaves_out(case: &Case<'_>, volume: &VolumeName, to: Bytes) -> bool {
    let claims = case.seen.members.values().filter_map(|member| member.claims.get(volume));
    claims.into_iter().any(|claim| claim.capacity.is_none_or(|capacity| capacity < to))
}
