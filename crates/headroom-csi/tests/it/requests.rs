//! The driver over in-process channels, and requests as a CO writes them.

use std::sync::Arc;

use headroom_csi::controller::{CLAIM_NAME, CLAIM_NAMESPACE, ControllerService};
use headroom_csi::frozen;
use headroom_csi::gate::{Answer, Gates, Step};
use headroom_csi::generated::csi::controller_client::ControllerClient;
use headroom_csi::generated::csi::controller_server::ControllerServer;
use headroom_csi::generated::csi::node_client::NodeClient;
use headroom_csi::generated::csi::node_server::NodeServer;
use headroom_csi::generated::csi::volume_capability::access_mode::Mode;
use headroom_csi::generated::csi::volume_capability::{AccessMode, AccessType, MountVolume};
use headroom_csi::generated::csi::{
    CapacityRange, ControllerExpandVolumeRequest, CreateVolumeRequest, NodeExpandVolumeRequest,
    NodePublishVolumeRequest, NodeStageVolumeRequest, VolumeCapability,
};
use headroom_csi::node::NodeService;
use headroom_csi::store::Store;
use tokio::net::UnixListener;
use tonic::{Code, Response, Status};

use crate::fake_host::FakeHost;

pub(crate) const GIB: i64 = 1 << 30;

pub(crate) type Controller = ControllerClient<ControllerServer<ControllerService<FakeHost>>>;
pub(crate) type Node = NodeClient<NodeServer<NodeService<FakeHost>>>;

/// A controller and two nodes on a machine of their own.
pub(crate) struct Driver {
    pub(crate) controller: Controller,
    pub(crate) n1: Node,
    pub(crate) n2: Node,
    pub(crate) host: FakeHost,
    pub(crate) controller_gates: Arc<Gates>,
    pub(crate) node_gates: Arc<Gates>,
    /// Where nodes mount volumes.
    pub(crate) mounts: tempfile::TempDir,
    pub(crate) images: tempfile::TempDir,
    /// Where the nodes serve copies.
    pub(crate) copy_sockets: tempfile::TempDir,
}

impl Driver {
    pub(crate) fn new() -> Self {
        Self::with_limit(None)
    }

    pub(crate) fn with_limit(capacity_limit: Option<u64>) -> Self {
        let [images, mounts, copy_sockets] = [(); 3].map(|()| tempfile::tempdir().unwrap());
        let store = Store::open(images.path(), capacity_limit).unwrap();
        let host = FakeHost::new("n1");
        let controller_gates = Arc::new(Gates::new([Step::Controller, Step::Snapshot]));
        let node_gates = Arc::new(Gates::new([Step::Node]));
        let (gates, copies) = (Arc::clone(&controller_gates), copy_sockets.path());
        let controller = ControllerService::new(store.clone(), host.on("controller"), gates, copies);
        let node = |name| {
            let service = NodeService::new(name, store.clone(), host.on(name), Arc::clone(&node_gates));
            let socket = UnixListener::bind(copies.join(format!("{name}.sock"))).unwrap();
            tokio::spawn(frozen::serve(socket, service.clone()));
            NodeClient::new(NodeServer::new(service))
        };
        let (n1, n2) = (node("n1"), node("n2"));
        let controller = ControllerClient::new(ControllerServer::new(controller));
        Self { controller, n1, n2, host, controller_gates, node_gates, mounts, images, copy_sockets }
    }

    /// A path at which nodes may mount.
    pub(crate) fn path(&self, name: &str) -> String {
        self.mounts.path().join(name).to_str().unwrap().to_owned()
    }

    /// Makes the volume `pvc-1` of 1 GiB, claimed by `default/pg-1`.
    pub(crate) async fn create(&mut self) {
        self.controller.create_volume(create("pvc-1", GIB)).await.unwrap();
        self.host.take_log();
    }

    /// As [`create`](Self::create), and mounts it on n1 at `staging` and `target`.
    pub(crate) async fn publish(&mut self) {
        self.create().await;
        let (staging, target) = (self.path("staging"), self.path("target"));
        self.n1.node_stage_volume(stage(&staging)).await.unwrap();
        self.n1.node_publish_volume(publish(&staging, &target)).await.unwrap();
        self.host.take_log();
    }
}

pub(crate) fn capability() -> VolumeCapability {
    VolumeCapability {
        access_mode: Some(AccessMode { mode: Mode::SingleNodeWriter.into() }),
        access_type: Some(AccessType::Mount(MountVolume { fs_type: "xfs".into(), ..Default::default() })),
    }
}

pub(crate) fn range(required_bytes: i64, limit_bytes: i64) -> CapacityRange {
    CapacityRange { required_bytes, limit_bytes }
}

pub(crate) fn create(name: &str, required_bytes: i64) -> CreateVolumeRequest {
    let parameters = [(CLAIM_NAMESPACE, "default"), (CLAIM_NAME, "pg-1")];
    CreateVolumeRequest {
        name: name.into(),
        capacity_range: Some(range(required_bytes, 0)),
        volume_capabilities: vec![capability()],
        parameters: parameters.map(|(key, value)| (key.into(), value.into())).into(),
        ..Default::default()
    }
}

pub(crate) fn expand(required_bytes: i64) -> ControllerExpandVolumeRequest {
    ControllerExpandVolumeRequest {
        volume_id: "pvc-1".into(),
        capacity_range: Some(range(required_bytes, 0)),
        ..Default::default()
    }
}

pub(crate) fn stage(staging: &str) -> NodeStageVolumeRequest {
    NodeStageVolumeRequest {
        volume_id: "pvc-1".into(),
        staging_target_path: staging.into(),
        volume_capability: Some(capability()),
        ..Default::default()
    }
}

pub(crate) fn publish(staging: &str, target: &str) -> NodePublishVolumeRequest {
    NodePublishVolumeRequest {
        volume_id: "pvc-1".into(),
        staging_target_path: staging.into(),
        target_path: target.into(),
        volume_capability: Some(capability()),
        ..Default::default()
    }
}

pub(crate) fn node_expand(path: &str, required_bytes: i64) -> NodeExpandVolumeRequest {
    NodeExpandVolumeRequest {
        volume_id: "pvc-1".into(),
        volume_path: path.into(),
        capacity_range: Some(range(required_bytes, 0)),
        ..Default::default()
    }
}

/// Sends a command to gates; it must be done.
#[track_caller]
pub(crate) fn done(answer: &Answer) {
    assert_eq!(*answer, Answer::Done);
}

/// Checks the code of an answer.
#[track_caller]
pub(crate) fn check_code<T: std::fmt::Debug>(answer: Result<Response<T>, Status>, expected: Code) {
    match answer {
        Ok(answer) => panic!("{expected:?} was expected, the answer is {answer:?}"),
        Err(status) => assert_eq!(status.code(), expected, "{status}"),
    }
}
