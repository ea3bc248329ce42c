//! The lab's cgroups: `system` for its own processes and one root per node for the kubelet, in every hierarchy of the host.
//!
//! Works on cgroup v1, on hybrid hosts (v1 controllers, an empty v2 tree) and on v2. With v1 the kubelet wants its root to
//! exist in each hierarchy beforehand, and a new cpuset is unusable until its CPUs and memory nodes are filled in.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::error::PrerequisiteError;
use crate::files;
use crate::identity::Identity;
use crate::layout::{Layout, Node};

/// Where the host keeps its cgroups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Hierarchies {
    /// One v2 tree with controllers.
    Unified(PathBuf),
    /// Several v1 trees, perhaps with a v2 tree without controllers beside them.
    Split {
        /// Mount points with their controllers.
        controllers: Vec<(PathBuf, Vec<String>)>,
        /// The v2 tree of a hybrid host.
        unified: Option<PathBuf>,
    },
}

impl Hierarchies {
    /// What `/proc/self/mountinfo` tells.
    pub(crate) fn detect() -> Result<Self> {
        let table = files::read(Path::new("/proc/self/mountinfo"))?;
        Self::parse(&table).context("no cgroup file system is mounted below /sys/fs/cgroup")
    }

    fn parse(table: &str) -> Option<Self> {
        let mut controllers = Vec::new();
        let mut unified = None;
        for line in table.lines() {
            let (mount, rest) = line.split_once(" - ")?;
            let point = PathBuf::from(mount.split(' ').nth(4)?);
            let mut words = rest.split(' ');
            let (kind, options) = (words.next()?, words.nth(1).unwrap_or_default());
            if !point.starts_with("/sys/fs/cgroup") {
                continue;
            }
            match kind {
                "cgroup2" => unified = Some(point),
                "cgroup" => {
                    let names =
                        options.split(',').filter(|name| !["rw", "ro", "xattr", "noprefix"].contains(name));
                    controllers.push((point, names.map(str::to_owned).collect()));
                }
                _ => {}
            }
        }
        match (controllers.is_empty(), unified) {
            (true, None) => None,
            (true, Some(root)) => Some(Self::Unified(root)),
            (false, unified) => Some(Self::Split { controllers, unified }),
        }
    }

    /// Every mount point.
    pub(crate) fn roots(&self) -> Vec<&Path> {
        match self {
            Self::Unified(root) => vec![root],
            Self::Split { controllers, unified } => {
                controllers.iter().map(|(root, _)| root.as_path()).chain(unified.as_deref()).collect()
            }
        }
    }

    /// Trees in which the lab's own processes are kept together. The memory and CPU trees of a v1 host are left as they
    /// are, so that limits set on whoever started the lab go on to hold.
    fn tracking_roots(&self) -> Vec<&Path> {
        match self {
            Self::Unified(root) => vec![root],
            Self::Split { controllers, unified } => {
                let tracks = |names: &[String]| names.iter().any(|n| n == "pids" || n == "name=systemd");
                let split =
                    controllers.iter().filter(|(_, names)| tracks(names)).map(|(root, _)| root.as_path());
                split.chain(unified.as_deref()).collect()
            }
        }
    }
}

/// The kubelet's `cgroupRoot` of a node.
pub(crate) fn node_root(layout: &Layout, node: Node) -> String {
    format!("/{}/{}", layout.cgroup().display(), node.name())
}

/// Makes the lab's cgroups in every hierarchy.
pub(crate) fn ensure(layout: &Layout, nodes: &[Node]) -> Result<()> {
    let hierarchies = Hierarchies::detect()?;
    let lab = layout.cgroup();
    let below: Vec<PathBuf> =
        std::iter::once(lab.join("system")).chain(nodes.iter().map(|node| lab.join(node.name()))).collect();
    for root in hierarchies.roots() {
        make(root, &lab)?;
        if matches!(hierarchies, Hierarchies::Unified(_)) {
            delegate(root)?;
            delegate(&root.join(&lab))?;
        }
        for path in &below {
            make(root, path)?;
        }
        if matches!(hierarchies, Hierarchies::Unified(_)) {
            for node in nodes {
                delegate(&root.join(&lab).join(node.name()))?;
            }
        }
    }
    Ok(())
}

