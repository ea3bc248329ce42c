//! The two processes of the driver: which services they serve on which sockets, and how they end.

use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::FutureExt;
use futures::future::Shared;
use tokio::net::UnixListener;
use tokio_stream::wrappers::UnixListenerStream;
use tonic::transport::Server;
use tonic::transport::server::Router;

use crate::config::{ControllerConfig, NodeConfig};
use crate::controller::ControllerService;
use crate::gate::{Gates, Step};
use crate::generated::csi::controller_server::ControllerServer;
use crate::generated::csi::identity_server::IdentityServer;
use crate::generated::csi::node_server::NodeServer;
use crate::generated::registration::registration_server::RegistrationServer;
use crate::host::LinuxHost;
use crate::identity::IdentityService;
use crate::node::NodeService;
use crate::provisioner::{Provisioner, ProvisionerError};
use crate::registration::RegistrationService;
use crate::store::{Store, StoreError};

/// Why a process of the driver ended, or could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The socket cannot be made.
    #[error(
        "socket {} cannot be made: {source}; its directory must be writable and the path at most 107 bytes long",
        path.display()
    )]
    Bind {
        /// Path of the socket.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Serving on the socket failed.
    #[error("serving on {} failed: {source}", path.display())]
    Serve {
        /// Path of the socket.
        path: PathBuf,
        /// What the transport said.
        source: tonic::transport::Error,
    },
    /// The directory of the image files is of no use.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The provisioner cannot reach its cluster.
    #[error(transparent)]
    Provisioner(#[from] ProvisionerError),
}

/// Runs one node's plugin until `shutdown` is ready: CSI identity and node services, the kubelet's registration, the
/// gate of the node step, and the controller's requests for copies. Must run in the mount namespace of the node's kubelet, as root.
///
/// # Errors
/// A socket that cannot be made or fails; an unusable directory of images.
pub async fn run_node(config: NodeConfig, shutdown: impl Future<Output = ()> + Send) -> Result<(), RunError> {
    let store = Store::open(&config.images, None)?;
    let gates = Arc::new(Gates::new([Step::Node]));
    let node = NodeService::new(&config.node, store, LinuxHost::new(), Arc::clone(&gates));
    node.thaw_leftovers().await;
    let copies = bind(&config.copy_sockets.join(format!("{}.sock", config.node)))?;
    let copies = crate::frozen::serve(copies, node.clone());
    let csi = Server::builder()
        .add_service(IdentityServer::new(IdentityService))
        .add_service(NodeServer::new(node));
    let registration =
        Server::builder().add_service(RegistrationServer::new(RegistrationService::new(&config.csi_socket)));

    let shutdown = shutdown.shared();
    let gate = bind(&config.gate_socket)?;
    let csi = serve(csi, &config.csi_socket, shutdown.clone())?;
    // The kubelet calls back as soon as it sees the registration socket, so that one comes last.
    let registration = match &config.registration_socket {
        Some(socket) => serve(registration, socket, shutdown.clone())?.left_future(),
        None => shutdown.map(Ok).right_future(),
    };
    tracing::info!(node = config.node, socket = %config.csi_socket.display(), "node plugin serves");
    let served = tokio::select! {
        served = futures::future::try_join(csi, registration) => served.map(drop),
        () = crate::gate::serve(gate, gates) => Ok(()),
        () = copies => Ok(()),
    };
    tracing::info!(node = config.node, "node plugin ends");
    served
}

/// Runs the controller until `shutdown` is ready: CSI identity and controller services for csi-resizer and
/// csi-snapshotter, the provisioner, and the gates of the controller step and the snapshot step. Needs no root.
///
/// # Errors
/// A socket that cannot be made or fails; an unusable directory of images; an unusable kubeconfig.
pub async fn run_controller(
    config: ControllerConfig,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), RunError> {
    let store = Store::open(&config.images, config.capacity_limit)?;
    let gates = Arc::new(Gates::new([Step::Controller, Step::Snapshot]));
    let controller =
        ControllerService::new(store, LinuxHost::new(), Arc::clone(&gates), &config.copy_sockets);
    let provisioner = match &config.provisioner {
        Some(provisioner) => Some(Provisioner::connect(provisioner, controller.clone()).await?),
        None => None,
    };
    let csi = Server::builder()
        .add_service(IdentityServer::new(IdentityService))
        .add_service(ControllerServer::new(controller));

    let gate = bind(&config.gate_socket)?;
    let csi = serve(csi, &config.csi_socket, shutdown.shared())?;
    let provision = async move {
        match provisioner {
            Some(provisioner) => provisioner.run().await,
            None => futures::future::pending().await,
        }
    };
    tracing::info!(socket = %config.csi_socket.display(), "controller serves");
    let served = tokio::select! {
        served = csi => served,
        () = crate::gate::serve(gate, gates) => Ok(()),
        () = provision => Ok(()),
    };
    tracing::info!("controller ends");
    served
}

/// Serves on a socket until `shutdown` is ready; the socket is there when this returns.
fn serve<F: Future<Output = ()>>(
    router: Router,
    path: &Path,
    shutdown: Shared<F>,
) -> Result<impl Future<Output = Result<(), RunError>> + use<F>, RunError> {
    let incoming = UnixListenerStream::new(bind(path)?);
    let path = path.to_owned();
    Ok(async move {
        // A caller that keeps its connection open would keep a graceful shutdown waiting for ever.
        let serving = router.serve_with_incoming(incoming);
        let served = tokio::select! {
            served = serving => served,
            () = shutdown => Ok(()),
        };
        let _ = std::fs::remove_file(&path);
        served.map_err(|source| RunError::Serve { path, source })
    })
}

/// Listens on a new socket at this path. A socket that an earlier process left is replaced.
fn bind(path: &Path) -> Result<UnixListener, RunError> {
    let bind = || {
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory)?;
        }
        match std::fs::remove_file(path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        UnixListener::bind(path)
    };
    bind().map_err(|source| RunError::Bind { path: path.to_owned(), source })
}
