//! Talking to the supervisor.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::{PartSpec, Seen};
use crate::layout::Layout;

/// One order, one line of JSON.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub(super) enum Request {
    /// Run these parts; one whose specification changed is restarted.
    Ensure { parts: Vec<PartSpec> },
    /// Stop and forget all parts but these.
    Keep { names: Vec<String> },
    /// Tell what runs.
    Status,
    /// Stop a part and keep it stopped.
    Stop { part: String },
    /// Start a stopped part.
    Start { part: String },
    /// End the supervisor; the parts go on and are adopted by the next one.
    Release,
}

/// One answer, one line of JSON.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub(super) enum Reply {
    /// What runs.
    Parts { parts: Vec<Seen> },
    /// There is no such part.
    Unknown { part: String },
}

/// A running supervisor.
#[derive(Debug)]
pub(crate) struct Supervisor {
    socket: PathBuf,
}

impl Supervisor {
    /// The supervisor of a lab, if it answers.
    pub(crate) fn find(layout: &Layout) -> Option<Self> {
        let socket = layout.supervisor_socket();
        UnixStream::connect(&socket).ok().map(|_| Self { socket })
    }

    /// Starts `program` as the supervisor unless one of the same program answers already.
    pub(crate) fn ensure(layout: &Layout, program: &Path) -> Result<Self> {
        let mark = layout.path("supervisor.program");
        let wanted = program.display().to_string();
        if let Some(running) = Self::find(layout) {
            if std::fs::read_to_string(&mark).is_ok_and(|text| text == wanted) {
                return Ok(running);
            }
            running.ask(&Request::Release)?;
            wait_until("the old supervisor to end", || Self::find(layout).is_none())?;
        }
        let log = layout.log("supervisor");
        crate::files::create_dir(&layout.path("logs"))?;
        let open = || std::fs::File::options().create(true).append(true).open(&log);
        let file = open().with_context(|| format!("opening {}", log.display()))?;
        let other = file.try_clone().context("duplicating a log file handle")?;
        std::process::Command::new(program)
            .arg("--dir")
            .arg(&layout.dir)
            .arg("--cache")
            .arg(&layout.cache)
            .arg("supervise")
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(other)
            .spawn()
            .context("starting the supervisor")?;
        crate::files::write(&mark, wanted)?;
        wait_until("the supervisor to answer", || Self::find(layout).is_some())
            .with_context(|| format!("see {}", log.display()))?;
        Ok(Self { socket: layout.supervisor_socket() })
    }

    /// Has these parts run.
    pub(crate) fn run(&self, parts: Vec<PartSpec>) -> Result<Vec<Seen>> {
        self.parts(&Request::Ensure { parts })
    }

    /// Stops and forgets every part that is not named.
    pub(crate) fn keep(&self, names: Vec<String>) -> Result<()> {
        self.parts(&Request::Keep { names }).map(drop)
    }

    /// What runs.
    pub(crate) fn status(&self) -> Result<Vec<Seen>> {
        self.parts(&Request::Status)
    }

    /// Stops one part and keeps it stopped.
    pub(crate) fn stop(&self, part: &str) -> Result<Vec<Seen>> {
        self.parts(&Request::Stop { part: part.to_owned() })
    }

    /// Starts one part again.
    pub(crate) fn start(&self, part: &str) -> Result<Vec<Seen>> {
        self.parts(&Request::Start { part: part.to_owned() })
    }

    /// Ends the supervisor and leaves the parts to be ended by pid.
    pub(crate) fn release(&self) -> Result<()> {
        self.parts(&Request::Release).map(drop)
    }

    fn parts(&self, request: &Request) -> Result<Vec<Seen>> {
        match self.ask(request)? {
            Reply::Parts { parts } => Ok(parts),
            Reply::Unknown { part } => bail!("there is no part {part}; next: cargo lab status"),
        }
    }

    fn ask(&self, request: &Request) -> Result<Reply> {
        let attempt = || -> Result<Reply> {
            let mut stream = UnixStream::connect(&self.socket)?;
            // Stopping a part waits for its end, at most ten seconds.
            stream.set_read_timeout(Some(Duration::from_mins(1)))?;
            let mut line = serde_json::to_string(request)?;
            line.push('\n');
            stream.write_all(line.as_bytes())?;
            let mut reply = String::new();
            BufReader::new(stream).read_line(&mut reply)?;
            Ok(serde_json::from_str(&reply)?)
        };
        attempt().with_context(|| format!("asking the supervisor on {}", self.socket.display()))
    }
}

fn wait_until(what: &str, met: impl Fn() -> bool) -> Result<()> {
    let limit = Instant::now() + Duration::from_secs(10);
    while !met() {
        if Instant::now() > limit {
            bail!("waited 10 s for {what}");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}
