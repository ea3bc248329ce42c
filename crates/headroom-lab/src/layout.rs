//! Names, paths and addresses of one lab: everything is derived from its directory.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

/// The directory of run-time state when `--dir` is not given.
const DEFAULT_DIR: &str = "/var/lib/headroom-lab";

/// Address of the management namespace: etcd, apiserver, DNS. Only reachable inside the lab's own namespaces.
pub(crate) const MANAGEMENT: Ipv4Addr = Ipv4Addr::new(172, 30, 0, 1);
/// Cluster IP of the apiserver (the first of the service range).
pub(crate) const API_SERVICE: Ipv4Addr = Ipv4Addr::new(10, 96, 0, 1);
/// Cluster IP of DNS.
pub(crate) const DNS_SERVICE: Ipv4Addr = Ipv4Addr::new(10, 96, 0, 10);
/// Service range.
pub(crate) const SERVICE_RANGE: &str = "10.96.0.0/16";
/// Port of the apiserver inside the lab.
pub(crate) const API_PORT: u16 = 6443;

/// Where one lab lives.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    /// Run-time state, removed by `down`.
    pub(crate) dir: PathBuf,
    /// Built parts by version, kept.
    pub(crate) cache: PathBuf,
    /// Prefix of network namespaces and cgroups; unique per directory.
    pub(crate) name: String,
}

/// One node: `n1`, `n2`, …
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Node(pub(crate) u8);

impl Node {
    /// The first `count` nodes.
    pub(crate) fn first(count: u8) -> impl Iterator<Item = Self> {
        (1..=count).map(Self)
    }
    /// Name in the cluster.
    pub(crate) fn name(self) -> String {
        format!("n{}", self.0)
    }
    /// Address on the lab's bridge.
    pub(crate) const fn address(self) -> Ipv4Addr {
        Ipv4Addr::new(172, 30, 0, 10 + self.0)
    }
    /// Range of its pods.
    pub(crate) fn pod_range(self) -> String {
        format!("10.244.{}.0/24", self.0)
    }
}

impl Layout {
    /// Name of the lab in the default directory, and the beginning of every other lab's name.
    pub(crate) const NAME: &str = "headroom-lab";

