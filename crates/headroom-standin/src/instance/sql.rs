//! SQL as superuser through the local socket, by `psql`.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::process::Command;

/// One command.
const LIMIT: Duration = Duration::from_mins(1);

/// Runs SQL in a database and answers what it printed.
pub(super) async fn run(database: &str, sql: &str) -> Result<String> {
    let mut command = Command::new("psql");
    command.args([
        "-h",
        "/run/postgresql",
        "-U",
        "postgres",
        "-d",
        database,
        "-qAtX",
        "-v",
        "ON_ERROR_STOP=1",
    ]);
    // What the stand-in itself does must not wait for standbys that are about to come.
    command.args(["-c", sql]).env("PGCONNECT_TIMEOUT", "3").env("PGOPTIONS", "-c synchronous_commit=local");
    let output = tokio::time::timeout(LIMIT, command.kill_on_drop(true).output())
        .await
        .with_context(|| format!("no answer of psql within {} s", LIMIT.as_secs()))?
        .context("starting psql")?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    bail!("psql: {}", String::from_utf8_lossy(&output.stderr).trim())
}

/// An SQL literal.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// An SQL name.
pub(super) fn name(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

/// Whether the server takes connections.
pub(super) async fn is_ready() -> bool {
    let mut command = Command::new("pg_isready");
    command.args(["-q", "-t", "3", "-h", "/run/postgresql"]).kill_on_drop(true);
    command.status().await.is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_doubled() {
        assert_eq!((literal("it's"), name("a\"b")), ("'it''s'".to_owned(), "\"a\"\"b\"".to_owned()));
    }
}
