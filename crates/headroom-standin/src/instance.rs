//! The instance manager: runs PostgreSQL in an instance's pod, as what the Cluster's status says it is to be.

mod config;
mod demote;
mod facts;
mod initdb;
mod join;
mod manager;
mod room;
mod serve;
mod server;
mod sql;
mod watch;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};

use crate::names;

pub use initdb::initdb;
pub use join::join;
pub use manager::run;

/// Exit code of a container whose volume for pg_wal has no room for a segment (experiments on growth, G2).
pub const NO_ROOM: u8 = 4;

/// Who this instance is; from the pod's environment.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The Cluster.
    pub cluster: String,
    /// The instance.
    pub instance: String,
    /// Their namespace.
    pub namespace: String,
    /// Password of the replication user.
    pub replication_password: String,
    /// Password of the application's user.
    pub application_password: String,
}

impl Identity {
    /// Reads it.
    ///
    /// # Errors
    /// When a variable is missing.
    pub fn from_environment() -> Result<Self> {
        let read = |name: &str| std::env::var(name).with_context(|| format!("{name} is not set in this pod"));
        Ok(Self {
            cluster: read("STANDIN_CLUSTER")?,
            instance: read("STANDIN_INSTANCE")?,
            namespace: read("STANDIN_NAMESPACE")?,
            replication_password: read("STANDIN_REPLICATION_PASSWORD")?,
            application_password: read("STANDIN_APPLICATION_PASSWORD")?,
        })
    }

    /// How to reach the primary as the replication user, through the service of the primary.
    pub fn conninfo(&self, database: Option<&str>) -> String {
        let database = database.map(|name| format!(" dbname={name}")).unwrap_or_default();
        format!(
            "host={}-rw port=5432 user={} password={} application_name={} connect_timeout=5{database}",
            self.cluster,
            names::REPLICATION_USER,
            self.replication_password,
            self.instance
        )
    }
}

/// PGDATA.
fn pgdata() -> &'static Path {
    Path::new(names::PGDATA)
}

/// The mark of a server that is to follow another one.
fn standby_signal() -> PathBuf {
    pgdata().join("standby.signal")
}

/// Copies this program to `to`, for the init container.
///
/// # Errors
/// When it cannot be written.
pub fn install(to: &Path) -> Result<ExitCode> {
    let own = std::env::current_exe().context("finding this program")?;
    std::fs::copy(&own, to).with_context(|| format!("copying {} to {}", own.display(), to.display()))?;
    Ok(ExitCode::SUCCESS)
}
