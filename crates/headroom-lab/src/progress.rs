//! What `up` is doing: a spinner per step on a terminal, plain lines otherwise; always on standard error.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Tells steps as they begin and end.
pub(crate) struct Progress {
    began: Instant,
    terminal: bool,
}

/// One step that is under way.
pub(crate) struct Step {
    bar: Option<ProgressBar>,
    title: String,
    began: Instant,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self { began: Instant::now(), terminal: std::io::stderr().is_terminal() }
    }

    /// Begins a step; it ends with [`Step::done`] or, after an error, when dropped.
    pub(crate) fn step(&self, title: impl Into<String>) -> Step {
        let title = title.into();
        let bar = self.terminal.then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed:.dim}") {
                bar.set_style(style);
            }
            bar.set_message(title.clone());
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        if bar.is_none() {
            line(&format!("[{:>4}s] {title}", self.began.elapsed().as_secs()));
        }
        Step { bar, title, began: Instant::now() }
    }

    /// Runs one step to its end.
    pub(crate) fn run<T>(
        &self,
        title: impl Into<String>,
        work: impl FnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let step = self.step(title);
        let value = work()?;
        step.done("");
        Ok(value)
    }

    /// Seconds since the command began.
    pub(crate) fn seconds(&self) -> u64 {
        self.began.elapsed().as_secs()
    }
}

impl Step {
    /// Ends the step with a remark (may be empty).
    pub(crate) fn done(self, remark: &str) {
        let seconds = self.began.elapsed().as_secs_f32();
        let remark = if remark.is_empty() { String::new() } else { format!(": {remark}") };
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
            line(&format!("  ok  {}{remark} ({seconds:.1} s)", self.title));
        } else if seconds >= 2.0 || !remark.is_empty() {
            line(&format!("        done{remark} ({seconds:.1} s)"));
        }
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn line(text: &str) {
    // A closed standard error must not stop the work.
    let _ = writeln!(std::io::stderr(), "{text}");
}
