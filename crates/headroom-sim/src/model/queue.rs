//! Virtual time: a queue of things to happen, in milliseconds since the simulated start.

use std::{collections::BTreeMap, fmt};

/// Milliseconds since the simulated start.
pub type Millis = u64;

/// Things to happen, in order of time and, at the same time, of arrival.
#[derive(Clone)]
pub struct Queue<E> {
    waiting: BTreeMap<(Millis, u64), E>,
    arrivals: u64,
}

impl<E> Queue<E> {
    /// Nothing will happen.
    pub fn new() -> Self {
        Self { waiting: BTreeMap::new(), arrivals: 0 }
    }

    /// Lets `event` happen at `at`.
    pub fn push(&mut self, at: Millis, event: E) {
        self.arrivals += 1;
        self.waiting.insert((at, self.arrivals), event);
    }

    /// When the next event happens.
    pub fn next_at(&self) -> Option<Millis> {
        self.waiting.first_key_value().map(|((at, _), _)| *at)
    }

    /// Takes the next event.
    pub fn pop(&mut self) -> Option<(Millis, E)> {
        self.waiting.pop_first().map(|((at, _), event)| (at, event))
    }

    /// Everything that waits, in order.
    pub fn events(&self) -> impl Iterator<Item = &E> {
        self.waiting.values()
    }

    /// How many events wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

impl<E: fmt::Debug> fmt::Debug for Queue<E> {
    /// Times and events in their order, without the numbers of their arrival: what is shown alike happens alike.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.waiting.iter().map(|((at, _), event)| (at, event))).finish()
    }
}

impl<E> Default for Queue<E> {
    fn default() -> Self {
        Self::new()
    }
}
