//! Looking at Clusters and sending their requests.

use headroom_core::{
    Action, Span, Timestamp,
    decision::Lane,
    names::ClusterKey,
    observation::{Freshness, WalSeen},
};

use super::Engine;
use crate::{
    Request, StorageSeen, Ticket,
    agenda::Want,
    desk::{Asked, Desk, Flight, pause},
    index::entry::Entry,
    limits::Allowance,
    note::NoteKind,
    session::{Next, Standing, resized},
    view::{self, Surroundings},
};

/// An unreadable object of a Cluster is read again this often: no event says that it became readable.
const READ_AGAIN: Span = Span::minutes(1);

/// So many failures in a row end the wait of an object that is being deleted.
const READS_BEFORE_RELEASE: u32 = 3;

/// What a look at a Cluster led to.
enum Look {
    Ask(Request),
    Rest(Option<Timestamp>),
}

impl Engine {
    /// Looks at a Cluster: it gets a place in a lane, or rests.
    pub(super) fn look(&mut self, key: &ClusterKey, now: Timestamp) {
        if self.desks.get(key).is_none_or(|desk| desk.flight.is_some()) {
            return;
        }
        self.stepping = Some(key.clone());
        match self.judge(key, now) {
            Look::Ask(request) => {
                let want = self.want(key, &request);
                self.agenda.want(key, want);
            }
            Look::Rest(until) => self.rest(key, until, now),
        }
        self.stepping = None;
    }

    /// The next request to send, if limits admit one.
    pub(super) fn serve(&mut self, now: Timestamp) -> Option<(Ticket, Request)> {
        while self.limits.admits(self.flights.len()) {
            let limits = &mut self.limits;
            let key = self
                .agenda
                .next_served(|allowance| limits.has(allowance, now), self.config.served_once_in)?;
            self.stepping = Some(key.clone());
            let look = self.judge(&key, now);
            self.stepping = None;
            match look {
                Look::Ask(request) => {
                    let want = self.want(&key, &request);
                    if self.limits.has(want.allowance, now) {
                        self.limits.take(want.allowance);
                        return Some((self.send(&key, &request, now), request));
                    }
                    self.agenda.want(&key, want);
                }
                Look::Rest(until) => self.rest(&key, until, now),
            }
        }
        None
    }

    fn want(&self, key: &ClusterKey, request: &Request) -> Want {
        let desk = self.desks.get(key);
        let lane = desk.map_or(Lane::Look, |desk| desk.attention.lane);
        let session = desk.and_then(|desk| desk.session.as_ref());
        let patched = |volume| session.is_some_and(|session| session.patched.contains(volume));
        Want {
            lane,
            allowance: Allowance::of(request, lane),
            follow_up: lane == Lane::Emergency && resized(request).is_some_and(patched),
            time_to_full: desk.and_then(|desk| desk.attention.time_to_full),
        }
    }

    fn send(&mut self, key: &ClusterKey, request: &Request, now: Timestamp) -> Ticket {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket = self.next_ticket.saturating_add(1);
        self.flights.insert(ticket, key.clone());
        self.index.asked(key);
        let asks = self.config.asks;
        if let Some(desk) = self.desks.get_mut(key) {
            let asked = Asked::of(request);
            let session = desk.session(asks);
            session.asks_left = session.asks_left.saturating_sub(1);
            if let Some(volume) = resized(request) {
                session.patched.insert(volume.clone());
            }
            if asked.writes() {
                session.quorum = None;
                desk.counts.writes = desk.counts.writes.saturating_add(1);
            } else {
                desk.counts.reads = desk.counts.reads.saturating_add(1);
            }
            desk.flight = Some(Flight { asked, sent: now });
        }
        self.totals.requests = self.totals.requests.saturating_add(1);
        ticket
    }

    /// Ends the session.
    fn rest(&mut self, key: &ClusterKey, until: Option<Timestamp>, now: Timestamp) {
        let Some(desk) = self.desks.get_mut(key) else {
            self.agenda.forget(key);
            return;
        };
        desk.session = None;
        let soonest = now.plus(Span::seconds(1));
        let due = [until, desk.read_by].into_iter().flatten().min().map(|at| at.max(soonest));
        self.agenda.set_alarm(key, due);
        self.wish(key, now);
    }

