//! A former primary becomes a standby.

use std::time::Duration;

use anyhow::{Context as _, Result};

use super::server::program;
use super::{Identity, standby_signal};
use crate::names;

/// Between two attempts: the new primary may not be reachable through its service yet.
const RETRY: Duration = Duration::from_secs(2);

/// Rewinds PGDATA to where the new primary's history begins, until it succeeds, and marks it as a standby. Without an
/// archive it may never succeed (experiments on growth, G2b): the instance then has to be rebuilt, and stays not Ready.
pub(super) async fn rewind(identity: &Identity) -> Result<()> {
    let source = identity.conninfo(Some("postgres"));
    let args = ["-D", names::PGDATA, "--source-server", &source, "--progress"];
    while let Err(error) = program("pg_rewind", &args, &[]).await {
        tracing::warn!("{error:#}");
        tokio::time::sleep(RETRY).await;
    }
    std::fs::write(standby_signal(), "").context("marking the instance as a standby")
}
