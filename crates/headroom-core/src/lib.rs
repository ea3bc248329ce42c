//! The decision rules of headroom.
//!
//! Pure and total: [`decide`] turns a [`Policy`], an [`Observation`], a [`Record`] and the time into a [`Decision`].
//! The crate is `no_std` so that the compiler bans clocks, the environment, I/O, threads and hash maps.
//!
//! The words (volume, claim, member, effective size, operation, ledger) are those of ARCHITECTURE.md.
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

pub mod action;
pub mod bytes;
pub mod decide;
pub mod decision;
pub mod ledger;
pub mod lint;
pub mod names;
pub mod observation;
pub mod operation;
pub mod percent;
pub mod policy;
pub mod quantity;
pub mod record;
pub mod report;
pub mod time;
pub mod usage;
pub mod window;
pub mod witness;

pub use action::Action;
pub use bytes::Bytes;
pub use decide::decide;
pub use decision::Decision;
pub use lint::lint;
pub use observation::Observation;
pub use percent::Percent;
pub use policy::Policy;
pub use record::Record;
pub use report::Report;
pub use time::{Span, Timestamp};
