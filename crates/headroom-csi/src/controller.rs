//! The CSI controller service: volumes are made, grown and removed, and snapshots of them taken.

mod snapshots;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::Mutex;
use tonic::{Request, Response, Status};

use crate::capability;
use crate::gate::{Gates, Step};
use crate::generated::csi::controller_server::Controller;
use crate::generated::csi::controller_service_capability::{Rpc, Type, rpc};
use crate::generated::csi::validate_volume_capabilities_response::Confirmed;
use crate::generated::csi::volume_content_source::{SnapshotSource, Type as SourceType};
use crate::generated::csi::{
    ControllerExpandVolumeRequest, ControllerExpandVolumeResponse, ControllerGetCapabilitiesRequest,
    ControllerGetCapabilitiesResponse, ControllerGetVolumeRequest, ControllerGetVolumeResponse,
    ControllerModifyVolumeRequest, ControllerModifyVolumeResponse, ControllerPublishVolumeRequest,
    ControllerPublishVolumeResponse, ControllerServiceCapability, ControllerUnpublishVolumeRequest,
    ControllerUnpublishVolumeResponse, CreateSnapshotRequest, CreateSnapshotResponse, CreateVolumeRequest,
    CreateVolumeResponse, DeleteSnapshotRequest, DeleteSnapshotResponse, DeleteVolumeRequest,
    DeleteVolumeResponse, GetCapacityRequest, GetCapacityResponse, ListSnapshotsRequest,
    ListSnapshotsResponse, ListVolumesRequest, ListVolumesResponse, ValidateVolumeCapabilitiesRequest,
    ValidateVolumeCapabilitiesResponse, VolumeContentSource,
};
use crate::host::Host;
use crate::operation;
use crate::size::{Range, wire};
use crate::store::{About, Claim, Mark, Store, Volume};

/// Parameters of `CreateVolume` that name the claim, as external-provisioner gives them with `--extra-create-metadata`.
pub const CLAIM_NAMESPACE: &str = "csi.storage.k8s.io/pvc/namespace";
/// See [`CLAIM_NAMESPACE`].
pub const CLAIM_NAME: &str = "csi.storage.k8s.io/pvc/name";

/// The controller service. Clones share everything.
#[derive(Debug)]
pub struct ControllerService<H> {
    parts: Arc<Parts<H>>,
}

#[derive(Debug)]
struct Parts<H> {
    store: Store,
    host: H,
    gates: Arc<Gates>,
    /// Held while volumes change: they are made, grown and removed one after the other, so that the capacity limit holds.
    changing: Mutex<()>,
    /// Held while snapshots change, which may take as long as a copy; growth does not wait for it.
    snapshotting: Mutex<()>,
    /// Directory of the sockets at which node processes copy what they have mounted.
    copy_sockets: PathBuf,
}

impl<H> Clone for ControllerService<H> {
    fn clone(&self) -> Self {
        Self { parts: Arc::clone(&self.parts) }
    }
}

impl<H: Host> ControllerService<H> {
    /// The service for the volumes of a store, behind the gates of the controller step and the snapshot step. Node processes
    /// serve [copies](crate::frozen) in `copy_sockets`.
    pub fn new(store: Store, host: H, gates: Arc<Gates>, copy_sockets: &Path) -> Self {
        let (changing, snapshotting) = (Mutex::new(()), Mutex::new(()));
        let copy_sockets = copy_sockets.to_owned();
        Self { parts: Arc::new(Parts { store, host, gates, changing, snapshotting, copy_sockets }) }
    }
}

