//! The controller's part of snapshots: they are taken, removed and listed.

use std::time::{SystemTime, UNIX_EPOCH};

use tonic::Status;

use super::Parts;
use crate::frozen::{self, CopyError, CopyRequest};
use crate::generated::csi::list_snapshots_response::Entry;
use crate::generated::csi::{ListSnapshotsRequest, ListSnapshotsResponse};
use crate::host::Host;
use crate::operation::{self, internal};
use crate::size::wire;
use crate::store::{Snapshot, SnapshotAbout, Store, Volume};

impl<H: Host> Parts<H> {
    /// A snapshot that exists under this name, which must be of this volume.
    pub(super) fn taken(&self, name: &str, source: &str) -> Result<Option<Snapshot>, Status> {
        let taken = self.store.find_snapshot(&Store::handle(name)).map_err(internal)?;
        match &taken {
            Some(snapshot) if snapshot.about.volume != source => {
                let (handle, of) = (&snapshot.handle, &snapshot.about.volume);
                Err(Status::already_exists(format!("snapshot {handle} exists and is of volume {of}")))
            }
            Some(_) | None => Ok(taken),
        }
    }

    /// Takes a snapshot, if there is none of this name.
    pub(super) async fn take(&self, name: String, source: &str) -> Result<Snapshot, Status> {
        let _snapshotting = self.snapshotting.lock().await;
        if let Some(snapshot) = self.taken(&name, source)? {
            return Ok(snapshot);
        }
        let volume = self.find(source)?;
        let handle = Store::handle(&name);
        let taken_at_ms = now_ms();
        self.copy(&volume, &handle).await?;
        let claim = volume.about.claim;
        let about = SnapshotAbout { name, volume: volume.handle, claim, taken_at_ms };
        self.store.complete_snapshot(&handle, &about).map_err(internal)?;
        tracing::info!(snapshot = handle, volume = about.volume, "snapshot taken");
        self.find_snapshot(&handle)
    }

    /// Copies a volume to the draft of a snapshot: itself while nobody has it mounted, else through the node that has.
    async fn copy(&self, volume: &Volume, snapshot: &str) -> Result<(), Status> {
        let own = operation::lock(&self.store, volume)?;
        if !self.is_mounted(volume).await? {
            let draft = self.store.snapshot_draft(snapshot);
            return self.host.copy_image(&volume.image, &draft).await.map_err(internal);
        }
        drop(own);
        let request = CopyRequest { volume: volume.handle.clone(), snapshot: snapshot.to_owned() };
        frozen::copy(&self.copy_sockets, &request).await.map_err(|error| match &error {
            CopyError::Nobody { .. } => Status::unavailable(error.to_string()),
            CopyError::Directory { .. } | CopyError::Failed { .. } => internal(error),
        })
    }

    async fn is_mounted(&self, volume: &Volume) -> Result<bool, Status> {
        for device in self.host.loop_devices(&volume.image).await.map_err(internal)? {
            if self.host.is_busy(&device).await.map_err(internal)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub(super) async fn remove_snapshot(&self, handle: &str) -> Result<(), Status> {
        let _snapshotting = self.snapshotting.lock().await;
        self.store.remove_snapshot(handle).map_err(internal)?;
        tracing::info!(snapshot = handle, "snapshot removed");
        Ok(())
    }

    pub(super) fn find_snapshot(&self, handle: &str) -> Result<Snapshot, Status> {
        let snapshot = self.store.find_snapshot(handle).map_err(internal)?;
        snapshot.ok_or_else(|| Status::not_found(format!("there is no snapshot {handle}")))
    }

    /// One page of the snapshots that are asked for. A token is the handle of the page's first snapshot.
    pub(super) fn page(&self, asked: &ListSnapshotsRequest) -> Result<ListSnapshotsResponse, Status> {
        let most = match usize::try_from(asked.max_entries) {
            Ok(0) => usize::MAX,
            Ok(most) => most,
            Err(_) => return Err(Status::invalid_argument("max_entries is negative")),
        };
        let token = &asked.starting_token;
        let mut found = self.store.snapshots().map_err(internal)?;
        if !token.is_empty() && !found.iter().any(|snapshot| snapshot.handle == *token) {
            return Err(Status::aborted(format!("starting_token {token} is not valid any more; start anew")));
        }
        let wanted = |asked: &str, is: &str| asked.is_empty() || asked == is;
        found.retain(|snapshot| {
            snapshot.handle >= *token
                && wanted(&asked.snapshot_id, &snapshot.handle)
                && wanted(&asked.source_volume_id, &snapshot.about.volume)
        });
        let next_token = found.get(most).map(|next| next.handle.clone()).unwrap_or_default();
        let entries = found.iter().take(most).map(|one| Entry { snapshot: Some(on_the_wire(one)) }).collect();
        Ok(ListSnapshotsResponse { entries, next_token })
    }
}

/// A snapshot as CSI writes it. It is ready at once: a copy is whole before it is a snapshot.
pub(super) fn on_the_wire(snapshot: &Snapshot) -> crate::generated::csi::Snapshot {
    let taken = snapshot.about.taken_at_ms;
    let creation_time = prost_types::Timestamp {
        seconds: i64::try_from(taken / 1000).unwrap_or(i64::MAX),
        nanos: i32::try_from(taken % 1000 * 1_000_000).unwrap_or_default(),
    };
    crate::generated::csi::Snapshot {
        size_bytes: wire(snapshot.size),
        snapshot_id: snapshot.handle.clone(),
        source_volume_id: snapshot.about.volume.clone(),
        creation_time: Some(creation_time),
        ready_to_use: true,
        ..Default::default()
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
