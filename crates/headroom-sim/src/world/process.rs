//! headroom's processes: started, stopped, killed, standing still, two at once. The lease is as in real life; nothing
//! rests on it.

use std::collections::{BTreeMap, VecDeque};

use headroom_core::Timestamp;
use headroom_engine::{Engine, EngineConfig, Kind, Request, Role, Ticket};

use super::{SimWorld, Wire, storage, translate, watches::Watch};
use crate::model::{
    apiserver::{Change, Object},
    draw::Subsystem,
    object::Name,
    queue::Millis,
};

/// Names a process; never given twice.
pub(super) type Pid = u64;

/// All kinds, in the order in which their lists are asked for.
pub(super) const KINDS: [Kind; 5] = [Kind::Class, Kind::Storage, Kind::Cluster, Kind::Claim, Kind::Pod];
/// A lease that was not given back is free again after this (leader election: 15 s).
const LEASE: Millis = 15_000;
/// How many changes since the newest write are remembered for a process that starts upon an old cache.
const REMEMBERED: usize = 512;

/// A process.
#[derive(Clone, Debug)]
pub(super) struct Process {
    pub(super) engine: Engine,
    pub(super) in_flight: BTreeMap<Ticket, Request>,
    pub(super) watches: BTreeMap<Kind, Watch>,
    pub(super) tick_at: Option<Millis>,
    pub(super) leads: bool,
    /// How many seconds its clock is behind the cluster's.
    pub(super) behind: i64,
    /// It stands still; what arrives waits.
    pub(super) asleep: bool,
    pub(super) missed: VecDeque<Wire>,
    /// Its lists are of before the operator's newest write.
    pub(super) old_lists: bool,
    /// Until when its watches lag, and by how much.
    pub(super) lags: (Millis, Millis),
}

/// The objects as they were before the operator's newest write, and what has changed since.
#[derive(Clone, Debug, Default)]
pub(super) struct Past {
    pub(super) objects: Vec<Object>,
    pub(super) changes: Vec<Change>,
}

impl Past {
    /// A change that came after the newest write.
    pub(super) fn add(&mut self, change: &Change) {
        if self.objects.is_empty() {
            return;
        }
        self.changes.push(change.clone());
        if self.changes.len() > REMEMBERED {
            *self = Self::default();
        }
    }
}

impl SimWorld {
    /// Starts the operator: lists, then watches; the lease when it is free.
    pub(super) fn start_process(&mut self) {
        self.processes.clear();
        self.turn += 1;
        self.begin(Lease::WhenFree);
    }

