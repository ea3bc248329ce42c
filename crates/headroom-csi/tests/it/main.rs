//! The driver's services, gates and generated code.
#![allow(clippy::unwrap_used, clippy::panic, clippy::missing_panics_doc)]

mod controller;
mod fake_host;
mod gate;
mod generated;
mod node;
mod real;
mod requests;
mod snapshot;
