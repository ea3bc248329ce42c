//! headroom's process: the very same engine as in the operator's binary, fed by lagging watches and answered late.

use std::collections::{BTreeMap, VecDeque};

use headroom_engine::{
    Effect, Engine, EngineConfig, Event, Kind, Refusal, Request, Response, Role, Seen, Ticket,
};

use super::{SimWorld, Wire, requests, storage, translate};
use crate::model::{
    apiserver::{Change, Object},
    draw::Subsystem,
    object::Name,
    queue::Millis,
};

/// All kinds, in the order in which their lists are asked for.
pub(super) const KINDS: [Kind; 5] = [Kind::Class, Kind::Storage, Kind::Cluster, Kind::Claim, Kind::Pod];
/// A lease that was not given back is free again after this (leader election: 15 s).
const LEASE: Millis = 15_000;
/// Bookmarks come about once a minute.
const BOOKMARK: (Millis, Millis) = (50_000, 58_000);

/// The process.
#[derive(Clone, Debug)]
pub(super) struct Process {
    /// Counts starts: what was meant for an earlier process is not delivered to this one.
    pub(super) epoch: u64,
    pub(super) engine: Option<Engine>,
    pub(super) in_flight: BTreeMap<Ticket, Request>,
    watches: BTreeMap<Kind, Watch>,
    tick_at: Option<Millis>,
    lease_free_at: Millis,
    leads: bool,
    /// Requests that have arrived so far, of all processes.
    pub(super) arrived: u64,
}

#[derive(Clone, Debug, Default)]
struct Watch {
    listed: bool,
    last: Millis,
    changes: VecDeque<Change>,
}

impl Process {
    pub(super) fn new() -> Self {
        Self {
            epoch: 0,
            engine: None,
            in_flight: BTreeMap::new(),
            watches: BTreeMap::new(),
            tick_at: None,
            lease_free_at: 0,
            leads: false,
            arrived: 0,
        }
    }
}

impl SimWorld {
    /// Starts a process: lists, then watches; the lease when it is free.
    pub(super) fn start_process(&mut self) {
        let now = self.model.now();
        self.process.epoch += 1;
        let epoch = self.process.epoch;
        let config = EngineConfig::new(storage::resolve, storage::digest);
        self.process.engine = Some(Engine::new(config));
        self.process.in_flight.clear();
        self.process.watches.clear();
        self.process.tick_at = None;
        self.process.leads = false;
        // What is stored has been through JSON and pruning by now.
        self.model.change(|model| {
            for name in model.api.customs().map(|custom| custom.meta.name.clone()).collect::<Vec<_>>() {
                model.api.update_custom(&name, |custom| {
                    custom.status = custom.status.as_deref().map(storage::through_json);
                });
            }
        });
        for kind in KINDS {
            let delay = self.draw_kind(Subsystem::Operator, kind, 30, 500);
            self.queue.push(now + delay, Wire::List(epoch, kind));
        }
        let who: Name = "lease".into();
        let election = self.model.draws.range(Subsystem::Operator, &who, 100, 2000);
        self.queue.push((now + 100).max(self.process.lease_free_at) + election, Wire::Lease(epoch));
    }

    /// Ends the process. A killed one keeps its lease until that runs out; what it sent is on its way.
    pub(super) fn stop_process(&mut self, cleanly: bool) {
        let now = self.model.now();
        self.process.epoch += 1;
        self.process.engine = None;
        self.process.in_flight.clear();
        self.process.watches.clear();
        self.process.lease_free_at = if cleanly || !self.process.leads { now } else { now + LEASE };
        self.process.leads = false;
        self.held_requests.clear();
    }

    /// A change of an object, on its way to the watch of its kind: in order within the kind, each kind with a lag of
    /// its own.
    pub(super) fn watch(&mut self, change: &Change) {
        let Some(kind) = translate::kind(&change.object) else { return };
        let now = self.model.now();
        let lag = if self.draw_kind(Subsystem::Watch, kind, 0, 15) == 0 { (50, 600) } else { (1, 30) };
        let at = now + self.draw_kind(Subsystem::Watch, kind, lag.0, lag.1);
        let epoch = self.process.epoch;
        let Some(watch) = self.process.watches.get_mut(&kind).filter(|watch| watch.listed) else { return };
        watch.last = watch.last.max(at);
        watch.changes.push_back(change.clone());
        self.queue.push(watch.last, Wire::Watch(epoch, kind));
    }

    pub(super) fn draw_kind(&mut self, who: Subsystem, kind: Kind, low: u64, high: u64) -> u64 {
        let name: Name = match kind {
            Kind::Storage => "storages",
            Kind::Cluster => "clusters",
            Kind::Claim => "claims",
            Kind::Pod => "pods",
            Kind::Class => "classes",
        }
        .into();
        self.model.draws.range(who, &name, low, high)
    }

    pub(super) fn deliver_list(&mut self, kind: Kind) {
        let objects = self.list(kind);
        self.tell(Event::ListBegan(kind));
        for object in objects {
            if let Some(seen) = translate::seen(&object) {
                self.tell(Event::Seen(seen));
            }
        }
        self.tell(Event::ListDone(kind));
        let now = self.model.now();
        self.process.watches.insert(kind, Watch { listed: true, last: now, changes: VecDeque::new() });
        self.plan_bookmark(kind);
        self.drive();
    }

