//! What a cluster needs beside nodes: storage (driver, growth, snapshots, classes) and DNS.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;

use crate::certs::Pki;
use crate::control_plane::inside_url;
use crate::kubectl::Kubectl;
use crate::layout::{DNS_SERVICE, Layout, MANAGEMENT};
use crate::parts::Programs;
use crate::supervise::PartSpec;
use crate::{files, kubeconfig, template};

const STORAGE: &str = include_str!("../assets/addons/storage.yaml");
const SNAPSHOTS: &str = include_str!("../assets/addons/snapshots.yaml");
const DNS: &str = include_str!("../assets/addons/dns.yaml");
const COREFILE: &str = include_str!("../assets/addons/Corefile");

/// DNS server, storage controller, csi-resizer, csi-snapshotter and snapshot-controller. `own` is the lab's program, which holds the storage controller.
pub(crate) fn parts(layout: &Layout, programs: &Programs, own: &str) -> Result<Vec<PartSpec>> {
    let pki = Pki::new(layout);
    let path = |name: &str| layout.path("addons").join(name);
    let user = |name: &str| -> Result<PathBuf> {
        let file = path(&format!("{name}.kubeconfig"));
        kubeconfig::write(&file, &pki, name, &inside_url())?;
        Ok(file)
    };
    let (dns, csi, resizer) = (user("dns")?, user("csi")?, user("resizer")?);
    let corefile = path("Corefile");
    files::write(&corefile, template::fill(COREFILE, &[("KUBECONFIG", &dns.display().to_string())])?)?;
    let socket = layout.path("csi-controller.sock");
    let netns = Layout::netns_path(&layout.management_netns());
    let controller = [
        own.to_owned(),
        "csi-controller".to_owned(),
        format!("--images={}", layout.volumes().display()),
        format!("--csi-socket={}", socket.display()),
        format!("--gate-socket={}", layout.controller_gate().display()),
        format!("--copy-sockets={}", layout.copy_sockets().display()),
        format!("--kubeconfig={}", csi.display()),
    ];
    let resizer_words = [
        programs.resizer(),
        format!("--csi-address={}", socket.display()),
        format!("--kubeconfig={}", resizer.display()),
        "--leader-election=false".to_owned(),
        "--timeout=15s".to_owned(),
        "--retry-interval-start=1s".to_owned(),
        // Stock is 5m; a refused growth is asked for again soon enough for a test to see it.
        "--retry-interval-max=10s".to_owned(),
        "--v=2".to_owned(),
    ];
    let dns_words = [programs.dns(), "-conf".to_owned(), corefile.display().to_string()];
    let part = |name: &str, words: Vec<String>| PartSpec::new(name, words).in_network(netns.clone());
    let (snapshotter, snapshots) = (user("snapshotter")?, user("snapshot-controller")?);
    Ok(vec![
        part("coredns", dns_words.to_vec()).reads([corefile.as_path(), dns.as_path()]),
        part("csi-controller", controller.to_vec()).reads([csi.as_path()]),
        part("csi-resizer", resizer_words.to_vec()).reads([resizer.as_path()]),
        part("csi-snapshotter", snapshotter_words(programs, &socket, &snapshotter))
            .reads([snapshotter.as_path()]),
        part("snapshot-controller", snapshot_controller_words(programs, &snapshots))
            .reads([snapshots.as_path()]),
    ])
}

/// The CRDs of group snapshots are not installed; both programs would wait for them at each start.
const NO_GROUPS: &str = "--feature-gates=CSIVolumeGroupSnapshot=false";

fn snapshotter_words(programs: &Programs, socket: &Path, kubeconfig: &Path) -> Vec<String> {
    vec![
        programs.snapshotter("csi-snapshotter"),
        format!("--csi-address={}", socket.display()),
        format!("--kubeconfig={}", kubeconfig.display()),
        "--leader-election=false".to_owned(),
        "--timeout=60s".to_owned(),
        "--retry-interval-start=1s".to_owned(),
        // Stock is 5m; a refused snapshot is asked for again soon enough for a test to see it.
        "--retry-interval-max=10s".to_owned(),
        NO_GROUPS.to_owned(),
        "--v=2".to_owned(),
    ]
}

fn snapshot_controller_words(programs: &Programs, kubeconfig: &Path) -> Vec<String> {
    vec![
        programs.snapshotter("snapshot-controller"),
        format!("--kubeconfig={}", kubeconfig.display()),
        "--leader-election=false".to_owned(),
        "--retry-interval-max=10s".to_owned(),
        NO_GROUPS.to_owned(),
        "--v=2".to_owned(),
    ]
}

/// The objects of storage, snapshots and DNS.
pub(crate) fn apply(kubectl: &Kubectl, programs: &Programs) -> Result<()> {
    let driver = [("DRIVER", headroom_csi::DRIVER_NAME)];
    kubectl.apply(&template::fill(STORAGE, &driver)?)?;
    let crds = programs.snapshot_crds().iter().map(|crd| files::read(crd)).collect::<Result<Vec<_>>>()?;
    kubectl.apply(&crds.join("\n---\n"))?;
    // The class is of a kind that the API server serves only a moment after it has the CRD.
    kubectl.until_applied(
        "the snapshot CRDs",
        Duration::from_mins(1),
        &template::fill(SNAPSHOTS, &driver)?,
    )?;
    let values = [("SERVICE", DNS_SERVICE.to_string()), ("SERVER", MANAGEMENT.to_string())];
    kubectl.apply(&template::fill(DNS, &values.each_ref().map(|(name, value)| (*name, value.as_str())))?)
}
