//! What must be there before `up` begins: told in one line, with the next step.

use anyhow::Result;

use crate::args::UpArgs;
use crate::error::PrerequisiteError;
use crate::exec::available;
use crate::{cgroup, cnpg, files};

/// Checks everything that can be known in a moment.
pub(crate) fn check(args: &UpArgs) -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Err(PrerequisiteError::new(
            "the lab makes namespaces and mounts and must run as root",
            "sudo -E cargo lab up",
        )
        .into());
    }
    if !cfg!(target_os = "linux") {
        return Err(PrerequisiteError::new("the lab needs Linux", "run it on Debian 12 or later").into());
    }
    if !available("go") && !available("apt-get") {
        return Err(PrerequisiteError::new(
            "Go is not installed",
            "install Go 1.26 or later and put it on PATH",
        )
        .into());
    }
    if let (Some(manifest), Some(image)) = (&args.cnpg_manifest, &args.cnpg_image) {
        cnpg::check(manifest, image)?;
    }
    if args.control_plane_only {
        return Ok(());
    }
    cgroup::Hierarchies::detect()
        .map_err(|error| PrerequisiteError::new(format!("{error:#}"), "mount cgroup2 on /sys/fs/cgroup"))?;
    kernel(
        &files::read(std::path::Path::new("/proc/filesystems"))?,
        std::path::Path::new("/dev/loop-control").exists(),
    )
}

/// XFS and loop devices may also be modules that are loaded on first use; then asking modprobe helps.
fn kernel(filesystems: &str, loop_control: bool) -> Result<()> {
    let has = |name: &str| filesystems.lines().any(|line| line.split_whitespace().next_back() == Some(name));
    let load = |module: &str| crate::run::succeeds(&mut crate::run::command("modprobe", [module]));
    if !has("xfs") && !load("xfs") {
        return Err(PrerequisiteError::new(
            "this kernel has no XFS",
            "use a kernel with XFS (volumes grow on it)",
        )
        .into());
    }
    if !loop_control && !load("loop") {
        return Err(PrerequisiteError::new(
            "there is no /dev/loop-control",
            "load the kernel module loop, or give the container access to loop devices",
        )
        .into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_with_xfs_and_loop_devices_is_enough() {
        assert!(kernel("nodev\tproc\n\txfs\n\text4\n", true).is_ok());
    }
}
