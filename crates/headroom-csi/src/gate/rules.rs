//! The gates of one process: which calls wait, which fail, which pass.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;
use tokio::time::Instant;
use tonic::Status;

use super::code::Code;
use super::protocol::{Answer, Command, Event, Gate, Happened, Kind, Step, VolumeSelector};

/// How many events are kept.
const EVENTS_MAX: usize = 1024;

/// The volume a call is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// CSI volume handle.
    pub handle: String,
    /// Namespace and name of the claim it was created for, when known.
    pub claim: Option<(String, String)>,
}

impl VolumeSelector {
    /// Whether the gate is for this volume.
    pub fn matches(&self, subject: &Subject) -> bool {
        match self {
            Self::Any => true,
            Self::Handle(handle) => *handle == subject.handle,
            Self::Claim { namespace, name } => {
                subject.claim.as_ref().is_some_and(|(ns, claim)| ns == namespace && claim == name)
            }
        }
    }
}

/// The gates before the steps of one process.
///
/// Shared by the gRPC service, which [passes](Gates::pass) through it, and the gate socket, which [obeys](Gates::obey)
/// its commands.
#[derive(Debug)]
pub struct Gates {
    steps: Vec<Step>,
    state: Mutex<State>,
    /// Sent to after every change of `state`; those who wait look again.
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct State {
    rules: Vec<Rule>,
    rules_made: u64,
    events: VecDeque<Event>,
    events_made: u64,
}

#[derive(Debug)]
struct Rule {
    id: u64,
    gate: Gate,
    /// The answer of a failure.
    status: Option<(Code, String)>,
}

impl Gates {
    /// No gates yet before these steps, which the process does.
    pub fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Self { steps: steps.into_iter().collect(), state: Mutex::default(), changed: watch::Sender::new(()) }
    }

    /// Waits while the step of this volume is held, then answers the code that it shall fail with, if any.
    ///
    /// May be dropped while it waits (the caller's deadline is over); the gate stays reached.
    ///
    /// # Errors
    /// The status that a matching failure asks for.
    pub async fn pass(&self, step: Step, subject: &Subject) -> Result<(), Status> {
        let mut waiting = Waiting { gates: self, step, subject, at: Vec::new() };
        let mut changed = self.changed.subscribe();
        while waiting.stopped() {
            tracing::info!(%step, volume = subject.handle, "held at the gate");
            if changed.changed().await.is_err() {
                break;
            }
        }
        waiting.leave();
        let mut state = self.state();
        let failure = state.fail(step, subject);
        state.note(step, subject, if failure.is_some() { Happened::Failed } else { Happened::Passed });
        drop(state);
        self.changed.send_replace(());
        match failure {
            Some((code, message)) => {
                tracing::info!(%step, volume = subject.handle, %code, "failed by the gate");
                Err(Status::new(code.to_tonic(), message))
            }
            None => Ok(()),
        }
    }

    /// Does what a command says and gives the answer to it. Only `wait_reached` takes time.
    pub async fn obey(&self, command: Command) -> Answer {
        let answer = match command {
            Command::Hold { step, volume } => self.here(step, || self.state().hold(step, volume)),
            Command::Release { step, volume } => self.here(step, || self.state().release(step, &volume)),
            Command::Fail { step, volume, code, message, times } => {
                self.here(step, || self.state().set_failure(step, volume, (code, message), times))
            }
            Command::Clear => {
                self.state().rules.clear();
                Answer::Done
            }
            Command::List => {
                Answer::Gates { gates: self.state().rules.iter().map(|rule| rule.gate.clone()).collect() }
            }
            Command::Events { after } => Answer::Events {
                events: self.state().events.iter().filter(|event| event.number > after).cloned().collect(),
            },
            Command::WaitReached { step, volume, attempts, timeout_ms } if self.steps.contains(&step) => {
                return self.wait_reached(step, &volume, attempts, Duration::from_millis(timeout_ms)).await;
            }
            Command::WaitReached { .. } => Answer::NotHere,
        };
        self.changed.send_replace(());
        answer
    }

    async fn wait_reached(
        &self,
        step: Step,
        volume: &VolumeSelector,
        attempts: u32,
        timeout: Duration,
    ) -> Answer {
        let mut changed = self.changed.subscribe();
        let deadline = Instant::now() + timeout;
        loop {
            let Some(gate) = self.state().most_met(step, volume) else {
                return Answer::Refused {
                    why: format!("no gate holds or fails the {step} step of {volume}; hold it first"),
                };
            };
            if gate.attempts >= attempts {
                return Answer::Reached { gate };
            }
            match tokio::time::timeout_at(deadline, changed.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return Answer::NotReached { gate },
            }
        }
    }

    fn here(&self, step: Step, act: impl FnOnce() -> Answer) -> Answer {
        if self.steps.contains(&step) { act() } else { Answer::NotHere }
    }

