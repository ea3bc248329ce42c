//! The lab's network: a bridge in a namespace of its own, a management namespace and one per node, routes between pod ranges.
//!
//! Nothing is added to the host's own network. Every namespace gets a default route, or a packet to a ClusterIP has no
//! route before kube-proxy can rewrite it.

use std::net::Ipv4Addr;
use std::path::Path;

use anyhow::{Context, Result};

use crate::layout::{Layout, MANAGEMENT, Node};
use crate::{enter, run};

const PREFIX_LENGTH: u8 = 24;

/// Makes what is missing; safe to repeat.
pub(crate) fn ensure(layout: &Layout, nodes: &[Node]) -> Result<()> {
    let bridge = layout.bridge_netns();
    ensure_namespace(&bridge)?;
    script(&bridge, BRIDGE).context("making the lab's bridge")?;
    let management = layout.management_netns();
    ensure_namespace(&management)?;
    connect(&bridge, &management, "mgmt", MANAGEMENT)?;
    for &node in nodes {
        let name = layout.node_netns(node);
        ensure_namespace(&name)?;
        connect(&bridge, &name, &node.name(), node.address())?;
    }
    for &node in nodes {
        script(&layout.node_netns(node), &node_script(node, nodes))?;
    }
    script(&management, &routes(nodes))?;
    link(layout, &management)
}

/// The control plane's network namespace as a file of the lab's directory, for those who must reach into it.
fn link(layout: &Layout, netns: &str) -> Result<()> {
    let (target, link) = (Layout::netns_path(netns), layout.management_link());
    if std::fs::read_link(&link).is_ok_and(|present| present == target) {
        return Ok(());
    }
    std::os::unix::fs::symlink(&target, &link).with_context(|| format!("linking {}", link.display()))
}

/// Removes every namespace of this lab; returns those that could not be.
pub(crate) fn remove(layout: &Layout) -> Vec<String> {
    namespaces(layout)
        .into_iter()
        .filter(|name| !run::succeeds(&mut run::command("ip", ["netns", "del", name])))
        .collect()
}

/// Names of this lab's network namespaces that exist.
pub(crate) fn namespaces(layout: &Layout) -> Vec<String> {
    let names = |entry: std::io::Result<std::fs::DirEntry>| entry.ok()?.file_name().into_string().ok();
    let mut found: Vec<String> = std::fs::read_dir("/run/netns")
        .into_iter()
        .flatten()
        .filter_map(names)
        .filter(|n| belongs(&layout.name, n))
        .collect();
    found.sort();
    found
}

/// Whether another lab of this machine has its namespaces.
pub(crate) fn other_lab_exists(layout: &Layout) -> bool {
    let names = std::fs::read_dir("/run/netns")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names
        .filter(|name| !belongs(&layout.name, name))
        .any(|name| name.starts_with(Layout::NAME) && name.ends_with("-mgmt"))
}

/// Whether a namespace's name is this lab's and not that of a lab whose name begins alike.
fn belongs(lab: &str, netns: &str) -> bool {
    let Some(rest) = netns.strip_prefix(lab).and_then(|rest| rest.strip_prefix('-')) else { return false };
    rest == "bridge"
        || rest == "mgmt"
        || rest.strip_prefix('n').is_some_and(|digits| digits.parse::<u8>().is_ok())
}

fn ensure_namespace(name: &str) -> Result<()> {
    if !Layout::netns_path(name).exists() {
        run::output(&mut run::command("ip", ["netns", "add", name]))?;
    }
    script(name, "ip link set lo up")
}

fn script(netns: &str, text: &str) -> Result<()> {
    let path = Layout::netns_path(netns);
    run::output(&mut enter::command(Some(Path::new(&path)), None, ["sh", "-euc", text]))
        .map(drop)
        .with_context(|| format!("setting up network namespace {netns}"))
}

const BRIDGE: &str = "ip link show br0 >/dev/null 2>&1 || ip link add br0 type bridge
ip link set br0 up";

/// A veth pair from the bridge's namespace into another one.
fn connect(bridge: &str, netns: &str, port: &str, address: Ipv4Addr) -> Result<()> {
    let target = Layout::netns_path(netns);
    let target = target.display();
    script(
        bridge,
        &format!(
            "if ! ip link show {port} >/dev/null 2>&1; then
  nsenter --net={target} ip link del eth0 >/dev/null 2>&1 || true
  ip link add {port} type veth peer name eth0 netns {netns}
fi
ip link set {port} master br0 up"
        ),
    )?;
    script(
        netns,
        &format!(
            "ip link set eth0 up\nip addr replace {address}/{PREFIX_LENGTH} dev eth0 || ip addr add {address}/{PREFIX_LENGTH} dev eth0"
        ),
    )
}

fn routes(nodes: &[Node]) -> String {
    let line = |node: &Node| format!("ip route replace {} via {}", node.pod_range(), node.address());
    nodes.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn node_script(node: Node, nodes: &[Node]) -> String {
    let others: Vec<Node> = nodes.iter().copied().filter(|other| *other != node).collect();
    format!(
        "{}
ip route replace default via {MANAGEMENT}
echo 1 > /proc/sys/net/ipv4/ip_forward
echo 0 > /proc/sys/net/ipv4/conf/all/rp_filter
echo 0 > /proc/sys/net/ipv4/conf/default/rp_filter
echo 0 > /proc/sys/net/ipv4/conf/eth0/send_redirects",
        routes(&others)
    )
}

/// `iptables` when its nat table works in a network namespace, else `nftables`.
pub(crate) fn proxy_mode(layout: &Layout, node: Node) -> &'static str {
    let path = Layout::netns_path(&layout.node_netns(node));
    let probe = ["iptables", "-w", "-t", "nat", "-S", "POSTROUTING"];
    if run::succeeds(&mut enter::command(Some(path.as_path()), None, probe)) {
        "iptables"
    } else {
        "nftables"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_routes_to_the_pods_of_the_others_and_not_to_its_own() {
        let text = node_script(Node(2), &[Node(1), Node(2), Node(3)]);
        assert!(
            text.contains("10.244.1.0/24 via 172.30.0.11") && text.contains("10.244.3.0/24 via 172.30.0.13")
        );
        assert!(!text.contains("10.244.2.0/24"));
        assert!(text.contains("default via 172.30.0.1"));
    }

    #[test]
    fn namespaces_of_a_lab_with_a_longer_name_are_not_ours() {
        let ours = |name| belongs("headroom-lab", name);
        assert!(ours("headroom-lab-mgmt") && ours("headroom-lab-bridge") && ours("headroom-lab-n1"));
        assert!(
            !ours("headroom-lab-a1b2c3-mgmt")
                && !ours("headroom-lab-nx")
                && !ours("other-n1")
                && !ours("headroom-lab")
        );
    }
}
