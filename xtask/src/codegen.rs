//! Generated files.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};

/// The generated CRD, relative to the root.
const CRD: &str = "deploy/crd/dynamicstorages.headroom.dev.yaml";

/// Writes the generated files, or with `check` fails when one is stale.
pub(crate) fn run(root: &Path, check: bool) -> anyhow::Result<()> {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .current_dir(root)
        .args(["run", "--quiet", "--package", "headroom-api", "--example", "crd"])
        .output()
        .context("cargo did not start")?;
    if !output.status.success() {
        bail!("the CRD could not be generated:\n{}", String::from_utf8_lossy(&output.stderr));
    }
    let path = root.join(CRD);
    let present = std::fs::read(&path).unwrap_or_default();
    if present == output.stdout {
        crate::say(&format!("{CRD} is fresh"));
        return Ok(());
    }
    if check {
        bail!("{CRD} is stale; run `cargo xtask codegen` and commit it");
    }
    std::fs::write(&path, &output.stdout).with_context(|| format!("cannot write {CRD}"))?;
    crate::say(&format!("wrote {CRD}"));
    Ok(())
}
