//! The lab's own use of kubectl, inside the management namespace.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::layout::Layout;
use crate::parts::Programs;
use crate::{enter, run};

const APPLY: [&str; 6] =
    ["apply", "--server-side", "--force-conflicts", "--field-manager=headroom-lab", "-f", "-"];

/// kubectl as the lab's administrator.
#[derive(Debug, Clone)]
pub(crate) struct Kubectl {
    program: String,
    kubeconfig: PathBuf,
    netns: PathBuf,
}

impl Kubectl {
    pub(crate) fn new(layout: &Layout) -> Self {
        Self {
            program: Programs::new(layout).kubernetes("kubectl"),
            kubeconfig: layout.kubeconfig_inside(),
            netns: Layout::netns_path(&layout.management_netns()),
        }
    }

    fn command(&self, args: &[&str]) -> std::process::Command {
        let words = std::iter::once(self.program.as_str()).chain(args.iter().copied());
        let mut command = enter::command(Some(&self.netns), None, words);
        command.env("KUBECONFIG", &self.kubeconfig);
        command
    }

    /// Runs it and returns what it printed.
    pub(crate) fn run(&self, args: &[&str]) -> Result<String> {
        run::output(&mut self.command(args))
    }

    /// Applies manifests. The server does the merge, which large CRDs need.
    pub(crate) fn apply(&self, manifests: &str) -> Result<()> {
        run::output_with_input(&mut self.command(&APPLY), manifests).map(drop)
    }

    /// Applies manifests again until that succeeds, once what they need is there.
    pub(crate) fn until_applied(&self, what: &str, limit: Duration, manifests: &str) -> Result<()> {
        self.until_input(what, limit, &APPLY, manifests)
    }

    /// Asks again until the answer satisfies.
    pub(crate) fn until_met(
        &self,
        what: &str,
        limit: Duration,
        args: &[&str],
        met: impl Fn(&str) -> bool,
    ) -> Result<()> {
        let end = Instant::now() + limit;
        loop {
            let answer = self.run(args);
            if answer.as_ref().is_ok_and(|text| met(text)) {
                return Ok(());
            }
            if Instant::now() > end {
                let last = answer.unwrap_or_else(|error| format!("{error:#}"));
                bail!("waited {} s for {what}; last answer: {last}", limit.as_secs());
            }
            std::thread::sleep(Duration::from_millis(250));
        }
    }

    /// Gives `input` to kubectl again until it succeeds.
    pub(crate) fn until_input(&self, what: &str, limit: Duration, args: &[&str], input: &str) -> Result<()> {
        let end = Instant::now() + limit;
        loop {
            match run::output_with_input(&mut self.command(args), input) {
                Ok(_) => return Ok(()),
                Err(error) if Instant::now() > end => {
                    return Err(error).with_context(|| format!("waited {} s for {what}", limit.as_secs()));
                }
                Err(_) => std::thread::sleep(Duration::from_millis(250)),
            }
        }
    }
}
