//! Whether a volume may shrink, and to what size (design §6 "When" and "Target").

use alloc::vec::Vec;

use crate::{
    Bytes, Observation, Percent, Span, Timestamp,
    decide::{draft::Draft, member::Member},
    names::InstanceName,
    observation::{ClaimSeen, MemberSeen},
    record::Calm,
    usage::{Sample, Samples, share},
};

/// A volume is too large when more than the buffer and this many points are free.
const ROOMY_POINTS: u8 = 20;
/// It is so no longer when less than the buffer and this many points are free: between the two nothing changes.
const CLOSE_POINTS: u8 = 15;
/// A shrink leaves the buffer and this many points free.
const LANDING_POINTS: u8 = 10;
/// The least saving in bytes, or a tenth of the limit where that is less.
const LEAST_SAVING: Bytes = Bytes::gibi(10);

/// What a shrink must know of a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "facts, each of its own")]
pub(in crate::decide) struct Look {
    /// It has been too large for long enough.
    pub(in crate::decide) offer: Option<Offer>,
    /// When it will have been, or has been, too large for long enough; `None` while a shrink would save too little.
    pub(in crate::decide) due: Option<Timestamp>,
    /// The size that holds what is used; `None` while the usage of a member is not known.
    pub(in crate::decide) needed: Option<Bytes>,
    /// The member of which the usage is not known.
    pub(in crate::decide) unknown: Option<InstanceName>,
    /// The primary, where this process has seen its usage once: whether it fills right now is not known. Two looks are a
    /// compromise: a rate takes three, and where kubelets are slow these take minutes.
    pub(in crate::decide) glimpsed: Option<InstanceName>,
    /// How fast WAL is written on the volume is not known.
    pub(in crate::decide) unmeasured: bool,
    /// A member that was made anew has less than the buffer free, two samples long.
    pub(in crate::decide) short: bool,
    /// A member is in emergency whose claim has the size that it should.
    pub(in crate::decide) pressed: bool,
    /// It is far too large, and its floor alone keeps it so.
    pub(in crate::decide) floored: bool,
}

impl Look {
    /// Of a volume of which nothing is judged.
    pub(in crate::decide) const NONE: Self = Self {
        offer: None,
        due: None,
        needed: None,
        unknown: None,
        glimpsed: None,
        unmeasured: false,
        short: false,
        pressed: false,
        floored: false,
    };
}

/// A shrink that waits for its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::decide) struct Offer {
    /// The effective size.
    pub(in crate::decide) from: Bytes,
    /// The size that holds what is used.
    pub(in crate::decide) to: Bytes,
}

/// Two surveys this far apart tell the pace of WAL.
pub(in crate::decide) const PACE_OVER: Span = Span::minutes(1);

/// For so long the pace tells what a copy needs. One that was measured in a hurry must not forbid a shrink for ever: while
/// nothing is offered, nobody measures again.
const PACE_LASTS: Span = Span::minutes(10);

/// Looks at a volume as a shrink does.
pub(in crate::decide) fn look(draft: &mut Draft<'_>, members: &[Member<'_>], runs: bool) -> Look {
    let survey = draft.seen.evidence.survey.as_ref();
    let survey = survey.filter(|survey| draft.now.since(survey.at) <= PACE_LASTS);
    let pace = survey.and_then(|survey| survey.wal_pace(PACE_OVER));
    let expected = match pace.filter(|_| draft.holds_wal()) {
        Some((bytes, span)) => {
            let copy = u64::from(copy_span(copied(draft.seen)).as_seconds());
            bytes.scaled_up(copy, u64::from(span.as_seconds())).unwrap_or(Bytes::MAX)
        }
        None => Bytes::ZERO,
    };
    let held = held(draft, members, expected);
    // Not below the floor.
    let needed = held.map(|size| size.max(draft.bounds.low).rounded_up_to(draft.policy.unit));
    let low = |sample: Sample| share::free_below(sample, draft.policy.buffer);
    let short = members.iter().any(|member| {
        let small = member.capacity < draft.record.effective && member.capacity >= draft.whole();
        small && member.current.is_some_and(low) && member.earlier().is_some_and(low)
    });
    let unmeasured = draft.holds_wal() && pace.is_none();
    let pressed = draft.alarmed(members).any(|(member, _)| member.capacity >= draft.whole());
    let unknown = members.iter().find(|member| member.current.is_none()).map(|member| member.name.clone());
    let glimpsed = members.iter().find(|member| member.primary && member.samples.len() < 2);
    let glimpsed = glimpsed.map(|member| member.name.clone());
    keep_peak(draft, members);
    let due = due(draft, members, held, runs);
    let ripe = due.is_some_and(|due| due <= draft.now);
    let saves = |to: &Bytes| saves_enough(draft, *to);
    let worth = needed.filter(saves);
    let offer = worth.filter(|_| ripe).map(|to| Offer { from: draft.record.effective, to });
    let floored = ripe && offer.is_none() && held.is_some_and(|held| saves(&held));
    let due = due.filter(|_| worth.is_some());
    Look { offer, due, needed, unknown, glimpsed, unmeasured, short, pressed, floored }
}

