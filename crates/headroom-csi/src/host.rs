//! What the driver asks of the machine: file systems, loop devices, mounts.

mod linux;
mod mountinfo;

use std::io;
use std::path::{Path, PathBuf};

pub use linux::LinuxHost;
pub use mountinfo::{Mount, parse_mountinfo};

/// Why the machine did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// The program is not there or cannot be started.
    #[error("{program} cannot be run: {source}; is its package installed (util-linux, xfsprogs)?")]
    Start {
        /// Name of the program.
        program: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The program ran and failed.
    #[error("`{command}` failed ({status}): {said}")]
    Failed {
        /// The whole command.
        command: String,
        /// How it ended.
        status: std::process::ExitStatus,
        /// What it wrote to stderr, on one line.
        said: String,
    },
    /// A system call failed.
    #[error("{what} of {} failed: {source}", path.display())]
    Call {
        /// What was tried.
        what: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Space and inodes of a mounted file system, in bytes and counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statistics {
    /// Size of the file system in bytes.
    pub bytes_total: u64,
    /// Bytes that an unprivileged user may still write.
    pub bytes_available: u64,
    /// Bytes in use.
    pub bytes_used: u64,
    /// Inodes that exist or could be made.
    pub inodes_total: u64,
    /// Inodes that could still be made.
    pub inodes_free: u64,
}

/// The machine, as seen from one mount namespace.
///
/// A trait so that the order and repetition of what the services do can be tested without root.
#[tonic::async_trait]
pub trait Host: Send + Sync + 'static {
    /// Makes an XFS file system in an image file that nothing uses, whatever it holds.
    async fn make_file_system(&self, image: &Path) -> Result<(), HostError>;

    /// Makes `to` a copy of an image file, as sparse as it, whatever `to` held.
    async fn copy_image(&self, from: &Path, to: &Path) -> Result<(), HostError>;

    /// The loop devices attached to this image, in whichever mount namespace.
    async fn loop_devices(&self, image: &Path) -> Result<Vec<PathBuf>, HostError>;

    /// Whether a file system on the device is mounted, in whichever mount namespace.
    async fn is_busy(&self, device: &Path) -> Result<bool, HostError>;

    /// Detaches a loop device that nothing uses. No error if it is detached already.
    async fn detach(&self, device: &Path) -> Result<(), HostError>;

    /// Lets the loop device take the size that its image file has now.
    async fn refresh_size(&self, device: &Path) -> Result<(), HostError>;

    /// Mounts the image's file system through a new loop device, which goes away with the last mount.
    async fn mount_image(&self, image: &Path, target: &Path, options: &[String]) -> Result<(), HostError>;

    /// Mounts what is mounted at `source` at `target` too.
    async fn bind(&self, source: &Path, target: &Path, read_only: bool) -> Result<(), HostError>;

    /// Ends the mount at `target`.
    async fn unmount(&self, target: &Path) -> Result<(), HostError>;

    /// All mounts of this mount namespace, in the order in which they were made.
    async fn mounts(&self) -> Result<Vec<Mount>, HostError>;

    /// Grows the XFS file system mounted at `target` to the size of its device. No error if it has that size.
    async fn grow_file_system(&self, target: &Path) -> Result<(), HostError>;

    /// Writes all that the file system mounted at `target` holds to its device and stops every writer until it is
    /// [thawed](Self::thaw). An error if it is frozen already.
    async fn freeze(&self, target: &Path) -> Result<(), HostError>;

    /// Lets writers go on. No error if the file system is not frozen.
    async fn thaw(&self, target: &Path) -> Result<(), HostError>;

    /// Space and inodes of the file system mounted at `target`.
    async fn statistics(&self, target: &Path) -> Result<Statistics, HostError>;
}