    /// Judges a Cluster by what is known now.
    fn judge(&mut self, key: &ClusterKey, now: Timestamp) -> Look {
        loop {
            let Some(desk) = self.desks.get_mut(key) else { return Look::Rest(None) };
            if let Some(until) = desk.not_before.filter(|until| *until > now) {
                return Look::Rest(Some(until));
            }
            desk.not_before = None;
            if desk.quarantine.as_ref().is_some_and(|known| known.silent) {
                return Look::Rest(None);
            }
            if desk.session(self.config.asks).asks_left == 0 {
                return self.exhausted(key, now);
            }
            let must_read = desk.must_read || desk.read_by.is_some_and(|by| by <= now);
            if must_read && !gives_up(desk, self.index.storage(key)) {
                return Look::Ask(Request::ReadCluster(key.clone()));
            }
            match self.step(key, now) {
                Next::Ask(request) => return Look::Ask(request),
                Next::Rest(until) => return Look::Rest(until),
                Next::WalUnknown => self.wal_unknown(key, now),
            }
        }
    }

    fn exhausted(&mut self, key: &ClusterKey, now: Timestamp) -> Look {
        let until = now.plus(self.config.exhausted_rest);
        if let Some(desk) = self.desks.get_mut(key) {
            desk.not_before = Some(until);
            desk.counts.exhausted = desk.counts.exhausted.saturating_add(1);
        }
        self.totals.exhausted = self.totals.exhausted.saturating_add(1);
        self.note(key, NoteKind::SessionExhausted);
        Look::Rest(Some(until))
    }

    /// The primary has no address: that is knowledge, too. It costs an ask, so that it cannot go round for ever.
    fn wal_unknown(&mut self, key: &ClusterKey, now: Timestamp) {
        if let Some(entry) = self.index.entries.get_mut(key) {
            entry.wal = Some(WalSeen { at: now, facts: None });
        }
        if let Some(session) = self.desks.get_mut(key).and_then(|desk| desk.session.as_mut()) {
            session.asks_left = session.asks_left.saturating_sub(1);
        }
    }

    /// One step of the session.
    fn step(&mut self, key: &ClusterKey, now: Timestamp) -> Next {
        let known_since = self.index.quietest();
        let (Some(desk), Some(storage)) = (self.desks.get_mut(key), self.index.storage(key)) else {
            return Next::Rest(None);
        };
        desk.windows.refresh(&storage.windows, self.config.resolve, now);
        if desk.settles.is_some_and(|until| until <= now || self.timetable.has_answered(key)) {
            desk.settles = None;
        }
        let quorum = desk.session.as_ref().and_then(|session| session.quorum);
        let around = Surroundings {
            windows: &desk.windows,
            silent_nodes: self.timetable.silent(),
            freshness: quorum.map_or(Freshness::Cached, |read_at| Freshness::Quorum { read_at }),
            quarantined: desk.quarantine.as_ref().map(|known| &known.words),
        };
        let ground = view::ground(&self.index, key, &around);
        let entry = self.index.entry(key);
        let known_since = known_since.max(desk.read_at);
        let gives_up = gives_up(desk, Some(storage));
        let standing = Standing {
            config: &self.config,
            rules: self.rules,
            key,
            storage,
            recent: gives_up || known_since.is_some_and(|since| now.since(since) <= self.config.watch_age),
            quorum: gives_up || quorum.is_some(),
            settles: desk.settles,
            differs_since: desk.differs_since,
            held: &|action| entry.and_then(|entry| held(entry, action, now)),
        };
        let step = standing.step(ground, now);
        desk.differs_since = if step.differs { desk.differs_since.or(Some(now)) } else { None };
        if let Some(decided) = step.decided {
            desk.counts.decisions = desk.counts.decisions.saturating_add(1);
            self.totals.decisions = self.totals.decisions.saturating_add(1);
            desk.tell(decided.attention, &decided.report);
        }
        let unreadable = entry.and_then(|entry| entry.unreadable.values().map(|found| found.at).min());
        if let Some(found) = unreadable {
            desk.read_by = Some(desk.read_at.map_or(found, |read| read.max(found)).plus(READ_AGAIN));
        }
        step.next
    }
}

/// An object that is being deleted is not kept by reads that fail again and again (an object that cannot be decoded
/// makes every read fail): what is left to do has uid and version as preconditions.
fn gives_up(desk: &Desk, storage: Option<&StorageSeen>) -> bool {
    desk.failures >= READS_BEFORE_RELEASE && storage.is_some_and(|storage| storage.meta.deleting)
}

/// Until when an action is held back because it was refused. Claims are not held back here: the core chooses their
/// pauses (design §5 rule 7), and one refused member must not stop the others.
fn held(entry: &Entry, action: &Action, now: Timestamp) -> Option<Timestamp> {
    if let Action::Resize(_) = action {
        return None;
    }
    let obstacle = entry.obstacles.get(&action.object().uid)?;
    Some(obstacle.at.plus(pause(obstacle.attempts))).filter(|until| *until > now)
}