impl<H: Host> Parts<H> {
    async fn create(&self, about: About, range: Range) -> Result<Volume, Status> {
        let _changing = self.changing.lock().await;
        let handle = Store::handle(&about.name);
        if let Some(volume) = self.store.find(&handle).map_err(operation::internal)? {
            let size = volume.capacity;
            return if !range.fits(size) {
                Err(Status::already_exists(format!(
                    "volume {handle} exists with {size} bytes, which do not fit"
                )))
            } else if volume.about.snapshot != about.snapshot {
                Err(Status::already_exists(format!("volume {handle} exists and was made of another source")))
            } else {
                Ok(volume)
            };
        }
        let snapshot = about.snapshot.as_deref().map(|source| self.find_snapshot(source)).transpose()?;
        let size = match &snapshot {
            Some(snapshot) => range.size_for(snapshot.size)?,
            None => range.size()?,
        };
        self.check_limit(size)?;
        let image = self.store.prepare(&handle, &about, size).map_err(operation::internal)?;
        match &snapshot {
            Some(snapshot) => {
                self.host.copy_image(&snapshot.image, &image).await.map_err(operation::internal)?;
                self.store.stretch(&handle, size).map_err(operation::internal)?;
                self.store.mark(&handle, Mark::Unfilled).map_err(operation::internal)?;
            }
            None => self.host.make_file_system(&image).await.map_err(operation::internal)?,
        }
        self.store.complete(&handle).map_err(operation::internal)?;
        tracing::info!(volume = handle, size, claim = ?about.claim, snapshot = about.snapshot, "volume made");
        self.find(&handle)
    }

    async fn delete(&self, handle: &str) -> Result<(), Status> {
        let _changing = self.changing.lock().await;
        if let Some(volume) = self.store.find(handle).map_err(operation::internal)? {
            for device in self.host.loop_devices(&volume.image).await.map_err(operation::internal)? {
                if self.host.is_busy(&device).await.map_err(operation::internal)? {
                    return Err(Status::failed_precondition(format!(
                        "volume {handle} is still mounted on a node"
                    )));
                }
                self.host.detach(&device).await.map_err(operation::internal)?;
            }
            tracing::info!(volume = handle, "volume removed");
        }
        self.store.remove(handle).map_err(operation::internal)
    }

    async fn expand(&self, handle: &str, range: Range) -> Result<u64, Status> {
        let _changing = self.changing.lock().await;
        let volume = self.find(handle)?;
        let size = range.size()?;
        if size <= volume.capacity {
            // Done before; the caller may not know, and the node step may still be missing.
            return if range.fits(volume.capacity) {
                Ok(volume.capacity)
            } else {
                let held = volume.capacity;
                Err(Status::out_of_range(format!("volume {handle} has {held} bytes, more than the limit")))
            };
        }
        self.check_limit(size - volume.capacity)?;
        self.store.grow(&volume, size).map_err(operation::internal)?;
        tracing::info!(volume = handle, from = volume.capacity, to = size, "volume grown");
        Ok(size)
    }

    fn check_limit(&self, more: u64) -> Result<(), Status> {
        match self.store.capacity_left().map_err(operation::internal)? {
            Some(left) if more > left => Err(Status::out_of_range(format!(
                "{more} more bytes are wanted, the driver's capacity limit leaves {left}"
            ))),
            Some(_) | None => Ok(()),
        }
    }

    fn find(&self, handle: &str) -> Result<Volume, Status> {
        operation::find(&self.store, handle)
    }
}

#[tonic::async_trait]
impl<H: Host> Controller for ControllerService<H> {
    async fn create_volume(
        &self,
        request: Request<CreateVolumeRequest>,
    ) -> Result<Response<CreateVolumeResponse>, Status> {
        let request = request.into_inner();
        operation::require(&request.name, "name")?;
        if request.volume_capabilities.is_empty() {
            return Err(Status::invalid_argument("volume_capabilities is empty"));
        }
        for capability in &request.volume_capabilities {
            capability::check(capability).map_err(Status::invalid_argument)?;
        }
        let snapshot = request.volume_content_source.map(source).transpose()?;
        let range = Range::read(request.capacity_range.as_ref())?;
        let parameter = |name: &str| request.parameters.get(name).cloned();
        let claim = parameter(CLAIM_NAMESPACE).zip(parameter(CLAIM_NAME));
        let claim = claim.map(|(namespace, name)| Claim { namespace, name });
        let about = About { name: request.name, claim, snapshot };
        let parts = Arc::clone(&self.parts);
        let volume = operation::to_the_end(async move { parts.create(about, range).await }).await?;
        Ok(Response::new(CreateVolumeResponse { volume: Some(on_the_wire(&volume)) }))
    }

