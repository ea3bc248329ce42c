//! Holds between the operator and its world: requests and usage samples wait until they are let go.

use std::collections::{BTreeMap, BTreeSet};

use headroom_core::{Action, names::NodeName};
use headroom_engine::{Event, Request, Response, Ticket};
use headroom_scenario::{Gate, What};

use super::{Sent, SimWorld, Wire, faults::TIME_OUT, process::Pid, translate};
use crate::model::{gate::Held, object::Name, stats::Line};

/// What the gates remember.
#[derive(Clone, Debug, Default)]
pub(super) struct Holds {
    held: BTreeSet<Gate>,
    reached: BTreeSet<Gate>,
    /// Claims that were raised since `BetweenClaims` is held.
    raised: BTreeSet<Name>,
    /// The last line of each claim that was shown before it grew.
    lines: BTreeMap<Name, Line>,
}

/// A request that waits.
#[derive(Clone, Debug)]
pub(super) struct HeldRequest {
    gate: Gate,
    pub(super) sent: Sent,
}

impl SimWorld {
    pub(super) fn hold_gate(&mut self, gate: Gate) {
        self.holds.held.insert(gate);
        self.holds.reached.remove(&gate);
        self.holds.raised.clear();
        if let Some(held) = in_the_storage(gate) {
            self.model.gates.hold(held);
        }
        self.push(What::GateHeld(gate));
    }

    /// Whether the gate was held.
    pub(super) fn let_gate_go(&mut self, gate: Gate) -> bool {
        if !self.holds.held.remove(&gate) {
            return false;
        }
        self.push(What::GateReleased(gate));
        if let Some(held) = in_the_storage(gate) {
            self.model.change(|model| model.let_go(held));
        }
        let (free, held): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.held_requests).into_iter().partition(|held| held.gate == gate);
        self.held_requests = held;
        let now = self.model.now();
        for HeldRequest { sent: Sent { pid, ticket, request }, .. } in free {
            self.queue.push(now, Wire::Request(pid, ticket, request));
        }
        true
    }

    /// Keeps the request if it has to wait, else gives it back.
    pub(super) fn hold_request(&mut self, sent: Sent) -> Option<Sent> {
        let Request::Do(_, action) = &*sent.request else { return Some(sent) };
        let Action::Resize(resize) = action else {
            return match step_of(action).filter(|gate| self.holds.held.contains(gate)) {
                Some(gate) => self.keep(gate, sent),
                None => Some(sent),
            };
        };
        let claim = translate::name(resize.claim.name.as_str());
        let gate = if self.holds.held.contains(&Gate::BeforePatch) {
            Gate::BeforePatch
        } else if self.holds.held.contains(&Gate::BetweenClaims) {
            if self.holds.raised.is_empty() || self.holds.raised.contains(&claim) {
                self.holds.raised.insert(claim);
                return Some(sent);
            }
            Gate::BetweenClaims
        } else {
            return Some(sent);
        };
        self.keep(gate, sent)
    }

    fn keep(&mut self, gate: Gate, sent: Sent) -> Option<Sent> {
        self.queue.push(self.model.now() + TIME_OUT, Wire::GiveUp(sent.pid, sent.ticket));
        self.held_requests.push(HeldRequest { gate, sent });
        self.reach(gate);
        None
    }

    /// The shell waits no longer for a request that is still held: it is gone, as with a connection that is closed.
    pub(super) fn give_up(&mut self, pid: Pid, ticket: Ticket) {
        let before = self.held_requests.len();
        self.held_requests.retain(|held| (held.sent.pid, held.sent.ticket) != (pid, ticket));
        if self.held_requests.len() < before {
            self.answer(pid, ticket, Response::Unknown);
        }
    }

    pub(super) fn look_at_model_gates(&mut self) {
        for (gate, held) in [
            (Gate::ControllerStep, Held::Controller),
            (Gate::NodeStep, Held::Node),
            (Gate::Provision, Held::Provision),
        ] {
            if self.holds.held.contains(&gate) && self.model.gates.reached(held) {
                self.reach(gate);
            }
        }
    }

    fn reach(&mut self, gate: Gate) {
        if self.holds.reached.insert(gate) {
            self.push(What::GateReached(gate));
        }
    }

    /// A poll reaches a kubelet; while `BeforeCompletion` is held a grown file system still shows its old self.
    pub(super) fn poll_arrives(&mut self, pid: Pid, node: NodeName) {
        if !self.processes.contains_key(&pid) {
            return;
        }
        if self.silent.contains(node.as_str()) {
            self.deliver(Wire::Sampled(pid, node, Err("the kubelet does not answer")));
            return;
        }
        let mut lines = self.model.summary(node.as_str());
        let held = self.holds.held.contains(&Gate::BeforeCompletion);
        let mut withheld = false;
        for line in &mut lines {
            match self.holds.lines.get(&line.claim) {
                Some(old) if held && line.capacity > old.capacity => {
                    *line = old.clone();
                    withheld = true;
                }
                Some(_) | None => {
                    self.holds.lines.insert(line.claim.clone(), line.clone());
                }
            }
        }
        let growing =
            self.model.api().claims().any(|claim| claim.capacity.is_some_and(|size| size < claim.requested));
        if withheld && !growing {
            self.reach(Gate::BeforeCompletion);
        }
        self.deliver(Wire::Sampled(pid, node, Ok(lines)));
    }

    pub(super) fn sampled(&mut self, pid: Pid, node: NodeName, lines: Result<Vec<Line>, &'static str>) {
        let samples = lines.map(|lines| translate::samples(&lines)).map_err(Into::into);
        self.tell(pid, Event::Sampled(node, samples));
        self.drive(pid);
    }
}

/// What the model holds; the other gates stand before requests of the operator.
const fn in_the_storage(gate: Gate) -> Option<Held> {
    match gate {
        Gate::ControllerStep => Some(Held::Controller),
        Gate::NodeStep => Some(Held::Node),
        Gate::Provision => Some(Held::Provision),
        Gate::BeforePatch
        | Gate::BetweenClaims
        | Gate::BeforeCompletion
        | Gate::BeforeSurge
        | Gate::BeforeReplace
        | Gate::BeforePromotion
        | Gate::BeforeLower => None,
    }
}

/// The gate that a step of a shrink passes.
fn step_of(action: &Action) -> Option<Gate> {
    match action {
        Action::SetInstances(set) if set.to() > set.from() => Some(Gate::BeforeSurge),
        Action::SetInstances(_) => Some(Gate::BeforeLower),
        Action::Destroy(_) => Some(Gate::BeforeReplace),
        Action::Promote(_) => Some(Gate::BeforePromotion),
        Action::Resize(_)
        | Action::RaiseClusterSizes(_)
        | Action::AddFinalizer(..)
        | Action::RemoveFinalizer(..)
        | Action::Withdraw(_)
        | Action::DeleteJob(_)
        | Action::DeletePod(_)
        | Action::DiscardClaim(_) => None,
    }
}
