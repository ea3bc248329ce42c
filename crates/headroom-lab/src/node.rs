//! One node: containerd, kubelet, kube-proxy and the storage plugin in the node's own namespaces.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use headroom_csi::{DRIVER_NAME, REGISTRATION_SOCKET};

use crate::certs::Pki;
use crate::control_plane::inside_url;
use crate::kubectl::Kubectl;
use crate::layout::{DNS_SERVICE, Layout, Node};
use crate::parts::{PAUSE_IMAGE, Programs};
use crate::supervise::PartSpec;
use crate::{cgroup, files, kubeconfig, network, run, template};

const CONTAINERD: &str = include_str!("../assets/node/containerd.toml");
const KUBELET: &str = include_str!("../assets/node/kubelet.yaml");
const KUBE_PROXY: &str = include_str!("../assets/node/kube-proxy.yaml");
const CNI: &str = include_str!("../assets/node/cni.json");

/// Writes a node's configuration and tells its parts. `own` is the lab's program, which holds the storage plugin.
pub(crate) fn parts(
    layout: &Layout,
    programs: &Programs,
    node: Node,
    period: &str,
    own: &str,
) -> Result<Vec<PartSpec>> {
    let dir = layout.node_dir(node);
    let config = |name: &str| dir.join("config").join(name);
    let pki = Pki::new(layout);
    files::write(
        &dir.join("etc-cni/net.d/10-lab.conflist"),
        template::fill(CNI, &[("RANGE", &node.pod_range())])?,
    )?;
    files::write(&config("resolv.conf"), format!("nameserver {DNS_SERVICE}\n"))?;
    let snapshotter = snapshotter(&dir);
    let runtime = template::fill(CONTAINERD, &[("PAUSE", PAUSE_IMAGE), ("SNAPSHOTTER", snapshotter)])?;
    files::write(&config("containerd.toml"), runtime)?;
    files::write(&config("kubelet.yaml"), kubelet(layout, &pki, node, period, &config("resolv.conf"))?)?;
    kubeconfig::write(
        &config("kubelet.kubeconfig"),
        &pki,
        &format!("kubelet-{}", node.name()),
        &inside_url(),
    )?;
    kubeconfig::write(&config("kube-proxy.kubeconfig"), &pki, "proxy", &inside_url())?;
    files::write(&config("kube-proxy.yaml"), kube_proxy(layout, node, &config("kube-proxy.kubeconfig"))?)?;

    let part = |name: &str, argv: Vec<String>| {
        PartSpec::new(format!("{}/{name}", node.name()), argv)
            .in_network(Layout::netns_path(&layout.node_netns(node)))
            .in_mounts(layout.node_mount_namespace(node))
    };
    let flag = |name: &str, path: PathBuf| format!("--{name}={}", path.display());
    let containerd = vec!["containerd".to_owned(), flag("config", config("containerd.toml"))];
    let kubelet = vec![
        programs.kubernetes("kubelet"),
        flag("config", config("kubelet.yaml")),
        flag("kubeconfig", config("kubelet.kubeconfig")),
        format!("--hostname-override={}", node.name()),
        format!("--node-ip={}", node.address()),
        "--v=1".to_owned(),
    ];
    let proxy = vec![programs.kubernetes("kube-proxy"), flag("config", config("kube-proxy.yaml"))];
    let reads = |names: [&str; 2]| names.map(config);
    Ok(vec![
        part("containerd", containerd).reads([config("containerd.toml").as_path()]),
        part("kubelet", kubelet)
            .reads(reads(["kubelet.yaml", "kubelet.kubeconfig"]).iter().map(PathBuf::as_path)),
        part("kube-proxy", proxy)
            .reads(reads(["kube-proxy.yaml", "kube-proxy.kubeconfig"]).iter().map(PathBuf::as_path)),
        part("csi-node", csi(layout, node, own)),
    ])
}

fn kubelet(layout: &Layout, pki: &Pki, node: Node, period: &str, resolv_conf: &Path) -> Result<String> {
    let serving = pki.pair(&format!("kubelet-server-{}", node.name()));
    let values = [
        ("ADDRESS", node.address().to_string()),
        ("CA", Pki::text(&pki.authority())),
        ("CERTIFICATE", Pki::text(&serving.certificate)),
        ("KEY", Pki::text(&serving.key)),
        ("CGROUP", cgroup::node_root(layout, node)),
        ("DNS", DNS_SERVICE.to_string()),
        ("RESOLV_CONF", resolv_conf.display().to_string()),
        ("PERIOD", period.to_owned()),
    ];
    template::fill(KUBELET, &values.each_ref().map(|(name, value)| (*name, value.as_str())))
}

