//! The simulated world of one scenario: the model, headroom's engine, and the wire between them.

mod acts;
mod calendar;
pub mod faults;
mod gates;
mod observe;
mod operator;
mod process;
mod replacing;
mod requests;
mod rest;
mod state;
mod storage;
pub(crate) mod translate;
mod watches;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use headroom_core::names::NodeName;
use headroom_engine::{Kind, Request, Response, Role, Ticket};
use headroom_scenario::{
    Act, Ended, Fact, Fixture, Gate, Kubelets, Strike, Trace, View, Wait, World, WorldError, evaluate::holds,
};

use crate::model::{
    Model, Settings,
    object::Name,
    queue::{Millis, Queue},
    stats::Line,
};
use acts::Making;
pub use calendar::Calendar;
pub use faults::Fault;
use gates::{HeldRequest, Holds};
use process::{Past, Pid, Process};
pub use rest::{Proofs, Silence};
pub use state::StateHash;

/// How often the writer's acknowledged rows are told.
const ROWS_EVERY: Millis = 2000;

/// Something on its way between operator and cluster, with the process that it concerns.
#[derive(Clone, Debug)]
enum Wire {
    List(Pid, Kind),
    Watch(Pid, Kind),
    Bookmark(Pid, Kind),
    Lease(Pid, Role),
    Tick(Pid),
    Request(Pid, Ticket, Box<Request>),
    Answer(Pid, Ticket, Box<Response>),
    Poll(Pid, NodeName),
    /// A kubelet's answer.
    Sampled(Pid, NodeName, Result<Vec<Line>, &'static str>),
    /// A process is started, unless operators were stopped or started since (the number counts that).
    Restart(u64),
    /// The shell gives up on a request that is held.
    GiveUp(Pid, Ticket),
    /// A second operator is stopped.
    Retire(Pid),
    /// A process that stood still goes on.
    Awake(Pid),
    /// A process's clock is set right.
    ClockRight(Pid),
    /// A copy of a request that the network had kept; nobody waits for its answer.
    Copy(Box<Request>),
    Rows,
    Verify,
}

impl Wire {
    /// The process that takes it in, if one does.
    const fn taker(&self) -> Option<Pid> {
        match self {
            Self::List(pid, _)
            | Self::Watch(pid, _)
            | Self::Bookmark(pid, _)
            | Self::Lease(pid, _)
            | Self::Tick(pid)
            | Self::Answer(pid, ..)
            | Self::GiveUp(pid, _)
            | Self::Sampled(pid, ..) => Some(*pid),
            // A kubelet answers what is now, whenever the answer is read.
            Self::Request(..)
            | Self::Poll(..)
            | Self::Restart(_)
            | Self::Retire(_)
            | Self::Awake(_)
            | Self::ClockRight(_)
            | Self::Copy(_)
            | Self::Rows
            | Self::Verify => None,
        }
    }
}

/// A request on its way to the API server.
#[derive(Clone, Debug)]
struct Sent {
    pid: Pid,
    ticket: Ticket,
    request: Box<Request>,
}

/// A simulated Kubernetes cluster with CNPG, one PostgreSQL Cluster, and headroom: everything from one seed. A clone is
/// a fork: it goes on exactly as its original would.
#[derive(Clone, Debug)]
pub struct SimWorld {
    model: Model,
    queue: Queue<Wire>,
    /// The operator's processes: one, but while a fault makes them two.
    processes: BTreeMap<Pid, Process>,
    /// The process that was started last.
    newest: Pid,
    /// Counts when operators were stopped or started: what was planned before is then void.
    turn: u64,
    lease_free_at: Millis,
    /// Requests that have arrived so far, of all processes.
    arrived: u64,
    /// The objects before the operator's newest write, and what has changed since.
    past: Past,
    calendar: Calendar,
    /// All watches lag this much more than they should.
    lag: Millis,
    holds: Holds,
    held_requests: Vec<HeldRequest>,
    trace: Trace,
    view: View,
    rows_told: u64,
    faults: BTreeMap<u64, Fault>,
    /// What the Cluster and our object were made from.
    fixture: Option<Fixture>,
    /// Nodes whose kubelets answer nothing.
    silent: BTreeSet<Name>,
    /// Failed pods by join job, as told.
    job_failures: BTreeMap<Name, u32>,
    /// How far the fixture is.
    making: Option<Making>,
    /// Whether to pause at each request, and whether that is possible now: what a script does is not cut in two.
    pausing: bool,
    waiting: bool,
    /// The request that the world has paused at.
    at_hand: Option<Sent>,
    /// Until when the wait goes on that the world has paused in.
    waits_until: Option<Millis>,
}

impl SimWorld {
    /// A world of this seed with the lab's kubelet periods (10 s), under which the model's traces were recorded.
    pub fn new(seed: u64) -> Self {
        Self::with_settings(seed, Settings::LAB)
    }

