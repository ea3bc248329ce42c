//! Logs: standard error, one JSON object per line unless a person reads along.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use crate::args::LogFormat;

/// The client and the watch runtime say each failure again in their own words; what matters of it is said by headroom.
const QUIET: &str = "kube_client=off,kube_runtime=off,hyper_util=warn,rustls=warn";

/// Starts logging. A filter that cannot be read is named, and `info` is used.
pub fn start(format: LogFormat, filter: &str) {
    let (parsed, wrong) = match EnvFilter::try_new(format!("{QUIET},{filter}")) {
        Ok(parsed) => (parsed, None),
        Err(error) => (EnvFilter::new(format!("{QUIET},info")), Some(error)),
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(parsed)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    // A second start in one process (tests) keeps the first.
    let started = match format {
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(false).try_init(),
        LogFormat::Text => builder.with_target(false).try_init(),
    };
    if started.is_ok()
        && let Some(error) = wrong
    {
        tracing::warn!("the log filter {filter:?} cannot be read ({error}); info is used");
    }
}
