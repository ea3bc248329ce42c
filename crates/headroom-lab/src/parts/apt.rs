//! Debian packages that the lab needs, installed when a program of theirs is missing.

use std::path::Path;

use anyhow::{Context, Result};

use crate::error::PrerequisiteError;
use crate::progress::Progress;
use crate::{files, run};

/// A program (or file) and the Debian package that brings it.
struct Need {
    program: &'static str,
    package: &'static str,
    /// Not needed for a control plane alone.
    nodes: bool,
}

const fn need(program: &'static str, package: &'static str, nodes: bool) -> Need {
    Need { program, package, nodes }
}

const NEEDS: [Need; 13] = [
    need("etcd", "etcd-server", false),
    need("ip", "iproute2", false),
    need("nsenter", "util-linux", false),
    need("containerd", "containerd", true),
    need("runc", "runc", true),
    need("/usr/lib/cni/ptp", "containernetworking-plugins", true),
    need("debootstrap", "debootstrap", true),
    need("mkfs.xfs", "xfsprogs", true),
    need("losetup", "mount", true),
    need("iptables", "iptables", true),
    need("nft", "nftables", true),
    need("conntrack", "conntrack", true),
    need("chroot", "coreutils", true),
];

/// Installs what is missing; on other systems than Debian it says what to install.
pub(crate) fn ensure(progress: &Progress, control_plane_only: bool) -> Result<()> {
    let missing = missing(control_plane_only, present);
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    if run::find("apt-get").is_none() {
        return Err(PrerequisiteError::new(
            format!("programs of these Debian packages are missing: {list}"),
            "install them with this system's package manager (the lab installs them by itself on Debian 12)",
        )
        .into());
    }
    progress.run(format!("install {list}"), || {
        run::output(apt().args(["update", "-q"])).context("refreshing the package lists")?;
        let _no_services = NoServices::begin()?;
        run::output(apt().args(["install", "-q", "-y", "--no-install-recommends"]).args(&missing))
            .map(drop)
            .with_context(|| format!("installing {list}"))
    })
}

fn apt() -> std::process::Command {
    let mut command = run::command("apt-get", [""; 0]);
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

/// Asked by every package before it starts a service; 101 is "no" (invoke-rc.d(8)).
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// etcd and containerd would start services on the host at once; the lab runs its own. A policy of the host's own stays.
struct NoServices {
    made: bool,
}

impl NoServices {
    fn begin() -> Result<Self> {
        let path = Path::new(POLICY);
        let made = !path.exists();
        if made {
            files::write(path, "#!/bin/sh\nexit 101\n")?;
            let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            std::fs::set_permissions(path, executable)
                .with_context(|| format!("making {POLICY} executable"))?;
        }
        Ok(Self { made })
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if self.made {
            // The next `up` that installs something overwrites one that stays.
            let _ = std::fs::remove_file(POLICY);
        }
    }
}

fn missing(control_plane_only: bool, present: impl Fn(&str) -> bool) -> Vec<&'static str> {
    let wanted = NEEDS.iter().filter(|need| !(control_plane_only && need.nodes));
    wanted.filter(|need| !present(need.program)).map(|need| need.package).collect()
}

fn present(program: &str) -> bool {
    if program.starts_with('/') { Path::new(program).exists() } else { run::find(program).is_some() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_control_plane_alone_needs_no_container_runtime() {
        assert_eq!(missing(true, |_| false), ["etcd-server", "iproute2", "util-linux"]);
        assert!(missing(false, |_| false).contains(&"containerd"));
    }

    #[test]
    fn what_is_there_is_not_installed_again() {
        assert_eq!(missing(false, |program| program != "mkfs.xfs"), ["xfsprogs"]);
        assert_eq!(missing(false, |_| true), Vec::<&str>::new());
    }
}
