//! A client of the gate sockets for callers without an executor.

use std::io::{self, BufRead, BufReader, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use super::client::{GateError, command_line, events, gates, read_answer, released, served, wait_command};
use super::code::Code;
use super::protocol::{Answer, Command, Event, Gate, Step, VolumeSelector};

/// [`super::Client`] for callers without an executor; see there for what each method does.
#[derive(Debug, Clone)]
pub struct BlockingClient {
    sockets: Vec<PathBuf>,
}

impl BlockingClient {
    /// A client of the processes behind these sockets.
    pub fn new(sockets: impl IntoIterator<Item = PathBuf>) -> Self {
        Self { sockets: sockets.into_iter().collect() }
    }

    /// See [`super::Client::hold`].
    ///
    /// # Errors
    /// See there.
    pub fn hold(&self, step: Step, volume: &VolumeSelector) -> Result<(), GateError> {
        served(step, self.ask_all(&Command::Hold { step, volume: volume.clone() })?).map(drop)
    }

    /// See [`super::Client::release`].
    ///
    /// # Errors
    /// See there.
    pub fn release(&self, step: Step, volume: &VolumeSelector) -> Result<u32, GateError> {
        released(step, self.ask_all(&Command::Release { step, volume: volume.clone() })?)
    }

    /// See [`super::Client::fail`].
    ///
    /// # Errors
    /// See there.
    pub fn fail(
        &self,
        step: Step,
        volume: &VolumeSelector,
        code: Code,
        message: &str,
        times: Option<u32>,
    ) -> Result<(), GateError> {
        let (volume, message) = (volume.clone(), message.to_owned());
        served(step, self.ask_all(&Command::Fail { step, volume, code, message, times })?).map(drop)
    }

    /// See [`super::Client::clear`].
    ///
    /// # Errors
    /// See there.
    pub fn clear(&self) -> Result<(), GateError> {
        self.ask_all(&Command::Clear).map(drop)
    }

    /// See [`super::Client::list`].
    ///
    /// # Errors
    /// See there.
    pub fn list(&self) -> Result<Vec<Gate>, GateError> {
        Ok(gates(self.ask_all(&Command::List)?))
    }

    /// See [`super::Client::events`].
    ///
    /// # Errors
    /// See there.
    pub fn events(&self) -> Result<Vec<Event>, GateError> {
        Ok(events(self.ask_all(&Command::Events { after: 0 })?))
    }

    /// See [`super::Client::wait_reached`].
    ///
    /// # Errors
    /// See there.
    pub fn wait_reached(
        &self,
        step: Step,
        volume: &VolumeSelector,
        timeout: Duration,
    ) -> Result<Option<Gate>, GateError> {
        self.wait_attempts(step, volume, 1, timeout)
    }

    /// See [`super::Client::wait_attempts`].
    ///
    /// # Errors
    /// See there.
    pub fn wait_attempts(
        &self,
        step: Step,
        volume: &VolumeSelector,
        attempts: u32,
        timeout: Duration,
    ) -> Result<Option<Gate>, GateError> {
        let command = wait_command(step, volume, attempts, timeout);
        let sent = self.sockets.iter().map(|socket| send(socket, &command)).collect::<Result<Vec<_>, _>>()?;
        std::thread::scope(|scope| {
            let (tell, told) = mpsc::channel();
            for (socket, stream) in self.sockets.iter().zip(&sent) {
                let tell = tell.clone();
                scope.spawn(move || tell.send(receive(socket, stream)));
            }
            drop(tell);
            let outcome = first_reached(step, &told);
            for stream in &sent {
                // Ends the threads that still wait for their answer. Fails only when the other side is gone already.
                let _ = stream.shutdown(Shutdown::Both);
            }
            outcome
        })
    }

    fn ask_all(&self, command: &Command) -> Result<Vec<Answer>, GateError> {
        self.sockets.iter().map(|socket| receive(socket, &send(socket, command)?)).collect()
    }
}

fn first_reached(
    step: Step,
    told: &mpsc::Receiver<Result<Answer, GateError>>,
) -> Result<Option<Gate>, GateError> {
    let mut answers = Vec::new();
    for answer in told {
        let answer = answer?;
        if let Answer::Reached { gate } = answer {
            return Ok(Some(gate));
        }
        answers.push(answer);
    }
    served(step, answers).map(|_| None)
}

fn send(socket: &Path, command: &Command) -> Result<UnixStream, GateError> {
    let send = || -> io::Result<UnixStream> {
        let mut stream = UnixStream::connect(socket)?;
        stream.write_all(&command_line(command)?)?;
        Ok(stream)
    };
    send().map_err(|source| GateError::Talk { socket: socket.to_owned(), source })
}

fn receive(socket: &Path, stream: &UnixStream) -> Result<Answer, GateError> {
    let mut line = String::new();
    BufReader::new(stream)
        .read_line(&mut line)
        .map_err(|source| GateError::Talk { socket: socket.to_owned(), source })?;
    read_answer(socket, &line)
}
