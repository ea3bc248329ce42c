//! Conformance with recorded traces, determinism, and growth end to end on virtual time.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod birth;
mod conformance;
mod daylight;
mod determinism;
mod faults;
mod gates;
mod growth;
mod model;
mod operations;
mod replay;
mod seeds;
mod story;
