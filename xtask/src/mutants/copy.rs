//! The copy of the tree that mutants are tried on, with builds of its own that are re-used from one to the next.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

/// The copy.
pub(super) struct Copy {
    folder: PathBuf,
    tree: PathBuf,
}

impl Copy {
    /// Copies the files that belong to the repository as they are in this checkout, committed or not.
    pub(super) fn make(root: &Path) -> anyhow::Result<Self> {
        let folder = root.join("target/mutants");
        let tree = folder.join("tree");
        let names = listed(root)?;
        let wanted: BTreeSet<PathBuf> = names.iter().map(|name| tree.join(name)).collect();
        std::fs::create_dir_all(&tree).context("cannot make a folder for the copy")?;
        sweep(&tree, &wanted)?;
        for name in &names {
            let (from, to) = (root.join(name), tree.join(name));
            let bytes = std::fs::read(&from).with_context(|| format!("cannot read {name}"))?;
            // What an earlier run left stays, so that cargo finds it as old as what was built of it.
            if std::fs::read(&to).is_ok_and(|known| known == bytes) {
                continue;
            }
            let parent = to.parent().context("a file lies in a folder")?;
            std::fs::create_dir_all(parent)
                .and_then(|()| std::fs::write(&to, bytes))
                .with_context(|| format!("cannot write {}", to.display()))?;
        }
        Ok(Self { folder, tree })
    }

    /// Its root.
    pub(super) fn tree(&self) -> &Path {
        &self.tree
    }

    /// Where what is built of it goes.
    pub(super) fn builds(&self) -> PathBuf {
        self.folder.join("target")
    }

    /// Where the words of builds and tests go.
    pub(super) fn logs(&self) -> PathBuf {
        self.folder.join("logs")
    }

    /// Deletes copy and builds.
    pub(super) fn remove(&self) -> anyhow::Result<()> {
        std::fs::remove_dir_all(&self.folder)
            .with_context(|| format!("cannot delete {}", self.folder.display()))
    }
}

/// The files of the repository, relative to its root.
fn listed(root: &Path) -> anyhow::Result<Vec<String>> {
    let output = Command::new("git")
        .current_dir(root)
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .output()
        .context("git did not start")?;
    if !output.status.success() {
        bail!("cannot list the files: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let names = String::from_utf8(output.stdout).context("a file has a name that is no text")?;
    let there = names.split_terminator('\0').filter(|name| root.join(name).is_file());
    Ok(there.map(str::to_owned).collect())
}

/// Deletes the files of an earlier copy that are not wanted any more.
fn sweep(folder: &Path, wanted: &BTreeSet<PathBuf>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry.with_context(|| format!("cannot read {}", folder.display()))?.path();
        if path.is_dir() {
            sweep(&path, wanted)?;
        } else if !wanted.contains(&path) {
            std::fs::remove_file(&path).with_context(|| format!("cannot delete {}", path.display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs};

    #[test]
    fn what_an_earlier_copy_left_behind_goes() {
        let folder = std::env::temp_dir().join(format!("headroom-mutants-{}", std::process::id()));
        fs::create_dir_all(folder.join("a")).expect("a folder");
        for name in ["a/kept", "a/old", "older"] {
            fs::write(folder.join(name), name).expect("a file");
        }
        super::sweep(&folder, &BTreeSet::from([folder.join("a/kept")])).expect("it can be swept");
        let left =
            [folder.join("a/kept").exists(), folder.join("a/old").exists(), folder.join("older").exists()];
        fs::remove_dir_all(&folder).expect("it can be deleted");
        assert_eq!(left, [true, false, false]);
    }
}
