//! The matrix on the simulator, its reports, and the command line.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, clippy::indexing_slicing)]

mod command;
mod determinism;
mod faults;
mod golden;
mod jobs;
mod made;
mod reports;