    /// Starts one more process.
    fn begin(&mut self, lease: Lease) -> Pid {
        let now = self.model.now();
        self.newest += 1;
        let pid = self.newest;
        let config = EngineConfig::new(storage::resolve, storage::digest);
        let process = Process {
            engine: Engine::new(config),
            in_flight: BTreeMap::new(),
            watches: BTreeMap::new(),
            tick_at: None,
            leads: false,
            behind: 0,
            asleep: false,
            missed: VecDeque::new(),
            old_lists: false,
            lags: (0, 0),
        };
        self.processes.insert(pid, process);
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
            self.queue.push(now + delay, Wire::List(pid, kind));
        }
        let who: Name = "lease".into();
        let election = self.model.draws.range(Subsystem::Operator, &who, 100, 2000);
        let from = match lease {
            Lease::WhenFree => (now + 100).max(self.lease_free_at),
            Lease::AtOnce => now + 100,
        };
        self.queue.push(from + election, Wire::Lease(pid, Role::Leader));
        pid
    }

    /// Ends all processes. A killed one keeps its lease until that runs out; what it sent is on its way.
    pub(super) fn stop_processes(&mut self, cleanly: bool) {
        let led = self.processes.values().any(|process| process.leads);
        self.processes.clear();
        self.turn += 1;
        self.leave_lease(cleanly || !led);
        self.held_requests.clear();
    }

    fn leave_lease(&mut self, given_back: bool) {
        let now = self.model.now();
        self.lease_free_at = if given_back { now } else { now + LEASE };
    }

    /// All processes die and one is started again by its kubelet.
    pub(super) fn crash(&mut self) {
        self.stop_processes(false);
        let who: Name = "restart".into();
        let delay = self.model.draws.range(Subsystem::Operator, &who, 700, 2500);
        self.queue.push(self.model.now() + delay, Wire::Restart(self.turn));
    }

    /// One process dies; when it was the only one it is started again.
    pub(super) fn crash_one(&mut self, pid: Pid) {
        if !self.processes.contains_key(&pid) {
            return;
        }
        if self.processes.len() == 1 {
            self.crash();
            return;
        }
        let led = self.processes.remove(&pid).is_some_and(|process| process.leads);
        self.held_requests.retain(|held| held.sent.pid != pid);
        self.leave_lease(!led);
        self.begin(Lease::WhenFree);
    }

    /// As a crash, and the lists of the next process come from an API server that has not seen the newest write yet. While
    /// there are two processes nothing is started that could read them: then it is a crash.
    pub(super) fn crash_into_the_past(&mut self, pid: Pid) {
        if self.processes.len() != 1 || !self.processes.contains_key(&pid) {
            self.crash_one(pid);
            return;
        }
        self.stop_processes(false);
        self.begin(Lease::WhenFree);
        if let Some(process) = self.processes.get_mut(&self.newest) {
            process.old_lists = true;
        }
    }

    /// A second process that believes it leads though it does not hold the lease; after `span` the first one goes.
    pub(super) fn split(&mut self, pid: Pid, span: Millis) {
        self.begin(Lease::AtOnce);
        self.queue.push(self.model.now() + span, Wire::Retire(pid));
    }

    /// One process too many is stopped: this one, or the oldest when this one is gone already.
    pub(super) fn retire(&mut self, pid: Pid) {
        if self.processes.len() < 2 {
            return;
        }
        let goes = if self.processes.contains_key(&pid) { Some(pid) } else { self.oldest() };
        if let Some(goes) = goes {
            self.processes.remove(&goes);
            self.held_requests.retain(|held| held.sent.pid != goes);
            self.leave_lease(true);
        }
    }

    fn oldest(&self) -> Option<Pid> {
        self.processes.keys().next().copied()
    }

    /// A process stands still for `span`; meanwhile its lease runs out and another process takes over.
    pub(super) fn stand_still(&mut self, pid: Pid, span: Millis) {
        let Some(process) = self.processes.get_mut(&pid) else { return };
        process.asleep = true;
        self.leave_lease(false);
        self.begin(Lease::WhenFree);
        self.queue.push(self.model.now() + span, Wire::Awake(pid));
    }

    /// It goes on with what it knew and what waits in its sockets; that the lease is lost it learns with its next
    /// attempt to renew it, up to 2 s later, and is stopped in the end.
    pub(super) fn awake(&mut self, pid: Pid) {
        let now = self.model.now();
        let Some(process) = self.processes.get_mut(&pid) else {
            // Another one was stopped in its stead meanwhile: there is still one too many.
            self.retire(pid);
            return;
        };
        process.asleep = false;
        let missed = std::mem::take(&mut process.missed);
        let who: Name = "lease".into();
        let learns = self.model.draws.range(Subsystem::Operator, &who, 0, 2000);
        self.queue.push(now + learns, Wire::Lease(pid, Role::Follower));
        self.queue.push(now + 60_000, Wire::Retire(pid));
        for wire in missed {
            self.deliver(wire);
        }
        if let Some(process) = self.processes.get_mut(&pid) {
            process.tick_at = None;
        }
        self.tell(pid, headroom_engine::Event::Tick);
        self.drive(pid);
    }

    pub(super) fn turn_lease(&mut self, pid: Pid, role: Role) {
        if let Some(process) = self.processes.get_mut(&pid) {
            process.leads = role == Role::Leader;
        }
        self.tell(pid, headroom_engine::Event::Lease(role));
        self.drive(pid);
    }

    /// A process's own clock.
    pub(super) fn clock(&self, pid: Pid) -> Timestamp {
        let behind = self.processes.get(&pid).map_or(0, |process| process.behind);
        Timestamp::from_unix(translate::timestamp(self.model.now()).unix() - behind)
    }

    /// The first moment at which a process's clock is `at`.
    pub(super) fn moment(&self, pid: Pid, at: Timestamp) -> Millis {
        let behind = self.processes.get(&pid).map_or(0, |process| process.behind);
        translate::millis(Timestamp::from_unix(at.unix() + behind))
    }

    /// All objects that are watched.
    pub(super) fn everything(&self) -> Vec<Object> {
        KINDS.into_iter().flat_map(|kind| self.list(kind)).collect()
    }
}

/// How a new process comes to lead.
#[derive(Clone, Copy)]
enum Lease {
    /// It waits until the lease is free.
    WhenFree,
    /// It does not look.
    AtOnce,
}
