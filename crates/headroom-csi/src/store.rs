//! The volumes: one sparse image file each, in one directory that all processes of the driver share.
//!
//! | file | holds |
//! |---|---|
//! | `HANDLE.json` | the volume's name, the claim it was made for, the snapshot it was made of |
//! | `HANDLE.img.new` | an image whose file system is being made; of no use to anyone else |
//! | `HANDLE.img` | the volume; its length *is* the volume's capacity |
//! | `HANDLE.unfilled`, `HANDLE.frozen` | a [`Mark`] of the volume |
//! | `HANDLE.snap`, `.snap.json`, `.snap.new` | a snapshot, in the same manner |
//!
//! The image appears under its name by one `rename` after its file system is complete, so a process that is killed at any
//! point leaves nothing that looks like a volume and is none.

mod snapshots;

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::gate::Subject;

pub use self::snapshots::{Snapshot, SnapshotAbout};

/// Why the directory of the volumes is of no use.
#[derive(Debug, thiserror::Error)]
#[error("{what} {} failed: {source}", path.display())]
pub struct StoreError {
    what: &'static str,
    path: PathBuf,
    source: io::Error,
}

fn failed<'a>(what: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> StoreError + 'a {
    move |source| StoreError { what, path: path.to_owned(), source }
}

/// The directory of the volumes.
#[derive(Debug, Clone)]
pub struct Store {
    directory: PathBuf,
    capacity_limit: Option<u64>,
}

/// One volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// Its CSI volume handle.
    pub handle: String,
    /// Its image file.
    pub image: PathBuf,
    /// Its size in bytes: the length of the image file.
    pub capacity: u64,
    /// What is written beside it.
    pub about: About,
}

/// What is known of a volume beside its size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// Name in the `CreateVolume` request.
    pub name: String,
    /// The claim that it was made for.
    pub claim: Option<Claim>,
    /// Handle of the snapshot that it was made of.
    #[serde(default)]
    pub snapshot: Option<String>,
}

/// What stays to be done for a volume, also when the process that began it dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// Its file system may be smaller than its image, because it was made of a snapshot: the first mount grows it.
    Unfilled,
    /// Its file system is frozen while it is copied: the node process thaws it.
    Frozen,
}

impl Mark {
    const ALL: [Self; 2] = [Self::Unfilled, Self::Frozen];

    fn suffix(self) -> &'static str {
        match self {
            Self::Unfilled => "unfilled",
            Self::Frozen => "frozen",
        }
    }
}

/// A PersistentVolumeClaim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl Volume {
    /// The volume as gates know it.
    pub fn subject(&self) -> Subject {
        let claim = self.about.claim.as_ref();
        Subject {
            handle: self.handle.clone(),
            claim: claim.map(|claim| (claim.namespace.clone(), claim.name.clone())),
        }
    }
}

