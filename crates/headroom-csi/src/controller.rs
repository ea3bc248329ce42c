//! The CSI controller service: volumes are made, grown and removed.

use std::sync::Arc;

use tokio::sync::Mutex;
use tonic::{Request, Response, Status};

use crate::capability;
use crate::gate::Gates;
use crate::generated::csi::controller_server::Controller;
use crate::generated::csi::controller_service_capability::{Rpc, Type, rpc};
use crate::generated::csi::validate_volume_capabilities_response::Confirmed;
use crate::generated::csi::{
    ControllerExpandVolumeRequest, ControllerExpandVolumeResponse, ControllerGetCapabilitiesRequest,
    ControllerGetCapabilitiesResponse, ControllerGetVolumeRequest, ControllerGetVolumeResponse,
    ControllerModifyVolumeRequest, ControllerModifyVolumeResponse, ControllerPublishVolumeRequest,
    ControllerPublishVolumeResponse, ControllerServiceCapability, ControllerUnpublishVolumeRequest,
    ControllerUnpublishVolumeResponse, CreateSnapshotRequest, CreateSnapshotResponse, CreateVolumeRequest,
    CreateVolumeResponse, DeleteSnapshotRequest, DeleteSnapshotResponse, DeleteVolumeRequest,
    DeleteVolumeResponse, GetCapacityRequest, GetCapacityResponse, ListSnapshotsRequest,
    ListSnapshotsResponse, ListVolumesRequest, ListVolumesResponse, ValidateVolumeCapabilitiesRequest,
    ValidateVolumeCapabilitiesResponse,
};
use crate::host::Host;
use crate::operation;
use crate::size::{Range, wire};
use crate::store::{About, Claim, Store, Volume};

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
}

impl<H> Clone for ControllerService<H> {
    fn clone(&self) -> Self {
        Self { parts: Arc::clone(&self.parts) }
    }
}

impl<H: Host> ControllerService<H> {
    /// The service for the volumes of a store, behind the gates of the controller step.
    pub fn new(store: Store, host: H, gates: Arc<Gates>) -> Self {
        Self { parts: Arc::new(Parts { store, host, gates, changing: Mutex::new(()) }) }
    }
}

impl<H: Host> Parts<H> {
    async fn create(&self, name: String, range: Range, claim: Option<Claim>) -> Result<Volume, Status> {
        let _changing = self.changing.lock().await;
        let handle = Store::handle(&name);
        if let Some(volume) = self.store.find(&handle).map_err(operation::internal)? {
            return if range.fits(volume.capacity) {
                Ok(volume)
            } else {
                let size = volume.capacity;
                Err(Status::already_exists(format!(
                    "volume {handle} exists with {size} bytes, which do not fit"
                )))
            };
        }
        let size = range.size()?;
        self.check_limit(size)?;
        let about = About { name, claim };
        let image = self.store.prepare(&handle, &about, size).map_err(operation::internal)?;
        self.host.make_file_system(&image).await.map_err(operation::internal)?;
        self.store.complete(&handle).map_err(operation::internal)?;
        tracing::info!(volume = handle, size, claim = ?about.claim, "volume made");
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
        if request.volume_content_source.is_some() {
            return Err(Status::invalid_argument("volume_content_source is set: volumes start empty"));
        }
        let range = Range::read(request.capacity_range.as_ref())?;
        let parameter = |name: &str| request.parameters.get(name).cloned();
        let claim = parameter(CLAIM_NAMESPACE).zip(parameter(CLAIM_NAME));
        let claim = claim.map(|(namespace, name)| Claim { namespace, name });
        let (parts, name) = (Arc::clone(&self.parts), request.name);
        let volume = operation::to_the_end(async move { parts.create(name, range, claim).await }).await?;
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
        self.parts.gates.pass(&subject).await?;
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
        let kinds = [rpc::Type::CreateDeleteVolume, rpc::Type::ExpandVolume, rpc::Type::GetCapacity];
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
        _: Request<CreateSnapshotRequest>,
    ) -> Result<Response<CreateSnapshotResponse>, Status> {
        Err(operation::unimplemented("CREATE_DELETE_SNAPSHOT"))
    }

    async fn delete_snapshot(
        &self,
        _: Request<DeleteSnapshotRequest>,
    ) -> Result<Response<DeleteSnapshotResponse>, Status> {
        Err(operation::unimplemented("CREATE_DELETE_SNAPSHOT"))
    }

    async fn list_snapshots(
        &self,
        _: Request<ListSnapshotsRequest>,
    ) -> Result<Response<ListSnapshotsResponse>, Status> {
        Err(operation::unimplemented("LIST_SNAPSHOTS"))
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

fn on_the_wire(volume: &Volume) -> crate::generated::csi::Volume {
    crate::generated::csi::Volume {
        capacity_bytes: wire(volume.capacity),
        volume_id: volume.handle.clone(),
        ..Default::default()
    }
}
