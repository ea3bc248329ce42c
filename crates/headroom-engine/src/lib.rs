//! The whole operator as one value without I/O.
//!
//! [`Engine::handle`] takes what happened, [`Engine::poll`] gives the next effect. The shell (`headroom-operator`)
//! performs effects with a Kubernetes client; the simulator drives this very same value in virtual time. Every effect
//! that changes something is one wire call, so every one of them is a point at which a crash can be tried.

pub mod effect;
pub mod engine;
pub mod event;
pub mod note;
pub mod request;
pub mod storage;

pub use effect::Effect;
pub use engine::{Engine, EngineConfig};
pub use event::{Event, Kind, Role, Seen};
pub use request::{Refusal, Request, Response, Ticket};
pub use headroom_core::report::{Problem, Verdict};
pub use storage::StorageSeen;
