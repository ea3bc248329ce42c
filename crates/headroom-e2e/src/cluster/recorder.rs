//! Collects trace entries from many tasks and wakes whoever waits for them.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use headroom_scenario::{Entry, What};

use crate::scale::Scale;

/// A growing list of entries, shared by the watch tasks and the world.
#[derive(Clone)]
pub(crate) struct Recorder {
    shared: Arc<Shared>,
}

struct Shared {
    start: Instant,
    /// The trace tells the scenario's sizes, not those of the disks.
    scale: Scale,
    state: Mutex<State>,
    grown: Condvar,
}

struct State {
    entries: Vec<Entry>,
    /// The last entry of each object, so that an unchanged one is not repeated.
    last: BTreeMap<String, What>,
}

impl Recorder {
    /// A recorder whose clock starts now.
    pub(crate) fn new(scale: Scale) -> Self {
        let state = State { entries: Vec::new(), last: BTreeMap::new() };
        Self {
            shared: Arc::new(Shared {
                start: Instant::now(),
                scale,
                state: Mutex::new(state),
                grown: Condvar::new(),
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic in another task leaves the list as it was: still a list of entries.
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long ago its clock started.
    pub(crate) fn age(&self) -> Duration {
        self.shared.start.elapsed()
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.shared.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Appends.
    pub(crate) fn push(&self, what: What) {
        let what = self.shared.scale.told(what);
        let mut state = self.state();
        let at_ms = self.now_ms();
        state.entries.push(Entry { at_ms, what });
        self.shared.grown.notify_all();
    }

    /// Appends the state of an object unless it is what was last appended for it.
    pub(crate) fn push_object(&self, object: &str, what: What) {
        let what = self.shared.scale.told(what);
        let mut state = self.state();
        if state.last.get(object) == Some(&what) {
            return;
        }
        state.last.insert(object.to_owned(), what.clone());
        let at_ms = self.now_ms();
        state.entries.push(Entry { at_ms, what });
        self.shared.grown.notify_all();
    }

    /// An object is gone: one of its name is another one, also in the same state.
    pub(crate) fn forget(&self, object: &str) {
        self.state().last.remove(object);
    }

    /// Copies what was appended since `known`, waiting at most `patience` for the first of it.
    pub(crate) fn since(&self, known: usize, patience: Duration) -> Vec<Entry> {
        let state = self.state();
        let (state, _) = self
            .shared
            .grown
            .wait_timeout_while(state, patience, |state| state.entries.len() <= known)
            .unwrap_or_else(PoisonError::into_inner);
        state.entries.get(known..).map_or_else(Vec::new, <[Entry]>::to_vec)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unchanged_object_is_not_repeated_and_a_waiter_is_woken() {
        let recorder = Recorder::new(crate::scale::NONE);
        recorder.push_object("a", What::Acknowledged(1));
        recorder.push_object("a", What::Acknowledged(1));
        recorder.push_object("b", What::Acknowledged(1));
        assert_eq!(recorder.since(0, Duration::ZERO).len(), 2);
        recorder.forget("a");
        recorder.push_object("a", What::Acknowledged(1));
        assert_eq!(recorder.since(0, Duration::ZERO).len(), 3);
        let other = recorder.clone();
        let waiter = std::thread::spawn(move || other.since(3, Duration::from_mins(1)).len());
        recorder.push(What::FixtureReady);
        assert_eq!(waiter.join().unwrap_or(0), 1);
    }
}
