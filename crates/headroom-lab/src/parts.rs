//! Every program and image of the lab, built or installed by itself and cached by version.

use std::path::PathBuf;

use anyhow::Result;

use crate::layout::Layout;
use crate::progress::Progress;

pub(crate) mod apt;
mod go;
mod pause;
mod postgres;

pub(crate) use pause::TAG as PAUSE_IMAGE;
pub(crate) use postgres::{NEXT_TAG as POSTGRES_NEXT_IMAGE, TAG as POSTGRES_IMAGE};

/// Version of Kubernetes.
pub(crate) const KUBERNETES: &str = "v1.36.3";

/// Where the built programs are.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    kubernetes: PathBuf,
    resizer: PathBuf,
    snapshotter: PathBuf,
    dns: PathBuf,
}

impl Programs {
    /// Paths in the cache, whether or not they are built.
    pub(crate) fn new(layout: &Layout) -> Self {
        let dir = |module: &go::Module| layout.cache.join(module.cache_name());
        Self {
            kubernetes: dir(&go::KUBERNETES),
            resizer: dir(&go::RESIZER),
            snapshotter: dir(&go::SNAPSHOTTER),
            dns: dir(&go::DNS),
        }
    }
    /// A program of Kubernetes.
    pub(crate) fn kubernetes(&self, program: &str) -> String {
        self.kubernetes.join(program).display().to_string()
    }
    /// csi-resizer.
    pub(crate) fn resizer(&self) -> String {
        self.resizer.join("csi-resizer").display().to_string()
    }
    /// csi-snapshotter or snapshot-controller.
    pub(crate) fn snapshotter(&self, program: &str) -> String {
        self.snapshotter.join(program).display().to_string()
    }
    /// The CRDs of snapshots.
    pub(crate) fn snapshot_crds(&self) -> Vec<PathBuf> {
        go::SNAPSHOTTER.cached_files(&self.snapshotter)
    }
    /// CoreDNS.
    pub(crate) fn dns(&self) -> String {
        self.dns.join("coredns").display().to_string()
    }
    /// Directory that holds kubectl.
    pub(crate) fn kubectl_dir(&self) -> PathBuf {
        self.kubernetes.clone()
    }
}

/// Image archives made by the lab.
#[derive(Debug, Clone)]
pub(crate) struct Images {
    /// The sandbox of every pod.
    pub(crate) pause: PathBuf,
    /// PostgreSQL.
    pub(crate) postgres: PathBuf,
}

/// Builds the programs of the control plane.
pub(crate) fn control_plane(layout: &Layout, progress: &Progress) -> Result<()> {
    go::ensure(layout, progress, &go::KUBERNETES, &["kube-apiserver"])
}

/// Builds kubectl, which a control plane alone does not need by itself.
pub(crate) fn kubectl(layout: &Layout, progress: &Progress) -> Result<()> {
    go::ensure(layout, progress, &go::KUBERNETES, &["kubectl"])
}

/// Builds all other programs and the images.
pub(crate) fn everything(layout: &Layout, progress: &Progress) -> Result<Images> {
    let rest = ["kubelet", "kube-controller-manager", "kube-scheduler", "kube-proxy", "kubectl"];
    go::ensure(layout, progress, &go::KUBERNETES, &rest)?;
    go::ensure(layout, progress, &go::RESIZER, &["csi-resizer"])?;
    go::ensure(layout, progress, &go::SNAPSHOTTER, &["csi-snapshotter", "snapshot-controller"])?;
    go::ensure(layout, progress, &go::DNS, &["coredns"])?;
    Ok(Images { pause: pause::ensure(layout, progress)?, postgres: postgres::ensure(layout, progress)? })
}
