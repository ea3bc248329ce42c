//! A client of the gate sockets, for async callers, and what both clients share.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

use super::code::Code;
use super::protocol::{Answer, Command, Event, Gate, Step, VolumeSelector};

/// Why a gate could not be set, asked or waited for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GateError {
    /// The process behind the socket is not there, or went away.
    #[error("gate socket {}: {source}; is the driver running?", socket.display())]
    Talk {
        /// The socket.
        socket: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The answer is of no known form: client and driver are of different versions.
    #[error("gate socket {}: an answer that is not understood: {line:?}", socket.display())]
    Answer {
        /// The socket.
        socket: PathBuf,
        /// What came instead.
        line: String,
    },
    /// The driver says no.
    #[error("{why}")]
    Refused {
        /// What it says.
        why: String,
    },
    /// None of the sockets belongs to a process that does this step.
    #[error("none of the {sockets} gate sockets serves the {step} step; give the sockets of its processes")]
    NobodyServes {
        /// The step.
        step: Step,
        /// How many sockets were asked.
        sockets: usize,
    },
}

/// Sets and watches gates over any number of sockets: the controller's and each node's.
///
/// Each call opens its own connections, so a driver that was restarted is no trouble (but its gates are gone).
/// [`super::BlockingClient`] does the same without an executor.
#[derive(Debug, Clone)]
pub struct Client {
    sockets: Vec<PathBuf>,
}

impl Client {
    /// A client of the processes behind these sockets.
    pub fn new(sockets: impl IntoIterator<Item = PathBuf>) -> Self {
        Self { sockets: sockets.into_iter().collect() }
    }

    /// Holds the step of these volumes until [released](Self::release).
    ///
    /// # Errors
    /// A socket that does not answer; no process that does the step.
    pub async fn hold(&self, step: Step, volume: &VolumeSelector) -> Result<(), GateError> {
        let answers = self.ask_all(&Command::Hold { step, volume: volume.clone() }).await?;
        served(step, answers).map(drop)
    }

    /// Ends the hold with exactly this step and selector. Gives the number of calls that waited and now pass.
    ///
    /// # Errors
    /// As [`hold`](Self::hold); nothing is held so.
    pub async fn release(&self, step: Step, volume: &VolumeSelector) -> Result<u32, GateError> {
        released(step, self.ask_all(&Command::Release { step, volume: volume.clone() }).await?)
    }

    /// Answers `code` to the next `times` calls (`None`: to all until [cleared](Self::clear)) in each process.
    ///
    /// # Errors
    /// As [`hold`](Self::hold).
    pub async fn fail(
        &self,
        step: Step,
        volume: &VolumeSelector,
        code: Code,
        message: &str,
        times: Option<u32>,
    ) -> Result<(), GateError> {
        let (volume, message) = (volume.clone(), message.to_owned());
        let answers = self.ask_all(&Command::Fail { step, volume, code, message, times }).await?;
        served(step, answers).map(drop)
    }

    /// Ends all holds and failures.
    ///
    /// # Errors
    /// A socket that does not answer.
    pub async fn clear(&self) -> Result<(), GateError> {
        self.ask_all(&Command::Clear).await.map(drop)
    }

    /// All holds and failures of all processes.
    ///
    /// # Errors
    /// A socket that does not answer.
    pub async fn list(&self) -> Result<Vec<Gate>, GateError> {
        Ok(gates(self.ask_all(&Command::List).await?))
    }

    /// What happened at the gates of all processes (the last 1,024 events of each), by time.
    ///
    /// # Errors
    /// A socket that does not answer.
    pub async fn events(&self) -> Result<Vec<Event>, GateError> {
        Ok(events(self.ask_all(&Command::Events { after: 0 }).await?))
    }

    /// Waits until one process's gate with this step and selector was met by a call. `None`: not within `timeout`.
    ///
    /// # Errors
    /// As [`hold`](Self::hold); there is no such gate.
    pub async fn wait_reached(
        &self,
        step: Step,
        volume: &VolumeSelector,
        timeout: Duration,
    ) -> Result<Option<Gate>, GateError> {
        self.wait_attempts(step, volume, 1, timeout).await
    }

