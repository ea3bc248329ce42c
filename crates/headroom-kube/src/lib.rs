//! All use of the Kubernetes client.
//!
//! - [`slim`]: only those fields of foreign objects that headroom reads, decoded so that one odd object cannot stop a
//!   watch.
//! - [`translate`]: from the wire to the engine's words.
//! - [`execute`]: one [`headroom_engine::Request`] to exactly one HTTP call to one [`headroom_engine::Response`].
//! - [`watch`]: the watches as one stream of engine events.
//! - [`usage`]: what the kubelets measure; [`wal`]: what an instance says of its WAL.
//! - [`events`]: Kubernetes Events for people; [`lease`]: who may write.
#![deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
#![cfg_attr(
    test,
    allow(
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::needless_pass_by_value,
        clippy::panic,
        clippy::unwrap_used,
        clippy::wildcard_enum_match_arm
    )
)]

pub mod connect;
pub mod events;
pub mod execute;
pub mod glue;
pub mod known;
pub mod lease;
pub mod slim;
pub mod translate;
pub mod usage;
pub mod wal;
pub mod watch;
mod words;

pub use kube::{Client, Config, client::ClientBuilder};
