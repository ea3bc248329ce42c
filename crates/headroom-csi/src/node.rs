//! The CSI node service: volumes are mounted, measured and their file systems grown.

mod copy;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::Mutex;
use tonic::{Request, Response, Status};

use crate::capability;
use crate::gate::{Gates, Step};
use crate::generated::csi::node_server::Node;
use crate::generated::csi::node_service_capability::{Rpc, Type, rpc};
use crate::generated::csi::volume_usage::Unit;
use crate::generated::csi::{
    NodeExpandVolumeRequest, NodeExpandVolumeResponse, NodeGetCapabilitiesRequest,
    NodeGetCapabilitiesResponse, NodeGetInfoRequest, NodeGetInfoResponse, NodeGetVolumeStatsRequest,
    NodeGetVolumeStatsResponse, NodePublishVolumeRequest, NodePublishVolumeResponse, NodeServiceCapability,
    NodeStageVolumeRequest, NodeStageVolumeResponse, NodeUnpublishVolumeRequest, NodeUnpublishVolumeResponse,
    NodeUnstageVolumeRequest, NodeUnstageVolumeResponse, VolumeUsage,
};
use crate::host::{Host, Mount};
use crate::operation::{self, internal};
use crate::size::{Range, wire};
use crate::store::{Mark, Store, Volume};

/// The node service of one node. Clones share everything.
#[derive(Debug)]
pub struct NodeService<H> {
    node: String,
    parts: Arc<Parts<H>>,
}

#[derive(Debug)]
struct Parts<H> {
    store: Store,
    host: H,
    gates: Arc<Gates>,
    /// Held while mounts change: what is decided from the table of mounts must still be so when it is done.
    changing: Mutex<()>,
}

impl<H> Clone for NodeService<H> {
    fn clone(&self) -> Self {
        Self { node: self.node.clone(), parts: Arc::clone(&self.parts) }
    }
}

impl<H: Host> NodeService<H> {
    /// The service of a node for the volumes of a store, behind the gates of the node step.
    pub fn new(node: &str, store: Store, host: H, gates: Arc<Gates>) -> Self {
        let parts = Arc::new(Parts { store, host, gates, changing: Mutex::new(()) });
        Self { node: node.to_owned(), parts }
    }
}

impl<H: Host> Parts<H> {
    async fn stage(&self, volume: &Volume, staging: &Path, flags: &[String]) -> Result<(), Status> {
        let _changing = self.changing.lock().await;
        // Held until it is mounted: the controller copies a volume that nobody has mounted.
        let _own = operation::lock(&self.store, volume)?;
        let devices = self.devices(volume).await?;
        if let Some(mount) = self.mount_at(staging).await? {
            return if devices.contains(&mount.source) {
                self.fill(volume, staging).await
            } else {
                let (source, at) = (mount.source.display(), staging.display());
                Err(Status::failed_precondition(format!(
                    "{source} is mounted at {at}, which is another volume"
                )))
            };
        }
        for device in devices {
            if self.host.is_busy(&device).await.map_err(internal)? {
                let handle = &volume.handle;
                return Err(Status::failed_precondition(format!(
                    "volume {handle} is mounted elsewhere through {}; it must be unstaged there first",
                    device.display()
                )));
            }
            // Left by a node that died between attaching and mounting.
            self.host.detach(&device).await.map_err(internal)?;
        }
        tokio::fs::create_dir_all(staging).await.map_err(internal)?;
        // nouuid: a volume and its copy have the same file system UUID, which XFS refuses to mount twice.
        // allocsize: without it XFS sets aside up to 64 MiB beyond the end of a file that grows, and on volumes as small
        // as the lab's the usage would jump by percents at random.
        let own = ["nouuid", "allocsize=64k"].map(str::to_owned);
        let options: Vec<String> = own.into_iter().chain(flags.iter().cloned()).collect();
        self.host.mount_image(&volume.image, staging, &options).await.map_err(internal)?;
        tracing::info!(volume = volume.handle, at = %staging.display(), "staged");
        self.fill(volume, staging).await
    }

    /// Grows the file system of a volume that was made of a snapshot to the whole volume, once.
    async fn fill(&self, volume: &Volume, staging: &Path) -> Result<(), Status> {
        if self.store.is_marked(&volume.handle, Mark::Unfilled) {
            self.host.grow_file_system(staging).await.map_err(internal)?;
            self.store.unmark(&volume.handle, Mark::Unfilled).map_err(internal)?;
            tracing::info!(volume = volume.handle, "file system of a snapshot fills its volume");
        }
        Ok(())
    }

