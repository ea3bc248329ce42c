//! `status`: what runs, what does not, and where to look.

use std::process::ExitCode;

use anyhow::Result;

use crate::inspect::say;
use crate::layout::Layout;
use crate::readiness;
use crate::state::State;
use crate::supervise::{Seen, Supervisor};

/// Exit code 0 when everything runs, 1 otherwise.
pub(crate) fn status(layout: &Layout) -> Result<ExitCode> {
    let state = State::require(layout)?;
    let kind = match state.nodes {
        0 => "control plane only".to_owned(),
        nodes => format!("{nodes} nodes, usage period {}", state.stats_period),
    };
    say(&format!("lab in {}: {kind}", layout.dir.display()))?;
    if state.stand_in {
        say("Clusters are served by headroom-standin, a stand-in for CloudNativePG")?;
    }
    say(&format!("kubeconfig {}  (https://127.0.0.1:{})", layout.kubeconfig().display(), state.port))?;
    let Some(supervisor) = Supervisor::find(layout) else {
        say("the supervisor does not answer; next: cargo lab up")?;
        return Ok(ExitCode::FAILURE);
    };
    let parts = supervisor.status()?;
    for part in &parts {
        say(&line(part))?;
    }
    let ready = readiness::is_ready(layout);
    say(if ready {
        "apiserver: ready"
    } else {
        "apiserver: not ready; next: cargo lab logs kube-apiserver"
    })?;
    let whole = ready && !parts.is_empty() && parts.iter().all(|part| part.process.is_some());
    Ok(if whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn line(part: &Seen) -> String {
    let what = match (part.process, part.stopped) {
        (Some(process), _) => format!("running  pid {}", process.pid),
        (None, true) => "stopped".to_owned(),
        (None, false) => "down     is started again".to_owned(),
    };
    let restarts =
        if part.restarts == 0 { String::new() } else { format!("  started again {} times", part.restarts) };
    format!("  {:<24} {what}{restarts}", part.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Identity;

    #[track_caller]
    fn reads(pid: Option<i32>, stopped: bool, restarts: u32, expected: &str) {
        let process = pid.map(|pid| Identity { pid, started: 1 });
        let text = line(&Seen { name: "etcd".into(), process, stopped, restarts });
        assert_eq!(text.split_whitespace().collect::<Vec<_>>().join(" "), expected);
    }

    #[test]
    fn each_part_says_whether_it_runs() {
        reads(Some(7), false, 0, "etcd running pid 7");
        reads(Some(7), false, 2, "etcd running pid 7 started again 2 times");
        reads(None, true, 0, "etcd stopped");
        reads(None, false, 1, "etcd down is started again started again 1 times");
    }
}