    /// A world of this seed with other kubelet periods.
    pub fn with_settings(seed: u64, settings: Settings) -> Self {
        Self::at(seed, settings, Calendar::Plain)
    }

    /// A world of this seed that begins at another time of the year.
    pub fn at(seed: u64, settings: Settings, calendar: Calendar) -> Self {
        let mut model = Model::new(seed, settings);
        model.pass(calendar.origin());
        Self {
            model,
            queue: Queue::new(),
            processes: BTreeMap::new(),
            newest: 0,
            turn: 0,
            lease_free_at: 0,
            arrived: 0,
            past: Past::default(),
            calendar,
            lag: 0,
            holds: Holds::default(),
            held_requests: Vec::new(),
            trace: Trace::new(),
            view: View::new(),
            rows_told: 0,
            faults: BTreeMap::new(),
            fixture: None,
            silent: BTreeSet::new(),
            job_failures: BTreeMap::new(),
            making: None,
            pausing: false,
            waiting: false,
            at_hand: None,
            waits_until: None,
        }
    }

    /// Whether watches are slow.
    pub(crate) const fn lags(&self) -> bool {
        self.lag > 0
    }

    /// Every watch shows each change this many milliseconds later than it would.
    #[must_use]
    pub const fn with_slow_watches(mut self, lag: Millis) -> Self {
        self.lag = lag;
        self
    }

    /// The model, for what the trace does not tell.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Virtual milliseconds since the start.
    pub fn now(&self) -> Millis {
        self.model.now() - self.calendar.origin()
    }

    /// Requests of headroom that have arrived at the API server so far.
    pub fn requests(&self) -> u64 {
        self.arrived
    }

    /// Lets `span` virtual milliseconds pass.
    pub fn run_for(&mut self, span: Millis) {
        let end = self.model.now() + span;
        while self.next_at().is_some_and(|at| at <= end) {
            self.step();
        }
        self.model.pass(end);
    }

    /// When the next thing happens.
    fn next_at(&self) -> Option<Millis> {
        [self.model.next_at(), self.queue.next_at()].into_iter().flatten().min()
    }

    /// Lets the next thing happen.
    pub fn step(&mut self) {
        let (model, wire) = (self.model.next_at(), self.queue.next_at());
        if model.is_some_and(|model| wire.is_none_or(|wire| model <= wire)) {
            self.model.step();
            self.absorb();
        } else if let Some((at, wire)) = self.queue.pop() {
            self.model.pass(at);
            self.deliver(wire);
            self.absorb();
        }
    }

    /// Lets time pass until the fact holds, the deadline comes, or the world pauses at a request.
    fn wait(&mut self, until: &Fact, deadline: Millis) -> Ended {
        let mut judged = usize::MAX;
        loop {
            if judged != self.trace.entries.len() {
                judged = self.trace.entries.len();
                if holds(until, &self.view, self.quiet_span()).is_ok() {
                    return Ended::Met;
                }
            }
            if self.next_at().is_none_or(|at| at > deadline) {
                self.model.pass(deadline);
                let still = holds(until, &self.view, self.quiet_span()).err();
                return still.map_or(Ended::Met, |still| Ended::TimedOut { still });
            }
            self.step();
            if self.paused() {
                self.waits_until = Some(deadline);
                return Ended::TimedOut { still: "the world has paused".to_owned() };
            }
        }
    }

