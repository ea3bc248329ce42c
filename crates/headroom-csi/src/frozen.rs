//! Copies of mounted volumes: asked for by the controller, taken by the node process that has the volume mounted.
//!
//! The controller knows no node. Each node process serves `NODE.sock` in one directory that all processes share; the
//! controller asks them in turn, and the one that has the volume freezes its file system, copies the image and thaws it.
//! One process does all three, so the death of another leaves no file system frozen, and what its own death leaves frozen it
//! thaws when it starts again ([`NodeService::thaw_leftovers`]).
//!
//! ```text
//! > {"volume":"pvc-1","snapshot":"snapshot-1"}
//! < {"answer":"copied"}
//! ```

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

use crate::host::Host;
use crate::node::NodeService;

/// Asks for a copy of a volume's image as the draft of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyRequest {
    /// Handle of the volume.
    pub volume: String,
    /// Handle of the snapshot.
    pub snapshot: String,
}

/// What a node process says to a [`CopyRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum CopyAnswer {
    /// The copy is there, and the file system goes on.
    Copied,
    /// The volume is not mounted on this node.
    NotHere,
    /// It is, and could not be copied.
    Failed {
        /// Why.
        why: String,
    },
}

/// Why no node process copied the volume.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CopyError {
    /// The directory of their sockets cannot be read.
    #[error("the node plugins cannot be found: listing {} failed: {source}", directory.display())]
    Directory {
        /// The directory.
        directory: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// None of those that answer has it.
    #[error(
        "volume {volume} is mounted, but of its node's plugin there is no answer (silent: {silent}); trying again helps when it runs"
    )]
    Nobody {
        /// Handle of the volume.
        volume: String,
        /// Those that did not answer.
        silent: String,
    },
    /// The one that has it could not.
    #[error("node {node} could not copy the volume: {why}")]
    Failed {
        /// Name of the node.
        node: String,
        /// What it said.
        why: String,
    },
}

/// Has the volume copied by whichever node process has it mounted.
pub(crate) async fn copy(directory: &Path, request: &CopyRequest) -> Result<(), CopyError> {
    let sockets = sockets(directory)
        .map_err(|source| CopyError::Directory { directory: directory.to_owned(), source })?;
    let mut silent = Vec::new();
    for socket in sockets {
        let node = socket.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        match ask(&socket, request).await {
            Ok(CopyAnswer::Copied) => return Ok(()),
            Ok(CopyAnswer::NotHere) => {}
            Ok(CopyAnswer::Failed { why }) => return Err(CopyError::Failed { node, why }),
            Err(error) => silent.push(format!("{node}: {error}")),
        }
    }
    let silent = if silent.is_empty() { "none".to_owned() } else { silent.join(", ") };
    Err(CopyError::Nobody { volume: request.volume.clone(), silent })
}

fn sockets(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(directory) {
        // No node process has started yet.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let mut found = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    found.sort();
    Ok(found)
}

async fn ask(socket: &Path, request: &CopyRequest) -> io::Result<CopyAnswer> {
    let mut stream = UnixStream::connect(socket).await?;
    say(&mut stream, request).await?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).await?;
    Ok(serde_json::from_str(&line)?)
}

/// Answers the controller until dropped. A connection that fails ends alone.
pub async fn serve<H: Host>(listener: UnixListener, node: NodeService<H>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let node = node.clone();
                // A copy goes on when the controller hangs up: it must come to the thaw.
                tokio::spawn(async move {
                    if let Err(error) = answer(stream, &node).await {
                        tracing::debug!(%error, "a connection of the controller ended");
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "the controller's socket accepts no connection; trying again in 1 s");
                tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            }
        }
    }
}

async fn answer<H: Host>(stream: UnixStream, node: &NodeService<H>) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    BufReader::new(read).read_line(&mut line).await?;
    let answer = match serde_json::from_str::<CopyRequest>(&line) {
        Ok(request) => node.copy_frozen(&request).await,
        Err(error) => CopyAnswer::Failed { why: format!("not understood: {error}") },
    };
    say(&mut write, &answer).await
}

async fn say(write: &mut (impl AsyncWriteExt + Unpin), what: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(what)?;
    line.push(b'\n');
    write.write_all(&line).await
}
