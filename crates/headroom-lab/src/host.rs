//! What labs change on the host outside their own directory: kernel settings and a few empty mount points.
//!
//! Noted in one file for all labs of the machine before the first change, and undone when the last lab goes: a mount point
//! that one lab removed would take away the mounts that another lab's nodes have on it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::layout::Layout;
use crate::{files, mount_namespace, network, sysctl};

/// Below /run: after a reboot neither the settings nor the namespaces are there any more.
const NOTES: &str = "/run/headroom-lab-host.json";

#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Notes {
    /// Kernel settings before the first lab.
    sysctls: BTreeMap<String, String>,
    /// Directories made as mount points, parents first.
    made_dirs: Vec<PathBuf>,
}

impl Notes {
    fn load(path: &Path) -> Result<Option<Self>> {
        if !path.exists() {
            return Ok(None);
        }
        let text = files::read(path)?;
        serde_json::from_str(&text).map(Some).with_context(|| format!("reading {}", path.display()))
    }

    fn save(&self, path: &Path) -> Result<()> {
        files::write(path, serde_json::to_string_pretty(self).context("encoding the host's notes")?).map(drop)
    }
}

/// Notes how the host is and makes it ready for nodes.
pub(crate) fn prepare() -> Result<()> {
    let path = Path::new(NOTES);
    let mut notes = match Notes::load(path)? {
        Some(notes) => notes,
        None => Notes { sysctls: sysctl::snapshot(), made_dirs: Vec::new() },
    };
    let missing = mount_namespace::missing_mount_points();
    notes
        .made_dirs
        .extend(missing.iter().filter(|dir| !notes.made_dirs.contains(dir)).cloned().collect::<Vec<_>>());
    notes.save(path)?;
    missing.iter().try_for_each(|dir| files::create_dir(dir))?;
    sysctl::prepare();
    Ok(())
}

/// Undoes the changes unless another lab is there; returns what could not be undone.
pub(crate) fn restore(layout: &Layout) -> Result<Vec<String>> {
    let path = Path::new(NOTES);
    if network::other_lab_exists(layout) {
        return Ok(Vec::new());
    }
    let Some(notes) = Notes::load(path)? else { return Ok(Vec::new()) };
    for dir in notes.made_dirs.iter().rev() {
        // Someone else may have put something there by now; then it stays.
        let _ = std::fs::remove_dir(dir);
    }
    let left = sysctl::restore(&notes.sysctls);
    std::fs::remove_file(path).with_context(|| format!("removing {}", path.display()))?;
    Ok(left)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn notes_survive_a_round_trip_and_their_absence_is_no_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notes.json");
        assert_eq!(Notes::load(&path).unwrap(), None);
        let notes = Notes {
            sysctls: BTreeMap::from([("kernel/panic".into(), "0".into())]),
            made_dirs: vec!["/etc/cni".into()],
        };
        notes.save(&path).unwrap();
        assert_eq!(Notes::load(&path).unwrap(), Some(notes));
    }
}
