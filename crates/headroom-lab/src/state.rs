//! What the lab remembers between commands.

use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::error::NotUpError;
use crate::files;
use crate::layout::{Layout, Node};

/// The state file; its presence marks a directory as a lab's, so `down` never empties another directory.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
pub(crate) struct State {
    /// Number of nodes; 0 for a control plane alone.
    pub(crate) nodes: u8,
    /// Kubelet period as a duration.
    pub(crate) stats_period: String,
    /// Port of the loopback forwarder on the host.
    pub(crate) port: u16,
    /// Whether CloudNativePG was installed by `up`.
    pub(crate) cnpg: bool,
    /// Whether the stand-in for it runs.
    #[serde(default)]
    pub(crate) stand_in: bool,
}

impl State {
    fn path(layout: &Layout) -> PathBuf {
        layout.path("state.json")
    }

    /// The state of a lab that is (or was) up, if there is one.
    pub(crate) fn load(layout: &Layout) -> Result<Option<Self>> {
        let path = Self::path(layout);
        match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .with_context(|| format!("{} is not readable as the lab's state", path.display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
        }
    }

    /// The state, or the error that no lab is up.
    pub(crate) fn require(layout: &Layout) -> Result<Self> {
        Self::load(layout)?.ok_or_else(|| NotUpError { dir: layout.dir.display().to_string() }.into())
    }

    /// Whether the directory was ever a lab's.
    pub(crate) fn marks(layout: &Layout) -> bool {
        Self::path(layout).exists()
    }

    /// Writes it as a whole.
    pub(crate) fn save(&self, layout: &Layout) -> Result<()> {
        let text = serde_json::to_string_pretty(self).context("encoding the lab's state")?;
        files::write(&Self::path(layout), text).map(drop)
    }

    /// The lab's nodes.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = Node> + use<> {
        Node::first(self.nodes)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn layout(dir: &std::path::Path) -> Layout {
        Layout::new(Some(dir), Some(dir)).unwrap()
    }

    #[test]
    fn the_state_survives_a_round_trip() {
        let dir = tempfile::tempdir().unwrap();
        let layout = layout(dir.path());
        assert_eq!(State::load(&layout).unwrap(), None);
        let state = State { nodes: 3, stats_period: "10s".into(), port: 16443, cnpg: false, stand_in: false };
        state.save(&layout).unwrap();
        assert_eq!(State::load(&layout).unwrap(), Some(state));
    }

    #[test]
    fn a_damaged_state_file_is_an_error_not_an_empty_lab() {
        let dir = tempfile::tempdir().unwrap();
        let layout = layout(dir.path());
        std::fs::write(dir.path().join("state.json"), "{").unwrap();
        assert!(State::load(&layout).is_err());
    }

    #[test]
    fn without_a_state_file_the_next_step_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let error = State::require(&layout(dir.path())).unwrap_err().to_string();
        assert!(error.ends_with("next: cargo lab up"), "{error}");
    }
}
