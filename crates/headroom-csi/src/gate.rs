//! Gates: points at which a test holds, or fails, one step of one volume's growth, or its snapshot.
//!
//! "Before the controller step" and "before the node step" are moments at which a scenario wants to strike. Watching and
//! hurrying is a race; a gate is not. A test [holds](Client::hold) the step, [waits until it is
//! reached](Client::wait_reached), strikes, and [releases](Client::release) it. Instead of holding, a gate can answer a
//! gRPC code for a number of calls, as a storage provider that is throttled or out of space does.
//!
//! Rules of a gate:
//! - A held step blocks its call. The caller's deadline still ends the call; the gate stays *reached* over the caller's
//!   retries, and a release lets the call that waits, and each later one, pass at once.
//! - Holds are looked at before failures: a step that is held and fails waits first and is answered the code afterwards.
//! - The controller step and the snapshot step live in the controller process, the node step in each node's plugin. A
//!   [`Client`] is given all sockets and asks each; processes without the step say so and are left out.
//!
//! The protocol is one JSON object per line over a unix socket, one answer line per command line:
//! ```text
//! > {"command":"hold","step":"node","volume":"claim:default/pg-1"}
//! < {"answer":"done"}
//! > {"command":"wait_reached","step":"node","volume":"claim:default/pg-1","attempts":1,"timeout_ms":60000}
//! < {"answer":"reached","gate":{"kind":"hold","step":"node","volume":"claim:default/pg-1","attempts":1,…}}
//! ```

mod blocking;
mod client;
mod code;
mod protocol;
mod rules;
mod server;

pub use blocking::BlockingClient;
pub use client::{Client, GateError};
pub use code::{Code, UnknownCode};
pub use protocol::{Answer, Command, Event, Gate, Happened, Kind, Step, VolumeParseError, VolumeSelector};
pub use rules::{Gates, Subject};
pub use server::serve;
