//! A CSI driver for the lab: volumes are sparse files behind loop devices, with XFS on them.
//!
//! It exists to make growth on one Linux machine real and to let tests strike at exact moments of it: volumes really
//! grow (the file, then the loop device, then the file system), they move between nodes, their snapshots are [taken while
//! the file system is frozen](frozen), and [gates](gate) hold or fail the controller step, the node step or the snapshot of
//! any one volume.
//!
//! Two processes make a driver, both embedded by `headroom-lab`:
//! - [`run_controller`], once: the CSI controller service for csi-resizer and csi-snapshotter, the provisioner (there is no
//!   external-provisioner in the lab), and the gates of the controller step and the snapshot step.
//! - [`run_node`], once per node, inside the mount namespace of that node's kubelet: the CSI node service, the kubelet's
//!   registration socket, the gate of the node step, and copies of what the node has mounted.
//!
//! All processes share one directory of image files, see [`store`].
//!
//! ```no_run
//! # async fn example() -> Result<(), headroom_csi::RunError> {
//! use headroom_csi::{NodeConfig, REGISTRATION_SOCKET, run_node};
//!
//! let config = NodeConfig {
//!     node: "n1".into(),
//!     images: "/var/lib/headroom-lab/volumes".into(),
//!     csi_socket: "/var/lib/headroom-lab/n1/kubelet/plugins/lab.csi.headroom.dev/csi.sock".into(),
//!     registration_socket: Some(
//!         format!("/var/lib/headroom-lab/n1/kubelet/plugins_registry/{REGISTRATION_SOCKET}").into(),
//!     ),
//!     gate_socket: "/var/lib/headroom-lab/n1/gate.sock".into(),
//!     copy_sockets: "/var/lib/headroom-lab/copy".into(),
//! };
//! run_node(config, std::future::pending()).await
//! # }
//! ```

mod capability;
mod config;
pub mod controller;
pub mod frozen;
pub mod gate;
pub mod generated;
pub mod host;
mod identity;
pub mod node;
mod operation;
mod provisioner;
mod registration;
mod run;
pub mod size;
pub mod store;

pub use config::{ControllerConfig, NodeConfig, ProvisionerConfig};
pub use provisioner::ProvisionerError;
pub use run::{RunError, run_controller, run_node};

/// Name of the driver: of its `CSIDriver` object, the `provisioner` of its StorageClasses, `spec.csi.driver` of its
/// PersistentVolumes.
pub const DRIVER_NAME: &str = "lab.csi.headroom.dev";

/// File name for the socket in `KUBELET_ROOT/plugins_registry`. The `@` is what makes registration work.
///
/// The kubelet dials the socket by its path without naming an authority (kubernetes/kubernetes#108254), so gRPC for Go
/// sends the percent-encoded path as `:authority`. HTTP/2 for Rust refuses percent signs in a host name and resets the
/// stream with `PROTOCOL_ERROR` (grpc/grpc-rust#1876). All before an `@` is user information, where they are allowed.
pub const REGISTRATION_SOCKET: &str = "reg@lab.csi.headroom.dev.sock";
