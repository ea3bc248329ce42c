//! A kubelet of the lab that answers nobody but the API server: what the operator asks it is dropped on the node.

use std::path::Path;
use std::process::Command;

use headroom_scenario::WorldError;

use super::connect::failed;

/// The kubelets' port.
const PORT: &str = "10250";
/// The API server's address in the lab: exec, logs and the scenario's own samples go on.
const API_SERVER: &str = "172.30.0.1";

/// From now on the kubelet of the node is silent.
pub(crate) fn begin(lab: &Path, node: &str) -> Result<(), WorldError> {
    iptables(lab, node, "--insert")
}

/// It answers again.
pub(crate) fn end(lab: &Path, node: &str) -> Result<(), WorldError> {
    iptables(lab, node, "--delete")
}

fn iptables(lab: &Path, node: &str, act: &str) -> Result<(), WorldError> {
    let doing = format!("silence the kubelet of {node}, or end that");
    let mut netns = std::ffi::OsString::from("--net=");
    netns.push(lab.join("netns").join(node));
    let rule = ["INPUT", "--protocol", "tcp", "--dport", PORT, "!", "--source", API_SERVER, "--jump", "DROP"];
    let output = Command::new("nsenter")
        .arg(netns)
        .args(["--", "iptables", "--wait", act])
        .args(rule)
        .output()
        .map_err(|error| failed(&doing, &error))?;
    if output.status.success() {
        return Ok(());
    }
    Err(failed(&doing, &String::from_utf8_lossy(&output.stderr).trim()))
}
