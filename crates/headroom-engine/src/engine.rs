//! The operator as a value.

mod answer;
mod clock;
mod serve;
mod show;
mod watch;

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};

use headroom_core::{
    Timestamp,
    names::{ClusterKey, Text},
};

use crate::{
    Effect, EngineConfig, Event, Role, Ticket,
    agenda::{Agenda, spread},
    desk::{Desk, Quarantine},
    index::Index,
    limits::Limits,
    note::{Note, NoteKind},
    sampling::Timetable,
    session::Rules,
    snapshot::Totals,
};

/// Notes that wait to be collected; when nobody collects them the oldest are lost.
const MOST_NOTES: usize = 1024;
/// Clusters that are looked at first within the same second after a lease change.
const LOOKS_PER_SECOND: usize = 100;

/// The operator as a value: index, agenda, sessions, limits. `Clone`, so that a run can be forked at any request.
///
/// The owner calls [`Engine::handle`] with what happened, then [`Engine::poll`] until it answers `None`, then waits for
/// the next event or for [`Engine::wake_at`]. Nothing is decided before the lease is held and before every
/// [`crate::Kind`] has been listed once ([`Event::ListDone`]).
#[derive(Clone, Debug)]
pub struct Engine {
    config: EngineConfig,
    rules: Rules,
    role: Role,
    /// The newest time that was given.
    clock: Timestamp,
    /// The lease is held and every kind was listed: sessions are held.
    working: bool,
    index: Index,
    agenda: Agenda,
    desks: BTreeMap<ClusterKey, Desk>,
    flights: BTreeMap<Ticket, ClusterKey>,
    next_ticket: u64,
    limits: Limits,
    timetable: Timetable,
    outbox: VecDeque<Note>,
    totals: Totals,
    /// The Cluster that is being worked on; left behind by a panic.
    stepping: Option<ClusterKey>,
}

impl Engine {
    /// An engine that has seen nothing and follows until [`crate::Role::Leader`] is announced.
    pub fn new(config: EngineConfig) -> Self {
        Self::with_rules(config, Rules::of_core())
    }

    /// An engine with other rules than the core's, for tests.
    pub(crate) fn with_rules(config: EngineConfig, rules: Rules) -> Self {
        Self {
            config,
            rules,
            role: Role::Follower,
            clock: Timestamp::from_unix(0),
            working: false,
            index: Index::new(),
            agenda: Agenda::new(),
            desks: BTreeMap::new(),
            flights: BTreeMap::new(),
            next_ticket: 1,
            limits: Limits::new(&config),
            timetable: Timetable::new(),
            outbox: VecDeque::new(),
            totals: Totals::zero(),
            stepping: None,
        }
    }

    /// Takes in what happened. Never blocks.
    pub fn handle(&mut self, event: Event, now: Timestamp) {
        self.keep_time(now);
        match event {
            Event::Seen(seen) => self.seen(seen, now),
            Event::Gone(kind, key, name, version) => self.gone(kind, &key, &name, version.as_ref(), now),
            Event::ListBegan(kind) => {
                self.index.heard(kind, now);
                self.index.list_began(kind);
            }
            Event::ListDone(kind) => self.list_done(kind, now),
            Event::Unreadable(kind, key, words) => self.unreadable(kind, &key, words, now),
            Event::Alive(kind) => self.index.heard(kind, now),
            Event::Sampled(node, Ok(samples)) => self.sampled(&node, samples, now),
            Event::Sampled(node, Err(words)) => self.silent(&node, words, now),
            Event::Answered(ticket, response) => self.answered(ticket, response, now),
            Event::Lease(role) => {
                self.role = role;
                self.turn(now);
            }
            Event::Tick => {}
        }
        self.totals.peak(&self.agenda, self.flights.len());
    }

    /// The next effect to perform now; call until `None`.
    pub fn poll(&mut self, now: Timestamp) -> Option<Effect> {
        self.keep_time(now);
        if let Some(note) = self.outbox.pop_front() {
            return Some(Effect::Note(note));
        }
        if !self.working {
            return None;
        }
        while let Some(key) = self.agenda.next_alarm(now) {
            self.agenda.look(&key);
        }
        while let Some(key) = self.agenda.next_look() {
            self.look(&key, now);
        }
        self.totals.peak(&self.agenda, self.flights.len());
        if let Some((ticket, request)) = self.serve(now) {
            return Some(Effect::Send(ticket, request));
        }
        if let Some(note) = self.outbox.pop_front() {
            return Some(Effect::Note(note));
        }
        let node = self.timetable.ask(now, self.config.max_polls)?;
        self.totals.polls = self.totals.polls.saturating_add(1);
        Some(Effect::Poll(node))
    }

