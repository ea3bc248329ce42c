//! The files under the rules: those that git would hold.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};

/// All text files of the repository.
pub(super) struct Sources {
    pub(super) files: Vec<Source>,
}

/// One text file.
pub(super) struct Source {
    /// Path from the root, with `/`.
    pub(super) path: String,
    pub(super) text: String,
}

impl Sources {
    /// Reads what git tracks or would track; binary files are left out.
    pub(super) fn read(root: &Path) -> anyhow::Result<Self> {
        let output = Command::new("git")
            .current_dir(root)
            .args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"])
            .output()
            .context("git did not start")?;
        if !output.status.success() {
            bail!("git ls-files failed: {}", String::from_utf8_lossy(&output.stderr));
        }
        let list = String::from_utf8(output.stdout).context("a path is not UTF-8")?;
        let files = list
            .split('\0')
            .filter(|path| !path.is_empty())
            .filter_map(|path| {
                // Tracked but deleted, or not text: no business of these rules.
                let text = std::fs::read_to_string(root.join(path)).ok()?;
                Some(Source { path: path.to_owned(), text })
            })
            .collect();
        Ok(Self { files })
    }

    /// Rust files whose path begins with `prefix`.
    pub(super) fn rust<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a Source> {
        self.files.iter().filter(move |file| file.path.starts_with(prefix) && file.is_rust())
    }
}

impl Source {
    pub(super) fn is_rust(&self) -> bool {
        self.has_extension("rs")
    }

    pub(super) fn has_extension(&self, wanted: &str) -> bool {
        Path::new(&self.path).extension().is_some_and(|extension| extension == wanted)
    }

    /// Made by a generator, which its path says.
    pub(super) fn is_generated(&self) -> bool {
        self.path.contains("/generated/") || self.path.ends_with("/generated.rs")
    }

    /// The lines outside `#[cfg(test)]` modules, numbered from 1, comments cut off. A test module is at the foot of a
    /// file by convention, so the first `#[cfg(test)]` followed by `mod` ends the product code.
    pub(super) fn product_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let mut ended = false;
        let lines: Vec<&str> = self.text.lines().collect();
        let end = lines
            .iter()
            .enumerate()
            .position(|(at, line)| {
                line.trim() == "#[cfg(test)]"
                    && lines[at..]
                        .iter()
                        .skip(1)
                        .find(|next| !next.trim_start().starts_with("#["))
                        .is_some_and(|next| {
                            next.trim_start().starts_with("mod ") && next.trim_end().ends_with('{')
                        })
            })
            .unwrap_or(lines.len());
        self.text.lines().enumerate().filter_map(move |(at, line)| {
            ended |= at >= end;
            let code = line.split("//").next().unwrap_or_default();
            (!ended && !code.trim().is_empty()).then_some((at + 1, code))
        })
    }
}