/// Moves this process, and with it all it starts from now on, into the lab's `system` cgroup.
pub(crate) fn join_system(layout: &Layout) -> Result<()> {
    let hierarchies = Hierarchies::detect()?;
    for root in hierarchies.tracking_roots() {
        let procs = root.join(layout.cgroup()).join("system/cgroup.procs");
        std::fs::write(&procs, std::process::id().to_string())
            .with_context(|| format!("joining {}", procs.display()))?;
    }
    Ok(())
}

/// Every process in the lab's cgroups.
pub(crate) fn members(layout: &Layout) -> Vec<Identity> {
    let Ok(hierarchies) = Hierarchies::detect() else { return Vec::new() };
    let groups = hierarchies.roots().into_iter().flat_map(|root| tree(&root.join(layout.cgroup())));
    let read = |group: PathBuf| std::fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    let pids: BTreeSet<i32> = groups
        .flat_map(|group| read(group).lines().filter_map(|l| l.parse().ok()).collect::<Vec<_>>())
        .collect();
    pids.into_iter().filter_map(Identity::of).collect()
}

/// The lab's cgroups that exist.
pub(crate) fn existing(layout: &Layout) -> Vec<PathBuf> {
    let Ok(hierarchies) = Hierarchies::detect() else { return Vec::new() };
    hierarchies.roots().into_iter().flat_map(|root| tree(&root.join(layout.cgroup()))).collect()
}

/// Removes the lab's cgroups; returns those that could not be.
pub(crate) fn remove(layout: &Layout) -> Vec<PathBuf> {
    let Ok(hierarchies) = Hierarchies::detect() else { return Vec::new() };
    let mut left = Vec::new();
    for root in hierarchies.roots() {
        for group in tree(&root.join(layout.cgroup())).into_iter().rev() {
            if std::fs::remove_dir(&group).is_err() && group.exists() {
                left.push(group);
            }
        }
    }
    left
}

/// A directory and all below it, parents first; empty when it does not exist.
fn tree(top: &Path) -> Vec<PathBuf> {
    if !top.is_dir() {
        return Vec::new();
    }
    let children = std::fs::read_dir(top).into_iter().flatten().filter_map(Result::ok);
    let dirs = children.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let mut found = vec![top.to_path_buf()];
    found.extend(dirs.flat_map(|entry| tree(&entry.path())));
    found
}

fn make(root: &Path, path: &Path) -> Result<()> {
    let full = root.join(path);
    files::create_dir(&full)?;
    // Only a v1 cpuset tree has these files with nothing in them.
    for file in ["cpuset.cpus", "cpuset.mems"] {
        let own = full.join(file);
        let parent = full.parent().map(|parent| parent.join(file));
        let empty = std::fs::read_to_string(&own).is_ok_and(|text| text.trim().is_empty());
        if let (true, Some(parent)) = (empty && !root.join("cgroup.controllers").exists(), parent) {
            let value = files::read(&parent)?;
            std::fs::write(&own, value.trim()).with_context(|| format!("filling {}", own.display()))?;
        }
    }
    Ok(())
}

/// Controllers without which the kubelet does not start on a v2 host.
const NEEDED: [&str; 4] = ["cpu", "cpuset", "memory", "pids"];

