//! `cargo e2e --world cluster` as it is written: an alias cannot choose a feature by a flag's value, and a newcomer's first
//! build shall not pay for a Kubernetes client. So this build hands over to one that has it.

use std::process::Command;

use crate::talk;

/// Runs the same command line with feature `cluster`; its exit code.
///
/// # Errors
/// When cargo cannot be started.
pub(crate) fn with_cluster() -> Result<u8, String> {
    talk("building the cluster world (feature `cluster`); the first time takes some minutes");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    // Set by `cargo run`: the checkout, wherever the command was typed.
    if let Some(crate_dir) = std::env::var_os("CARGO_MANIFEST_DIR") {
        command.arg("run").arg("--manifest-path").arg(std::path::Path::new(&crate_dir).join("Cargo.toml"));
    } else {
        command.args(["run", "--package", "headroom-e2e"]);
    }
    command.args(["--quiet", "--features", "cluster", "--"]);
    command.args(std::env::args_os().skip(1));
    let status = command.status().map_err(|error| {
        format!(
            "could not start cargo to build the cluster world: {error}; in the checkout run \
             `cargo build --package headroom-e2e --features cluster` and use that program"
        )
    })?;
    let code = status.code().ok_or("the cluster run was stopped by a signal")?;
    // Cargo itself fails with 101: the build did not succeed, so there is no world.
    Ok(u8::try_from(code).ok().filter(|code| *code != 101).unwrap_or(crate::exit::USAGE))
}
