//! Tests of the API crate from outside: what its users see.
#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "tests may fail loudly"
)]

mod conditions;
mod deploy;
mod digest;
mod fixtures;
mod generators;
mod messages;
mod policy;
mod reading;
mod round_trip;
mod rules;
mod schema;
mod size_at_birth;
mod structural;
mod windows;
mod windows_reference;
mod words;
