//! Answers to our own requests.

use alloc::boxed::Box;

use headroom_core::{
    Action, Bytes, Span, Timestamp,
    names::{ClusterKey, Uid},
    observation::{Obstacle, ObstacleCause, Survey, SurveySeen, WalFacts, WalSeen},
};

use super::Engine;
use crate::{
    Refusal, Response, Ticket,
    desk::{Asked, Flight},
    index::{Taken, kept::Source},
    note::NoteKind,
};

/// The owner gives up on a call after 10 s. An answer that is later than this found a process that stood still: others
/// have taken over since, and what it knows is old.
const STOOD_STILL: Span = Span::seconds(15);
/// The number of requests of a session is limited so that none goes round and round. One that waited as long as this for an
/// answer does not: a webhook or the API server is slow.
const SLOW: Span = Span::seconds(5);
/// The pace of WAL is taken over this much at most.
const MARK_KEPT: Span = Span::hours(1);

impl Engine {
    /// Takes an answer in, and has the Cluster looked at again.
    pub(super) fn answered(&mut self, ticket: Ticket, response: Response, now: Timestamp) {
        let Some(key) = self.flights.remove(&ticket) else { return };
        let Some(flight) = self.desks.get_mut(&key).and_then(|desk| desk.flight.take()) else { return };
        let taken = match response {
            Response::Read(seen) if self.index.is_ahead_of(&key, &seen) => {
                self.unsure(&key, &flight, now);
                Taken::nothing()
            }
            Response::Read(seen) => {
                self.was_read(&key, &flight);
                self.index.replace(&key, seen, now)
            }
            Response::Applied(seen) => {
                self.applied(&key, &flight);
                let own_until = now.plus(self.config.own_write_wait);
                self.index.answered(*seen, Source::Applied { own_until }, now)
            }
            Response::Done => {
                self.applied(&key, &flight);
                self.must_read(&key);
                Taken::nothing()
            }
            Response::Wal(facts) => {
                self.know_wal(&key, facts, now);
                Taken::nothing()
            }
            Response::Survey(facts) => {
                self.know_survey(&key, facts.map(|facts| *facts), flight.sent);
                Taken::nothing()
            }
            Response::Refused(Refusal::Because { cause, words, retry_after_s }) => {
                self.totals.refused(cause);
                let obstacle = Obstacle { cause, words, at: now, attempts: 1, wanted: Bytes::ZERO };
                self.hindered(&key, &flight, obstacle, retry_after_s, now);
                Taken::nothing()
            }
            Response::Refused(Refusal::Conflict | Refusal::Gone) | Response::Unknown => {
                self.unsure(&key, &flight, now);
                Taken::nothing()
            }
        };
        let took = now.since(flight.sent);
        if flight.asked.writes() && took > STOOD_STILL {
            self.must_read(&key);
        }
        if took >= SLOW {
            self.grant(&key);
        }
        self.absorb(&taken, now);
        self.index.settled(&key);
        if self.index.storage(&key).is_none() {
            self.forget(&key, now);
        }
        self.wake(&key);
    }

    fn was_read(&mut self, key: &ClusterKey, flight: &Flight) {
        let asks = self.config.asks;
        let Some(desk) = self.desks.get_mut(key) else { return };
        desk.must_read = false;
        desk.read_by = None;
        desk.failures = 0;
        // What was read is at least as new as the question.
        desk.read_at = Some(flight.sent);
        desk.session(asks).quorum = Some(flight.sent);
    }

    fn applied(&mut self, key: &ClusterKey, flight: &Flight) {
        let Some(desk) = self.desks.get_mut(key) else { return };
        desk.failures = 0;
        match &flight.asked {
            Asked::Read | Asked::Wal | Asked::Survey => {}
            Asked::Status(note) => {
                desk.differs_since = None;
                if let Some(note) = note.clone() {
                    self.note(key, note);
                }
            }
            Asked::Act(Action::Resize(resize)) => {
                if let Some(held) = self.claim_mut(key, &resize.claim.uid) {
                    held.obstacle = None;
                }
                let record = self.index.storage(key).and_then(|storage| storage.record.as_ref().ok());
                let recorded = record.and_then(|record| record.volumes.get(&resize.volume));
                if recorded.is_none_or(|recorded| recorded.growth.is_none()) {
                    let (volume, instance) = (resize.volume.clone(), resize.instance.clone());
                    self.note(key, NoteKind::Repairing { volume, instance, to: resize.to });
                }
            }
            Asked::Act(action) => {
                if let Some(entry) = self.index.entries.get_mut(key) {
                    entry.obstacles.remove(&action.object().uid);
                }
            }
        }
        if matches!(flight.asked, Asked::Act(_))
            && let Some(entry) = self.index.entries.get_mut(key)
        {
            entry.survey_is_old();
        }
    }