    /// When to call [`Engine::handle`] with [`Event::Tick`] if nothing happens before.
    pub fn wake_at(&self) -> Option<Timestamp> {
        if !self.outbox.is_empty() {
            return Some(self.clock);
        }
        if !self.working {
            return None;
        }
        if self.agenda.has_looks() {
            return Some(self.clock);
        }
        let second = headroom_core::Span::seconds(1);
        // Waits for a token, which come by the second; or for an answer, which is an event.
        let token = (self.agenda.has_wants() && self.limits.admits(self.flights.len()))
            .then(|| self.clock.plus(second));
        let poll = self.timetable.next_due(self.config.max_polls);
        [token, poll, self.agenda.first_alarm()].into_iter().flatten().min()
    }

    /// The Cluster that was being worked on when a call of [`Engine::poll`] or [`Engine::handle`] panicked.
    pub fn stepping(&self) -> Option<&ClusterKey> {
        self.stepping.as_ref()
    }

    /// Sets a Cluster aside after a panic in one of its steps, so that one crafted object cannot stop the others. It is
    /// left alone until its DynamicStorage has another generation; its status says so, if that can be written.
    pub fn quarantine(&mut self, key: &ClusterKey, words: &str) {
        self.stepping = None;
        let Some(generation) = self.index.storage(key).map(|storage| storage.generation) else {
            self.agenda.forget(key);
            return;
        };
        let words = Text::from(words);
        let desk = self.desks.entry(key.clone()).or_insert_with(Desk::new);
        // A second panic came from saying so.
        let silent = desk.quarantine.as_ref().is_some_and(|known| known.generation == generation);
        desk.quarantine = Some(Quarantine { generation, words: words.clone(), silent });
        desk.session = None;
        let resting = silent || desk.flight.is_some();
        self.agenda.forget(key);
        if !silent {
            self.note(key, NoteKind::Quarantined(words));
        }
        if !resting && self.working {
            self.agenda.look(key);
        }
    }

    /// Begins or ends work when the lease or the completeness of the lists changed.
    fn turn(&mut self, now: Timestamp) {
        let working = self.role == Role::Leader && self.index.complete();
        if working == self.working {
            return;
        }
        self.working = working;
        if working {
            self.begin(now);
        } else {
            self.pause();
        }
    }

    /// Looks at everybody, spread over some seconds when there are many, and asks all kubelets at once.
    fn begin(&mut self, now: Timestamp) {
        let keys: BTreeSet<ClusterKey> = self.desks.keys().cloned().collect();
        let seconds =
            keys.len().checked_div(LOOKS_PER_SECOND).and_then(|seconds| u32::try_from(seconds).ok());
        let over = seconds.unwrap_or(u32::MAX).min(self.config.first_look_spread.as_seconds());
        for key in &keys {
            let offset = spread(key).checked_rem(u64::from(over).saturating_add(1)).unwrap_or(0);
            let offset = headroom_core::Span::seconds(u32::try_from(offset).unwrap_or(0));
            if let Some(desk) = self.desks.get_mut(key) {
                desk.session = None;
                desk.settles = Some(now.plus(self.config.settle));
                if desk.flight.is_none() {
                    self.agenda.set_alarm(key, Some(now.plus(offset)));
                }
            }
            self.wish(key, now);
        }
        self.timetable.restart(now);
    }

    /// Nothing is sent from now on; answers to what is in flight are still taken.
    fn pause(&mut self) {
        self.agenda.clear();
        for desk in self.desks.values_mut() {
            desk.session = None;
        }
    }

    /// Keeps a message for people.
    fn note(&mut self, key: &ClusterKey, what: NoteKind) {
        if self.outbox.len() >= MOST_NOTES {
            self.outbox.pop_front();
            self.totals.notes_lost = self.totals.notes_lost.saturating_add(1);
        }
        self.outbox.push_back(Note { key: key.clone(), what });
    }
}
