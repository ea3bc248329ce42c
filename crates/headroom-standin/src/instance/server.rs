//! The server process.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal};
use tokio::process::{Child, Command};

use super::{pgdata, sql};

/// Between two looks at a server that starts or stops.
const LOOK: Duration = Duration::from_millis(100);

/// A running server.
pub(super) struct Server {
    child: Child,
}

impl Server {
    /// Starts it; its words are those of the container.
    pub(super) fn start() -> Result<Self> {
        let mut command = Command::new("postgres");
        command.arg("-D").arg(pgdata()).stdin(Stdio::null());
        Ok(Self { child: command.spawn().context("starting postgres")? })
    }

    /// Waits until it takes connections; `Some` when it has ended instead.
    pub(super) async fn until_ready(&mut self) -> Result<Option<ExitStatus>> {
        loop {
            if let Some(status) = self.child.try_wait().context("looking at postgres")? {
                return Ok(Some(status));
            }
            if sql::is_ready().await {
                return Ok(None);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits for its end.
    pub(super) async fn ended(&mut self) -> Result<ExitStatus> {
        self.child.wait().await.context("waiting for postgres")
    }

    /// Stops it: sessions are cut, and what was committed is sent to all that follow.
    pub(super) async fn stop(&mut self) -> Result<ExitStatus> {
        self.signal(Signal::INT);
        self.ended().await
    }

    /// Lets it read its configuration again.
    pub(super) fn reload(&self) {
        self.signal(Signal::HUP);
    }

    fn signal(&self, signal: Signal) {
        let pid = self.child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        if let Some(pid) = pid {
            // One that has just ended needs none.
            let _ = rustix::process::kill_process(pid, signal);
        }
    }
}

/// Runs one of PostgreSQL's programs to its end; its words are those of the container.
pub(super) async fn program(name: &str, args: &[&str], variables: &[(&str, &str)]) -> Result<()> {
    let mut command = Command::new(name);
    command.args(args).envs(variables.iter().copied()).stdin(Stdio::null());
    let status = command.status().await.with_context(|| format!("starting {name}"))?;
    anyhow::ensure!(status.success(), "{name} failed: {status}");
    Ok(())
}