    /// Resolves the two directories; nothing is created.
    pub(crate) fn new(dir: Option<&Path>, cache: Option<&Path>) -> Result<Self> {
        let dir = std::path::absolute(dir.unwrap_or(Path::new(DEFAULT_DIR))).context("resolving --dir")?;
        if dir.parent().is_none() {
            bail!("--dir must not be the root directory");
        }
        let cache = match cache {
            Some(cache) => std::path::absolute(cache).context("resolving --cache")?,
            None => default_cache()?,
        };
        let name = if dir == Path::new(DEFAULT_DIR) {
            Self::NAME.to_owned()
        } else {
            let digest = hex::encode(Sha256::digest(dir.as_os_str().as_encoded_bytes()));
            format!("{}-{}", Self::NAME, digest.get(..6).unwrap_or_default())
        };
        Ok(Self { dir, cache, name })
    }
    /// File below the state directory.
    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.dir.join(below)
    }
    /// Name of the namespace that holds the bridge.
    pub(crate) fn bridge_netns(&self) -> String {
        format!("{}-bridge", self.name)
    }
    /// Name of the namespace of control plane, DNS and storage controller.
    pub(crate) fn management_netns(&self) -> String {
        format!("{}-mgmt", self.name)
    }
    /// Link to the management namespace, which `cargo e2e` enters to hold writes at the apiserver.
    pub(crate) fn management_link(&self) -> PathBuf {
        self.path("management-netns")
    }
    /// Name of a node's network namespace.
    pub(crate) fn node_netns(&self, node: Node) -> String {
        format!("{}-{}", self.name, node.name())
    }
    /// Every network namespace of this lab has this prefix followed by `-`.
    pub(crate) fn netns_path(name: &str) -> PathBuf {
        Path::new("/run/netns").join(name)
    }
    /// File that keeps a node's mount namespace alive.
    pub(crate) fn node_mount_namespace(&self, node: Node) -> PathBuf {
        self.path("mount-namespaces").join(node.name())
    }
    /// Directory of one node.
    pub(crate) fn node_dir(&self, node: Node) -> PathBuf {
        self.path("nodes").join(node.name())
    }
    /// The containerd socket of a node as seen from the host.
    pub(crate) fn containerd_socket(&self, node: Node) -> PathBuf {
        self.node_dir(node).join("run-containerd/containerd.sock")
    }
    /// The cgroup of the lab, relative to each hierarchy's root.
    pub(crate) fn cgroup(&self) -> PathBuf {
        PathBuf::from(&self.name)
    }
    /// Control socket of the supervisor.
    pub(crate) fn supervisor_socket(&self) -> PathBuf {
        self.path("supervisor.sock")
    }
    /// Log of one part; `/` in a part's name becomes `-`.
    pub(crate) fn log(&self, part: &str) -> PathBuf {
        self.path("logs").join(format!("{}.log", part.replace('/', "-")))
    }
    /// Kubeconfig for the host, through the loopback forwarder.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.path("kubeconfig")
    }
    /// Kubeconfig for use inside the lab's network namespaces.
    pub(crate) fn kubeconfig_inside(&self) -> PathBuf {
        self.path("kubeconfig-inside")
    }
    /// Directory of the loop files of volumes.
    pub(crate) fn volumes(&self) -> PathBuf {
        self.path("volumes")
    }
    /// Gate socket of the storage controller.
    pub(crate) fn controller_gate(&self) -> PathBuf {
        self.path("gates/controller.sock")
    }
    /// Directory in which the nodes' storage plugins copy volumes for the storage controller.
    pub(crate) fn copy_sockets(&self) -> PathBuf {
        self.path("copy")
    }
    /// Gate socket of a node's storage plugin.
    pub(crate) fn node_gate(&self, node: Node) -> PathBuf {
        self.path("gates").join(format!("{}.sock", node.name()))
    }
}

fn default_cache() -> Result<PathBuf> {
    if let Some(base) = std::env::var_os("XDG_CACHE_HOME").filter(|value| !value.is_empty()) {
        return Ok(PathBuf::from(base).join("headroom-lab"));
    }
    let home =
        std::env::var_os("HOME").context("neither XDG_CACHE_HOME nor HOME is set; give --cache DIR")?;
    Ok(PathBuf::from(home).join(".cache/headroom-lab"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn layout(dir: Option<&str>) -> Layout {
        Layout::new(dir.map(Path::new), Some(Path::new("/cache"))).unwrap()
    }

    #[test]
    fn a_lab_in_another_directory_shares_no_name_with_the_default_one() {
        let (one, two) = (layout(None), layout(Some("/tmp/other")));
        assert_eq!(one.management_netns(), "headroom-lab-mgmt");
        assert_ne!(one.management_netns(), two.management_netns());
        assert_ne!(one.cgroup(), two.cgroup());
        assert_eq!(layout(Some("/tmp/other")).name, two.name);
    }

    #[test]
    fn the_root_directory_is_refused() {
        assert!(Layout::new(Some(Path::new("/")), Some(Path::new("/cache"))).is_err());
    }

    #[test]
    fn nodes_have_their_own_addresses_and_pod_ranges() {
        let seen: Vec<_> =
            Node::first(2).map(|n| (n.name(), n.address().to_string(), n.pod_range())).collect();
        let expected = [("n1", "172.30.0.11", "10.244.1.0/24"), ("n2", "172.30.0.12", "10.244.2.0/24")];
        assert_eq!(seen, expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned())));
    }

    #[test]
    fn socket_paths_stay_below_the_limit_of_unix_sockets() {
        let layout = layout(None);
        let longest = layout.containerd_socket(Node(9));
        assert!(longest.as_os_str().len() < 108, "{}", longest.display());
        assert_eq!(layout.log("n1/kubelet"), Path::new("/var/lib/headroom-lab/logs/n1-kubelet.log"));
    }
}
