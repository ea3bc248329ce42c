//! The Linux machine: util-linux, xfsprogs and a few system calls.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use tokio::process::Command;

use super::{Host, HostError, Mount, Statistics, parse_mountinfo};

/// The machine that this process runs on, in its own mount namespace. Most of it needs root.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct LinuxHost;

impl LinuxHost {
    /// The machine that this process runs on.
    pub fn new() -> Self {
        Self
    }
}

#[tonic::async_trait]
impl Host for LinuxHost {
    async fn make_file_system(&self, image: &Path) -> Result<(), HostError> {
        // -K: a sparse file has nothing to discard.
        run("mkfs.xfs", [OsStr::new("-q"), OsStr::new("-f"), OsStr::new("-K"), image.as_os_str()])
            .await
            .map(drop)
    }

    async fn copy_image(&self, from: &Path, to: &Path) -> Result<(), HostError> {
        // Shares the blocks where the machine's file system can, else copies what the holes leave.
        let options = ["--reflink=auto", "--sparse=auto", "--"].map(OsStr::new);
        run("cp", options.into_iter().chain([from.as_os_str(), to.as_os_str()])).await.map(drop)
    }

    async fn loop_devices(&self, image: &Path) -> Result<Vec<PathBuf>, HostError> {
        let options = ["--noheadings", "--raw", "--output", "NAME", "--associated"].map(OsStr::new);
        let listed = run("losetup", options.into_iter().chain([image.as_os_str()])).await?;
        Ok(listed.lines().map(str::trim).filter(|line| !line.is_empty()).map(PathBuf::from).collect())
    }

    async fn is_busy(&self, device: &Path) -> Result<bool, HostError> {
        // Opening a block device exclusively without O_CREAT fails with EBUSY while it is mounted anywhere (open(2)).
        match rustix::fs::open(device, OFlags::RDONLY | OFlags::EXCL | OFlags::CLOEXEC, Mode::empty()) {
            Err(rustix::io::Errno::BUSY) => Ok(true),
            // The device went away with its last mount.
            Ok(_) | Err(rustix::io::Errno::NXIO | rustix::io::Errno::NOENT) => Ok(false),
            Err(error) => Err(call("an exclusive open", device, error.into())),
        }
    }

    async fn detach(&self, device: &Path) -> Result<(), HostError> {
        match run("losetup", [OsStr::new("--detach"), device.as_os_str()]).await {
            Err(HostError::Failed { said, .. }) if said.contains("No such device") => Ok(()),
            other => other.map(drop),
        }
    }

    async fn refresh_size(&self, device: &Path) -> Result<(), HostError> {
        run("losetup", [OsStr::new("--set-capacity"), device.as_os_str()]).await.map(drop)
    }

    async fn mount_image(&self, image: &Path, target: &Path, options: &[String]) -> Result<(), HostError> {
        let options = ["loop".to_owned()].iter().chain(options).cloned().collect::<Vec<_>>().join(",");
        let fixed = ["--no-mtab", "--types", "xfs", "--options"].map(OsStr::new);
        let paths = [OsStr::new(&options), image.as_os_str(), target.as_os_str()];
        run("mount", fixed.into_iter().chain(paths)).await.map(drop)
    }

    async fn bind(&self, source: &Path, target: &Path, read_only: bool) -> Result<(), HostError> {
        let options = OsStr::new(if read_only { "bind,ro" } else { "bind" });
        let fixed = ["--no-mtab", "--options"].map(OsStr::new);
        run("mount", fixed.into_iter().chain([options, source.as_os_str(), target.as_os_str()]))
            .await
            .map(drop)
    }

    async fn unmount(&self, target: &Path) -> Result<(), HostError> {
        run("umount", [OsStr::new("--no-mtab"), target.as_os_str()]).await.map(drop)
    }

    async fn mounts(&self) -> Result<Vec<Mount>, HostError> {
        let table = Path::new("/proc/self/mountinfo");
        let text = tokio::fs::read(table).await.map_err(|source| call("reading", table, source))?;
        Ok(parse_mountinfo(&String::from_utf8_lossy(&text)))
    }

    async fn grow_file_system(&self, target: &Path) -> Result<(), HostError> {
        run("xfs_growfs", [OsStr::new("-d"), target.as_os_str()]).await.map(drop)
    }

    async fn freeze(&self, target: &Path) -> Result<(), HostError> {
        run("fsfreeze", [OsStr::new("--freeze"), target.as_os_str()]).await.map(drop)
    }

    async fn thaw(&self, target: &Path) -> Result<(), HostError> {
        match run("fsfreeze", [OsStr::new("--unfreeze"), target.as_os_str()]).await {
            // FITHAW of a file system that is not frozen (ioctl_fsfreeze).
            Err(HostError::Failed { said, .. }) if said.contains("Invalid argument") => Ok(()),
            other => other.map(drop),
        }
    }

    async fn statistics(&self, target: &Path) -> Result<Statistics, HostError> {
        let path = target.to_owned();
        let seen = tokio::task::spawn_blocking(move || rustix::fs::statvfs(path)).await;
        let seen = seen.map_err(io::Error::other).and_then(|seen| seen.map_err(io::Error::from));
        let seen = seen.map_err(|source| call("statvfs", target, source))?;
        let bytes = |blocks: u64| blocks.saturating_mul(seen.f_frsize);
        Ok(Statistics {
            bytes_total: bytes(seen.f_blocks),
            bytes_available: bytes(seen.f_bavail),
            bytes_used: bytes(seen.f_blocks.saturating_sub(seen.f_bfree)),
            inodes_total: seen.f_files,
            inodes_free: seen.f_ffree,
        })
    }
}

fn call(what: &'static str, path: &Path, source: io::Error) -> HostError {
    HostError::Call { what, path: path.to_owned(), source }
}

/// Runs a program to its end and gives what it wrote to stdout.
async fn run<'a>(
    program: &'static str,
    arguments: impl IntoIterator<Item = &'a OsStr>,
) -> Result<String, HostError> {
    let arguments: Vec<&OsStr> = arguments.into_iter().collect();
    let mut command = Command::new(program);
    // Messages are matched above; sbin is where xfsprogs lives and is not in every process's PATH.
    command
        .args(&arguments)
        .env("LC_ALL", "C")
        .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    let output = command.output().await.map_err(|source| HostError::Start { program, source })?;
    let shown = || {
        let arguments = arguments.iter().map(|argument| argument.to_string_lossy());
        [program.into()].into_iter().chain(arguments).collect::<Vec<_>>().join(" ")
    };
    tracing::debug!(command = shown(), status = %output.status, "ran");
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr).split_whitespace().collect::<Vec<_>>().join(" ");
    Err(HostError::Failed { command: shown(), status: output.status, said })
}
