//! What one supervised part is: the command and where it runs.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::enter;

/// A program of the lab that is to run all the time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PartSpec {
    /// Name in `status` and `logs`, such as `n1/kubelet`.
    pub(crate) name: String,
    /// Program and arguments.
    pub(crate) argv: Vec<String>,
    /// Network namespace to run in.
    pub(crate) netns: Option<PathBuf>,
    /// Mount namespace to run in.
    pub(crate) mount_namespace: Option<PathBuf>,
    /// Digest of the files the program reads only at start: a change restarts it.
    pub(crate) fingerprint: String,
}

impl PartSpec {
    /// A part that runs `argv` in the host's namespaces.
    pub(crate) fn new(name: impl Into<String>, argv: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            name: name.into(),
            argv: argv.into_iter().map(Into::into).collect(),
            netns: None,
            mount_namespace: None,
            fingerprint: String::new(),
        }
    }
    /// Runs it in a network namespace.
    pub(crate) fn in_network(mut self, netns: PathBuf) -> Self {
        self.netns = Some(netns);
        self
    }
    /// Runs it in a mount namespace.
    pub(crate) fn in_mounts(mut self, file: PathBuf) -> Self {
        self.mount_namespace = Some(file);
        self
    }
    /// Restarts the part when the content of these files has changed.
    pub(crate) fn reads<'a>(mut self, files: impl IntoIterator<Item = &'a Path>) -> Self {
        let mut digest = Sha256::new();
        for file in files {
            // A file that cannot be read is told by the program itself.
            digest.update(std::fs::read(file).unwrap_or_default());
            digest.update([0]);
        }
        self.fingerprint = hex::encode(digest.finalize());
        self
    }
    /// The command, with its namespaces.
    pub(crate) fn command(&self) -> std::process::Command {
        enter::command(self.netns.as_deref(), self.mount_namespace.as_deref(), &self.argv)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_changed_configuration_file_makes_another_specification() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config.yaml");
        std::fs::write(&file, "a").unwrap();
        let spec = |file: &Path| PartSpec::new("p", ["true"]).reads([file]);
        let before = spec(&file);
        assert_eq!(spec(&file), before);
        std::fs::write(&file, "b").unwrap();
        assert_ne!(spec(&file), before);
    }

    #[test]
    fn namespaces_come_before_the_program() {
        let spec =
            PartSpec::new("p", ["kubelet", "--v=1"]).in_network("/net".into()).in_mounts("/mnt".into());
        let command = spec.command();
        let words: Vec<_> = command.get_args().collect();
        assert_eq!(command.get_program(), "nsenter");
        assert_eq!(words, ["--net=/net", "--mount=/mnt", "--", "kubelet", "--v=1"]);
    }
}
