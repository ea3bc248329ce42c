//! Usage of the claims' file systems.

mod kubelet;
mod nodes;
mod summary;

pub use kubelet::Kubelets;
pub use summary::parse;