/// What the fullest member uses is taken in while the volume is too large, also while nothing may be offered.
fn keep_peak(draft: &mut Draft<'_>, members: &[Member<'_>]) {
    let samples = members.iter().flat_map(|member| member.samples.iter());
    let (stabilization, now) = (draft.policy.shrink.stabilization, draft.now);
    if let (Some(calm), Some(used)) = (&mut draft.record.calm, samples.map(|it| share::used(*it)).max()) {
        calm.peak.take(used, stabilization, now);
    }
}

/// Keeps since when the volume has been too large for what it `held`s, and says when that will have lasted.
fn due(draft: &mut Draft<'_>, members: &[Member<'_>], held: Option<Bytes>, runs: bool) -> Option<Timestamp> {
    let rules = draft.policy.shrink;
    let grows = draft.record.growth.is_some() || !draft.alarms.is_empty();
    if !rules.enabled || grows || runs {
        draft.record.calm = None;
        return None;
    }
    if draft.blocked || draft.wanted.is_some() {
        return None;
    }
    if !free_above(draft, members, CLOSE_POINTS) {
        draft.record.calm = None;
        return None;
    }
    // Of a member that is not known nothing follows, neither way.
    let held = held?;
    if draft.record.calm.is_none() {
        if !(saves_enough(draft, held) && free_above(draft, members, ROOMY_POINTS)) {
            return None;
        }
        draft.record.calm = Some(Calm::from(draft.now));
        keep_peak(draft, members);
    }
    let calm = draft.record.calm.as_mut()?;
    // A clock that was set back must not make it wait for the difference.
    calm.since = calm.since.min(draft.now);
    let due = calm.since.plus(rules.stabilization).max(calm.peak.covers_from(rules.stabilization));
    draft.edge([due]);
    Some(due)
}

/// Whether nobody who is known has less free than the buffer and these points.
fn free_above(draft: &Draft<'_>, members: &[Member<'_>], points: u8) -> bool {
    let share = Percent::clamped(draft.policy.buffer.get().saturating_add(points));
    members.iter().filter_map(|member| member.current).all(|sample| !share::free_below(sample, share))
}

/// The size that holds what is used: the most that any member used in the samples that are kept and at the peak that is
/// remembered, what else is `expected`, the buffer and ten points; in device bytes, in whole units. `None`: the usage of a
/// member is not known.
fn held(draft: &Draft<'_>, members: &[Member<'_>], expected: Bytes) -> Option<Bytes> {
    let peak = draft.record.calm.map_or(Bytes::ZERO, |calm| calm.peak.most());
    let each = members.iter().map(|member| {
        let current = member.current?;
        let most = member.samples.iter().map(|sample| share::used(*sample)).max()?.max(peak);
        Some(device(draft, member, current, most.plus(expected)))
    });
    let most = each.collect::<Option<Vec<Bytes>>>()?.into_iter().max()?;
    Some(most.rounded_up_to(draft.policy.unit))
}

/// A small file system loses as much to itself as a large one, or a share: the larger of both is kept.
fn device(draft: &Draft<'_>, member: &Member<'_>, sample: Sample, in_use: Bytes) -> Bytes {
    let fillable = draft.policy.buffer.complement().get().saturating_sub(LANDING_POINTS);
    let file_system = in_use.scaled_up(100, u64::from(fillable)).unwrap_or(Bytes::MAX);
    let by_share = member.shape(draft.before()).device_for(file_system);
    by_share.max(file_system.plus(member.capacity.minus_or_zero(sample.capacity)))
}

fn saves_enough(draft: &Draft<'_>, to: Bytes) -> bool {
    let (from, limit, rules) = (draft.record.effective, draft.policy.limit, draft.policy.shrink);
    let saving = from.minus_or_zero(to);
    let share = from.scaled_up(u64::from(rules.minimum_saving.get()), 100).unwrap_or(Bytes::MAX);
    let least = limit.scaled_up(1, 10).unwrap_or(LEAST_SAVING).min(LEAST_SAVING);
    saving > Bytes::ZERO && saving >= share.max(least)
}

/// Bytes that a copy of an instance carries: what the fullest one uses; where that is not known, what it asks for.
pub(in crate::decide) fn copied(seen: &Observation) -> Bytes {
    let used = |claim: &ClaimSeen| {
        let sample = seen.evidence.samples.get(&claim.id.uid).and_then(Samples::newest);
        sample.map_or(claim.requested, share::used)
    };
    let group = |member: &MemberSeen| member.claims.values().map(used).fold(Bytes::ZERO, Bytes::plus);
    seen.members.values().map(group).max().unwrap_or(Bytes::ZERO)
}

/// At this many bytes a second a copy is reckoned: half of what a loaded gigabit network carries.
const COPY_RATE: u64 = 48 << 20;
/// A copy may wait this long for the primary's spread checkpoint (experiments E7: 4.5 min with PostgreSQL's defaults),
/// and for its pods.
const COPY_WAITS: Span = Span::minutes(6);

/// How long a copy of this many bytes may take.
pub(in crate::decide) fn copy_span(bytes: Bytes) -> Span {
    let seconds = bytes.get().checked_div(COPY_RATE).and_then(|seconds| u32::try_from(seconds).ok());
    let seconds = seconds.unwrap_or(u32::MAX).saturating_add(COPY_WAITS.as_seconds());
    Span::seconds(seconds)
}
