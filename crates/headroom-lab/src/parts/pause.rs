//! The pause image: a static program that sleeps and reaps.

use std::path::PathBuf;

use anyhow::Result;

use crate::archive::{self, Config, Entry};
use crate::error::PrerequisiteError;
use crate::layout::Layout;
use crate::progress::Progress;
use crate::{files, run};

/// Name of the image.
pub(crate) const TAG: &str = "headroom.dev/lab/pause:1";
const SOURCE: &str = include_str!("../../assets/go/pause.go");

/// The archive, made if the cache lacks it.
pub(crate) fn ensure(layout: &Layout, progress: &Progress) -> Result<PathBuf> {
    let archive = layout.cache.join("pause-1/pause.tar");
    if archive.exists() {
        return Ok(archive);
    }
    progress.run("build the pause image", || {
        let go = run::find("go").ok_or_else(|| {
            PrerequisiteError::new("Go is not installed", "install Go 1.26 or later and put it on PATH")
        })?;
        files::create_dir(&layout.cache)?;
        let work = tempfile::Builder::new().prefix("build-").tempdir_in(&layout.cache)?;
        files::write(&work.path().join("go.mod"), "module lab/pause\n\ngo 1.21\n")?;
        files::write(&work.path().join("main.go"), SOURCE)?;
        let mut build = run::command(
            go,
            ["build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", "pause", "."],
        );
        run::output(
            build.current_dir(work.path()).env("CGO_ENABLED", "0").env("GOFLAGS", "").env("GOWORK", "off"),
        )?;
        let config =
            Config { user: "65535:65535".into(), entrypoint: vec!["/pause".into()], env: Vec::new() };
        let entry = Entry { source: work.path().join("pause"), destination: "pause".into(), mode: 0o755 };
        archive::pack_files(&archive, &[TAG], &config, &[entry])
    })?;
    Ok(archive)
}
