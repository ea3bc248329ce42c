//! The `DynamicStorage` API: types, schema, validation, and the translation between API objects and the core.
//!
//! - [`v1alpha1`]: the types, and [`schema::crd_yaml`] for the generated CustomResourceDefinition
//! - [`policy`]: spec → [`headroom_core::Policy`], or a [`policy::SpecError`] that says what is wrong and what to do
//! - [`windows`]: cron and time zone → [`headroom_core::window::Windows`]
//! - [`status`]: record and report ⇄ status
//! - [`prose`], [`events`]: codes and numbers → words; the only place where words are made
//!
//! No HTTP client is in here, so that the simulator builds without one.
#![cfg_attr(
    test,
    allow(
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::print_stderr,
        clippy::unwrap_used
    )
)]

pub mod events;
pub mod names;
pub mod policy;
pub mod prose;
pub mod schema;
pub mod status;
pub mod time;
pub mod v1alpha1;
pub mod windows;

pub use v1alpha1::{DynamicStorage, DynamicStorageSpec, DynamicStorageStatus};

/// The finalizer by which headroom gets to raise the Cluster's sizes before a DynamicStorage goes (design §4).
pub const FINALIZER: &str = "headroom.dev/release";

/// The annotation by which CNPG is told to make an instance anew (experimental in CNPG 1.30).
pub const UNRECOVERABLE: &str = "alpha.cnpg.io/unrecoverable";

/// headroom's own annotation beside it: the number of the shrink that wants it, so that a forgotten one is known as ours.
pub const REPLACED_BY: &str = "headroom.dev/replaced-by";

/// The field manager of everything that headroom writes.
pub const FIELD_MANAGER: &str = "headroom";
