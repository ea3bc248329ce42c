//! What each process of the driver must be told.

use std::path::PathBuf;

/// One node's plugin.
#[derive(Debug, Clone)]
pub struct NodeConfig {
    /// Name of the Kubernetes node.
    pub node: String,
    /// Directory of the image files; the same for all processes of the driver.
    pub images: PathBuf,
    /// Where to serve CSI. The kubelet is told this path when the plugin registers, so it must be one that the kubelet
    /// sees; usually `KUBELET_ROOT/plugins/lab.csi.headroom.dev/csi.sock`.
    pub csi_socket: PathBuf,
    /// Where to announce the plugin to the kubelet: a socket directly in `KUBELET_ROOT/plugins_registry`, named
    /// [`crate::REGISTRATION_SOCKET`]. `None` when something else registers the plugin.
    pub registration_socket: Option<PathBuf>,
    /// Where to serve the gate of the node step.
    pub gate_socket: PathBuf,
    /// Directory in which each node plugin serves the controller's requests for copies, at `NODE.sock`; the same for all
    /// processes of the driver.
    pub copy_sockets: PathBuf,
}

/// The controller.
#[derive(Debug, Clone)]
pub struct ControllerConfig {
    /// Directory of the image files; the same for all processes of the driver.
    pub images: PathBuf,
    /// Where to serve CSI (identity and controller services) to csi-resizer.
    pub csi_socket: PathBuf,
    /// Where to serve the gates of the controller step and of the snapshot step.
    pub gate_socket: PathBuf,
    /// Directory in which the node plugins serve requests for copies.
    pub copy_sockets: PathBuf,
    /// Sum of all volume sizes in bytes beyond which creation and growth are refused with `OUT_OF_RANGE`. Volumes are
    /// sparse, so this is not the space that they take. `None`: no limit.
    pub capacity_limit: Option<u64>,
    /// Creates and deletes PersistentVolumes for claims. `None`: CSI only.
    pub provisioner: Option<ProvisionerConfig>,
}

/// How the provisioner reaches the cluster.
#[derive(Debug, Clone)]
pub struct ProvisionerConfig {
    /// A kubeconfig whose current context may read StorageClasses and claims, write PersistentVolumes and Events.
    pub kubeconfig: PathBuf,
}
