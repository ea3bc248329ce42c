//! Deterministic simulator of Kubernetes' storage path, CloudNativePG and PostgreSQL, driving headroom's own engine.
//!
//! One seed is one run: virtual time, one stream of draws per subsystem and object, ordered maps only. [`SimWorld`]
//! is a [`headroom_scenario::World`] and `Clone`: a run can be forked at any point.

pub mod explore;
#[cfg(feature = "http")]
pub mod http;
pub mod model;
pub mod world;

pub use world::SimWorld;
