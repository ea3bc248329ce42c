//! The supervisor: one process that keeps the lab's parts running and records who they are.
//!
//! It is started by `up`, takes orders on a unix socket, restarts what exits (csi-resizer exits when its driver's socket
//! drops) and writes every pid with its start time to `processes.json`, so that `down` works after any crash and a reused
//! pid is never signalled. A new supervisor adopts the parts of one that died.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::signal::unix::{SignalKind, signal};

use crate::cgroup;
use crate::layout::Layout;

mod client;
mod fleet;
mod part;

pub(crate) use client::Supervisor;
pub(crate) use fleet::{Seen, recorded};
pub(crate) use part::PartSpec;

use client::{Reply, Request};
use fleet::Fleet;

/// How often adopted parts are looked at and restarts come due; the end of an own child is told at once by SIGCHLD.
const LOOK: Duration = Duration::from_millis(500);

/// Runs the supervisor until it is told to end.
pub(crate) fn supervise(layout: &Layout) -> Result<ExitCode> {
    // Already a session leader when started twice by hand; then nothing needs to change.
    let _ = rustix::process::setsid();
    cgroup::join_system(layout)?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting the runtime")?;
    runtime.block_on(serve(layout))?;
    Ok(ExitCode::SUCCESS)
}

async fn serve(layout: &Layout) -> Result<()> {
    let path = layout.supervisor_socket();
    if UnixStream::connect(&path).await.is_ok() {
        anyhow::bail!("another supervisor answers on {}", path.display());
    }
    let _ = std::fs::remove_file(&path);
    let mut fleet = Fleet::adopt(layout)?;
    let listener = UnixListener::bind(&path).with_context(|| format!("listening on {}", path.display()))?;
    let mut child_ended = signal(SignalKind::child()).context("listening for SIGCHLD")?;
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let mut look = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            _ = terminate.recv() => return Ok(()),
            _ = child_ended.recv() => fleet.look(),
            _ = look.tick() => fleet.look(),
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                if converse(stream, &mut fleet).await.unwrap_or(Conversation::Over) == Conversation::End {
                    return Ok(());
                }
            }
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Conversation {
    Over,
    End,
}

/// Requests are short and come from the lab's own commands: one at a time, one line each way. A peer that says nothing is
/// dropped so that it cannot stop the supervision.
async fn converse(stream: UnixStream, fleet: &mut Fleet) -> Result<Conversation> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    tokio::time::timeout(Duration::from_secs(2), stream.read_line(&mut line))
        .await
        .context("a silent peer")??;
    let request: Request = serde_json::from_str(&line).context("an unreadable request")?;
    let end = matches!(request, Request::Release);
    let reply = answer(request, fleet);
    let mut text = serde_json::to_string(&reply).context("encoding a reply")?;
    text.push('\n');
    stream.get_mut().write_all(text.as_bytes()).await?;
    Ok(if end { Conversation::End } else { Conversation::Over })
}

fn answer(request: Request, fleet: &mut Fleet) -> Reply {
    match request {
        Request::Ensure { parts } => {
            for part in parts {
                fleet.ensure(part);
            }
            fleet.look();
        }
        Request::Keep { names } => fleet.keep(&names),
        Request::Stop { part } if !fleet.stop(&part) => return Reply::Unknown { part },
        Request::Start { part } if !fleet.start(&part) => return Reply::Unknown { part },
        Request::Stop { .. } | Request::Start { .. } | Request::Status | Request::Release => {}
    }
    Reply::Parts { parts: fleet.seen() }
}
