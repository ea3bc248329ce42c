//! A clock that is set back.

use headroom_core::{Span, Timestamp};

use super::Engine;
use crate::desk::Desk;

/// The longest pause of the engine's own: none is left that is longer when the clock was set back.
const LONGEST_PAUSE: Span = Span::minutes(1);

impl Engine {
    /// Takes the time in. What was noted by a clock that has been set back since lies in the future: nothing may wait
    /// until that has come, and nothing may count as recent for so long.
    pub(super) fn keep_time(&mut self, now: Timestamp) {
        if now < self.clock {
            self.set_back(now);
        }
        self.clock = now;
    }

    fn set_back(&mut self, now: Timestamp) {
        self.index.set_back(now);
        self.timetable.set_back(now);
        for (key, desk) in &mut self.desks {
            desk.set_back(now, self.config.settle);
            if self.working {
                self.agenda.alarm_by(key, now);
            }
        }
    }
}

impl Desk {
    fn set_back(&mut self, now: Timestamp, settle: Span) {
        let past = |at: &mut Option<Timestamp>| *at = at.map(|at| at.min(now));
        past(&mut self.read_by);
        past(&mut self.read_at);
        past(&mut self.differs_since);
        self.not_before = self.not_before.map(|at| at.min(now.plus(LONGEST_PAUSE)));
        self.settles = self.settles.map(|at| at.min(now.plus(settle)));
        if let Some(session) = &mut self.session {
            past(&mut session.quorum);
        }
        if let Some(flight) = &mut self.flight {
            flight.sent = flight.sent.min(now);
        }
    }
}
