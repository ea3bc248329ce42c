//! What forbids all change of a volume (design §4 `Blocked`).

use super::{draft::Verdict, member::Member};
use crate::{
    Timestamp,
    names::InstanceName,
    observation::{Growable, VolumeSpecSeen},
    record::Growth,
    report::{Reason, State},
    usage::{self, Usage},
};

/// Why nothing of this volume may be touched, if so.
///
/// `resizeInUseVolumes: false` is the user's word, also in an emergency. A volume of which only some claims cannot grow
/// is not blocked: the others may be in emergency. What a shrink makes `anew` is born small and raised: a process that took
/// over meanwhile cannot tell a file system that was measured before that from one that does not follow its claim.
pub(super) fn preflight(
    spec: &VolumeSpecSeen,
    members: &[Member<'_>],
    growth: Option<&Growth>,
    anew: impl Fn(&InstanceName) -> bool,
    now: Timestamp,
) -> Option<Verdict> {
    if !spec.resize_in_use {
        return Some((State::Blocked, Reason::OnlineResizeDisabled));
    }
    let first = members.first()?;
    if members.iter().all(|member| !member.growable()) {
        return Some(not_growable(first));
    }
    let mut known = members.iter().filter(|member| match member.usage {
        Usage::Fresh(_) | Usage::Mismatch(_) => true,
        Usage::Stale(_) | Usage::Never => false,
    });
    let wrong = |member: &&Member<'_>| {
        let raised = member.smaller().is_some() && anew(member.name);
        !raised && disagrees(member, growth, now)
    };
    let mismatched = known.clone().find(wrong)?;
    known
        .all(|member| wrong(&member))
        .then(|| (State::Blocked, Reason::NotSizedByClaim(mismatched.name.clone())))
}

/// Why a claim that cannot grow cannot.
pub(super) fn not_growable(member: &Member<'_>) -> Verdict {
    let reason = match member.claim.growable {
        Growable::Static => Reason::StaticVolume,
        Growable::ClassForbids | Growable::Yes | Growable::Unknown => Reason::StorageClassNotExpandable,
    };
    (State::Blocked, reason)
}

/// A sample that may be of before the last growth is merely late, and so is one that shows what the claim had since the
/// growth that runs began, its size before or that of a growth which this one overtook: `capacity` is there some seconds
/// before the kubelet measures again (experiments G1).
fn disagrees(member: &Member<'_>, growth: Option<&Growth>, now: Timestamp) -> bool {
    match member.usage {
        Usage::Mismatch(sample) => {
            let late = sample.capacity < member.capacity
                && growth
                    .is_some_and(|growth| usage::sized_by(growth.from, sample.capacity.min(growth.from)));
            !late && !member.late(sample, now)
        }
        Usage::Fresh(_) | Usage::Stale(_) | Usage::Never => false,
    }
}
