//! One engine in one toy world, and the plain path.

use alloc::{format, string::String, vec::Vec};

use headroom_core::{Action, Bytes, Timestamp, names::NodeName};

use super::{
    rules,
    world::{World, always, at, digest},
};
use crate::{
    Effect, Engine, EngineConfig, Event, Kind, Request, Response, Role, Ticket,
    note::{Note, NoteKind},
    session::Rules,
};

/// An engine, its world and what it did.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) engine: Engine,
    pub(super) world: World,
    pub(super) now: Timestamp,
    pub(super) sent: Vec<(Timestamp, Request)>,
    pub(super) notes: Vec<Note>,
    pub(super) polls: Vec<(Timestamp, NodeName)>,
}

pub(super) fn config() -> EngineConfig {
    EngineConfig::new(always, digest)
}

impl Run {
    /// Listed, leading, nothing done yet.
    pub(super) fn new(world: World) -> Self {
        Self::with(world, config(), rules::toy())
    }

    pub(super) fn with(world: World, config: EngineConfig, rules: Rules) -> Self {
        let mut run = Self {
            engine: Engine::with_rules(config, rules),
            world,
            now: at(0),
            sent: Vec::new(),
            notes: Vec::new(),
            polls: Vec::new(),
        };
        run.list();
        run.handle(Event::Lease(Role::Leader));
        run
    }

    pub(super) fn list(&mut self) {
        for event in self.world.lists() {
            self.handle(event);
        }
    }

    pub(super) fn handle(&mut self, event: Event) {
        self.engine.handle(event, self.now);
    }

    /// The next request, with notes and polls put aside.
    pub(super) fn next_send(&mut self) -> Option<(Ticket, Request)> {
        while let Some(effect) = self.engine.poll(self.now) {
            match effect {
                Effect::Send(ticket, request) => {
                    self.sent.push((self.now, request.clone()));
                    return Some((ticket, request));
                }
                Effect::Poll(node) => {
                    self.polls.push((self.now, node.clone()));
                    let answer = self.world.usage(&node);
                    self.handle(answer);
                }
                Effect::Note(note) => self.notes.push(note),
            }
        }
        None
    }

    /// Performs everything until nothing is left to do now. The watches show each change at once.
    pub(super) fn settle(&mut self) {
        while let Some((ticket, request)) = self.next_send() {
            let response = self.world.perform(&request);
            self.answer(ticket, response);
            self.show();
        }
    }

    pub(super) fn answer(&mut self, ticket: Ticket, response: Response) {
        self.handle(Event::Answered(ticket, response));
    }

    /// The watches show what has changed.
    pub(super) fn show(&mut self) {
        for event in core::mem::take(&mut self.world.unseen) {
            self.handle(event);
        }
    }

    /// Lets time pass from wake-up to wake-up.
    pub(super) fn until(&mut self, end: Timestamp) {
        self.settle();
        while let Some(wake) = self.engine.wake_at().filter(|wake| *wake <= end) {
            self.now = wake.max(self.now);
            for kind in [Kind::Storage, Kind::Cluster, Kind::Claim, Kind::Pod, Kind::Class] {
                self.handle(Event::Alive(kind));
            }
            self.handle(Event::Tick);
            self.settle();
        }
        self.now = end;
        self.handle(Event::Tick);
    }

    /// What was sent, in one word each.
    pub(super) fn words(&self) -> Vec<String> {
        self.sent.iter().map(|(_, request)| word(request)).collect()
    }

    pub(super) fn kinds(&self) -> Vec<&NoteKind> {
        self.notes.iter().map(|note| &note.what).collect()
    }
}

pub(super) fn word(request: &Request) -> String {
    match request {
        Request::ReadCluster(key) => format!("read {}", key.name),
        Request::ReadWal { key, .. } => format!("wal {}", key.name),
        Request::Survey { key, .. } => format!("survey {}", key.name),
        Request::WriteStatus { key, .. } => format!("status {}", key.name),
        Request::Do(_, Action::Resize(resize)) => format!("resize {} {}", resize.instance, resize.to),
        Request::Do(key, Action::RaiseClusterSizes(_)) => format!("raise {}", key.name),
        Request::Do(key, Action::AddFinalizer(..)) => format!("add finalizer {}", key.name),
        Request::Do(key, Action::RemoveFinalizer(..)) => format!("remove finalizer {}", key.name),
        Request::Do(
            key,
            Action::Withdraw(_)
            | Action::Destroy(_)
            | Action::Promote(_)
            | Action::SetInstances(_)
            | Action::DeleteJob(_)
            | Action::DeletePod(_)
            | Action::DiscardClaim(_),
        ) => format!("replace {}", key.name),
    }
}

