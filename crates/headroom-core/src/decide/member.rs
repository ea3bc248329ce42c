//! One bound claim with everything that is known of it, put together once per decision.

use alloc::vec::Vec;

use crate::{
    Bytes, Observation, Span, Timestamp,
    names::{InstanceName, VolumeName},
    observation::{ClaimPhase, ClaimSeen, ContainerSeen, Growable, Obstacle, PodSeen, Primary, ResizeStep},
    record::VolumeRecord,
    usage::{self, Sample, Usage, shape::Shape},
};

/// For so long after a growth a sample may be of before it: a stock kubelet measures each 60 to 120 s, a poll comes up to
/// 30 s later, and its clock and ours need not agree to the second.
pub(super) const LATE: Span = Span::minutes(3);

/// A bound claim of the volume and its instance.
#[derive(Debug)]
pub(crate) struct Member<'a> {
    /// The instance.
    pub(crate) name: &'a InstanceName,
    /// Its claim of this volume.
    pub(crate) claim: &'a ClaimSeen,
    /// `status.capacity` of the claim.
    pub(crate) capacity: Bytes,
    /// Its pod, unless that is on its way out.
    pub(crate) pod: Option<&'a PodSeen>,
    /// Fenced by annotation.
    pub(crate) fenced: bool,
    /// Current primary, or the target of a switchover.
    pub(crate) primary: bool,
    /// What the samples say.
    pub(crate) usage: Usage,
    /// The newest sample when it is fresh, fits the claim and was taken after the last growth of the claim: the only
    /// one that usage rules may judge.
    pub(crate) current: Option<Sample>,
    /// The newest sample at all, from memory or from the record.
    pub(crate) last: Option<Sample>,
    /// All samples in memory, oldest first.
    pub(crate) samples: &'a [Sample],
    /// When a growth of this claim was last seen complete.
    pub(crate) grown_at: Option<Timestamp>,
    /// The usage that the record holds: the measure of "grew by half the step".
    pub(crate) baseline: Option<Sample>,
    /// The last refusal.
    pub(crate) obstacle: Option<&'a Obstacle>,
    /// Since when its present request is unmet.
    pub(crate) waiting_since: Option<Timestamp>,
    /// When its capacity was seen to have grown, by whomever.
    pub(crate) grown_since: Option<Timestamp>,
    /// The kubelet of its node does not answer.
    pub(crate) silent: bool,
}

impl Member<'_> {
    /// Whether a pod mounts the claim: without one nothing would finish the growth.
    pub(crate) fn mounted(&self) -> bool {
        self.pod.is_some()
    }

    /// Whether the StorageClass lets the claim grow, as far as known.
    pub(crate) fn growable(&self) -> bool {
        match self.claim.growable {
            Growable::Yes | Growable::Unknown => true,
            Growable::ClassForbids | Growable::Static => false,
        }
    }

    /// Whether a running growth waits for this claim: a pod mounts it and it can grow.
    pub(crate) fn counts(&self) -> bool {
        self.mounted() && self.growable()
    }

    /// Whether the pod is ready.
    pub(crate) fn ready(&self) -> bool {
        self.pod.is_some_and(|pod| pod.ready)
    }

    /// Since when container `postgres` runs.
    pub(crate) fn running_since(&self) -> Option<Timestamp> {
        match self.pod?.container {
            ContainerSeen::Running { since } => Some(since),
            ContainerSeen::NotRunning | ContainerSeen::Unknown => None,
        }
    }

    /// Whether the request is met.
    pub(crate) fn met(&self) -> bool {
        self.claim.requested <= self.capacity
    }

    /// Whether the storage said that the requested size cannot be had.
    pub(crate) fn infeasible(&self) -> bool {
        match self.claim.resize.step {
            ResizeStep::ControllerInfeasible | ResizeStep::NodeInfeasible => !self.met(),
            ResizeStep::None
            | ResizeStep::ControllerInProgress
            | ResizeStep::NodePending
            | ResizeStep::NodeInProgress
            | ResizeStep::Other(_) => false,
        }
    }

    /// Whether the controller step of an unmet request is over: what is left is the node's.
    pub(crate) fn node_step(&self) -> bool {
        match self.claim.resize.step {
            ResizeStep::NodePending | ResizeStep::NodeInProgress | ResizeStep::NodeInfeasible => true,
            ResizeStep::None
            | ResizeStep::ControllerInProgress
            | ResizeStep::ControllerInfeasible
            | ResizeStep::Other(_) => self.claim.resize.file_system_pending,
        }
    }

    /// The file system's shape, where the claim had `before` bytes before the growth that may be under way: the smaller
    /// of the two sizes that the last sample can stand on, since samples lag behind capacity.
    pub(crate) fn shape(&self, before: Bytes) -> Shape {
        let Some(last) = self.last else { return Shape::UNKNOWN };
        match Shape::measured(before.min(self.capacity), last.capacity) {
            Shape::UNKNOWN => Shape::measured(before.max(self.capacity), last.capacity),
            shape => shape,
        }
    }

    /// The newest sample where it shows a file system that is smaller than the claim.
    pub(crate) fn smaller(&self) -> Option<Sample> {
        match self.usage {
            Usage::Mismatch(sample) => Some(sample).filter(|sample| sample.capacity < self.capacity),
            Usage::Fresh(_) | Usage::Stale(_) | Usage::Never => None,
        }
    }

    /// Until when a sample of the size before the last growth is merely late.
    pub(crate) fn late_until(&self) -> Option<Timestamp> {
        self.grown_at.max(self.grown_since).map(|grown| grown.plus(LATE))
    }

    /// Whether a sample may be of before the last growth: of a file system that is too small, not one that is too large.
    /// By the kubelet's clock alone it cannot be told: a sample that seems to be of the future is no newer than now.
    pub(crate) fn late(&self, sample: Sample, now: Timestamp) -> bool {
        let smaller = sample.capacity < self.capacity;
        smaller && self.late_until().is_some_and(|until| sample.at.min(now) <= until)
    }

    /// The sample before the newest one, if it was taken after the last growth of the claim. An operator that has just
    /// started knows one sample: what the record holds is an earlier one, else each restart would judge, and tell,
    /// everything anew.
    pub(crate) fn earlier(&self) -> Option<Sample> {
        let newest = self.samples.last()?;
        let recorded = || self.baseline.filter(|kept| kept.at < newest.at);
        let earlier = self.samples.iter().rev().nth(1).copied().or_else(recorded);
        earlier.filter(|sample| self.grown_at.is_none_or(|grown| sample.at > grown))
    }

    /// When the newest sample will be too old to judge; `None` when it is already, or there is none.
    pub(crate) fn stale_at(&self) -> Option<Timestamp> {
        match self.usage {
            Usage::Fresh(sample) | Usage::Mismatch(sample) => {
                Some(sample.at.plus(usage::STALE_AFTER).plus(Span::seconds(1)))
            }
            Usage::Stale(_) | Usage::Never => None,
        }
    }

    /// Order of urgency: least free first; a member of which nothing is known comes before all that are known.
    pub(crate) fn free_permille(&self) -> Option<u64> {
        self.last.map(usage::share::free_permille)
    }
}

