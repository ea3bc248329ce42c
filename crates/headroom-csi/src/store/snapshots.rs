//! Snapshots: whole copies of volumes, which outlive them.

use std::fs;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Claim, Store, StoreError, failed, is_handle, remove};

/// One snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Its CSI snapshot id.
    pub handle: String,
    /// Its image file.
    pub image: PathBuf,
    /// The size of a volume that it fits in, in bytes: the length of the image file.
    pub size: u64,
    /// What is written beside it.
    pub about: SnapshotAbout,
}

/// What is known of a snapshot beside its size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotAbout {
    /// Name in the `CreateSnapshot` request.
    pub name: String,
    /// Handle of the volume that it is of.
    pub volume: String,
    /// The claim that the volume was made for.
    pub claim: Option<Claim>,
    /// When it was taken, in milliseconds since 1970.
    pub taken_at_ms: u64,
}

impl Store {
    /// The snapshot with this handle, if there is one.
    ///
    /// # Errors
    /// Its files cannot be read.
    pub fn find_snapshot(&self, handle: &str) -> Result<Option<Snapshot>, StoreError> {
        if !is_handle(handle) {
            return Ok(None);
        }
        let image = self.path(handle, "snap");
        let size = match fs::metadata(&image) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed("reading the size of", &image)(error)),
        };
        let beside = self.path(handle, "snap.json");
        let about = fs::read(&beside).and_then(|text| Ok(serde_json::from_slice(&text)?));
        let about = about.map_err(failed("reading", &beside))?;
        Ok(Some(Snapshot { handle: handle.to_owned(), image, size, about }))
    }

    /// All snapshots, by handle.
    ///
    /// # Errors
    /// Their files cannot be read.
    pub fn snapshots(&self) -> Result<Vec<Snapshot>, StoreError> {
        let handles = self.handles("snap")?;
        handles.iter().filter_map(|handle| self.find_snapshot(handle).transpose()).collect()
    }

    /// Where a snapshot is copied to before it is one.
    pub fn snapshot_draft(&self, handle: &str) -> PathBuf {
        self.path(handle, "snap.new")
    }

    /// Makes the copy a snapshot.
    ///
    /// # Errors
    /// A file cannot be written or renamed.
    pub fn complete_snapshot(&self, handle: &str, about: &SnapshotAbout) -> Result<(), StoreError> {
        let beside = self.path(handle, "snap.json");
        let text = serde_json::to_vec(about).map_err(|error| failed("writing", &beside)(error.into()))?;
        fs::write(&beside, text).map_err(failed("writing", &beside))?;
        let draft = self.snapshot_draft(handle);
        fs::rename(&draft, self.path(handle, "snap")).map_err(failed("renaming", &draft))
    }

    /// Removes all files of a snapshot, also of one that was never completed. No error if there are none.
    ///
    /// # Errors
    /// A file cannot be removed.
    pub fn remove_snapshot(&self, handle: &str) -> Result<(), StoreError> {
        if !is_handle(handle) {
            return Ok(());
        }
        ["snap", "snap.new", "snap.json"].iter().try_for_each(|suffix| remove(&self.path(handle, suffix)))
    }
}
