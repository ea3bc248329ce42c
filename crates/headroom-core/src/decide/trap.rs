//! The join trap in a join that is not ours (experiments E4, E8): told from what is watched anyway, nothing is touched.

use crate::{
    Observation, Span, Timestamp,
    names::{InstanceName, VolumeName},
    observation::{MemberSeen, Primary},
    report::ClusterVerdict,
};

/// CNPG's word while it makes a further instance.
const CREATING: &str = "Creating a new replica";
/// Nothing moves in the trap; elsewhere a pod is back sooner (experiments: 3 to 15 s).
const STILL_FOR: Span = Span::minutes(1);

/// What it looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trap {
    primary: InstanceName,
    joining: InstanceName,
    /// It is told from then on.
    pub(super) since: Timestamp,
}

/// The primary has claims and no pod, another instance is being made, nobody is ready, and nothing has changed. `None`
/// where it is not so, or where it is not known since when.
pub(super) fn trapped(seen: &Observation) -> Option<Trap> {
    let Primary::Known(primary) = &seen.cluster.primary else { return None };
    let creating = seen.cluster.phase.as_str() == CREATING && seen.cluster.census.loose_claims > 0;
    let ready = |member: &MemberSeen| member.pod.as_ref().is_some_and(|pod| pod.ready);
    if !creating || seen.members.values().any(ready) || !seen.members.get(primary).is_some_and(podless) {
        return None;
    }
    let unborn = |member: &MemberSeen| {
        podless(member) && member.claims.get(&VolumeName::Data).is_some_and(|data| data.initializing)
    };
    let mut others = seen.members.iter().filter(|(name, member)| *name != primary && unborn(member));
    let (joining, _) = others.next()?;
    let since = seen.evidence.steady_since?.plus(STILL_FOR);
    Some(Trap { primary: primary.clone(), joining: joining.clone(), since })
}

fn podless(member: &MemberSeen) -> bool {
    member.pod.is_none()
        && !member.claims.is_empty()
        && member.claims.values().all(|claim| !claim.terminating)
}

pub(super) fn verdict(trap: Option<Trap>) -> ClusterVerdict {
    match trap {
        Some(Trap { primary, joining, since: _ }) => ClusterVerdict::JoinTrapped { primary, joining },
        None => ClusterVerdict::Fine,
    }
}
