//! Messages for people, derived from what the stored status says before and after: so nothing is said twice, not even
//! after a restart.

use alloc::vec::Vec;

use headroom_core::{
    Record,
    ledger::{ActionId, Cause, LedgerEntry, Outcome},
    names::VolumeName,
    report::{Reason, State},
};

use crate::{StorageSeen, desk::Desk, note::NoteKind};

/// What is worth telling when our object changed from `before` to `after`.
pub(crate) fn notes(before: &StorageSeen, after: &StorageSeen, desk: &Desk) -> Vec<NoteKind> {
    let mut notes = Vec::new();
    if before.meta.id != after.meta.id {
        return notes;
    }
    let mut started: Vec<&VolumeName> = Vec::new();
    if let (Ok(old), Ok(new)) = (&before.record, &after.record) {
        for (volume, recorded) in &new.volumes {
            let known = |id: ActionId| entry_of(old, volume, id);
            for entry in &recorded.ledger.entries {
                let Some(note) = note_of(volume, known(entry.id), entry, new, desk) else { continue };
                if matches!(note, NoteKind::GrowthStarted { .. }) {
                    started.push(volume);
                }
                notes.push(note);
            }
        }
    }
    for (volume, state) in &after.published.states {
        // An emergency growth says itself why it was started.
        let told = *state == State::Emergency && started.contains(&volume);
        let entered = before.published.states.get(volume) != Some(state);
        let Some(reason) = desk.reason(volume) else { continue };
        // Usage is waited for from the first moment; that a kubelet is silent is found out later.
        let silent = *state == State::WaitingForUsage && matches!(reason, Reason::KubeletSilent(..));
        if !told && (silent || entered && concerns_people(*state)) {
            notes.push(NoteKind::StateEntered {
                volume: volume.clone(),
                state: *state,
                reason: reason.clone(),
            });
        }
    }
    notes
}

fn note_of(
    volume: &VolumeName,
    known: Option<&LedgerEntry>,
    entry: &LedgerEntry,
    record: &Record,
    desk: &Desk,
) -> Option<NoteKind> {
    let volume = volume.clone();
    let (from, to) = (entry.from, entry.to);
    let was_running = known.is_none_or(|known| known.outcome == Outcome::Running);
    match (entry.outcome, entry.cause) {
        (Outcome::Completed { .. }, Cause::Shrink) if was_running => {
            Some(NoteKind::ShrinkCompleted { volume, from, to })
        }
        (Outcome::Refunded { .. } | Outcome::Superseded { .. }, Cause::Shrink) if was_running => {
            Some(NoteKind::ShrinkTurnedBack { volume, from })
        }
        (Outcome::Running, cause @ (Cause::Planned | Cause::Emergency | Cause::Shrink))
            if known.is_none() =>
        {
            Some(NoteKind::GrowthStarted { volume, cause, from, to })
        }
        (Outcome::Completed { .. }, Cause::Planned | Cause::Emergency) if was_running => {
            Some(NoteKind::GrowthCompleted { volume, from, to })
        }
        (Outcome::Refunded { .. } | Outcome::Superseded { .. }, Cause::Planned | Cause::Emergency)
            if was_running =>
        {
            // A growth that another one takes over did not stop.
            let goes_on = record.volumes.get(&volume).is_some_and(|recorded| recorded.growth.is_some());
            let reason = if goes_on {
                None
            } else {
                Some(desk.reason(&volume).cloned().unwrap_or(Reason::EnoughFree))
            };
            reason.map(|reason| NoteKind::GrowthStopped { volume, reason })
        }
        (
            Outcome::Running
            | Outcome::Completed { .. }
            | Outcome::Refunded { .. }
            | Outcome::Superseded { .. },
            Cause::Planned | Cause::Emergency | Cause::External | Cause::Shrink,
        ) => None,
    }
}

fn entry_of<'a>(record: &'a Record, volume: &VolumeName, id: ActionId) -> Option<&'a LedgerEntry> {
    record.volumes.get(volume)?.ledger.entries.iter().find(|entry| entry.id == id)
}

/// States that people should hear of when they are entered: those in which more is needed than headroom may do.
const fn concerns_people(state: State) -> bool {
    match state {
        State::Emergency | State::AtLimit | State::BudgetExhausted | State::Blocked => true,
        State::Balanced
        | State::PendingGrowth
        | State::Growing
        | State::PendingShrink
        | State::Shrinking
        | State::WaitingForUsage
        | State::Suspended
        | State::Paused => false,
    }
}
