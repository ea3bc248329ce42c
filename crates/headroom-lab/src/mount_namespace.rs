//! One mount namespace per node, kept by a file, with the standard directories of kubelet, containerd and CNI as its own.
//!
//! Binding a node's own directories over `/var/lib/kubelet` and the like keeps every program on its default paths and keeps
//! the nodes apart from each other and from the host.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::layout::{Layout, Node};
use crate::{enter, files, run};

/// Host path → directory below the node's own directory.
const BOUND: [(&str, &str); 6] = [
    ("/var/lib/kubelet", "kubelet"),
    ("/var/lib/containerd", "containerd"),
    ("/run/containerd", "run-containerd"),
    ("/var/lib/cni", "cni"),
    ("/etc/cni", "etc-cni"),
    ("/var/log", "log"),
];

/// Mount points, and parents of theirs, that the host lacks; parents first.
pub(crate) fn missing_mount_points() -> Vec<PathBuf> {
    let mut missing = Vec::new();
    for (host, _) in BOUND {
        let lacking: Vec<_> = Path::new(host).ancestors().take_while(|dir| !dir.exists()).collect();
        missing.extend(lacking.into_iter().rev().map(Path::to_path_buf));
    }
    missing
}

/// Makes the namespace of a node if it does not exist.
pub(crate) fn ensure(layout: &Layout, node: Node) -> Result<()> {
    let file = layout.node_mount_namespace(node);
    let own = layout.node_dir(node);
    for (_, below) in BOUND {
        files::create_dir(&own.join(below))?;
    }
    prepare_holder(&layout.path("mount-namespaces"))?;
    if !file.exists() {
        std::fs::File::create(&file).with_context(|| format!("creating {}", file.display()))?;
    }
    if is_mounted(&file)? {
        return Ok(());
    }
    let mut option = std::ffi::OsString::from("--mount=");
    option.push(&file);
    let script = script(&own);
    let words = [option, "--propagation".into(), "private".into(), "sh".into(), "-euc".into(), script.into()];
    run::output(&mut run::command("unshare", words))
        .map(drop)
        .with_context(|| format!("making the mount namespace of {}", node.name()))
}

/// A mount namespace can only be kept by a file on a mount that propagates nothing.
fn prepare_holder(dir: &Path) -> Result<()> {
    files::create_dir(dir)?;
    if !is_mounted(dir)? {
        run::output(run::command("mount", ["--bind"]).args([dir, dir]))?;
        run::output(run::command("mount", ["--make-private"]).arg(dir))?;
    }
    Ok(())
}

/// Binds, then makes everything shared, so that what the storage plugin mounts reaches kubelet and containers.
fn script(own: &Path) -> String {
    let binds = BOUND.map(|(host, below)| format!("mount --bind '{}/{below}' {host}", own.display()));
    format!("{}\nmount --make-rshared /\n", binds.join("\n"))
}

/// Thaws the volumes of the nodes, when a storage plugin was killed while it copied one. A frozen file system keeps its
/// writers alive, whatever kills them, and outlives its mounts.
pub(crate) fn thaw(layout: &Layout) {
    if !any_frozen(&layout.volumes()) {
        return;
    }
    let namespaces = std::fs::read_dir(layout.path("mount-namespaces")).into_iter().flatten();
    for namespace in namespaces.filter_map(|entry| Some(entry.ok()?.path())) {
        // Fails where nothing is frozen, which is nearly everywhere.
        run::succeeds(&mut enter::command(None, Some(&namespace), ["sh", "-c", THAW]));
    }
}

const THAW: &str = r#"awk '$5 ~ "^/var/lib/kubelet/" && / - xfs \/dev\/loop/ {print $5}' /proc/self/mountinfo |
while read -r target; do fsfreeze --unfreeze "$target"; done"#;

/// Whether a storage plugin has left the mark that it froze a volume.
fn any_frozen(volumes: &Path) -> bool {
    let files = std::fs::read_dir(volumes).into_iter().flatten().filter_map(Result::ok);
    files.map(|file| file.path()).any(|file| file.extension().is_some_and(|extension| extension == "frozen"))
}

/// Mount points at or below a directory in this process's mount namespace, deepest first.
pub(crate) fn mounts_below(dir: &Path) -> Result<Vec<PathBuf>> {
    let table = files::read(Path::new("/proc/self/mountinfo"))?;
    let mut found = parse_mountinfo(&table, dir);
    found.reverse();
    Ok(found)
}

fn is_mounted(path: &Path) -> Result<bool> {
    Ok(mounts_below(path)?.iter().any(|mounted| mounted == path))
}

/// Field 5 of each line is the mount point, with blanks as octal escapes (proc(5)).
fn parse_mountinfo(table: &str, dir: &Path) -> Vec<PathBuf> {
    let points = table.lines().filter_map(|line| line.split(' ').nth(4));
    points
        .map(|point| PathBuf::from(point.replace("\\040", " ")))
        .filter(|point| point.starts_with(dir))
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const TABLE: &str = "26 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
        70 26 8:1 /x /var/lib/headroom-lab/mount-namespaces rw - ext4 /dev/sda1 rw\n\
        71 70 0:4 mnt:[1] /var/lib/headroom-lab/mount-namespaces/n1 rw - nsfs nsfs rw\n\
        72 26 8:1 /x /var/lib/headroom-lab-2/a\\040b rw - ext4 /dev/sda1 rw\n";

    #[test]
    fn only_mounts_below_the_directory_are_found() {
        let found = parse_mountinfo(TABLE, Path::new("/var/lib/headroom-lab"));
        let base = Path::new("/var/lib/headroom-lab/mount-namespaces");
        assert_eq!(found, [base.to_path_buf(), base.join("n1")]);
        assert_eq!(
            parse_mountinfo(TABLE, Path::new("/var/lib/headroom-lab-2")),
            [Path::new("/var/lib/headroom-lab-2/a b")]
        );
    }

    #[test]
    fn volumes_are_thawed_only_when_one_was_frozen() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!any_frozen(&dir.path().join("absent")));
        std::fs::write(dir.path().join("pvc-1.img"), "").unwrap();
        assert!(!any_frozen(dir.path()));
        std::fs::write(dir.path().join("pvc-1.frozen"), "").unwrap();
        assert!(any_frozen(dir.path()));
    }

    #[test]
    fn a_node_binds_its_own_directories_before_it_shares_its_mounts() {
        let text = script(Path::new("/lab/nodes/n1"));
        assert!(text.starts_with("mount --bind '/lab/nodes/n1/kubelet' /var/lib/kubelet\n"), "{text}");
        assert!(text.ends_with("mount --make-rshared /\n"), "{text}");
    }
}
