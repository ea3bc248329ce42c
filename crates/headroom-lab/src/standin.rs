//! The stand-in for CloudNativePG, for machines that have no operator image of it: built from this checkout, its instance
//! manager on every node as an image, its controller a part like csi-resizer.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::archive::{self, Config, Entry};
use crate::certs::Pki;
use crate::control_plane::inside_url;
use crate::error::PrerequisiteError;
use crate::kubectl::Kubectl;
use crate::layout::{Layout, Node};
use crate::parts::POSTGRES_IMAGE;
use crate::progress::Progress;
use crate::state::State;
use crate::supervise::PartSpec;
use crate::{files, images, kubeconfig, run};

/// The user of its kubeconfig.
pub(crate) const USER: &str = "stand-in";
const CRDS: [&str; 2] = [
    include_str!("../../headroom-standin/crds/cluster.yaml"),
    include_str!("../../headroom-standin/crds/backup.yaml"),
];
const PROGRAM: &str = "headroom-standin";

/// One lab has CloudNativePG or the stand-in, never both: they would serve the same objects.
pub(crate) fn exclude(state: &State, stand_in: bool, manifest: bool) -> Result<()> {
    let (have, want) = match (state.cnpg, state.stand_in) {
        (true, _) if stand_in => ("CloudNativePG", "the stand-in"),
        (_, true) if manifest => ("the stand-in", "CloudNativePG"),
        _ => return Ok(()),
    };
    Err(PrerequisiteError::new(
        format!("this lab has {have}, so it cannot have {want}"),
        "cargo lab down, then up again; or another lab with --dir",
    )
    .into())
}

/// The program, built, and where its image is.
#[derive(Debug, Clone)]
pub(crate) struct StandIn {
    program: PathBuf,
    archive: PathBuf,
    tag: String,
}

/// Builds the program of this checkout as a static one and packs it.
pub(crate) fn build(layout: &Layout, progress: &Progress) -> Result<StandIn> {
    let built = progress.run("build the stand-in for CloudNativePG", || {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut cargo = run::command("cargo", ["xtask", "binary", "--package", PROGRAM]);
        let path = run::output(cargo.current_dir(&root)).context("building headroom-standin")?;
        Ok::<_, anyhow::Error>(PathBuf::from(path.trim()))
    })?;
    let bytes = std::fs::read(&built).with_context(|| format!("reading {}", built.display()))?;
    let digest = hex::encode(Sha256::digest(&bytes));
    let digest = digest.get(..12).unwrap_or_default();
    let dir = layout.path("stand-in");
    let program = dir.join(format!("{PROGRAM}-{digest}"));
    let archive = dir.join(format!("stand-in-{digest}.tar"));
    let tag = format!("headroom.dev/lab/stand-in:{digest}");
    if !archive.exists() {
        // What an earlier build left.
        let _ = std::fs::remove_dir_all(&dir);
        files::write(&program, &bytes)?;
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755))
            .with_context(|| format!("making {} executable", program.display()))?;
        let entry = Entry { source: program.clone(), destination: PROGRAM.into(), mode: 0o755 };
        let config =
            Config { user: "26:26".into(), entrypoint: vec![format!("/{PROGRAM}")], env: Vec::new() };
        archive::pack_files(&archive, &[tag.as_str()], &config, &[entry])?;
    }
    Ok(StandIn { program, archive, tag })
}

/// Imports the image on every node, applies the definitions of `Cluster` and `Backup`, and tells the part to run.
pub(crate) fn install(
    layout: &Layout,
    kubectl: &Kubectl,
    nodes: &[Node],
    built: &StandIn,
    progress: &Progress,
) -> Result<PartSpec> {
    progress.run("install the stand-in for CloudNativePG", || {
        images::import_new(layout, nodes, &built.archive)?;
        for definition in CRDS {
            kubectl.apply(definition)?;
        }
        let established = [
            "wait",
            "--for=condition=Established",
            "--timeout=60s",
            "crd/clusters.postgresql.cnpg.io",
            "crd/backups.postgresql.cnpg.io",
        ];
        kubectl.run(&established).map(drop)
    })?;
    let path = layout.path("stand-in.kubeconfig");
    kubeconfig::write(&path, &Pki::new(layout), USER, &inside_url())?;
    let words = [
        built.program.display().to_string(),
        "controller".to_owned(),
        format!("--kubeconfig={}", path.display()),
        format!("--image={}", built.tag),
        format!("--postgres={POSTGRES_IMAGE}"),
    ];
    let netns = Layout::netns_path(&layout.management_netns());
    Ok(PartSpec::new("cnpg-stand-in", words).in_network(netns).reads([path.as_path()]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn excludes(cnpg: bool, stand_in: bool, wanted: (bool, bool), expected: bool) {
        let state = State { nodes: 3, stats_period: "10s".into(), port: 1, cnpg, stand_in };
        assert_eq!(exclude(&state, wanted.0, wanted.1).is_err(), expected);
    }

    #[test]
    fn a_lab_has_cloudnativepg_or_the_stand_in() {
        excludes(true, false, (true, false), true);
        excludes(false, true, (false, true), true);
        excludes(true, false, (false, true), false);
        excludes(false, true, (true, false), false);
        excludes(false, true, (false, false), false);
    }

    #[test]
    fn the_definitions_say_that_they_are_a_stand_ins() {
        for definition in CRDS {
            assert!(definition.contains("headroom.dev/stand-in:"));
            assert!(definition.contains("managed-by: headroom-standin"));
        }
    }
}
