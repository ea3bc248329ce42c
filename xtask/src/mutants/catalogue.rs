//! The mutants: unified diffs with a header that names the mistake and who should catch it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

/// Where the patches are, relative to the root.
const FOLDER: &str = "xtask/mutants";

/// Product code that a mutant may change; worlds and tests are there to catch it.
const PRODUCT: [&str; 4] =
    ["crates/headroom-core/src/", "crates/headroom-engine/src/", "crates/headroom-api/src/", "deploy/"];

/// One deliberate mistake.
#[derive(Debug)]
pub(super) struct Mutant {
    /// Its name: that of the file.
    pub(super) name: String,
    /// The mistake in a sentence.
    pub(super) mistake: String,
    /// Which rung or scenario should catch it.
    pub(super) expected: String,
    /// The files that it changes, relative to the root.
    pub(super) changed: Vec<String>,
    /// The patch.
    path: PathBuf,
}

/// All mutants, by name.
pub(super) fn all(root: &Path) -> anyhow::Result<Vec<Mutant>> {
    let folder = root.join(FOLDER);
    let mut mutants = Vec::new();
    for entry in std::fs::read_dir(&folder).with_context(|| format!("cannot read {FOLDER}"))? {
        let path = entry.with_context(|| format!("cannot read {FOLDER}"))?.path();
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        mutants.push(read(&path, &text)?);
    }
    mutants.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(mutants)
}

/// Reads the header of a patch and what it changes.
fn read(path: &Path, text: &str) -> anyhow::Result<Mutant> {
    let place = path.display();
    let Some(name) = path.file_stem().filter(|_| path.extension().is_some_and(|kind| kind == "patch")) else {
        bail!("{place} is no patch; {FOLDER} holds nothing else");
    };
    let header = |word: &str| {
        let line = text
            .lines()
            .take_while(|line| !line.starts_with("--- "))
            .find_map(|line| line.strip_prefix(word));
        line.map(|said| said.trim().to_owned())
            .filter(|said| !said.is_empty())
            .with_context(|| format!("{place} has no line `{word} …` before its diff"))
    };
    let changed: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("+++ b/")).collect();
    if changed.is_empty() {
        bail!("{place} changes nothing");
    }
    if let Some(other) = changed.iter().find(|file| PRODUCT.iter().all(|part| !file.starts_with(part))) {
        bail!("{place} changes {other}, which is no product code");
    }
    Ok(Mutant {
        name: name.to_string_lossy().into_owned(),
        mistake: header("Mistake:")?,
        expected: header("Expected:")?,
        changed: changed.iter().map(|file| (*file).to_owned()).collect(),
        path: path.to_owned(),
    })
}

impl Mutant {
    /// Whether the patch applies to the tree as it is.
    pub(super) fn check(&self, root: &Path) -> anyhow::Result<()> {
        self.git(root, &["--check"])
    }

    /// Makes the mistake.
    pub(super) fn apply(&self, tree: &Path) -> anyhow::Result<()> {
        self.git(tree, &[])
    }

    /// Takes it back.
    pub(super) fn revert(&self, tree: &Path) -> anyhow::Result<()> {
        self.git(tree, &["--reverse"])
    }

    fn git(&self, tree: &Path, how: &[&str]) -> anyhow::Result<()> {
        let ceiling = tree.parent().unwrap_or(tree);
        let output = Command::new("git")
            .current_dir(tree)
            // Below target/ the paths of a patch would be those of the checkout around it, and left out without a word.
            .env("GIT_CEILING_DIRECTORIES", ceiling)
            .arg("apply")
            .args(how)
            .arg(&self.path)
            .output()
            .context("git did not start")?;
        if !output.status.success() {
            bail!(
                "mutant {} does not apply; write its patch anew: {}",
                self.name,
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::read;

    const GOOD: &str = "Mistake: a\nExpected: b\n\n--- a/deploy/x\n+++ b/deploy/x\n@@ -1 +1 @@\n-a\n+b\n";

    #[test]
    fn a_patch_names_its_mistake_and_changes_product_code_alone() {
        let good = read(Path::new("m/one.patch"), GOOD).expect("it is well formed");
        assert_eq!((good.name.as_str(), good.mistake.as_str()), ("one", "a"));
        assert_eq!(good.changed, ["deploy/x"]);
        for (bad, words) in [
            (GOOD.replace("Mistake:", "What:"), "no line `Mistake: …`"),
            (GOOD.replace("Expected: b", "Expected:"), "no line `Expected: …`"),
            (GOOD.replace("deploy/", "crates/headroom-sim/"), "no product code"),
            ("Mistake: a\nExpected: b\n".to_owned(), "changes nothing"),
        ] {
            let error = read(Path::new("m/one.patch"), &bad).expect_err("it is malformed");
            assert!(error.to_string().contains(words), "{error}");
        }
        assert!(read(Path::new("m/notes.txt"), GOOD).is_err());
    }
}
