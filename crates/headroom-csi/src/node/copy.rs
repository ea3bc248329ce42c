//! What a node process does for a snapshot: it copies a volume that it has mounted while nothing writes to it.

use std::path::PathBuf;

use tonic::Status;

use super::{NodeService, Parts};
use crate::frozen::{CopyAnswer, CopyRequest};
use crate::host::Host;
use crate::operation::internal;
use crate::store::{Mark, Volume};

impl<H: Host> NodeService<H> {
    /// Copies a volume that is mounted here, as one moment of its file system left it.
    pub async fn copy_frozen(&self, request: &CopyRequest) -> CopyAnswer {
        match self.parts.copy(request).await {
            Ok(true) => CopyAnswer::Copied,
            Ok(false) => CopyAnswer::NotHere,
            Err(status) => CopyAnswer::Failed { why: status.message().to_owned() },
        }
    }

    /// Thaws file systems that a process of this node left frozen when it died half-way. Those that cannot be thawed are
    /// logged: their volumes still hang, all others are served.
    pub async fn thaw_leftovers(&self) {
        if let Err(status) = self.parts.thaw_leftovers().await {
            tracing::error!(error = status.message(), "a file system may still be frozen");
        }
    }
}

impl<H: Host> Parts<H> {
    /// Whether the volume was here to be copied.
    async fn copy(&self, request: &CopyRequest) -> Result<bool, Status> {
        let _changing = self.changing.lock().await;
        let Some(volume) = self.store.find(&request.volume).map_err(internal)? else { return Ok(false) };
        let Some(target) = self.mounted_at(&volume).await? else { return Ok(false) };
        let draft = self.store.snapshot_draft(&request.snapshot);
        self.store.mark(&volume.handle, Mark::Frozen).map_err(internal)?;
        self.host.freeze(&target).await.map_err(internal)?;
        let copied = self.host.copy_image(&volume.image, &draft).await;
        self.thaw(&volume, &target).await?;
        copied.map_err(internal)?;
        tracing::info!(volume = volume.handle, snapshot = request.snapshot, "copied while frozen");
        Ok(true)
    }

    async fn thaw(&self, volume: &Volume, target: &std::path::Path) -> Result<(), Status> {
        self.host.thaw(target).await.map_err(internal)?;
        self.store.unmark(&volume.handle, Mark::Frozen).map_err(internal)
    }

    async fn thaw_leftovers(&self) -> Result<(), Status> {
        let _changing = self.changing.lock().await;
        for volume in self.store.marked(Mark::Frozen).map_err(internal)? {
            // Another node's is left to it.
            if let Some(target) = self.mounted_at(&volume).await? {
                self.thaw(&volume, &target).await?;
                tracing::warn!(volume = volume.handle, "thawed what an earlier process left frozen");
            }
        }
        Ok(())
    }

    /// Where the volume is mounted on this node.
    async fn mounted_at(&self, volume: &Volume) -> Result<Option<PathBuf>, Status> {
        let devices = self.devices(volume).await?;
        let mounts = self.host.mounts().await.map_err(internal)?;
        Ok(mounts.into_iter().find(|mount| devices.contains(&mount.source)).map(|mount| mount.target))
    }
}
