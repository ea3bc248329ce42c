//! Acceptance scenarios as data, the `World` they run in, the `Trace` a world leaves behind, and the checkers that read
//! nothing but that trace.
//!
//! There is no tokio and no Kubernetes client here: a script is sequential by meaning, and a simulator must not have
//! anything non-deterministic to schedule.

pub mod catalogue;
pub mod checkers;
pub mod evaluate;
pub mod expect;
pub mod fact;
pub mod fixture;
pub mod run;
pub mod scenario;
pub mod script;
pub mod timeline;
pub mod trace;
pub mod view;
pub mod walk;
pub mod words;
pub mod world;

pub use evaluate::{evaluate, holds};
pub use fact::Fact;
pub use fixture::{BackupMode, Fixture, Kubelets, Topology};
pub use run::{Outcome, Report, run, run_cell};
pub use scenario::{Cell, Level, Pace, Scenario, Shared};
pub use script::{Act, Gate, Step, Strike, Wait, Who};
pub use trace::{Entry, Trace, What};
pub use view::View;
pub use walk::{Going, Walk};
pub use world::{Ended, World, WorldError};
