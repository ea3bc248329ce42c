//! Rust generated from `proto/` by `HEADROOM_BLESS=1 cargo test -p headroom-csi generated`.

/// The Container Storage Interface, v1.9.0.
#[allow(missing_docs, unreachable_pub, unused_qualifications, rust_2018_idioms)]
#[allow(rustdoc::all, clippy::all, clippy::pedantic, clippy::wildcard_enum_match_arm)]
#[path = "generated/csi.v1.rs"]
#[rustfmt::skip]
pub mod csi;

/// The kubelet's registration of plugins, v1.
#[allow(missing_docs, unreachable_pub, unused_qualifications, rust_2018_idioms)]
#[allow(rustdoc::all, clippy::all, clippy::pedantic, clippy::wildcard_enum_match_arm)]
#[path = "generated/pluginregistration.rs"]
#[rustfmt::skip]
pub mod registration;
