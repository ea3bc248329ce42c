//! Rungs 1 to 3 of the test ladder (ARCHITECTURE.md): units, every combination of the decision's inputs, laws.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod adoption;
mod canary;
mod emergency;
mod enumeration;
mod gates;
mod laws;
mod lint_objects;
mod planned;
mod quantities;
mod release;
mod repair;
mod shrink;
mod spec_changes;
mod units;
mod world;
