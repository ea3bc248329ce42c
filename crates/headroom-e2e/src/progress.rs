//! How far a long run is: one line that is written over on a terminal, and nothing where nobody looks on.

use std::{
    io::{IsTerminal, Write},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// A line that is written anew at most this often.
const EVERY: Duration = Duration::from_millis(200);

/// Counts what is done.
pub(crate) struct Progress {
    total: u64,
    done: AtomicU64,
    wrong: AtomicU64,
    shown: Mutex<Option<Instant>>,
    on_terminal: bool,
}

impl Progress {
    /// Nothing of `total` is done.
    pub(crate) fn new(total: u64) -> Self {
        let on_terminal = std::io::stderr().is_terminal();
        Self {
            total,
            done: AtomicU64::new(0),
            wrong: AtomicU64::new(0),
            shown: Mutex::new(None),
            on_terminal,
        }
    }

    /// One more is done, with so many findings.
    pub(crate) fn step(&self, what: &str, wrong: usize) {
        let done = self.done.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let more = u64::try_from(wrong).unwrap_or(u64::MAX);
        let wrong = self.wrong.fetch_add(more, Ordering::Relaxed).saturating_add(more);
        if !self.on_terminal {
            return;
        }
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if shown.is_some_and(|at| at.elapsed() < EVERY) {
            return;
        }
        *shown = Some(Instant::now());
        let line = format!("\r\u{1b}[2K[{done}/{}] {wrong} findings; {what}", self.total);
        drop(anstream::stderr().lock().write_all(line.as_bytes()));
    }

    /// Takes the line away.
    pub(crate) fn end(&self) {
        if self.on_terminal {
            drop(anstream::stderr().lock().write_all(b"\r\x1b[2K"));
        }
    }
}