fn kube_proxy(layout: &Layout, node: Node, config: &Path) -> Result<String> {
    let values = [
        ("KUBECONFIG", config.display().to_string()),
        ("MODE", network::proxy_mode(layout, node).to_owned()),
        ("NODE", node.name()),
    ];
    template::fill(KUBE_PROXY, &values.each_ref().map(|(name, value)| (*name, value.as_str())))
}

/// The storage plugin, in the mount namespace of its kubelet: what it mounts must be seen there.
fn csi(layout: &Layout, node: Node, own: &str) -> Vec<String> {
    let (images, gate, copies) = (layout.volumes(), layout.node_gate(node), layout.copy_sockets());
    let words = [
        own.to_owned(),
        "csi-node".to_owned(),
        format!("--node={}", node.name()),
        format!("--images={}", images.display()),
        format!("--csi-socket=/var/lib/kubelet/plugins/{DRIVER_NAME}/csi.sock"),
        format!("--registration-socket=/var/lib/kubelet/plugins_registry/{REGISTRATION_SOCKET}"),
        format!("--gate-socket={}", gate.display()),
        format!("--copy-sockets={}", copies.display()),
    ];
    words.to_vec()
}

/// overlayfs needs the kernel's support and a file system below it that carries it; copying works everywhere.
fn snapshotter(dir: &Path) -> &'static str {
    let probe = || -> Result<bool> {
        let at = tempfile::Builder::new().prefix("overlay-").tempdir_in(dir)?;
        let path = |name: &str| at.path().join(name);
        for name in ["lower", "upper", "work", "merged"] {
            files::create_dir(&path(name))?;
        }
        let options = format!(
            "lowerdir={},upperdir={},workdir={}",
            path("lower").display(),
            path("upper").display(),
            path("work").display()
        );
        let script = format!("mount -t overlay overlay -o '{options}' '{}'", path("merged").display());
        Ok(run::succeeds(&mut run::command("unshare", ["-m", "sh", "-c", &script])))
    };
    if probe().unwrap_or(false) { "overlayfs" } else { "native" }
}

/// Waits until all nodes are ready.
pub(crate) fn wait(kubectl: &Kubectl, nodes: &[Node]) -> Result<()> {
    for node in nodes {
        let name = node.name();
        let format = "-o=jsonpath={.status.conditions[?(@.type=='Ready')].status}";
        let what = format!("node {name} to be ready (cargo lab logs {name}/kubelet)");
        kubectl.until_met(&what, Duration::from_mins(2), &["get", "node", &name, format], |text| {
            text == "True"
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn layout() -> Layout {
        Layout::new(Some(Path::new("/lab")), Some(Path::new("/c"))).unwrap()
    }

    #[test]
    fn the_kubelet_has_the_asked_period_its_own_cgroup_root_and_certificate() {
        let layout = layout();
        let text = kubelet(&layout, &Pki::new(&layout), Node(2), "1m0s", Path::new("/r")).unwrap();
        for expected in [
            "volumeStatsAggPeriod: 1m0s",
            "syncFrequency: 1m0s",
            "tlsCertFile: /lab/pki/kubelet-server-n2.crt",
            "address: 172.30.0.12",
            "anonymous: {enabled: false}",
            "mode: Webhook",
        ] {
            assert!(text.contains(expected), "{expected}\n{text}");
        }
        assert!(text.contains(&format!("cgroupRoot: /{}/n2", layout.name)));
    }

    #[test]
    fn the_storage_plugin_serves_and_registers_where_the_kubelet_looks() {
        let words = csi(&layout(), Node(1), "/own").join(" ");
        assert!(
            words.contains("--csi-socket=/var/lib/kubelet/plugins/lab.csi.headroom.dev/csi.sock"),
            "{words}"
        );
        assert!(words.contains("--registration-socket=/var/lib/kubelet/plugins_registry/reg@"), "{words}");
    }

    #[test]
    fn the_network_configuration_is_json_with_the_nodes_own_range() {
        let text = template::fill(CNI, &[("RANGE", &Node(3).pod_range())]).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["plugins"][0]["ipam"]["ranges"][0][0]["subnet"], "10.244.3.0/24");
    }
}
