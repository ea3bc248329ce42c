//! What a process does: the very same engine as in the operator's binary, fed by lagging watches and answered late.

use headroom_engine::{Effect, Event, Refusal, Response, Seen, Ticket};

use super::{Sent, SimWorld, Wire, process::Pid, requests};
use crate::model::{draw::Subsystem, object::Name};

impl SimWorld {
    /// Gives the engine an event.
    pub(super) fn tell(&mut self, pid: Pid, event: Event) {
        let now = self.clock(pid);
        if let Some(process) = self.processes.get_mut(&pid) {
            process.engine.handle(event, now);
        }
    }

    /// Performs what the engine asks for, and plans its next tick.
    pub(super) fn drive(&mut self, pid: Pid) {
        let now = self.model.now();
        let time = self.clock(pid);
        while let Some(effect) = self.processes.get_mut(&pid).and_then(|process| process.engine.poll(time)) {
            self.perform_effect(pid, effect);
        }
        let Some(wake) = self.processes.get(&pid).and_then(|process| process.engine.wake_at()) else {
            return;
        };
        // A wake-up that is due already waits for the next whole second: the engine's clock has no finer grain.
        let at = self.moment(pid, wake).max((now / 1000 + 1) * 1000);
        let Some(process) = self.processes.get_mut(&pid) else { return };
        if process.tick_at.is_none_or(|planned| planned <= now || planned > at) {
            process.tick_at = Some(at);
            self.queue.push(at, Wire::Tick(pid));
        }
    }

    pub(super) fn tick(&mut self, pid: Pid) {
        let now = self.model.now();
        let Some(process) = self.processes.get_mut(&pid) else { return };
        if process.tick_at.is_some_and(|at| at <= now) {
            process.tick_at = None;
            self.tell(pid, Event::Tick);
            self.drive(pid);
        }
    }

    fn perform_effect(&mut self, pid: Pid, effect: Effect) {
        let now = self.model.now();
        let api: Name = "requests".into();
        match effect {
            Effect::Send(ticket, request) => {
                let slow = self.model.draws.one_in(Subsystem::Api, &api, 20);
                let (low, high) = if slow { (30, 400) } else { (2, 15) };
                let delay = self.model.draws.range(Subsystem::Api, &api, low, high);
                if let Some(process) = self.processes.get_mut(&pid) {
                    process.in_flight.insert(ticket, request.clone());
                }
                self.queue.push(now + delay, Wire::Request(pid, ticket, Box::new(request)));
            }
            Effect::Poll(node) => {
                // 13 ms median, 218 ms p99 (experiments G1).
                let slow = self.model.draws.one_in(Subsystem::Api, &api, 50);
                let (low, high) = if slow { (100, 400) } else { (6, 25) };
                let delay = self.model.draws.range(Subsystem::Api, &api, low, high);
                self.queue.push(now + delay, Wire::Poll(pid, node));
            }
            Effect::Note(note) => self.announce(&note),
        }
    }

    /// A request reaches the API server.
    pub(super) fn request_arrives(&mut self, sent: Sent) {
        let Some(sent) = self.hold_request(sent) else { return };
        self.arrived += 1;
        if let Some(fault) = self.faults.remove(&self.arrived) {
            self.meet(sent, fault);
        } else if self.pausing && self.waiting {
            self.at_hand = Some(sent);
        } else {
            self.serve(&sent);
        }
    }

    /// It is done and answered.
    pub(super) fn serve(&mut self, sent: &Sent) {
        let response = requests::apply(self, &sent.request, self.clock(sent.pid));
        self.absorb();
        self.reply(sent, response);
    }

    /// The answer is on its way.
    pub(super) fn reply(&mut self, sent: &Sent, response: Response) {
        let api: Name = "answers".into();
        let delay = self.model.draws.range(Subsystem::Api, &api, 1, 10);
        let at = self.model.now() + delay;
        self.queue.push(at, Wire::Answer(sent.pid, sent.ticket, Box::new(response)));
    }

    pub(super) fn answer(&mut self, pid: Pid, ticket: Ticket, response: Response) {
        if let Some(process) = self.processes.get_mut(&pid) {
            process.in_flight.remove(&ticket);
        }
        self.tell(pid, Event::Answered(ticket, response));
        self.drive(pid);
    }
}

/// An answer that carries the object as it is now.
pub(super) fn applied(seen: Option<Seen>) -> Response {
    seen.map_or(Response::Refused(Refusal::Gone), |seen| Response::Applied(Box::new(seen)))
}