    /// As [`wait_reached`](Self::wait_reached), for the given number of calls at one process.
    ///
    /// # Errors
    /// As [`wait_reached`](Self::wait_reached).
    pub async fn wait_attempts(
        &self,
        step: Step,
        volume: &VolumeSelector,
        attempts: u32,
        timeout: Duration,
    ) -> Result<Option<Gate>, GateError> {
        let command = wait_command(step, volume, attempts, timeout);
        let mut asked: FuturesUnordered<_> =
            self.sockets.iter().map(|socket| ask(socket.clone(), &command)).collect();
        let mut answers = Vec::new();
        while let Some(answer) = asked.next().await {
            let answer = answer?;
            if let Answer::Reached { gate } = answer {
                return Ok(Some(gate));
            }
            answers.push(answer);
        }
        served(step, answers).map(|_| None)
    }

    async fn ask_all(&self, command: &Command) -> Result<Vec<Answer>, GateError> {
        futures::future::try_join_all(self.sockets.iter().map(|socket| ask(socket.clone(), command))).await
    }
}

async fn ask(socket: PathBuf, command: &Command) -> Result<Answer, GateError> {
    let line = async {
        let mut stream = UnixStream::connect(&socket).await?;
        stream.write_all(&command_line(command)?).await?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).await?;
        Ok(line)
    };
    let line = line.await.map_err(|source| GateError::Talk { socket: socket.clone(), source })?;
    read_answer(&socket, &line)
}

pub(super) fn wait_command(step: Step, volume: &VolumeSelector, attempts: u32, timeout: Duration) -> Command {
    let timeout_ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
    Command::WaitReached { step, volume: volume.clone(), attempts, timeout_ms }
}

pub(super) fn command_line(command: &Command) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(command)?;
    line.push(b'\n');
    Ok(line)
}

pub(super) fn read_answer(socket: &Path, line: &str) -> Result<Answer, GateError> {
    if line.is_empty() {
        let source = io::Error::from(io::ErrorKind::UnexpectedEof);
        return Err(GateError::Talk { socket: socket.to_owned(), source });
    }
    serde_json::from_str(line)
        .map_err(|_| GateError::Answer { socket: socket.to_owned(), line: line.trim_end().to_owned() })
}

/// The answers of those who serve the step.
///
/// # Errors
/// Nobody does; one of them refused.
pub(super) fn served(step: Step, answers: Vec<Answer>) -> Result<Vec<Answer>, GateError> {
    let sockets = answers.len();
    let served: Vec<_> = answers.into_iter().filter(|answer| *answer != Answer::NotHere).collect();
    if served.is_empty() {
        return Err(GateError::NobodyServes { step, sockets });
    }
    match served.iter().find_map(refusal) {
        Some(why) => Err(GateError::Refused { why: why.to_owned() }),
        None => Ok(served),
    }
}

fn refusal(answer: &Answer) -> Option<&str> {
    if let Answer::Refused { why } = answer { Some(why) } else { None }
}

pub(super) fn released(step: Step, answers: Vec<Answer>) -> Result<u32, GateError> {
    let waiting =
        |answer: &Answer| if let Answer::Released { waiting } = answer { Some(*waiting) } else { None };
    // A process that was restarted holds nothing any more; that is no reason to leave the others held.
    let freed: Vec<u32> = answers.iter().filter_map(waiting).collect();
    if freed.is_empty() { served(step, answers).map(|_| 0) } else { Ok(freed.iter().sum()) }
}

pub(super) fn gates(answers: Vec<Answer>) -> Vec<Gate> {
    let of = |answer| if let Answer::Gates { gates } = answer { gates } else { Vec::new() };
    answers.into_iter().flat_map(of).collect()
}

pub(super) fn events(answers: Vec<Answer>) -> Vec<Event> {
    let of = |answer| if let Answer::Events { events } = answer { events } else { Vec::new() };
    let mut events: Vec<Event> = answers.into_iter().flat_map(of).collect();
    events.sort_by_key(|event| event.at_ms);
    events
}
