//! Looking at a lab, and its output: data to standard output, everything else to standard error.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::args::{PartAction, PartArgs};
use crate::layout::Layout;
use crate::parts::{POSTGRES_IMAGE, Programs};
use crate::state::State;
use crate::supervise::Supervisor;

/// One line of data.
pub(crate) fn say(text: &str) -> Result<()> {
    match writeln!(std::io::stdout(), "{text}") {
        // Whoever reads, such as `head`, has enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("writing to standard output"),
    }
}

/// One line for the user.
pub(crate) fn complain(text: &str) {
    // With standard error closed there is nobody left to tell.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Prints the log of a part, or which there are.
pub(crate) fn logs(layout: &Layout, part: Option<&str>, follow: bool) -> Result<ExitCode> {
    State::require(layout)?;
    let Some(part) = part else {
        let mut names: Vec<_> = std::fs::read_dir(layout.path("logs"))
            .context("reading the log directory")?
            .filter_map(|entry| Some(entry.ok()?.path().display().to_string()))
            .collect();
        names.sort();
        names.iter().try_for_each(|name| say(name))?;
        return Ok(ExitCode::SUCCESS);
    };
    let log = layout.log(part);
    if !log.exists() {
        bail!("there is no log of {part}; next: cargo lab logs");
    }
    let mut command = std::process::Command::new("tail");
    command.args(["-n", "+1"]).args(follow.then_some("-f")).arg(&log);
    let status = command.status().context("running tail")?;
    Ok(crate::exec::exit_code(status))
}

/// Prints the path of a kubeconfig.
pub(crate) fn kubeconfig(layout: &Layout, inside: bool) -> Result<ExitCode> {
    State::require(layout)?;
    let path = if inside { layout.kubeconfig_inside() } else { layout.kubeconfig() };
    say(&path.display().to_string())?;
    Ok(ExitCode::SUCCESS)
}

/// Prints what other tools need, as shell exports.
pub(crate) fn env(layout: &Layout) -> Result<ExitCode> {
    let state = State::require(layout)?;
    say(&format!("export KUBECONFIG={}", layout.kubeconfig().display()))?;
    say(&format!("export HEADROOM_LAB_DIR={}", layout.dir.display()))?;
    say(&format!("export HEADROOM_LAB_AUDIT_LOG={}", layout.path("audit/audit.log").display()))?;
    if state.nodes > 0 {
        let gates =
            std::iter::once(layout.controller_gate()).chain(state.nodes().map(|node| layout.node_gate(node)));
        let gates: Vec<_> = gates.map(|path| path.display().to_string()).collect();
        say(&format!("export HEADROOM_LAB_GATES={}", gates.join(":")))?;
        say(&format!("export HEADROOM_LAB_STATS_PERIOD={}", state.stats_period))?;
        say(&format!("export HEADROOM_LAB_POSTGRES_IMAGE={POSTGRES_IMAGE}"))?;
    }
    say(&format!("export PATH={}:$PATH", Programs::new(layout).kubectl_dir().display()))?;
    Ok(ExitCode::SUCCESS)
}

/// Stops or starts one supervised part.
pub(crate) fn part(layout: &Layout, args: &PartArgs) -> Result<ExitCode> {
    State::require(layout)?;
    let supervisor =
        Supervisor::find(layout).context("the supervisor does not answer; next: cargo lab up")?;
    match &args.action {
        PartAction::Stop { part } => supervisor.stop(part)?,
        PartAction::Start { part } => supervisor.start(part)?,
    };
    Ok(ExitCode::SUCCESS)
}