    async fn delete_volume(
        &self,
        request: Request<DeleteVolumeRequest>,
    ) -> Result<Response<DeleteVolumeResponse>, Status> {
        let handle = request.into_inner().volume_id;
        operation::require(&handle, "volume_id")?;
        let parts = Arc::clone(&self.parts);
        operation::to_the_end(async move { parts.delete(&handle).await }).await?;
        Ok(Response::new(DeleteVolumeResponse {}))
    }

    async fn controller_expand_volume(
        &self,
        request: Request<ControllerExpandVolumeRequest>,
    ) -> Result<Response<ControllerExpandVolumeResponse>, Status> {
        let request = request.into_inner();
        operation::require(&request.volume_id, "volume_id")?;
        if request.capacity_range.is_none() {
            return Err(Status::invalid_argument("capacity_range is missing"));
        }
        let range = Range::read(request.capacity_range.as_ref())?;
        if let Some(capability) = &request.volume_capability {
            capability::check(capability).map_err(Status::invalid_argument)?;
        }
        let subject = self.parts.find(&request.volume_id)?.subject();
        self.parts.gates.pass(Step::Controller, &subject).await?;
        let (parts, handle) = (Arc::clone(&self.parts), request.volume_id);
        let size = operation::to_the_end(async move { parts.expand(&handle, range).await }).await?;
        Ok(Response::new(ControllerExpandVolumeResponse {
            capacity_bytes: wire(size),
            node_expansion_required: true,
        }))
    }

    async fn validate_volume_capabilities(
        &self,
        request: Request<ValidateVolumeCapabilitiesRequest>,
    ) -> Result<Response<ValidateVolumeCapabilitiesResponse>, Status> {
        let request = request.into_inner();
        operation::require(&request.volume_id, "volume_id")?;
        if request.volume_capabilities.is_empty() {
            return Err(Status::invalid_argument("volume_capabilities is empty"));
        }
        self.parts.find(&request.volume_id)?;
        let answer =
            match request.volume_capabilities.iter().try_for_each(|one| capability::check(one).map(drop)) {
                Ok(()) => ValidateVolumeCapabilitiesResponse {
                    confirmed: Some(Confirmed {
                        volume_context: request.volume_context,
                        volume_capabilities: request.volume_capabilities,
                        parameters: request.parameters,
                        mutable_parameters: request.mutable_parameters,
                    }),
                    message: String::new(),
                },
                Err(message) => ValidateVolumeCapabilitiesResponse { confirmed: None, message },
            };
        Ok(Response::new(answer))
    }

    async fn get_capacity(
        &self,
        _: Request<GetCapacityRequest>,
    ) -> Result<Response<GetCapacityResponse>, Status> {
        let left = self.parts.store.capacity_left().map_err(operation::internal)?;
        Ok(Response::new(GetCapacityResponse {
            available_capacity: left.map_or(i64::MAX, wire),
            maximum_volume_size: None,
            minimum_volume_size: Some(wire(crate::size::SIZE_MIN)),
        }))
    }

