//! Writing files so that a crash never leaves half of one.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context, Result};

/// Creates a directory and its parents.
pub(crate) fn create_dir(path: &Path) -> Result<()> {
    std::fs::create_dir_all(path).with_context(|| format!("creating {}", path.display()))
}

/// Replaces a file as a whole; says whether its content changed.
pub(crate) fn write(path: &Path, content: impl AsRef<[u8]>) -> Result<bool> {
    write_with_mode(path, content.as_ref(), 0o644)
}

/// Like [`write`], readable by root only.
pub(crate) fn write_secret(path: &Path, content: impl AsRef<[u8]>) -> Result<bool> {
    write_with_mode(path, content.as_ref(), 0o600)
}

fn write_with_mode(path: &Path, content: &[u8], mode: u32) -> Result<bool> {
    if std::fs::read(path).is_ok_and(|old| old == content) {
        return Ok(false);
    }
    let parent = path.parent().context("a file needs a directory")?;
    create_dir(parent)?;
    let attempt = || -> std::io::Result<()> {
        let temporary = tempfile::NamedTempFile::new_in(parent)?;
        std::fs::write(temporary.path(), content)?;
        std::fs::set_permissions(temporary.path(), std::fs::Permissions::from_mode(mode))?;
        temporary.persist(path)?;
        Ok(())
    };
    attempt().with_context(|| format!("writing {}", path.display()))?;
    Ok(true)
}

/// The whole file as text.
pub(crate) fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn writing_the_same_content_again_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b");
        assert!(write(&path, "one").unwrap());
        assert!(!write(&path, "one").unwrap());
        assert!(write(&path, "two").unwrap());
        assert_eq!(read(&path).unwrap(), "two");
    }

    #[test]
    fn a_secret_is_readable_by_its_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        write_secret(&path, "k").unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
