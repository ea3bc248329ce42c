//! The whole operator as one value without I/O.
//!
//! [`Engine::handle`] takes what happened, [`Engine::poll`] gives the next effect. The shell (`headroom-operator`)
//! performs effects with a Kubernetes client; the simulator drives this very same value in virtual time. Every effect
//! that changes something is one wire call, so every one of them is a point at which a crash can be tried.
#![no_std]
#![deny(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::float_arithmetic,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]
#![cfg_attr(
    test,
    allow(
        clippy::arithmetic_side_effects,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unwrap_used
    )
)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod agenda;
pub mod config;
mod desk;
pub mod effect;
pub mod engine;
pub mod event;
mod index;
mod limits;
mod moment;
pub mod note;
mod publish;
pub mod request;
mod sampling;
mod session;
pub mod snapshot;
pub mod storage;
#[cfg(test)]
mod tests;
mod view;
mod windows;

pub use config::{EngineConfig, Rate};
pub use effect::Effect;
pub use engine::Engine;
pub use event::{Event, Kind, Role, Seen};
pub use headroom_core::report::{Problem, Verdict};
pub use request::{Refusal, Request, Response, Ticket};
pub use snapshot::{ClusterView, Explanation, Totals, View};
pub use storage::{Published, StorageSeen};
