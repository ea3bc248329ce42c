//! Builds programs of the copy and runs them, so that what does not compile is not taken for what is caught.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use serde_json::Value;

use super::copy::Copy;

/// A mutant that hangs is caught after this; the slowest rung takes a tenth of it on two cores.
const LIMIT: Duration = Duration::from_mins(30);

/// A program that was built.
pub(super) struct Program {
    /// The name of its target.
    pub(super) name: String,
    file: PathBuf,
    package: PathBuf,
}

/// How a program ended.
pub(super) struct Ended {
    /// Its exit code; `None` when it was killed because it hung, or by a signal.
    pub(super) code: Option<i32>,
    /// What it printed.
    pub(super) printed: String,
}

/// Builds with these words for cargo and answers the programs among what was built.
pub(super) fn build(copy: &Copy, words: &[&str]) -> anyhow::Result<Vec<Program>> {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .current_dir(copy.tree())
        .env("CARGO_TARGET_DIR", copy.builds())
        .args(words)
        .args(["--quiet", "--message-format", "json-render-diagnostics"])
        .output()
        .context("cargo did not start")?;
    if !output.status.success() {
        bail!("it does not compile:\n{}", String::from_utf8_lossy(&output.stderr));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().filter_map(|line| program(&serde_json::from_str(line).ok()?)).collect())
}

fn program(message: &Value) -> Option<Program> {
    let manifest = Path::new(message["manifest_path"].as_str()?);
    Some(Program {
        name: message["target"]["name"].as_str()?.to_owned(),
        file: PathBuf::from(message["executable"].as_str()?),
        package: manifest.parent()?.to_owned(),
    })
}

impl Program {
    /// Runs it as cargo would.
    pub(super) fn run(&self, copy: &Copy, words: &[&str]) -> anyhow::Result<Ended> {
        let log = copy.logs().join(&self.name);
        std::fs::create_dir_all(copy.logs()).context("cannot make a folder for logs")?;
        let open = || File::create(&log).with_context(|| format!("cannot write {}", log.display()));
        let child = Command::new(&self.file)
            .current_dir(&self.package)
            .env("CARGO_MANIFEST_DIR", &self.package)
            .args(words)
            .stdin(Stdio::null())
            .stdout(open()?)
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("{} did not start", self.file.display()))?;
        let code = wait(child)?;
        let printed = std::fs::read(&log).with_context(|| format!("cannot read {}", log.display()))?;
        Ok(Ended { code, printed: String::from_utf8_lossy(&printed).into_owned() })
    }
}

/// Waits for the end, or ends it.
fn wait(mut child: Child) -> anyhow::Result<Option<i32>> {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().context("cannot wait for a program")? {
            return Ok(status.code());
        }
        if started.elapsed() > LIMIT {
            child.kill().and_then(|()| child.wait()).context("cannot end a program")?;
            return Ok(None);
        }
        // The standard library has no wait with a limit.
        std::thread::sleep(Duration::from_millis(50));
    }
}