/// Passes the controllers of a v2 group on to its children; those that the kubelet can do without, if they let themselves.
fn delegate(group: &Path) -> Result<()> {
    let available = files::read(&group.join("cgroup.controllers"))?;
    let control = group.join("cgroup.subtree_control");
    let enabled = files::read(&control)?;
    let has = |list: &str, name: &str| list.split_whitespace().any(|have| have == name);
    if let Some(lacking) = NEEDED.iter().find(|name| !has(&available, name)) {
        let missing = format!("the cgroup {} has no controller {lacking}", group.display());
        return Err(PrerequisiteError::new(
            missing,
            "pass it on from the parent cgroup (cgroup.subtree_control)",
        )
        .into());
    }
    for name in available.split_whitespace().filter(|name| !has(&enabled, name)) {
        let passed = std::fs::write(&control, format!("+{name}"));
        if NEEDED.contains(&name) {
            let busy = "processes directly in that cgroup forbid it: move them into a child first";
            passed
                .with_context(|| format!("passing controller {name} on in {} ({busy})", group.display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn line(point: &str, kind: &str, options: &str) -> String {
        format!("30 20 0:27 / {point} rw,relatime shared:9 - {kind} {kind} {options}\n")
    }

    #[track_caller]
    fn roots_and_tracking(table: &str, roots: &[&str], tracking: &[&str]) {
        let found = Hierarchies::parse(table).unwrap();
        assert_eq!(found.roots(), roots.iter().map(Path::new).collect::<Vec<_>>());
        assert_eq!(found.tracking_roots(), tracking.iter().map(Path::new).collect::<Vec<_>>());
    }

    #[test]
    fn a_v2_host_has_one_tree() {
        let table = line("/", "ext4", "rw") + &line("/sys/fs/cgroup", "cgroup2", "rw,nsdelegate");
        assert_eq!(Hierarchies::parse(&table), Some(Hierarchies::Unified("/sys/fs/cgroup".into())));
        roots_and_tracking(&table, &["/sys/fs/cgroup"], &["/sys/fs/cgroup"]);
    }

    #[test]
    fn a_hybrid_host_tracks_in_pids_systemd_and_the_empty_v2_tree() {
        let table = line("/sys/fs/cgroup/cpu", "cgroup", "rw,cpu,cpuacct")
            + &line("/sys/fs/cgroup/pids", "cgroup", "rw,pids")
            + &line("/sys/fs/cgroup/systemd", "cgroup", "rw,xattr,name=systemd")
            + &line("/sys/fs/cgroup/unified", "cgroup2", "rw");
        let unified = "/sys/fs/cgroup/unified";
        roots_and_tracking(
            &table,
            &["/sys/fs/cgroup/cpu", "/sys/fs/cgroup/pids", "/sys/fs/cgroup/systemd", unified],
            &["/sys/fs/cgroup/pids", "/sys/fs/cgroup/systemd", unified],
        );
    }

    #[test]
    fn a_v1_host_has_no_unified_tree() {
        let table = line("/sys/fs/cgroup/memory", "cgroup", "rw,memory")
            + &line("/sys/fs/cgroup/pids", "cgroup", "rw,pids");
        roots_and_tracking(
            &table,
            &["/sys/fs/cgroup/memory", "/sys/fs/cgroup/pids"],
            &["/sys/fs/cgroup/pids"],
        );
    }

    #[test]
    fn no_cgroup_mount_is_told() {
        assert_eq!(Hierarchies::parse(&line("/", "ext4", "rw")), None);
    }

    #[test]
    fn a_new_v1_cpuset_takes_its_cpus_and_memory_nodes_from_its_parent() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("cpuset.cpus"), "0-1\n").unwrap();
        std::fs::write(root.path().join("cpuset.mems"), "0\n").unwrap();
        let lab = root.path().join("lab");
        std::fs::create_dir(&lab).unwrap();
        for file in ["cpuset.cpus", "cpuset.mems"] {
            std::fs::write(lab.join(file), "\n").unwrap();
        }
        make(root.path(), Path::new("lab")).unwrap();
        assert_eq!(std::fs::read_to_string(lab.join("cpuset.cpus")).unwrap(), "0-1");
        assert_eq!(std::fs::read_to_string(lab.join("cpuset.mems")).unwrap(), "0");
    }

    #[test]
    fn delegation_passes_on_only_what_is_not_passed_on_yet() {
        let group = tempfile::tempdir().unwrap();
        std::fs::write(group.path().join("cgroup.controllers"), "cpu cpuset memory pids\n").unwrap();
        std::fs::write(group.path().join("cgroup.subtree_control"), "cpu cpuset pids\n").unwrap();
        delegate(group.path()).unwrap();
        assert_eq!(std::fs::read_to_string(group.path().join("cgroup.subtree_control")).unwrap(), "+memory");
    }

    #[test]
    fn a_group_without_a_needed_controller_is_told_with_the_next_step() {
        let group = tempfile::tempdir().unwrap();
        std::fs::write(group.path().join("cgroup.controllers"), "cpu memory pids\n").unwrap();
        std::fs::write(group.path().join("cgroup.subtree_control"), "").unwrap();
        let error = delegate(group.path()).unwrap_err().to_string();
        assert!(error.contains("no controller cpuset") && error.contains("next:"), "{error}");
    }

    #[test]
    fn a_tree_is_listed_parents_first() {
        let top = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(top.path().join("a/b")).unwrap();
        std::fs::write(top.path().join("cgroup.procs"), "").unwrap();
        let expected = [top.path().to_path_buf(), top.path().join("a"), top.path().join("a/b")];
        assert_eq!(tree(top.path()), expected);
        assert_eq!(tree(&top.path().join("absent")), Vec::<PathBuf>::new());
    }
}
