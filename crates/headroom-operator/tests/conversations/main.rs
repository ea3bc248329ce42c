//! The operator's own loop and the real Kubernetes client against the simulator's API server, over HTTP in memory and in
//! virtual time: what is said on the wire when something goes wrong there.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    clippy::panic,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm
)]

mod world;

mod growth;
mod leases;
mod refusals;
mod removals;
mod shrink;
mod stuck;
mod watches;
