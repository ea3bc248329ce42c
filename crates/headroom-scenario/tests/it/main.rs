//! Checkers against hand-made traces, the runner against a scripted world, and the shape of the catalogue.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, clippy::indexing_slicing)]

mod catalogue;
mod facts;
mod grown;
mod hash;
mod invariants;
mod planted;
mod runner;
mod shuffled;