    async fn publish(
        &self,
        volume: &Volume,
        staging: &Path,
        target: &Path,
        read_only: bool,
    ) -> Result<(), Status> {
        let _changing = self.changing.lock().await;
        let handle = &volume.handle;
        let devices = self.devices(volume).await?;
        let staged = self.mount_at(staging).await?.filter(|mount| devices.contains(&mount.source));
        if staged.is_none() {
            let at = staging.display();
            return Err(Status::failed_precondition(format!("volume {handle} is not staged at {at}")));
        }
        if let Some(mount) = self.mount_at(target).await? {
            return if devices.contains(&mount.source) && mount.read_only == read_only {
                Ok(())
            } else {
                let at = target.display();
                Err(Status::already_exists(format!(
                    "{at} is mounted already, not as volume {handle} is wanted there"
                )))
            };
        }
        tokio::fs::create_dir_all(target).await.map_err(internal)?;
        self.host.bind(staging, target, read_only).await.map_err(internal)?;
        tracing::info!(volume = handle, at = %target.display(), read_only, "published");
        Ok(())
    }

    /// Ends every mount at a path, without a word when there is none.
    async fn unmount(&self, target: &Path) -> Result<(), Status> {
        let _changing = self.changing.lock().await;
        while self.mount_at(target).await?.is_some() {
            self.host.unmount(target).await.map_err(internal)?;
            tracing::info!(at = %target.display(), "unmounted");
        }
        Ok(())
    }

    async fn expand(&self, volume: &Volume, path: &Path, range: Range) -> Result<u64, Status> {
        let _changing = self.changing.lock().await;
        let mount = self.mount_of(volume, path).await?;
        // The size may have become larger while the call waited at the gate.
        let capacity = operation::find(&self.store, &volume.handle)?.capacity;
        if !range.fits(capacity) {
            let handle = &volume.handle;
            return Err(Status::out_of_range(format!(
                "volume {handle} has {capacity} bytes, which the range does not allow; has the controller grown it?"
            )));
        }
        self.host.refresh_size(&mount.source).await.map_err(internal)?;
        self.host.grow_file_system(&mount.target).await.map_err(internal)?;
        tracing::info!(volume = volume.handle, capacity, "file system grown");
        Ok(capacity)
    }

    /// The mount at `path`, which must be one of this volume.
    async fn mount_of(&self, volume: &Volume, path: &Path) -> Result<Mount, Status> {
        let devices = self.devices(volume).await?;
        let mount = self.mount_at(path).await?.filter(|mount| devices.contains(&mount.source));
        let (handle, at) = (&volume.handle, path.display());
        mount.ok_or_else(|| Status::not_found(format!("volume {handle} is not mounted at {at}")))
    }

    /// The uppermost mount at exactly this path.
    async fn mount_at(&self, path: &Path) -> Result<Option<Mount>, Status> {
        let mounts = self.host.mounts().await.map_err(internal)?;
        Ok(mounts.into_iter().rfind(|mount| mount.target == path))
    }

    async fn devices(&self, volume: &Volume) -> Result<Vec<PathBuf>, Status> {
        self.host.loop_devices(&volume.image).await.map_err(internal)
    }

    fn find(&self, handle: &str) -> Result<Volume, Status> {
        operation::require(handle, "volume_id")?;
        operation::find(&self.store, handle)
    }
}

#[tonic::async_trait]
impl<H: Host> Node for NodeService<H> {
    async fn node_stage_volume(
        &self,
        request: Request<NodeStageVolumeRequest>,
    ) -> Result<Response<NodeStageVolumeResponse>, Status> {
        let request = request.into_inner();
        let staging = path(&request.staging_target_path, "staging_target_path")?;
        let flags = capability::require(request.volume_capability.as_ref())?.mount_flags.clone();
        let volume = self.parts.find(&request.volume_id)?;
        let parts = Arc::clone(&self.parts);
        operation::to_the_end(async move { parts.stage(&volume, &staging, &flags).await }).await?;
        Ok(Response::new(NodeStageVolumeResponse {}))
    }

    async fn node_unstage_volume(
        &self,
        request: Request<NodeUnstageVolumeRequest>,
    ) -> Result<Response<NodeUnstageVolumeResponse>, Status> {
        let request = request.into_inner();
        operation::require(&request.volume_id, "volume_id")?;
        let staging = path(&request.staging_target_path, "staging_target_path")?;
        let parts = Arc::clone(&self.parts);
        operation::to_the_end(async move { parts.unmount(&staging).await }).await?;
        Ok(Response::new(NodeUnstageVolumeResponse {}))
    }

