//! The simulated world of one scenario: the model, headroom's engine, and the wire between them.

mod acts;
mod faults;
mod gates;
mod observe;
mod operator;
mod requests;
mod storage;
pub(crate) mod translate;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use headroom_core::names::NodeName;
use headroom_engine::{Kind, Request, Response, Ticket};
use headroom_scenario::{
    Act, Ended, Fact, Fixture, Gate, Strike, Trace, View, Wait, World, WorldError, evaluate::holds,
};

use crate::model::{
    Model, Settings,
    object::Name,
    queue::{Millis, Queue},
};
pub use faults::Fault;
use gates::{HeldRequest, Holds};
use operator::Process;

/// How often the writer's acknowledged rows are told.
const ROWS_EVERY: Millis = 2000;

/// Something on its way between operator and cluster; numbers are epochs of the process it concerns.
#[derive(Clone, Debug)]
enum Wire {
    List(u64, Kind),
    Watch(u64, Kind),
    Bookmark(u64, Kind),
    Lease(u64),
    Tick(u64),
    Request(u64, Ticket, Box<Request>),
    Answer(u64, Ticket, Box<Response>),
    Poll(u64, NodeName),
    Restart(u64),
    GiveUp(u64, Ticket),
    Rows,
    Verify,
}

/// A simulated Kubernetes cluster with CNPG, one PostgreSQL Cluster, and headroom: everything from one seed. A clone is
/// a fork: it goes on exactly as its original would.
#[derive(Clone, Debug)]
pub struct SimWorld {
    model: Model,
    queue: Queue<Wire>,
    process: Process,
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
}

impl SimWorld {
    /// A world of this seed with the lab's kubelet periods (10 s), under which the model's traces were recorded.
    pub fn new(seed: u64) -> Self {
        Self::with_settings(seed, Settings::LAB)
    }

    /// A world of this seed with other kubelet periods.
    pub fn with_settings(seed: u64, settings: Settings) -> Self {
        Self {
            model: Model::new(seed, settings),
            queue: Queue::new(),
            process: Process::new(),
            holds: Holds::default(),
            held_requests: Vec::new(),
            trace: Trace::new(),
            view: View::new(),
            rows_told: 0,
            faults: BTreeMap::new(),
            fixture: None,
            silent: BTreeSet::new(),
            job_failures: BTreeMap::new(),
        }
    }

    /// The model, for what the trace does not tell.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Virtual milliseconds since the start.
    pub fn now(&self) -> Millis {
        self.model.now()
    }

    /// Requests of headroom that have arrived at the API server so far.
    pub fn requests(&self) -> u64 {
        self.process.arrived
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

    fn deliver(&mut self, wire: Wire) {
        let current = self.process.epoch;
        match wire {
            Wire::List(epoch, kind) if epoch == current => self.deliver_list(kind),
            Wire::Watch(epoch, kind) if epoch == current => self.deliver_watch(kind),
            Wire::Bookmark(epoch, kind) if epoch == current => self.deliver_bookmark(kind),
            Wire::Lease(epoch) if epoch == current => self.win_lease(),
            Wire::Tick(epoch) if epoch == current => self.tick(),
            Wire::Poll(epoch, node) if epoch == current => self.poll_arrives(node),
            Wire::Answer(epoch, ticket, response) if epoch == current => self.answer(ticket, *response),
            Wire::Restart(epoch) if epoch == current => self.start_process(),
            // A request that left a process now dead still arrives: whether it was sent is all that counts.
            Wire::Request(epoch, ticket, request) => self.request_arrives(epoch, ticket, &request),
            Wire::GiveUp(epoch, ticket) => self.give_up(epoch, ticket),
            Wire::Rows => {
                self.record_rows();
                self.queue.push(self.model.now() + ROWS_EVERY, Wire::Rows);
            }
            Wire::Verify => self.verify(),
            Wire::List(..)
            | Wire::Watch(..)
            | Wire::Bookmark(..)
            | Wire::Lease(_)
            | Wire::Tick(_)
            | Wire::Poll(..)
            | Wire::Answer(..)
            | Wire::Restart(_) => {}
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

    fn advance(&mut self, until: &Fact, limit: Duration) -> Ended {
        let deadline = self.model.now().saturating_add(u64::try_from(limit.as_millis()).unwrap_or(u64::MAX));
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
        }
    }

    fn limit(&self, wait: Wait) -> Duration {
        Duration::from_secs(match wait {
            Wait::Ready | Wait::Fill | Wait::Window | Wait::Stall | Wait::Upgrade | Wait::Restore => 600,
            Wait::Decision | Wait::Strike | Wait::Growth | Wait::Drain | Wait::Backup | Wait::Join => 300,
            Wait::Recovery => 900,
            Wait::Quiet => 180,
            // A day, and an hour for what follows.
            Wait::Slot => 25 * 3600,
        })
    }

    fn trace(&self) -> &Trace {
        &self.trace
    }

    fn finish(&mut self, _: bool) {
        self.stop_process(true);
    }
}
