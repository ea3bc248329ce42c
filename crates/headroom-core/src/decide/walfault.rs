//! Growth that would only hide a WAL fault (design §5 rule 8).

use super::draft::{Draft, Verdict};
use crate::{
    Bytes, Observation, Span, Timestamp,
    decision::Need,
    observation::{WalFacts, WalSeen},
    report::{Notice, Reason, State},
};

/// WAL facts older than this are asked for again before a planned growth.
const FACTS_OLD_AFTER: Span = Span::minutes(5);

/// An archiver may fail for this long before its backlog counts as the cause: PostgreSQL retries every minute, and
/// object stores have short outages.
const ARCHIVER_PATIENCE: Span = Span::minutes(10);

/// A replication slot that retains more than this share of the volume is the cause.
const SLOT_SHARE_DIVISOR: u64 = 4;

/// Whether a planned growth of the volume must wait: for the facts, or for somebody to mend the fault. Facts that cannot
/// be read hold nothing.
pub(super) fn hold(draft: &mut Draft<'_>) -> Option<Verdict> {
    if !draft.holds_wal() || draft.policy.acknowledge_wal_risk {
        return None;
    }
    let Some(read) = recent(draft.seen, draft.now) else {
        draft.need = Some(Need::Wal);
        return Some((State::PendingGrowth, Reason::Confirming));
    };
    let facts = read.facts.as_ref()?;
    let failing = facts.archiver_failing_since.map(|since| since.plus(ARCHIVER_PATIENCE));
    draft.edge([old_at(read)]);
    draft.edge(failing);
    let archiver = failing.is_some_and(|patience| patience <= draft.now);
    (archiver || slot_retains(facts, draft.record.effective))
        .then_some((State::PendingGrowth, Reason::WalFault))
}

fn slot_retains(facts: &WalFacts, volume: Bytes) -> bool {
    let share = volume.scaled_up(1, SLOT_SHARE_DIVISOR).unwrap_or(volume);
    facts.slot.as_ref().is_some_and(|(_, retained)| *retained > share)
}

/// What is known of the cause of piling WAL, for people.
pub(super) fn notices(facts: &WalFacts) -> impl Iterator<Item = Notice> {
    let archiver = facts.archiver_failing_since.map(|since| Notice::ArchiverFailing { since });
    let slot = facts.slot.as_ref().and_then(|(slot, retained)| {
        let retained = retained.rounded_down_to(Bytes::gibi(1));
        (retained > Bytes::ZERO).then(|| Notice::SlotRetainsWal { slot: slot.clone(), retained })
    });
    archiver.into_iter().chain(slot)
}

/// What was read, if that is recent enough to act on.
pub(super) fn recent(seen: &Observation, now: Timestamp) -> Option<&WalSeen> {
    seen.evidence.wal.as_ref().filter(|wal| wal.at.plus(FACTS_OLD_AFTER) >= now)
}

/// When what was read is too old to act on.
pub(super) fn old_at(read: &WalSeen) -> Timestamp {
    read.at.plus(FACTS_OLD_AFTER).plus(Span::seconds(1))
}

impl Draft<'_> {
    /// A growing volume that holds pg_wal carries a cause line: the facts are asked for once its patches are sent.
    pub(super) fn ask_for_cause(&mut self) {
        if !self.holds_wal() || self.record.growth.is_none() || self.need.is_some() {
            return;
        }
        match recent(self.seen, self.now) {
            Some(read) => self.edge([old_at(read)]),
            None => self.need = Some(Need::Wal),
        }
    }

    /// Adds the cause line to a volume that holds pg_wal, while it grows or should: facts are kept fresh only then.
    pub(super) fn tell_wal(&mut self) {
        let grows = self.record.growth.is_some() || self.wanted.is_some() || !self.alarms.is_empty();
        let asked = self.holds_wal() && grows;
        let facts = self.seen.evidence.wal.as_ref().and_then(|wal| wal.facts.as_ref());
        if let Some(facts) = facts.filter(|_| asked) {
            self.notices.extend(notices(facts));
        }
    }
}
