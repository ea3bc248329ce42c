//! The driver's services, gates and generated code.
#![allow(clippy::unwrap_used, clippy::panic)]

mod generated;
