//! Running the user's commands against the lab.

use std::os::unix::process::CommandExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitCode, ExitStatus};

use anyhow::{Context, Result};

use crate::layout::Layout;
use crate::parts::{self, Programs};
use crate::progress::Progress;
use crate::state::State;
use crate::{enter, run};

/// `kubectl …`, from the host through the loopback forwarder, so that port-forward and local files work as anywhere.
pub(crate) fn kubectl(layout: &Layout, args: &[String]) -> Result<ExitCode> {
    State::require(layout)?;
    parts::kubectl(layout, &Progress::new())?;
    let mut command = Command::new(Programs::new(layout).kubernetes("kubectl"));
    replace(command.args(args).env("KUBECONFIG", layout.kubeconfig()))
}

/// `exec -- …`: inside the management namespace, from where pods and services' endpoints can be reached.
pub(crate) fn exec(layout: &Layout, args: &[String]) -> Result<ExitCode> {
    State::require(layout)?;
    let netns = Layout::netns_path(&layout.management_netns());
    let mut words = enter::prefix(Some(&netns), None);
    words.extend(args.iter().map(Into::into));
    let mut words = words.into_iter();
    let mut command = Command::new(words.next().unwrap_or_default());
    let mut path = Programs::new(layout).kubectl_dir().into_os_string();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    replace(command.args(words).env("KUBECONFIG", layout.kubeconfig_inside()).env("PATH", path))
}

/// Becomes the command, so that terminal, signals and exit code are the command's own.
fn replace(command: &mut Command) -> Result<ExitCode> {
    let error = command.exec();
    Err(error).with_context(|| format!("running {}", command.get_program().to_string_lossy()))
}

/// The exit code of a program as a shell tells it.
pub(crate) fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}

/// Whether a program can be found; used to say what is missing before anything starts.
pub(crate) fn available(program: &str) -> bool {
    run::find(program).is_some()
}
