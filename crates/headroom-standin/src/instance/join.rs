//! Makes a further instance as a copy of the primary.

use anyhow::{Context as _, Result};

use super::server::program;
use super::{Identity, config, initdb, standby_signal, watch};
use crate::names;

/// Takes a base backup from the primary and leaves it as a standby. The copy begins after the primary's next checkpoint,
/// which is not hurried (experiments on shrinking: the clone waits for a checkpoint).
///
/// # Errors
/// When the primary cannot be reached or the copy does not fit.
pub async fn join(identity: &Identity) -> Result<()> {
    let cluster = watch::read(identity).await?;
    initdb::empty(&cluster)?;
    let source = format!("{} application_name={}-join", identity.conninfo(None), identity.instance);
    let mut args =
        vec!["-D", names::PGDATA, "-X", "stream", "--checkpoint=spread", "--no-password", "-d", &source];
    let wal_directory = format!("--waldir={}", names::PG_WAL);
    if cluster.spec.wal_storage.is_some() {
        args.push(&wal_directory);
    }
    program("pg_basebackup", &args, &[]).await?;
    std::fs::write(standby_signal(), "").context("marking the copy as a standby")?;
    config::write(identity, &cluster).map(drop)
}