#[test]
fn a_volume_below_its_buffer_is_grown_with_two_status_writes_and_two_messages() {
    let mut run = Run::new(World::with(&["a"], 3, Bytes::gibi(5)));
    run.until(at(100));
    assert_eq!(run.words(), ["read a", "status a", "status a"], "no usage is known yet, then enough is free");
    run.sent.clear();
    run.world.toy("a").used = Bytes::gibi(9);
    run.until(at(200));
    let sizes = ["resize a-1 11Gi", "resize a-2 11Gi", "resize a-3 11Gi"];
    assert_eq!(run.words(), ["status a", sizes[0], sizes[1], sizes[2], "status a"]);
    assert_eq!(run.world.sizes("a"), [Bytes::gibi(11); 3]);
    assert_eq!(run.kinds().len(), 2, "{:?}", run.notes);
    assert!(matches!(run.kinds()[..], [NoteKind::GrowthStarted { .. }, NoteKind::GrowthCompleted { .. }]));
    run.sent.clear();
    run.until(at(3_000));
    assert_eq!(run.words(), [""; 0], "at rest nothing is written");
}

#[test]
fn nothing_is_decided_before_every_kind_was_listed() {
    let mut run = Run {
        engine: Engine::with_rules(config(), rules::toy()),
        world: World::with(&["a"], 1, Bytes::gibi(9)),
        now: at(0),
        sent: Vec::new(),
        notes: Vec::new(),
        polls: Vec::new(),
    };
    run.handle(Event::Lease(Role::Leader));
    let events = run.world.lists();
    let (last, others) = events.split_last().unwrap();
    for event in others {
        run.handle(event.clone());
        assert!(run.next_send().is_none() && run.polls.is_empty(), "{event:?}");
    }
    run.handle(last.clone());
    run.settle();
    assert_eq!(run.words(), ["read a", "status a", "status a", "resize a-1 11Gi", "status a"]);
}

#[test]
fn a_follower_sends_nothing_and_asks_no_kubelet() {
    let mut run = Run::new(World::with(&["a"], 1, Bytes::gibi(9)));
    run.handle(Event::Lease(Role::Follower));
    run.until(at(100));
    assert_eq!((run.sent.len(), run.polls.len(), run.engine.wake_at()), (0, 0, None));
    run.handle(Event::Lease(Role::Leader));
    run.until(at(101));
    assert_eq!(run.polls.first().map(|(when, _)| *when), Some(at(100)), "a new leader asks at once");
    assert_eq!(run.world.sizes("a"), [Bytes::gibi(11)]);
}

#[test]
fn an_answer_that_comes_after_the_lease_is_lost_is_taken_in_and_nothing_follows() {
    let mut run = Run::new(World::with(&["a"], 1, Bytes::gibi(9)));
    let (ticket, request) = run.next_send().unwrap();
    run.handle(Event::Lease(Role::Follower));
    let response = run.world.perform(&request);
    run.answer(ticket, response);
    assert!(run.next_send().is_none());
    run.handle(Event::Lease(Role::Leader));
    run.settle();
    assert_eq!(
        run.words(),
        ["read a", "read a", "status a", "status a", "resize a-1 11Gi", "status a"],
        "what was read before is read again by a new session"
    );
}

#[test]
fn the_rules_of_the_core_grow_a_volume_end_to_end() {
    let world = World::with(&["a"], 3, Bytes::gibi(9));
    let mut run = Run::with(world, config(), Rules::of_core());
    run.until(at(900));
    let sizes = run.world.sizes("a");
    assert!(sizes.iter().all(|size| *size > Bytes::gibi(10)), "{sizes:?} {:?}", run.words());
    assert!(sizes.iter().all(|size| *size == sizes[0]), "{sizes:?}");
    assert_eq!(run.engine.snapshot().totals.exhausted, 0);
}