    fn deliver(&mut self, wire: Wire) {
        if let Some(pid) = wire.taker() {
            match self.processes.get_mut(&pid) {
                None => return,
                // It stands still: what arrives waits in its sockets.
                Some(process) if process.asleep => {
                    process.missed.push_back(wire);
                    return;
                }
                Some(_) => {}
            }
        }
        match wire {
            Wire::List(pid, kind) => self.deliver_list(pid, kind),
            Wire::Watch(pid, kind) => self.deliver_watch(pid, kind),
            Wire::Bookmark(pid, kind) => self.deliver_bookmark(pid, kind),
            Wire::Lease(pid, role) => self.turn_lease(pid, role),
            Wire::Tick(pid) => self.tick(pid),
            Wire::Poll(pid, node) => self.poll_arrives(pid, node),
            Wire::Sampled(pid, node, lines) => self.sampled(pid, node, lines),
            Wire::Answer(pid, ticket, response) => self.answer(pid, ticket, *response),
            // A request that left a process now dead still arrives: whether it was sent is all that counts.
            Wire::Request(pid, ticket, request) => self.request_arrives(Sent { pid, ticket, request }),
            Wire::GiveUp(pid, ticket) => self.give_up(pid, ticket),
            Wire::Restart(turn) if turn == self.turn => self.start_process(),
            Wire::Restart(_) => {}
            Wire::Retire(pid) => self.retire(pid),
            Wire::Awake(pid) => self.awake(pid),
            Wire::ClockRight(pid) => self.clock_right(pid),
            Wire::Copy(request) => {
                let clock = translate::timestamp(self.model.now());
                requests::apply(self, &request, clock);
            }
            Wire::Rows => {
                self.record_rows();
                self.queue.push(self.model.now() + ROWS_EVERY, Wire::Rows);
            }
            Wire::Verify => self.verify(),
        }
    }
}

impl World for SimWorld {
    fn can_hold(&self, _: Gate) -> bool {
        true
    }

    fn prepare(&mut self, fixture: &Fixture) -> Result<(), WorldError> {
        self.make(fixture)
    }

    fn perform(&mut self, act: &Act) -> Result<(), WorldError> {
        self.act(act)
    }

    fn hold(&mut self, gate: Gate) -> Result<(), WorldError> {
        self.hold_gate(gate);
        Ok(())
    }

    fn strike(&mut self, strike: &Strike) -> Result<(), WorldError> {
        self.hit(strike)
    }

    fn release(&mut self, gate: Gate) -> Result<(), WorldError> {
        if self.let_gate_go(gate) { Ok(()) } else { Err(acts::failed("let a gate go", "it was not held")) }
    }

    fn paused(&self) -> bool {
        self.at_hand.is_some()
    }

    fn advance(&mut self, until: &Fact, limit: Duration) -> Ended {
        let limit = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        let deadline = self.waits_until.take().unwrap_or_else(|| self.model.now().saturating_add(limit));
        self.waiting = true;
        let ended = self.wait(until, deadline);
        self.waiting = false;
        ended
    }

    fn limit(&self, wait: Wait) -> Duration {
        Duration::from_secs(match wait {
            Wait::Ready | Wait::Fill | Wait::Window | Wait::Upgrade | Wait::Restore => 600,
            Wait::Decision | Wait::Strike | Wait::Growth | Wait::Drain | Wait::Backup | Wait::Join => {
                match self.model.settings.kubelets() {
                    Kubelets::Quick => 300,
                    // Two samples are up to four minutes, and each step of a growth waits for the node up to two.
                    Kubelets::Stock => 900,
                }
            }
            // A process that is started anew waits for its own five minutes.
            Wait::Recovery | Wait::Stall => 900,
            // One that waits for an old primary by a clock that was set back an hour waits that hour, too.
            Wait::Shrink => 2 * 3600,
            Wait::Quiet => 180,
            // A day, and an hour for what follows.
            Wait::Slot => 25 * 3600,
        })
    }

    fn trace(&self) -> &Trace {
        &self.trace
    }

    fn finish(&mut self, _: bool) {
        self.stop_processes(true);
    }
}
