//! The headroom operator: arguments, the loop, the lease, metrics.
//!
//! Everything that decides is in `headroom-engine` and `headroom-core`, everything that talks to Kubernetes in
//! `headroom-kube`. What is left here is wiring.
#![deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
#![cfg_attr(
    test,
    allow(
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::needless_pass_by_value,
        clippy::panic,
        clippy::unwrap_used,
        clippy::wildcard_enum_match_arm
    )
)]

pub mod args;
pub mod election;
pub mod http;
pub mod logs;
pub mod metrics;
pub mod ready;
pub mod run;
pub mod shell;

use std::{io::Write as _, process::ExitCode};

use args::{Args, Command};

/// Does what the arguments say.
pub fn main(args: Args) -> ExitCode {
    let Args { command, operator } = args;
    let done = match command {
        None => operate(operator),
        Some(Command::Operator(operator)) => operate(*operator),
        Some(Command::Crd) => print_crd(),
        Some(Command::Version) => print(&format!("headroom {}\n", env!("CARGO_PKG_VERSION"))),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&format!("headroom: {}\n", words(&error)));
            ExitCode::FAILURE
        }
    }
}

fn operate(args: args::OperatorArgs) -> anyhow::Result<()> {
    logs::start(args.log_format, &args.log);
    // Several providers may be linked in by others; this one is chosen.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        tracing::debug!("a TLS provider is installed already");
    }
    // One thread: the loop, the watches and the calls take turns; none of them computes for long.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run::run(args))
}

fn print_crd() -> anyhow::Result<()> {
    print(&headroom_api::schema::crd_yaml()?)
}

fn print(text: &str) -> anyhow::Result<()> {
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

/// An error with those of its causes that it does not name itself.
fn words(error: &anyhow::Error) -> String {
    let mut words = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if words.is_empty() {
            words = cause;
        } else if !words.contains(&cause) {
            words.push_str(": ");
            words.push_str(&cause);
        }
    }
    words
}

/// Last words; when standard error is closed there is nobody to tell.
fn tell(text: &str) {
    drop(std::io::stderr().write_all(text.as_bytes()));
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn a_cause_is_said_once() {
        let inner = std::io::Error::other("no such file");
        let named = anyhow::Error::new(inner).context("it cannot be read: no such file");
        assert_eq!(words(&named), "it cannot be read: no such file");
        let unnamed = Err::<(), _>(std::io::Error::other("no such file")).context("it cannot be read");
        assert_eq!(words(&unnamed.expect_err("an error")), "it cannot be read: no such file");
    }
}
