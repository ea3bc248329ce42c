//! What is kept of the members, and what is dropped from the ledger: only with another change, or when a class of usage
//! changes, so that a gauge alone never causes a write.

use super::{
    draft::Draft,
    growth::grown_at,
    member::{LATE, Member},
    size::{below, critical},
};
use crate::{
    Span, Timestamp,
    ledger::{Cause, LedgerEntry, Outcome},
    operation::{Step, step},
    policy::VolumePolicy,
    record::{Growth, MemberRecord, VolumeRecord},
    usage::Sample,
};

/// What a sample means, calmest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    Ample,
    BelowBuffer,
    Critical,
}

fn class(policy: &VolumePolicy, sample: Option<Sample>) -> Class {
    match sample {
        Some(sample) if critical(policy, sample) => Class::Critical,
        Some(sample) if below(policy, sample) => Class::BelowBuffer,
        Some(_) | None => Class::Ample,
    }
}

/// Completes the record of the volume, given what it was before this decision.
pub(super) fn remember(draft: &mut Draft<'_>, members: &[Member<'_>], before: Option<&VolumeRecord>) {
    let repaired = members.iter().any(|member| draft.repaired_at(member, members).is_some());
    let changes =
        before != Some(&draft.record) || repaired || members.iter().any(|member| turned(draft, member));
    if !changes {
        return;
    }
    if let Some(growth) = draft.record.growth.clone().filter(|growth| began_before(growth, before)) {
        let now = draft.now;
        for member in members.iter().filter(|member| step(&growth, member, now) == Step::Done) {
            draft.mark_grown(member, &growth);
        }
    }
    for member in members {
        let last_usage = member.last;
        let known = draft.kept(member).and_then(|kept| kept.grown_at);
        let grown_at = draft.repaired_at(member, members).max(known);
        let kept = MemberRecord { claim: member.claim.id.uid.clone(), grown_at, last_usage };
        draft.record.members.insert(member.name.clone(), kept);
    }
    let seen = draft.seen;
    let volume = draft.name;
    draft
        .record
        .members
        .retain(|name, _| seen.members.get(name).is_some_and(|member| member.claims.contains_key(volume)));
    let now = draft.now;
    // An outcome is told once before its entry goes, however long the action took.
    let told = |entry: &LedgerEntry| before.is_some_and(|record| record.ledger.entries.contains(entry));
    draft.record.ledger.entries.retain(|entry| {
        entry.outcome == Outcome::Running || entry.started.plus(Span::DAY) > now || !told(entry)
    });
}

/// Whether the class of a member's usage changed for good: a critical sample counts at once, anything else when the
/// sample before it agrees. While a growth runs, relief alone is not worth a write: it is written with the end.
fn turned(draft: &Draft<'_>, member: &Member<'_>) -> bool {
    let known = class(draft.policy, member.baseline);
    let present = class(draft.policy, member.last);
    let earlier = member.earlier().map(|sample| class(draft.policy, Some(sample)));
    if present > known {
        present == Class::Critical || earlier.is_none_or(|earlier| earlier > known)
    } else {
        present < known && draft.record.growth.is_none() && earlier.is_none_or(|earlier| earlier < known)
    }
}

fn began_before(growth: &Growth, before: Option<&VolumeRecord>) -> bool {
    before.and_then(|record| record.growth.as_ref()).is_some_and(|known| known.id == growth.id)
}

impl Draft<'_> {
    /// Keeps that the growth of `member`'s claim is complete.
    pub(super) fn mark_grown(&mut self, member: &Member<'_>, growth: &Growth) {
        let at = grown_at(member, growth, self.now);
        let known = self.kept(member).and_then(|kept| kept.grown_at);
        let kept = MemberRecord {
            claim: member.claim.id.uid.clone(),
            grown_at: Some(known.map_or(at, |known| known.max(at))),
            last_usage: member.last,
        };
        self.record.members.insert(member.name.clone(), kept);
    }

    /// When the claim was repaired, once all are whole and as long as a sample may be of before that: a process that
    /// starts now must not judge by one. The growth of all claims keeps that by itself.
    fn repaired_at(&self, member: &Member<'_>, members: &[Member<'_>]) -> Option<Timestamp> {
        let since = member.grown_since.filter(|since| since.plus(LATE) > self.now)?;
        let whole = members.iter().all(|member| member.capacity >= self.whole());
        if !whole || self.record.growth.is_some() {
            return None;
        }
        // A shrink ends when claims are small: of one that was repaired meanwhile it says nothing.
        let explained = |entry: &LedgerEntry| match entry.outcome {
            Outcome::Completed { at } => since <= at && entry.cause != Cause::Shrink,
            Outcome::Running | Outcome::Superseded { .. } | Outcome::Refunded { .. } => false,
        };
        let known = self.kept(member).and_then(|kept| kept.grown_at).is_some_and(|kept| kept >= since);
        let new = !known && !self.record.ledger.entries.iter().any(explained);
        new.then_some(since)
    }

    /// What the record holds of this very claim.
    fn kept(&self, member: &Member<'_>) -> Option<&MemberRecord> {
        self.record.members.get(member.name).filter(|kept| kept.claim == member.claim.id.uid)
    }
}
