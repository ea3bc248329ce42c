//! The old primary of a single instance that does not come back: it may go when its successor serves, it has been away for
//! long enough, and, to be deleted, only once the number of instances is set back: else CNPG would make it anew.

use alloc::vec::Vec;

use super::{fenced, is_primary, jobs, ready, require_archive, require_whole_original, whole};
use crate::{
    lint::Case,
    names::InstanceName,
    observation::MemberSeen,
    record::{Course, Shrink},
};

/// This long an old primary may take to come back.
const PATIENCE_SECONDS: i64 = 600;

/// The other of two members, when it has been away for long enough and its successor was made anew.
pub(super) fn overdue<'a>(case: &Case<'a>, shrink: &Shrink) -> Option<&'a InstanceName> {
    let others: Vec<_> = case.seen.members.iter().filter(|(name, _)| !is_primary(case, name)).collect();
    let [(name, member)] = others.as_slice() else { return None };
    let successor = case.seen.members.iter().find(|(name, _)| is_primary(case, name))?;
    let fresh = |member: &MemberSeen| {
        member.claims.values().all(|claim| shrink.originals.values().all(|uid| *uid != claim.id.uid))
    };
    let pod = member.pod.as_ref().filter(|pod| !pod.ready)?;
    let away = case.now.unix().saturating_sub(pod.unready_since?.unix());
    (shrink.declared == 1 && fresh(successor.1) && away >= PATIENCE_SECONDS).then_some(*name)
}

/// Its successor serves alone, and nothing works.
pub(super) fn require_successor(case: &mut Case<'_>) {
    let serves = case
        .seen
        .members
        .iter()
        .filter(|(name, _)| is_primary(case, name))
        .all(|(_, member)| ready(member) && member.claims.values().all(whole));
    case.require(serves, "SuccessorUnfit");
    case.require(!fenced(case), "Fenced");
    let idle = jobs(case).next().is_none();
    case.require(idle, "JobRunning");
    require_archive(case);
}

/// It may be deleted for good.
pub(super) fn check(case: &mut Case<'_>, shrink: &Shrink, victim: &InstanceName) {
    case.require(shrink.course == Course::Smaller, "ShrinkTurned");
    case.require(!is_primary(case, victim), "PrimaryDestroyed");
    case.require(case.seen.cluster.instances == 1, "RemovedEarly");
    let late = overdue(case, shrink) == Some(victim);
    case.require(late, "RemovedEarly");
    require_whole_original(case, shrink, victim);
    require_successor(case);
}