    /// The state is a list of plain values that no panic can leave half-changed, so a poisoned lock is still good.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One call on its way through the gates. Dropped while it waits, it takes itself off the counts of waiting calls.
struct Waiting<'a> {
    gates: &'a Gates,
    step: Step,
    subject: &'a Subject,
    /// Ids of the holds that this call waits at, or waited at.
    at: Vec<u64>,
}

impl Waiting<'_> {
    /// Whether a hold stops the call now. Each hold counts a call once.
    fn stopped(&mut self) -> bool {
        let mut state = self.gates.state();
        let mut stopped = false;
        let mut newly = false;
        for rule in state.rules.iter_mut().filter(|rule| rule.is(Kind::Hold, self.step, self.subject)) {
            stopped = true;
            if !self.at.contains(&rule.id) {
                self.at.push(rule.id);
                rule.meet();
                rule.gate.waiting += 1;
                newly = true;
            }
        }
        if newly {
            state.note(self.step, self.subject, Happened::Held);
        }
        drop(state);
        if newly {
            self.gates.changed.send_replace(());
        }
        stopped
    }

    fn leave(&mut self) {
        let mut state = self.gates.state();
        for rule in state.rules.iter_mut().filter(|rule| self.at.contains(&rule.id)) {
            rule.gate.waiting = rule.gate.waiting.saturating_sub(1);
        }
        self.at.clear();
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.at.is_empty() {
            self.leave();
            self.gates.state().note(self.step, self.subject, Happened::GaveUp);
            self.gates.changed.send_replace(());
        }
    }
}

impl Rule {
    fn is(&self, kind: Kind, step: Step, subject: &Subject) -> bool {
        self.has(kind, step) && self.gate.volume.matches(subject)
    }

    fn has(&self, kind: Kind, step: Step) -> bool {
        self.gate.kind == kind && self.gate.step == step
    }

    fn meet(&mut self) {
        self.gate.attempts += 1;
        self.gate.reached_at_ms.get_or_insert_with(now_ms);
    }
}

impl State {
    fn hold(&mut self, step: Step, volume: VolumeSelector) -> Answer {
        if !self.rules.iter().any(|rule| rule.has(Kind::Hold, step) && rule.gate.volume == volume) {
            self.add(Kind::Hold, step, volume, None, None);
        }
        Answer::Done
    }

    fn release(&mut self, step: Step, volume: &VolumeSelector) -> Answer {
        let ends = |rule: &Rule| rule.has(Kind::Hold, step) && rule.gate.volume == *volume;
        let Some(rule) = self.rules.iter().find(|rule| ends(rule)) else {
            return Answer::Refused { why: format!("{volume} is not held; `list` names the holds") };
        };
        let waiting = rule.gate.waiting;
        self.rules.retain(|rule| !ends(rule));
        Answer::Released { waiting }
    }

    fn set_failure(
        &mut self,
        step: Step,
        volume: VolumeSelector,
        status: (Code, String),
        times: Option<u32>,
    ) -> Answer {
        self.rules.retain(|rule| !rule.has(Kind::Fail, step) || rule.gate.volume != volume);
        self.add(Kind::Fail, step, volume, Some(status), times);
        Answer::Done
    }

    fn add(
        &mut self,
        kind: Kind,
        step: Step,
        volume: VolumeSelector,
        status: Option<(Code, String)>,
        remaining: Option<u32>,
    ) {
        self.rules_made += 1;
        let gate = Gate { kind, step, volume, attempts: 0, waiting: 0, reached_at_ms: None, remaining };
        self.rules.push(Rule { id: self.rules_made, gate, status });
    }

    /// The answer of the oldest failure for this volume that has calls left, and one call less of it.
    fn fail(&mut self, step: Step, subject: &Subject) -> Option<(Code, String)> {
        let rule = self.rules.iter_mut().find(|rule| {
            rule.is(Kind::Fail, step, subject) && rule.gate.remaining.is_none_or(|left| left > 0)
        })?;
        rule.gate.remaining = rule.gate.remaining.map(|left| left - 1);
        rule.meet();
        rule.status.clone()
    }

    fn most_met(&self, step: Step, volume: &VolumeSelector) -> Option<Gate> {
        let gates = self.rules.iter().map(|rule| &rule.gate);
        let same = gates.filter(|gate| gate.step == step && gate.volume == *volume);
        same.max_by_key(|gate| gate.attempts).cloned()
    }

    fn note(&mut self, step: Step, subject: &Subject, what: Happened) {
        self.events_made += 1;
        if self.events.len() == EVENTS_MAX {
            self.events.pop_front();
        }
        self.events.push_back(Event {
            number: self.events_made,
            at_ms: now_ms(),
            step,
            handle: subject.handle.clone(),
            claim: subject.claim.as_ref().map(|(namespace, name)| format!("{namespace}/{name}")),
            what,
        });
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
