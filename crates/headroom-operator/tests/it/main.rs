//! The operator against a real kube-apiserver with etcd (`cargo lab up --control-plane-only`): no kubelet, no
//! controller, no CNPG; their part is written by hand.
//!
//! Runs where `HEADROOM_API_TIER_KUBECONFIG` names a kubeconfig with all rights, else says that it is skipped.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm
)]

mod tier;

mod births;
mod confined;
mod growth;
mod refusals;
mod rights;
mod schema;
mod trouble;