    fn list(&self, kind: Kind) -> Vec<Object> {
        let api = self.model.api();
        match kind {
            Kind::Storage => api.customs().cloned().map(Object::Custom).collect(),
            Kind::Cluster => api.clusters().cloned().map(Object::Cluster).collect(),
            Kind::Claim => api.claims().cloned().map(Object::Claim).collect(),
            Kind::Pod => api.pods().cloned().map(Object::Pod).collect(),
            Kind::Class => {
                api.classes().map(|(name, expandable)| Object::Class(name.clone(), expandable)).collect()
            }
        }
    }

    pub(super) fn deliver_watch(&mut self, kind: Kind) {
        let change = self.process.watches.get_mut(&kind).and_then(|watch| watch.changes.pop_front());
        if let Some(event) = change.as_ref().and_then(translate::event) {
            self.tell(event);
            self.drive();
        }
    }

    pub(super) fn deliver_bookmark(&mut self, kind: Kind) {
        self.tell(Event::Alive(kind));
        self.plan_bookmark(kind);
        self.drive();
    }

    fn plan_bookmark(&mut self, kind: Kind) {
        let delay = self.draw_kind(Subsystem::Watch, kind, BOOKMARK.0, BOOKMARK.1);
        self.queue.push(self.model.now() + delay, Wire::Bookmark(self.process.epoch, kind));
    }

    pub(super) fn win_lease(&mut self) {
        self.process.leads = true;
        self.tell(Event::Lease(Role::Leader));
        self.drive();
    }

    /// Gives the engine an event.
    pub(super) fn tell(&mut self, event: Event) {
        let now = translate::timestamp(self.model.now());
        if let Some(engine) = &mut self.process.engine {
            engine.handle(event, now);
        }
    }

    /// Performs what the engine asks for, and plans its next tick.
    pub(super) fn drive(&mut self) {
        let now = self.model.now();
        let time = translate::timestamp(now);
        while let Some(effect) = self.process.engine.as_mut().and_then(|engine| engine.poll(time)) {
            self.perform_effect(effect);
        }
        let Some(wake) = self.process.engine.as_ref().and_then(Engine::wake_at) else { return };
        // A wake-up that is due already waits for the next whole second: the engine's clock has no finer grain.
        let at = translate::millis(wake).max((now / 1000 + 1) * 1000);
        if self.process.tick_at.is_none_or(|planned| planned <= now || planned > at) {
            self.process.tick_at = Some(at);
            self.queue.push(at, Wire::Tick(self.process.epoch));
        }
    }

    pub(super) fn tick(&mut self) {
        if self.process.tick_at.is_some_and(|at| at <= self.model.now()) {
            self.process.tick_at = None;
            self.tell(Event::Tick);
            self.drive();
        }
    }

    fn perform_effect(&mut self, effect: Effect) {
        let (now, epoch) = (self.model.now(), self.process.epoch);
        let api: Name = "requests".into();
        match effect {
            Effect::Send(ticket, request) => {
                let slow = self.model.draws.one_in(Subsystem::Api, &api, 20);
                let (low, high) = if slow { (30, 400) } else { (2, 15) };
                let delay = self.model.draws.range(Subsystem::Api, &api, low, high);
                self.process.in_flight.insert(ticket, request.clone());
                self.queue.push(now + delay, Wire::Request(epoch, ticket, Box::new(request)));
            }
            Effect::Poll(node) => {
                // 13 ms median, 218 ms p99 (experiments G1).
                let slow = self.model.draws.one_in(Subsystem::Api, &api, 50);
                let (low, high) = if slow { (100, 400) } else { (6, 25) };
                let delay = self.model.draws.range(Subsystem::Api, &api, low, high);
                self.queue.push(now + delay, Wire::Poll(epoch, node));
            }
            Effect::Note(note) => self.announce(&note),
        }
    }

    /// A request reaches the API server.
    pub(super) fn request_arrives(&mut self, epoch: u64, ticket: Ticket, request: &Request) {
        if self.hold_request(epoch, ticket, request) {
            return;
        }
        self.process.arrived += 1;
        if let Some(fault) = self.faults.remove(&self.process.arrived) {
            self.request_meets_fault(epoch, ticket, request, fault);
            return;
        }
        let response = requests::apply(self, request);
        self.absorb();
        let api: Name = "answers".into();
        let delay = self.model.draws.range(Subsystem::Api, &api, 1, 10);
        self.queue.push(self.model.now() + delay, Wire::Answer(epoch, ticket, Box::new(response)));
    }

    pub(super) fn answer(&mut self, ticket: Ticket, response: Response) {
        self.process.in_flight.remove(&ticket);
        self.tell(Event::Answered(ticket, response));
        self.drive();
    }
}

/// An answer that carries the object as it is now.
pub(super) fn applied(seen: Option<Seen>) -> Response {
    seen.map_or(Response::Refused(Refusal::Gone), |seen| Response::Applied(Box::new(seen)))
}
