//! Which members are in emergency, and by which sign (design §5 rule 2).

use super::{
    member::Member,
    size::{LEAD, below, critical},
};
use crate::{
    Timestamp,
    observation::ContainerExit,
    policy::VolumePolicy,
    usage::{Sample, slope},
};

/// CNPG's exit code for "no room for one WAL segment".
const EXIT_NO_WAL_ROOM: i32 = 4;

/// The sign of an emergency, most certain first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Alarm {
    /// The server stopped because the volume is full.
    DiskFull,
    /// A fresh sample is beyond a threshold.
    Critical,
    /// Below the buffer and full before a growth could end.
    FullSoon,
}

/// What the end of a server says of a volume (experiments G2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ends {
    /// pg_wal is on it: exit code 4, and no other, is "no room".
    NoWalRoom,
    /// The data volume beside a WAL volume: when it is full the primary's server ends at its next checkpoint, with
    /// code 0 as any stop does.
    AnyCode,
    /// A full tablespace stops nothing.
    Nothing,
}

/// The alarm of one member.
///
/// Fenced members are judged by usage and exit code only: not being ready is what fencing means. A primary that is being
/// switched away from, and the replica that it becomes, end and restart below the buffer as well as above it: no sign.
pub(super) fn alarm(policy: &VolumePolicy, member: &Member<'_>, ends: Ends) -> Option<Alarm> {
    let pod = member.pod?;
    if !pod.ready {
        let exit = exit(member);
        let last = last(member);
        let stopped_full = ends == Ends::NoWalRoom
            && exit.is_some_and(|exit| {
                // Only a newer sample that is not critical says that room was made since.
                exit.code == EXIT_NO_WAL_ROOM
                    && !last.is_some_and(|sample| sample.at > exit.at && !critical(policy, sample))
            });
        if stopped_full || ends == Ends::AnyCode && ended_low(policy, member) {
            return Some(Alarm::DiskFull);
        }
        if !member.fenced && last.is_some_and(|sample| critical(policy, sample)) {
            return Some(Alarm::Critical);
        }
    }
    let sample = member.current?;
    if critical(policy, sample) {
        return Some(Alarm::Critical);
    }
    let soon = slope::time_to_full(member.samples).is_some_and(|left| left < LEAD);
    (below(policy, sample) && soon).then_some(Alarm::FullSoon)
}

/// Whether the server of the primary ended, with whatever code, while its volume was below the buffer. A switchover that
/// the watches have not shown yet looks the same.
pub(super) fn ended_low(policy: &VolumePolicy, member: &Member<'_>) -> bool {
    member.pod.is_some_and(|pod| !pod.ready)
        && member.primary
        && !member.fenced
        && last(member).is_some_and(|sample| {
            below(policy, sample) && exit(member).is_some_and(|exit| exit.at > sample.at)
        })
}

/// The newest end of the server, unless that was before the last growth.
fn exit<'a>(member: &Member<'a>) -> Option<&'a ContainerExit> {
    let exit = member.pod?.last_exit.as_ref()?;
    after_growth(member, exit.at).then_some(exit)
}

/// Usage that was measured before the last growth says nothing of the volume as it is.
fn last(member: &Member<'_>) -> Option<Sample> {
    member.last.filter(|sample| after_growth(member, sample.at))
}

fn after_growth(member: &Member<'_>, at: Timestamp) -> bool {
    member.grown_at.is_none_or(|grown| at > grown)
}