    async fn controller_get_capabilities(
        &self,
        _: Request<ControllerGetCapabilitiesRequest>,
    ) -> Result<Response<ControllerGetCapabilitiesResponse>, Status> {
        let kinds = [
            rpc::Type::CreateDeleteVolume,
            rpc::Type::ExpandVolume,
            rpc::Type::GetCapacity,
            rpc::Type::CreateDeleteSnapshot,
            rpc::Type::ListSnapshots,
        ];
        let capabilities = kinds
            .map(|kind| ControllerServiceCapability { r#type: Some(Type::Rpc(Rpc { r#type: kind.into() })) });
        Ok(Response::new(ControllerGetCapabilitiesResponse { capabilities: capabilities.into() }))
    }

    async fn controller_publish_volume(
        &self,
        _: Request<ControllerPublishVolumeRequest>,
    ) -> Result<Response<ControllerPublishVolumeResponse>, Status> {
        Err(operation::unimplemented("PUBLISH_UNPUBLISH_VOLUME"))
    }

    async fn controller_unpublish_volume(
        &self,
        _: Request<ControllerUnpublishVolumeRequest>,
    ) -> Result<Response<ControllerUnpublishVolumeResponse>, Status> {
        Err(operation::unimplemented("PUBLISH_UNPUBLISH_VOLUME"))
    }

    async fn list_volumes(
        &self,
        _: Request<ListVolumesRequest>,
    ) -> Result<Response<ListVolumesResponse>, Status> {
        Err(operation::unimplemented("LIST_VOLUMES"))
    }

    async fn create_snapshot(
        &self,
        request: Request<CreateSnapshotRequest>,
    ) -> Result<Response<CreateSnapshotResponse>, Status> {
        let request = request.into_inner();
        operation::require(&request.name, "name")?;
        operation::require(&request.source_volume_id, "source_volume_id")?;
        let (name, source) = (request.name, request.source_volume_id);
        let snapshot = if let Some(snapshot) = self.parts.taken(&name, &source)? {
            snapshot
        } else {
            let subject = self.parts.find(&source)?.subject();
            self.parts.gates.pass(Step::Snapshot, &subject).await?;
            let parts = Arc::clone(&self.parts);
            operation::to_the_end(async move { parts.take(name, &source).await }).await?
        };
        Ok(Response::new(CreateSnapshotResponse { snapshot: Some(snapshots::on_the_wire(&snapshot)) }))
    }

    async fn delete_snapshot(
        &self,
        request: Request<DeleteSnapshotRequest>,
    ) -> Result<Response<DeleteSnapshotResponse>, Status> {
        let handle = request.into_inner().snapshot_id;
        operation::require(&handle, "snapshot_id")?;
        let parts = Arc::clone(&self.parts);
        operation::to_the_end(async move { parts.remove_snapshot(&handle).await }).await?;
        Ok(Response::new(DeleteSnapshotResponse {}))
    }

    async fn list_snapshots(
        &self,
        request: Request<ListSnapshotsRequest>,
    ) -> Result<Response<ListSnapshotsResponse>, Status> {
        self.parts.page(request.get_ref()).map(Response::new)
    }

    async fn controller_get_volume(
        &self,
        _: Request<ControllerGetVolumeRequest>,
    ) -> Result<Response<ControllerGetVolumeResponse>, Status> {
        Err(operation::unimplemented("GET_VOLUME"))
    }

    async fn controller_modify_volume(
        &self,
        _: Request<ControllerModifyVolumeRequest>,
    ) -> Result<Response<ControllerModifyVolumeResponse>, Status> {
        Err(operation::unimplemented("MODIFY_VOLUME"))
    }
}

/// The snapshot that a content source names.
fn source(source: VolumeContentSource) -> Result<String, Status> {
    match source.r#type {
        Some(SourceType::Snapshot(SnapshotSource { snapshot_id })) => {
            operation::require(&snapshot_id, "volume_content_source.snapshot.snapshot_id")?;
            Ok(snapshot_id)
        }
        Some(SourceType::Volume(_)) => Err(Status::invalid_argument(
            "volume_content_source is a volume: the driver has no capability CLONE_VOLUME",
        )),
        None => Err(Status::invalid_argument("volume_content_source names nothing")),
    }
}

fn on_the_wire(volume: &Volume) -> crate::generated::csi::Volume {
    let snapshot = volume.about.snapshot.clone();
    let source = snapshot.map(|snapshot_id| SourceType::Snapshot(SnapshotSource { snapshot_id }));
    crate::generated::csi::Volume {
        capacity_bytes: wire(volume.capacity),
        volume_id: volume.handle.clone(),
        content_source: source.map(|source| VolumeContentSource { r#type: Some(source) }),
        ..Default::default()
    }
}
