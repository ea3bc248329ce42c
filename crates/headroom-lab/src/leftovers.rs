//! What of a lab is still on the machine; `down` removes it and looks again.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::identity::Identity;
use crate::layout::Layout;
use crate::{cgroup, mount_namespace, network, run, supervise};

/// Processes of the lab: recorded ones, members of its cgroups, and whatever lives in its namespaces.
pub(crate) fn processes(layout: &Layout) -> Vec<Identity> {
    let mut found: Vec<Identity> =
        supervise::recorded(layout).into_iter().filter(|process| process.is_alive()).collect();
    found.extend(cgroup::members(layout));
    found.extend(inhabitants(&namespaces(layout)));
    let me = i32::try_from(std::process::id()).unwrap_or_default();
    let mut seen = BTreeSet::new();
    found.retain(|process| process.pid != me && process.pid > 1 && seen.insert(process.pid));
    found
}

/// Device and inode of each namespace that the lab made.
fn namespaces(layout: &Layout) -> BTreeSet<(u64, u64)> {
    let networks = network::namespaces(layout).into_iter().map(|name| Layout::netns_path(&name));
    let mounts = std::fs::read_dir(layout.path("mount-namespaces")).into_iter().flatten();
    let files = networks.chain(mounts.filter_map(|entry| Some(entry.ok()?.path())));
    files.filter_map(|file| std::fs::metadata(file).ok()).map(|meta| (meta.dev(), meta.ino())).collect()
}

fn inhabitants(namespaces: &BTreeSet<(u64, u64)>) -> Vec<Identity> {
    let pids = std::fs::read_dir("/proc").into_iter().flatten();
    let pids = pids.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    let lives = |pid: &i32| {
        ["net", "mnt"].iter().any(|kind| {
            let link = std::fs::metadata(format!("/proc/{pid}/ns/{kind}"));
            link.is_ok_and(|meta| namespaces.contains(&(meta.dev(), meta.ino())))
        })
    };
    pids.filter(lives).filter_map(Identity::of).collect()
}

/// Loop devices over files below the lab's directory.
pub(crate) fn loop_devices(dir: &Path) -> Vec<PathBuf> {
    let devices = std::fs::read_dir("/sys/block").into_iter().flatten();
    let backed = |entry: std::io::Result<std::fs::DirEntry>| {
        let entry = entry.ok()?;
        let backing = std::fs::read_to_string(entry.path().join("loop/backing_file")).ok()?;
        is_below(&backing, dir).then(|| Path::new("/dev").join(entry.file_name()))
    };
    devices.filter_map(backed).collect()
}

/// The kernel marks a backing file that was removed by ` (deleted)`.
fn is_below(backing: &str, dir: &Path) -> bool {
    Path::new(backing.trim_end().trim_end_matches(" (deleted)")).starts_with(dir)
}

/// Everything that is left, in words; empty when nothing is.
pub(crate) fn describe(layout: &Layout) -> Vec<String> {
    let mut left = Vec::new();
    left.extend(
        processes(layout).iter().map(|process| format!("process {} ({})", process.pid, command(process.pid))),
    );
    let mounts = mount_namespace::mounts_below(&layout.dir).unwrap_or_default();
    left.extend(mounts.iter().map(|path| format!("mount {}", path.display())));
    left.extend(loop_devices(&layout.dir).iter().map(|path| format!("loop device {}", path.display())));
    left.extend(network::namespaces(layout).iter().map(|name| format!("network namespace {name}")));
    left.extend(cgroup::existing(layout).iter().map(|path| format!("cgroup {}", path.display())));
    left
}

fn command(pid: i32) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim().to_owned()
}

/// Detaches a loop device.
pub(crate) fn detach(device: &Path) -> bool {
    run::succeeds(run::command("losetup", ["-d"]).arg(device))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backing_file_belongs_to_the_lab_even_after_it_was_deleted() {
        let dir = Path::new("/var/lib/headroom-lab");
        assert!(is_below("/var/lib/headroom-lab/volumes/a.img\n", dir));
        assert!(is_below("/var/lib/headroom-lab/volumes/a.img (deleted)\n", dir));
        assert!(!is_below("/var/lib/headroom-lab-2/volumes/a.img\n", dir));
    }

    #[test]
    fn this_test_lives_in_the_namespace_it_lives_in() {
        let meta = std::fs::metadata("/proc/self/ns/net").ok();
        let own = meta.map(|meta| (meta.dev(), meta.ino())).into_iter().collect();
        let me = i32::try_from(std::process::id()).ok();
        assert!(inhabitants(&own).iter().any(|process| Some(process.pid) == me));
        assert!(inhabitants(&BTreeSet::new()).is_empty());
    }
}