impl Store {
    /// Opens the directory, and makes it if it is not there.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn open(directory: &Path, capacity_limit: Option<u64>) -> Result<Self, StoreError> {
        fs::create_dir_all(directory).map_err(failed("making the directory", directory))?;
        Ok(Self { directory: directory.to_owned(), capacity_limit })
    }

    /// The handle of a volume of this name: the name itself when it makes a good file name (as `pvc-UID` does), else one
    /// derived from it. The same name gives the same handle, which makes creation idempotent.
    pub fn handle(name: &str) -> String {
        if is_handle(name) {
            return name.to_owned();
        }
        let digest = Sha256::digest(name.as_bytes());
        digest.iter().take(16).fold("vol-".to_owned(), |text, byte| format!("{text}{byte:02x}"))
    }

    /// The volume with this handle, if there is one.
    ///
    /// # Errors
    /// Its files cannot be read.
    pub fn find(&self, handle: &str) -> Result<Option<Volume>, StoreError> {
        if !is_handle(handle) {
            return Ok(None);
        }
        let image = self.path(handle, "img");
        let capacity = match fs::metadata(&image) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed("reading the size of", &image)(error)),
        };
        let beside = self.path(handle, "json");
        let about = fs::read(&beside).and_then(|text| Ok(serde_json::from_slice(&text)?));
        let about = about.map_err(failed("reading", &beside))?;
        Ok(Some(Volume { handle: handle.to_owned(), image, capacity, about }))
    }

    /// Sum of the sizes of all volumes, in bytes.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn capacity_used(&self) -> Result<u64, StoreError> {
        let listed = || -> io::Result<u64> {
            let mut sum: u64 = 0;
            for entry in fs::read_dir(&self.directory)? {
                let entry = entry?;
                if entry.path().extension().is_some_and(|extension| extension == "img") {
                    sum = sum.saturating_add(entry.metadata()?.len());
                }
            }
            Ok(sum)
        };
        listed().map_err(failed("listing", &self.directory))
    }

    /// How many bytes new volumes and growth may still take in all. `None`: any.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn capacity_left(&self) -> Result<Option<u64>, StoreError> {
        match self.capacity_limit {
            Some(limit) => Ok(Some(limit.saturating_sub(self.capacity_used()?))),
            None => Ok(None),
        }
    }

    /// Makes an image file that is not a volume yet, and gives its path. What an earlier attempt left is replaced.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn prepare(&self, handle: &str, about: &About, capacity: u64) -> Result<PathBuf, StoreError> {
        let beside = self.path(handle, "json");
        let text = serde_json::to_vec(about).map_err(|error| failed("writing", &beside)(error.into()))?;
        fs::write(&beside, text).map_err(failed("writing", &beside))?;
        let image = self.path(handle, "img.new");
        let file = File::create(&image).map_err(failed("making", &image))?;
        file.set_len(capacity).map_err(failed("sizing", &image))?;
        Ok(image)
    }

    /// Sets the size of a prepared image in bytes.
    ///
    /// # Errors
    /// It cannot be made that large.
    pub fn stretch(&self, handle: &str, capacity: u64) -> Result<(), StoreError> {
        resize(&self.path(handle, "img.new"), capacity)
    }

    /// Makes the prepared image a volume.
    ///
    /// # Errors
    /// It cannot be renamed.
    pub fn complete(&self, handle: &str) -> Result<(), StoreError> {
        let prepared = self.path(handle, "img.new");
        fs::rename(&prepared, self.path(handle, "img")).map_err(failed("renaming", &prepared))
    }

    /// Sets the size of a volume in bytes. Only ever called with a larger one.
    ///
    /// # Errors
    /// The file cannot be made larger, for example because the machine's file system has no such size.
    pub fn grow(&self, volume: &Volume, capacity: u64) -> Result<(), StoreError> {
        resize(&volume.image, capacity)
    }

    /// Takes the volume for oneself among all processes, until the lock is dropped: to mount it, or to copy it while nobody
    /// has it mounted. `None`: another one has it now.
    ///
    /// # Errors
    /// The image cannot be opened or locked.
    pub fn lock(&self, volume: &Volume) -> Result<Option<File>, StoreError> {
        let image = &volume.image;
        let file = File::open(image).map_err(failed("opening", image))?;
        match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(file)),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(failed("locking", image)(error.into())),
        }
    }

    /// Marks a volume. Marking twice is marking once.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn mark(&self, handle: &str, mark: Mark) -> Result<(), StoreError> {
        let path = self.path(handle, mark.suffix());
        File::create(&path).map(drop).map_err(failed("making", &path))
    }

    /// Whether a volume is marked.
    pub fn is_marked(&self, handle: &str, mark: Mark) -> bool {
        self.path(handle, mark.suffix()).exists()
    }

    /// Takes a mark off. No error if it is not there.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub fn unmark(&self, handle: &str, mark: Mark) -> Result<(), StoreError> {
        remove(&self.path(handle, mark.suffix()))
    }

    /// The volumes with this mark.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn marked(&self, mark: Mark) -> Result<Vec<Volume>, StoreError> {
        let handles = self.handles(mark.suffix())?;
        handles.iter().filter_map(|handle| self.find(handle).transpose()).collect()
    }

    /// Handles of the files with this suffix, in order.
    fn handles(&self, suffix: &str) -> Result<Vec<String>, StoreError> {
        let listed = || -> io::Result<Vec<String>> {
            let mut handles = Vec::new();
            for entry in fs::read_dir(&self.directory)? {
                let path = entry?.path();
                let handle = path.file_stem().and_then(|stem| stem.to_str()).filter(|stem| is_handle(stem));
                let of_kind = path.extension().is_some_and(|extension| extension == suffix);
                handles.extend(handle.filter(|_| of_kind).map(str::to_owned));
            }
            handles.sort();
            Ok(handles)
        };
        listed().map_err(failed("listing", &self.directory))
    }

    /// Removes all files of a volume, also of one that was never completed. No error if there are none.
    ///
    /// # Errors
    /// A file cannot be removed.
    pub fn remove(&self, handle: &str) -> Result<(), StoreError> {
        if !is_handle(handle) {
            return Ok(());
        }
        // The image first: what is left after a crash is then no volume.
        let marks = Mark::ALL.map(Mark::suffix);
        ["img", "img.new", "json"]
            .iter()
            .chain(&marks)
            .try_for_each(|suffix| remove(&self.path(handle, suffix)))
    }

    fn path(&self, handle: &str, suffix: &str) -> PathBuf {
        self.directory.join(format!("{handle}.{suffix}"))
    }
}

fn resize(image: &Path, capacity: u64) -> Result<(), StoreError> {
    let file = OpenOptions::new().write(true).open(image).map_err(failed("opening", image))?;
    file.set_len(capacity).map_err(failed("sizing", image))
}

fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("removing", path)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Whether the text is a good file name and cannot lead out of the directory.
fn is_handle(text: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=128).contains(&text.len()) && text.bytes().all(good)
}
