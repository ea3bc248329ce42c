//! The cluster world: any Kubernetes cluster with CloudNativePG and an expandable StorageClass.
//!
//! A namespace per scenario holds the Cluster, its DynamicStorage and a client pod (the Cluster's own image) that
//! writes through the `-rw` service. Watches and kubelet samples are appended to the same kind of trace that the
//! simulator writes; waits look at that trace only, so an edge that was missed still counts.

mod admission;
mod ballast;
mod birth;
mod class;
mod cnpg;
mod connect;
mod evidence;
mod finalizers;
mod gates;
mod install;
mod kubelet;
mod lanes;
mod leftover;
mod manifests;
mod names;
mod nodes;
mod observe;
mod operator;
mod parse;
mod pod;
mod recorder;
mod rights;
mod sql;
mod wait;
mod window;
mod world;
mod writer;
mod written;

pub(crate) use connect::ClusterOptions;
pub use connect::Connection;
pub(crate) use world::ClusterWorld;
