//! Running other programs: the error carries the command line and the end of what it said.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, bail};

/// How much of a failed program's output goes into the error, in bytes.
const TAIL: usize = 1200;

/// A command of `program` with `args`.
pub(crate) fn command<S: AsRef<OsStr>>(
    program: impl AsRef<OsStr>,
    args: impl IntoIterator<Item = S>,
) -> Command {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null());
    command
}

/// Runs it, fails unless it exits with 0, and returns its standard output.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let line = describe(command);
    let output = command.output().with_context(|| format!("running {line}"))?;
    finish(&line, &output)
}

/// Like [`output`], with `input` on standard input.
pub(crate) fn output_with_input(command: &mut Command, input: &str) -> Result<String> {
    let line = describe(command);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("running {line}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that does not read all of its input says why in its own output.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output().with_context(|| format!("waiting for {line}"))?;
    finish(&line, &output)
}

/// Runs it with both outputs appended to a log file; the error names the file and quotes its end.
pub(crate) fn logged(command: &mut Command, log: &Path) -> Result<()> {
    let line = describe(command);
    if let Some(parent) = log.parent() {
        std::fs::create_dir_all(parent).with_context(|| format!("creating {}", parent.display()))?;
    }
    let open = || std::fs::File::options().create(true).append(true).open(log);
    let mut file = open().with_context(|| format!("opening {}", log.display()))?;
    writeln!(file, "$ {line}").with_context(|| format!("writing {}", log.display()))?;
    let other = file.try_clone().context("duplicating a log file handle")?;
    let status = command.stdout(file).stderr(other).status().with_context(|| format!("running {line}"))?;
    if status.success() {
        return Ok(());
    }
    let text = std::fs::read(log).unwrap_or_default();
    bail!("{line} failed ({status}); log: {}\n{}", log.display(), tail(&text))
}

/// Whether it runs and exits with 0; its output is dropped.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// Full path of a program on PATH or in the system directories.
pub(crate) fn find(program: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/local/sbin", "/usr/sbin", "/sbin"].map(Into::into))
        .map(|dir| dir.join(program))
        .find(|candidate| candidate.is_file())
}

fn describe(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

fn finish(line: &str, output: &Output) -> Result<String> {
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = if output.stderr.is_empty() { &output.stdout } else { &output.stderr };
    bail!("{line} failed ({}): {}", output.status, tail(said))
}

fn tail(text: &[u8]) -> String {
    let start = text.len().saturating_sub(TAIL);
    String::from_utf8_lossy(text.get(start..).unwrap_or_default()).trim().to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_failure_names_the_command_its_status_and_what_it_said() {
        let error = output(&mut command("sh", ["-c", "echo broken >&2; exit 7"])).unwrap_err().to_string();
        assert!(error.contains("sh -c") && error.contains('7') && error.contains("broken"), "{error}");
    }

    #[test]
    fn input_reaches_the_program() {
        assert_eq!(output_with_input(&mut command("cat", [""; 0]), "hello").unwrap(), "hello");
    }

    #[test]
    fn a_logged_failure_quotes_the_end_of_its_log() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("logs/build.log");
        let error =
            logged(&mut command("sh", ["-c", "echo no compiler; exit 1"]), &log).unwrap_err().to_string();
        assert!(error.contains("no compiler") && error.contains("build.log"), "{error}");
    }
}
