//! How large: targets of planned and emergency growth, and what a size would mean for a member.

use super::{alarm::Alarm, bounds::Bounds, member::Member};
use crate::{
    Bytes, Percent, Span, Timestamp,
    policy::VolumePolicy,
    usage::{Sample, share, slope},
};

/// A growth lands this many points above the buffer, so that the same usage does not ask again.
const LANDING_POINTS: u8 = 2;

/// What a growth starts from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Base<'a> {
    /// The volume's rules.
    pub(super) policy: &'a VolumePolicy,
    /// Its bounds.
    pub(super) bounds: Bounds,
    /// The size that every claim has, or is being given by a repair.
    pub(super) effective: Bytes,
    /// What the claims had when the samples in hand were taken.
    pub(super) before: Bytes,
}

impl Base<'_> {
    /// The size for a planned growth: at least buffer + 2 points, at least + 10 percent, never below `request`,
    /// in whole units, clamped. `None` when that is no growth.
    pub(super) fn planned(&self, member: &Member<'_>, sample: Sample) -> Bytes {
        let restore = self.restoring(member, share::used(sample));
        let least = self.effective.scaled_up(110, 100).unwrap_or(Bytes::MAX);
        self.whole(restore.max(least)).min(self.bounds.high)
    }

    /// The size for an emergency growth: max(25 %, 1Gi, what restores the buffer + 2 points).
    ///
    /// The last slot goes straight to what lasts until `next_slot`: as much as the present rate writes until then, or
    /// twice the usual step where no rate is known.
    pub(super) fn emergency(
        &self,
        member: &Member<'_>,
        alarm: Alarm,
        next_slot: Option<Timestamp>,
        now: Timestamp,
    ) -> Bytes {
        let in_use = self.in_use(member, alarm);
        let (share, floor) = if next_slot.is_some() && slope::rate(member.samples).is_none() {
            (150, Bytes::gibi(2))
        } else {
            (125, Bytes::gibi(1))
        };
        let mut target = self
            .effective
            .scaled_up(share, 100)
            .unwrap_or(Bytes::MAX)
            .max(self.effective.plus(floor))
            .max(self.restoring(member, in_use));
        if let (Some(next), Some(rate)) = (next_slot, slope::rate(member.samples)) {
            let lasting = in_use.plus(rate.written_in(next.since(now)));
            target = target.max(self.restoring(member, lasting));
        }
        self.whole(target).min(self.bounds.emergency)
    }

    /// Bytes of the file system in use: a disk-full signal means all of it, whatever an older sample said.
    pub(super) fn in_use(&self, member: &Member<'_>, alarm: Alarm) -> Bytes {
        match (alarm, member.last) {
            (Alarm::DiskFull, Some(last)) => last.capacity,
            (Alarm::Critical | Alarm::FullSoon, Some(last)) => share::used(last),
            (_, None) => member.shape(self.before).file_system_on(self.before.min(member.capacity)),
        }
    }

    /// Whether `member` would still be in emergency if its claim had `size`.
    pub(super) fn still_in_emergency(&self, member: &Member<'_>, alarm: Alarm, size: Bytes) -> bool {
        let capacity = member.shape(self.before).file_system_on(size);
        let available = capacity.minus_or_zero(self.in_use(member, alarm));
        let then =
            Sample { at: member.last.map_or(Timestamp::from_unix(0), |last| last.at), capacity, available };
        critical(self.policy, then)
            || share::free_below(then, self.policy.buffer)
                && slope::rate(member.samples).is_some_and(|rate| rate.time_to_write(available) < LEAD)
    }

    /// The claim in which `in_use` bytes leave the buffer + 2 points free.
    fn restoring(&self, member: &Member<'_>, in_use: Bytes) -> Bytes {
        let fillable = self.policy.buffer.complement().get().saturating_sub(LANDING_POINTS);
        let file_system = in_use.scaled_up(100, u64::from(fillable)).unwrap_or(Bytes::MAX);
        member.shape(self.before).device_for(file_system)
    }

    /// Rounded up to the volume's unit.
    fn whole(&self, size: Bytes) -> Bytes {
        size.rounded_up_to(self.policy.unit)
    }
}

/// Least time to full that leaves room to detect and to grow: 2 × the p99 of a growth + 2 × the p99 age of a kubelet
/// sample, at least five minutes (evidence 16).
pub(super) const LEAD: Span = Span::minutes(5);

/// Whether a sample is critical by the user's thresholds.
pub(super) fn critical(policy: &VolumePolicy, sample: Sample) -> bool {
    share::used_at_least(sample, policy.emergency.critical)
        || policy.emergency.minimum_free.is_some_and(|least| sample.available <= least)
}

/// Whether a sample is below the buffer.
pub(super) fn below(policy: &VolumePolicy, sample: Sample) -> bool {
    share::free_below(sample, policy.buffer)
}

/// Whether a sample is within ten points of the buffer: look more often.
pub(super) fn near(policy: &VolumePolicy, sample: Sample) -> bool {
    share::free_below(sample, Percent::clamped(policy.buffer.get().saturating_add(10)))
}