    /// A refusal becomes evidence, and the core chooses what follows; where it concerns no object that the core looks
    /// at, the engine pauses.
    fn hindered(
        &mut self,
        key: &ClusterKey,
        flight: &Flight,
        obstacle: Obstacle,
        retry_after_s: Option<u32>,
        now: Timestamp,
    ) {
        match &flight.asked {
            Asked::Wal => self.know_wal(key, None, now),
            Asked::Survey => self.know_survey(key, None, now),
            Asked::Read | Asked::Status(_) => self.failed(key, retry_after_s, now),
            Asked::Act(Action::Resize(resize)) => {
                let slow = matches!(obstacle.cause, ObstacleCause::Throttled | ObstacleCause::Unavailable);
                if let Some(held) = self.claim_mut(key, &resize.claim.uid) {
                    let known = held.obstacle.take().map(|known| *known);
                    held.obstacle = Some(Box::new(again(known, obstacle, resize.to)));
                }
                if slow && retry_after_s.is_some() {
                    // The server asks everybody to wait, not this claim alone.
                    self.failed(key, retry_after_s, now);
                }
            }
            Asked::Act(action) => {
                if let Some(entry) = self.index.entries.get_mut(key) {
                    let uid = &action.object().uid;
                    let known = entry.obstacles.remove(uid);
                    entry.obstacles.insert(uid.clone(), again(known, obstacle, Bytes::ZERO));
                }
            }
        }
    }

    /// It is not known how the world looks: the next request is a quorum read. A read that fails is tried again after
    /// a pause.
    fn unsure(&mut self, key: &ClusterKey, flight: &Flight, now: Timestamp) {
        self.totals.unsure = self.totals.unsure.saturating_add(1);
        match &flight.asked {
            Asked::Wal => self.know_wal(key, None, now),
            Asked::Survey => self.know_survey(key, None, now),
            Asked::Read => {
                self.must_read(key);
                self.failed(key, None, now);
            }
            Asked::Status(_) => self.must_read(key),
            Asked::Act(_) => {
                if let Some(entry) = self.index.entries.get_mut(key) {
                    entry.survey_is_old();
                }
                self.must_read(key);
            }
        }
    }

    /// Counts the requests of the session anew.
    fn grant(&mut self, key: &ClusterKey) {
        let asks = self.config.asks;
        if let Some(session) = self.desks.get_mut(key).and_then(|desk| desk.session.as_mut()) {
            session.asks_left = asks;
        }
    }

    fn must_read(&mut self, key: &ClusterKey) {
        if let Some(desk) = self.desks.get_mut(key) {
            desk.must_read = true;
        }
    }

    fn failed(&mut self, key: &ClusterKey, retry_after_s: Option<u32>, now: Timestamp) {
        if let Some(desk) = self.desks.get_mut(key) {
            desk.failed(retry_after_s, now);
        }
    }

    fn know_wal(&mut self, key: &ClusterKey, facts: Option<WalFacts>, now: Timestamp) {
        if let Some(entry) = self.index.entries.get_mut(key) {
            entry.wal = Some(WalSeen { at: now, facts });
        }
    }

    /// Keeps what a survey found, and where the primary's WAL stood at an earlier one of the last hour, as early as there is
    /// one: the pace over a longer span is the better one, and it is known again at once.
    fn know_survey(&mut self, key: &ClusterKey, facts: Option<Survey>, asked: Timestamp) {
        let Some(entry) = self.index.entries.get_mut(key) else { return };
        let position = |facts: &Option<Survey>| {
            let primary = facts.as_ref()?.replication.values().find(|seen| seen.primary)?;
            Some(primary.position)
        };
        let lately = |(at, _): &(Timestamp, u64)| asked.since(*at) <= MARK_KEPT;
        let before = entry.survey.take();
        let first = before.as_ref().and_then(|known| known.mark).filter(lately);
        let last = before.and_then(|known| Some((known.at, position(&known.facts)?))).filter(lately);
        let mark = first.or(last).or_else(|| Some((asked, position(&facts)?)));
        entry.survey = Some(SurveySeen { at: asked, facts, mark });
        if entry.rescaled {
            entry.survey_is_old();
        }
    }

    fn claim_mut(&mut self, key: &ClusterKey, uid: &Uid) -> Option<&mut crate::index::entry::ClaimHeld> {
        self.index.entries.get_mut(key)?.claim_mut(uid)
    }
}

/// The obstacle after one more refusal: attempts count on while the same thing is refused.
fn again(known: Option<Obstacle>, new: Obstacle, wanted: Bytes) -> Obstacle {
    let attempts =
        known.filter(|known| known.wanted == wanted).map_or(1, |known| known.attempts.saturating_add(1));
    Obstacle { attempts, wanted, ..new }
}
