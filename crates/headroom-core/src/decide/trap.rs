//! The primary's pod is gone, and CNPG makes none because something else comes first, in a Cluster in which no shrink runs
//! (docs/experiments-shrink.md S8, experiments E4, E8): told from what is watched anyway, nothing is touched.

use crate::{
    Observation, Span, Timestamp,
    names::{InstanceName, VolumeName},
    observation::{MemberSeen, PodSeen, Primary},
    report::{ClusterVerdict, InTheWay},
};

/// CNPG's word while it makes a further instance.
const CREATING: &str = "Creating a new replica";
/// Nothing moves in the join trap; elsewhere a pod is back sooner (experiments: 3 to 15 s).
const STILL_FOR: Span = Span::minutes(1);
/// A replica that is ready is elected sooner than this, and a new node takes a pod.
pub(super) const PLACELESS: Span = Span::minutes(3);

/// What it looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trap {
    primary: InstanceName,
    by: InTheWay,
    /// It is told from then on.
    pub(super) since: Timestamp,
}

/// The primary has claims and no pod, nobody is ready, something is in the way, and nothing has changed. `None` where it
/// is not so, or where it is not known since when.
pub(super) fn trapped(seen: &Observation) -> Option<Trap> {
    let Primary::Known(primary) = &seen.cluster.primary else { return None };
    let ready = |member: &MemberSeen| member.pod.as_ref().is_some_and(|pod| pod.ready);
    if seen.members.values().any(ready) || !seen.members.get(primary).is_some_and(podless) {
        return None;
    }
    let (by, patience) = match joining(seen, primary) {
        Some(joining) => (InTheWay::Join(joining.clone()), STILL_FOR),
        None => (InTheWay::PendingPod(placeless(seen)?.0.clone()), PLACELESS),
    };
    let since = seen.evidence.steady_since?.plus(patience);
    Some(Trap { primary: primary.clone(), by, since })
}

/// The instance that is being made, whose Job waits for the primary.
fn joining<'a>(seen: &'a Observation, primary: &InstanceName) -> Option<&'a InstanceName> {
    let creating = seen.cluster.phase.as_str() == CREATING && seen.cluster.census.loose_claims > 0;
    let unborn = |member: &MemberSeen| {
        podless(member) && member.claims.get(&VolumeName::Data).is_some_and(|data| data.initializing)
    };
    let mut others = seen.members.iter().filter(|(name, member)| *name != primary && unborn(member));
    others.next().filter(|_| creating).map(|(name, _)| name)
}

/// An instance whose pod no node has taken: nothing can run in it.
pub(super) fn placeless(seen: &Observation) -> Option<(&InstanceName, &PodSeen)> {
    let placeless = |pod: &&PodSeen| pod.pending && pod.node.is_none() && !pod.terminating;
    let mut members = seen.members.iter();
    members.find_map(|(name, member)| Some((name, member.pod.as_ref().filter(placeless)?)))
}

fn podless(member: &MemberSeen) -> bool {
    member.pod.is_none()
        && !member.claims.is_empty()
        && member.claims.values().all(|claim| !claim.terminating)
}

pub(super) fn verdict(trap: Option<Trap>) -> ClusterVerdict {
    match trap {
        Some(Trap { primary, by, since: _ }) => ClusterVerdict::Trapped { primary, by },
        None => ClusterVerdict::Fine,
    }
}
