//! The state of a run as a number: equal states go on alike.

use std::{
    fmt::{self, Write},
    hash::{DefaultHasher, Hasher},
};

use headroom_scenario::Walk;

use super::SimWorld;

/// A hash over everything that decides how a run goes on; valid within one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StateHash(pub u64);

/// Hashes text as it is written, a block at a time.
pub(super) struct Hashing {
    hasher: DefaultHasher,
    block: Vec<u8>,
}

/// Text is hashed in blocks of this many bytes.
const BLOCK: usize = 4096;

impl Hashing {
    pub(super) fn new() -> Self {
        Self { hasher: DefaultHasher::new(), block: Vec::with_capacity(BLOCK * 2) }
    }

    pub(super) fn take(&mut self, value: &dyn fmt::Debug) {
        // Writing to memory cannot fail.
        let _ = write!(self, "{value:?};");
    }

    pub(super) fn end(mut self) -> StateHash {
        self.hasher.write(&self.block);
        StateHash(self.hasher.finish())
    }
}

impl Write for Hashing {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.block.extend_from_slice(text.as_bytes());
        if self.block.len() >= BLOCK {
            self.hasher.write(&self.block);
            self.block.clear();
        }
        Ok(())
    }
}

impl SimWorld {
    /// The state of this world and of the walk in it. What is left out decides nothing: the trace (its fold, the view,
    /// is in it), counters, and, unless a fault is still to come, what only faults look at.
    pub fn state(&self, walk: &Walk) -> StateHash {
        let Self {
            model,
            queue,
            processes,
            newest,
            turn,
            lease_free_at,
            arrived,
            past,
            calendar,
            lag,
            holds,
            held_requests,
            trace: _,
            view,
            rows_told,
            faults,
            making,
            pausing: _,
            waiting: _,
            at_hand,
            waits_until,
            fixture: _,
            silent,
            job_failures,
        } = self;
        let mut hashing = Hashing::new();
        for (pid, process) in processes {
            let super::Process { engine, in_flight, watches, tick_at, leads, behind, asleep, missed, .. } =
                process;
            hashing.take(&(pid, engine.essence(), in_flight, watches, tick_at, leads));
            hashing.take(&(behind, asleep, missed, process.old_lists, process.lags));
            if process.old_lists {
                hashing.take(past);
            }
        }
        hashing.take(model);
        hashing.take(&(queue, newest, turn, lease_free_at, calendar, lag));
        hashing.take(&(holds, held_requests, view.essence(), rows_told, making, at_hand, waits_until));
        hashing.take(&(silent, job_failures));
        if !faults.is_empty() {
            hashing.take(&(faults, arrived, past));
        }
        hashing.take(walk);
        hashing.end()
    }
}