    async fn node_publish_volume(
        &self,
        request: Request<NodePublishVolumeRequest>,
    ) -> Result<Response<NodePublishVolumeResponse>, Status> {
        let request = request.into_inner();
        let staging = path(&request.staging_target_path, "staging_target_path")?;
        let target = path(&request.target_path, "target_path")?;
        capability::require(request.volume_capability.as_ref())?;
        let volume = self.parts.find(&request.volume_id)?;
        let (parts, read_only) = (Arc::clone(&self.parts), request.readonly);
        operation::to_the_end(async move { parts.publish(&volume, &staging, &target, read_only).await })
            .await?;
        Ok(Response::new(NodePublishVolumeResponse {}))
    }

    async fn node_unpublish_volume(
        &self,
        request: Request<NodeUnpublishVolumeRequest>,
    ) -> Result<Response<NodeUnpublishVolumeResponse>, Status> {
        let request = request.into_inner();
        operation::require(&request.volume_id, "volume_id")?;
        let target = path(&request.target_path, "target_path")?;
        let parts = Arc::clone(&self.parts);
        operation::to_the_end(async move {
            parts.unmount(&target).await?;
            // CSI: the plugin removes what it made at the target path.
            match tokio::fs::remove_dir(&target).await {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(internal(error)),
                Ok(()) | Err(_) => Ok(()),
            }
        })
        .await?;
        Ok(Response::new(NodeUnpublishVolumeResponse {}))
    }

    async fn node_get_volume_stats(
        &self,
        request: Request<NodeGetVolumeStatsRequest>,
    ) -> Result<Response<NodeGetVolumeStatsResponse>, Status> {
        let request = request.into_inner();
        let path = path(&request.volume_path, "volume_path")?;
        let volume = self.parts.find(&request.volume_id)?;
        self.parts.mount_of(&volume, &path).await?;
        let seen = self.parts.host.statistics(&path).await.map_err(internal)?;
        let usage = |unit: Unit, available, total, used| VolumeUsage {
            available: wire(available),
            total: wire(total),
            used: wire(used),
            unit: unit.into(),
        };
        let inodes_used = seen.inodes_total.saturating_sub(seen.inodes_free);
        Ok(Response::new(NodeGetVolumeStatsResponse {
            usage: vec![
                usage(Unit::Bytes, seen.bytes_available, seen.bytes_total, seen.bytes_used),
                usage(Unit::Inodes, seen.inodes_free, seen.inodes_total, inodes_used),
            ],
            volume_condition: None,
        }))
    }

    async fn node_expand_volume(
        &self,
        request: Request<NodeExpandVolumeRequest>,
    ) -> Result<Response<NodeExpandVolumeResponse>, Status> {
        let request = request.into_inner();
        let path = path(&request.volume_path, "volume_path")?;
        let range = Range::read(request.capacity_range.as_ref())?;
        let volume = self.parts.find(&request.volume_id)?;
        self.parts.mount_of(&volume, &path).await?;
        self.parts.gates.pass(Step::Node, &volume.subject()).await?;
        let parts = Arc::clone(&self.parts);
        let size = operation::to_the_end(async move { parts.expand(&volume, &path, range).await }).await?;
        Ok(Response::new(NodeExpandVolumeResponse { capacity_bytes: wire(size) }))
    }

    async fn node_get_capabilities(
        &self,
        _: Request<NodeGetCapabilitiesRequest>,
    ) -> Result<Response<NodeGetCapabilitiesResponse>, Status> {
        let kinds = [rpc::Type::StageUnstageVolume, rpc::Type::GetVolumeStats, rpc::Type::ExpandVolume];
        let capabilities =
            kinds.map(|kind| NodeServiceCapability { r#type: Some(Type::Rpc(Rpc { r#type: kind.into() })) });
        Ok(Response::new(NodeGetCapabilitiesResponse { capabilities: capabilities.into() }))
    }

    async fn node_get_info(
        &self,
        _: Request<NodeGetInfoRequest>,
    ) -> Result<Response<NodeGetInfoResponse>, Status> {
        Ok(Response::new(NodeGetInfoResponse {
            node_id: self.node.clone(),
            max_volumes_per_node: 0,
            // No topology: a volume can be used on every node.
            accessible_topology: None,
        }))
    }
}

/// An absolute path, as the table of mounts writes it.
fn path(text: &str, field: &str) -> Result<PathBuf, Status> {
    operation::require(text, field)?;
    let path: PathBuf = Path::new(text).components().collect();
    if path.is_absolute() {
        Ok(path)
    } else {
        Err(Status::invalid_argument(format!("{field} is not an absolute path: {text}")))
    }
}