/// All bound claims of `volume` that are not on their way out.
pub(crate) fn members<'a>(
    seen: &'a Observation,
    volume: &VolumeName,
    record: &VolumeRecord,
    now: Timestamp,
) -> Vec<Member<'a>> {
    seen.members
        .iter()
        .filter_map(|(name, member)| {
            let claim = member.claims.get(volume)?;
            let capacity = bound_capacity(claim)?;
            let remembered = record.members.get(name).filter(|kept| kept.claim == claim.id.uid);
            let grown_at = remembered.and_then(|kept| kept.grown_at);
            let baseline = remembered.and_then(|kept| kept.last_usage);
            let samples = seen.evidence.samples.get(&claim.id.uid);
            let usage = usage::classify(claim, samples, now);
            let newest = samples.and_then(usage::Samples::newest);
            let pod = member.pod.as_ref().filter(|pod| !pod.terminating);
            Some(Member {
                name,
                claim,
                capacity,
                pod,
                fenced: seen.cluster.fenced.holds(name),
                primary: is_primary(&seen.cluster.primary, name),
                current: match usage {
                    Usage::Fresh(sample) if grown_at.is_none_or(|at| sample.at > at) => Some(sample),
                    Usage::Fresh(_) | Usage::Stale(_) | Usage::Mismatch(_) | Usage::Never => None,
                },
                usage,
                last: baseline.filter(|kept| newest.is_none_or(|newest| kept.at > newest.at)).or(newest),
                samples: samples.map_or(&[], usage::Samples::as_slice),
                grown_at,
                baseline,
                obstacle: seen.evidence.obstacles.get(&claim.id.uid),
                waiting_since: seen.evidence.waiting_since.get(&claim.id.uid).copied(),
                grown_since: seen.evidence.grown_since.get(&claim.id.uid).copied(),
                silent: pod
                    .and_then(|pod| pod.node.as_ref())
                    .is_some_and(|node| seen.evidence.silent_nodes.contains_key(node)),
            })
        })
        .collect()
}

/// The capacity of a bound claim that stays.
pub(crate) fn bound_capacity(claim: &ClaimSeen) -> Option<Bytes> {
    match claim.phase {
        ClaimPhase::Bound if !claim.terminating => claim.capacity,
        ClaimPhase::Bound | ClaimPhase::Pending | ClaimPhase::Lost | ClaimPhase::Other(_) => None,
    }
}

fn is_primary(primary: &Primary, name: &InstanceName) -> bool {
    match primary {
        Primary::Known(known) => known == name,
        Primary::Moving { to } => to.as_ref() == Some(name),
        Primary::Unknown => false,
    }
}
