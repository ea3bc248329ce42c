//! Generated files.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};

use crate::reference;

/// The generated CRD, relative to the root.
const CRD: &str = "deploy/crd/dynamicstorages.headroom.dev.yaml";

/// Writes the generated files, or with `check` fails when one is stale.
pub(crate) fn run(root: &Path, check: bool) -> anyhow::Result<()> {
    keep(root, CRD, &crd(root)?, check)?;
    let page = std::fs::read_to_string(root.join(reference::PAGE))
        .with_context(|| format!("cannot read {}", reference::PAGE))?;
    keep(root, reference::PAGE, reference::render(root, &page)?.as_bytes(), check)
}

fn crd(root: &Path) -> anyhow::Result<Vec<u8>> {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .current_dir(root)
        .args(["run", "--quiet", "--package", "headroom-api", "--example", "crd"])
        .output()
        .context("cargo did not start")?;
    if !output.status.success() {
        bail!("the CRD could not be generated:\n{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(output.stdout)
}

/// Brings a file to its content, or with `check` says that it has another one.
fn keep(root: &Path, path: &str, content: &[u8], check: bool) -> anyhow::Result<()> {
    if std::fs::read(root.join(path)).unwrap_or_default() == content {
        crate::say(&format!("{path} is fresh"));
        return Ok(());
    }
    if check {
        bail!("{path} is stale; run `cargo xtask codegen` and commit it");
    }
    std::fs::write(root.join(path), content).with_context(|| format!("cannot write {path}"))?;
    crate::say(&format!("wrote {path}"));
    Ok(())
}
