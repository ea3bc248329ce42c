//! Growth that would only hide a WAL fault (design §5 rule 8).

use super::draft::{Draft, Verdict};
use crate::{
    Bytes, Span,
    decision::Need,
    names::VolumeName,
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
    let Some(read) = draft.recent_wal() else {
        draft.need = Some(Need::Wal);
        return Some((State::PendingGrowth, Reason::Confirming));
    };
    let facts = read.facts.as_ref()?;
    let failing = facts.archiver_failing_since.map(|since| since.plus(ARCHIVER_PATIENCE));
    let old_at = read.at.plus(FACTS_OLD_AFTER).plus(Span::seconds(1));
    draft.edge([old_at]);
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

impl<'a> Draft<'a> {
    /// What the status endpoint said, if that is recent enough to act on.
    fn recent_wal(&self) -> Option<&'a WalSeen> {
        self.seen.evidence.wal.as_ref().filter(|wal| wal.at.plus(FACTS_OLD_AFTER) >= self.now)
    }

    /// A growing volume that holds pg_wal carries a cause line: the facts are asked for once its patches are sent.
    pub(super) fn ask_for_cause(&mut self) {
        if !self.holds_wal() || self.record.growth.is_none() || self.need.is_some() {
            return;
        }
        match self.recent_wal() {
            Some(read) => self.edge([read.at.plus(FACTS_OLD_AFTER).plus(Span::seconds(1))]),
            None => self.need = Some(Need::Wal),
        }
    }

    /// Adds the cause line to a volume that holds pg_wal.
    pub(super) fn tell_wal(&mut self) {
        let wal_here = self.holds_wal() || *self.name == VolumeName::Wal;
        if let Some(facts) =
            self.seen.evidence.wal.as_ref().and_then(|wal| wal.facts.as_ref()).filter(|_| wal_here)
        {
            self.notices.extend(notices(facts));
        }
    }
}
