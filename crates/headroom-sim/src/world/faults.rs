//! Faults at single requests: each request is a point at which a crash, a lost reply, a second operator, a broken watch
//! or a jumping clock can be tried.

use headroom_core::{names::Text, observation::ObstacleCause};
use headroom_engine::{Event, Refusal, Request, Response};
use headroom_scenario::{Fixture, fixture::WindowFixture};

use super::{Sent, SimWorld, Wire, process::Pid, requests};
use crate::model::queue::Millis;

/// The shell gives up on a request after 10 s.
pub(super) const TIME_OUT: Millis = 10_000;
/// How late the network delivers a copy of a request that it had kept.
const LATE: Millis = 20_000;
/// How long two processes believe that they lead.
const TWO_LEAD: Millis = 90_000;
/// How long a process stands still: longer than its lease and than the takeover.
const STANDS_STILL: Millis = 45_000;
/// For how long a clock is astray.
const ASTRAY: Millis = 180_000;
/// For how long watches lag, and by how much.
const LAGS: (Millis, Millis) = (60_000, 20_000);

/// What goes wrong with one request, or at the moment of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The process dies before the request leaves it.
    CrashBefore,
    /// The request is done and the process dies before the answer.
    CrashAfter,
    /// As `CrashAfter`, and the next process's lists are of before the write, if it took effect.
    OldLists,
    /// The request never arrives.
    RequestLost,
    /// The request is done and its answer never arrives.
    ReplyLost,
    /// The request is done and its answer is 504.
    GatewayTimeout,
    /// The request is done twice; the answer is that of the second time.
    AppliedTwice,
    /// The request is done, and once more 20 s later.
    LateCopy,
    /// A read shows what was before the operator's newest write.
    StaleRead,
    /// 409.
    Conflict,
    /// 429 with `Retry-After`.
    Throttled,
    /// 503.
    Unavailable,
    /// A second process starts and leads as well, for 90 s; then the first one goes.
    TwoLeaders,
    /// The process stands still before the request leaves it, another takes over, and the request arrives 45 s late.
    AsleepBefore,
    /// The request is done, the process stands still, another takes over, and the first reads the answer 45 s late.
    AsleepAfter,
    /// All watches lag by 20 s for a minute.
    WatchesLag,
    /// All watches end with 410 and lists are made anew; what was on its way is lost.
    WatchesGone,
    /// The process's clock is set back by 5 s.
    ClockBackSeconds,
    /// The process's clock is set back by an hour and stays so.
    ClockBackHour,
    /// The process's clock is set back by an hour and right again three minutes later.
    ClockAstray,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 20] = [
        Self::CrashBefore,
        Self::CrashAfter,
        Self::OldLists,
        Self::RequestLost,
        Self::ReplyLost,
        Self::GatewayTimeout,
        Self::AppliedTwice,
        Self::LateCopy,
        Self::StaleRead,
        Self::Conflict,
        Self::Throttled,
        Self::Unavailable,
        Self::TwoLeaders,
        Self::AsleepBefore,
        Self::AsleepAfter,
        Self::WatchesLag,
        Self::WatchesGone,
        Self::ClockBackSeconds,
        Self::ClockBackHour,
        Self::ClockAstray,
    ];

    /// As it is written on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CrashBefore => "crash-before",
            Self::CrashAfter => "crash-after",
            Self::OldLists => "old-lists",
            Self::RequestLost => "request-lost",
            Self::ReplyLost => "reply-lost",
            Self::GatewayTimeout => "gateway-timeout",
            Self::AppliedTwice => "applied-twice",
            Self::LateCopy => "late-copy",
            Self::StaleRead => "stale-read",
            Self::Conflict => "conflict",
            Self::Throttled => "throttled",
            Self::Unavailable => "unavailable",
            Self::TwoLeaders => "two-leaders",
            Self::AsleepBefore => "asleep-before",
            Self::AsleepAfter => "asleep-after",
            Self::WatchesLag => "watches-lag",
            Self::WatchesGone => "watches-gone",
            Self::ClockBackSeconds => "clock-back-5s",
            Self::ClockBackHour => "clock-back-1h",
            Self::ClockAstray => "clock-astray",
        }
    }

    /// The fault of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fault| fault.name() == name)
    }

    /// Whether a run from this fixture can be compared with an undisturbed one: a window opens by the operator's own clock,
    /// so one that is an hour late for good opens it an hour late.
    pub const fn suits(self, fixture: &Fixture) -> bool {
        match fixture.policy.window {
            WindowFixture::Absent | WindowFixture::FarAway => true,
            WindowFixture::OpenNow | WindowFixture::OpensInMinutes(_) => !matches!(self, Self::ClockBackHour),
        }
    }

    /// Whether another process takes over, with nothing in its memory.
    pub const fn forgets(self) -> bool {
        match self {
            Self::CrashBefore
            | Self::CrashAfter
            | Self::OldLists
            | Self::TwoLeaders
            | Self::AsleepBefore
            | Self::AsleepAfter => true,
            Self::RequestLost
            | Self::ReplyLost
            | Self::GatewayTimeout
            | Self::AppliedTwice
            | Self::LateCopy
            | Self::StaleRead
            | Self::Conflict
            | Self::Throttled
            | Self::Unavailable
            | Self::WatchesLag
            | Self::WatchesGone
            | Self::ClockBackSeconds
            | Self::ClockBackHour
            | Self::ClockAstray => false,
        }
    }

    /// Whether it can happen to a request: what is only read cannot conflict or be done twice, and what is written
    /// cannot be read stale.
    pub const fn concerns(self, request: &Request) -> bool {
        let writes = matches!(request, Request::WriteStatus { .. } | Request::Do(..));
        match self {
            Self::OldLists | Self::GatewayTimeout | Self::AppliedTwice | Self::LateCopy | Self::Conflict => {
                writes
            }
            Self::StaleRead => matches!(request, Request::ReadCluster(_)),
            Self::CrashBefore
            | Self::CrashAfter
            | Self::RequestLost
            | Self::ReplyLost
            | Self::Throttled
            | Self::Unavailable
            | Self::TwoLeaders
            | Self::AsleepBefore
            | Self::AsleepAfter
            | Self::WatchesLag
            | Self::WatchesGone
            | Self::ClockBackSeconds
            | Self::ClockBackHour
            | Self::ClockAstray => true,
        }
    }
}

impl SimWorld {
    /// Lets `fault` happen to the request with this number (they count from 1, see [`SimWorld::requests`]).
    pub fn inject(&mut self, request: u64, fault: Fault) {
        self.faults.insert(request, fault);
    }

    /// From now on the world pauses at each request ([`headroom_scenario::World::paused`]) until it is let go on with
    /// [`SimWorld::go_on`].
    pub const fn pause_at_requests(&mut self, pause: bool) {
        self.pausing = pause;
    }

    /// The request that the world has paused at.
    pub fn at_hand(&self) -> Option<&Request> {
        self.at_hand.as_ref().map(|sent| &*sent.request)
    }

    /// Lets the request go on that the world has paused at, with this fault or undisturbed.
    pub fn go_on(&mut self, fault: Option<Fault>) {
        let Some(sent) = self.at_hand.take() else { return };
        match fault {
            Some(fault) => self.meet(sent, fault),
            None => self.serve(&sent),
        }
        self.absorb();
    }

    /// A request meets its fault. One that cannot happen to it does not happen.
    pub(super) fn meet(&mut self, sent: Sent, fault: Fault) {
        if !fault.concerns(&sent.request) || !self.processes.contains_key(&sent.pid) {
            self.serve(&sent);
            return;
        }
        match fault {
            Fault::CrashBefore => self.crash_one(sent.pid),
            Fault::CrashAfter => {
                requests::apply(self, &sent.request, self.clock(sent.pid));
                self.absorb();
                self.crash_one(sent.pid);
            }
            Fault::OldLists => {
                let response = requests::apply(self, &sent.request, self.clock(sent.pid));
                self.absorb();
                // There is no time before a write that was refused.
                if matches!(response, Response::Applied(_)) {
                    self.crash_into_the_past(sent.pid);
                } else {
                    self.crash_one(sent.pid);
                }
            }
            Fault::RequestLost => self.unknown(&sent, TIME_OUT),
            Fault::ReplyLost => self.done_unknown(&sent, TIME_OUT),
            Fault::GatewayTimeout => self.done_unknown(&sent, 50),
            Fault::AppliedTwice => {
                requests::apply(self, &sent.request, self.clock(sent.pid));
                self.absorb();
                self.serve(&sent);
            }
            Fault::LateCopy => {
                self.queue.push(self.model.now() + LATE, Wire::Copy(sent.request.clone()));
                self.serve(&sent);
            }
            Fault::StaleRead => {
                let response = requests::stale(self, &sent.request);
                self.reply(&sent, response);
            }
            Fault::Conflict => self.reply(&sent, Response::Refused(Refusal::Conflict)),
            Fault::Throttled => self.refuse(&sent, ObstacleCause::Throttled, Some(1)),
            Fault::Unavailable => self.refuse(&sent, ObstacleCause::Unavailable, None),
            Fault::TwoLeaders => {
                self.split(sent.pid, TWO_LEAD);
                self.serve(&sent);
            }
            Fault::AsleepBefore => self.asleep_before(sent),
            Fault::AsleepAfter => {
                self.serve(&sent);
                self.stand_still(sent.pid, STANDS_STILL);
            }
            Fault::WatchesLag => {
                let until = self.model.now() + LAGS.0;
                if let Some(process) = self.processes.get_mut(&sent.pid) {
                    process.lags = (until, LAGS.1);
                }
                self.serve(&sent);
            }
            Fault::WatchesGone => {
                self.break_watches(sent.pid);
                self.serve(&sent);
            }
            Fault::ClockBackSeconds => self.set_clock(&sent, 5),
            Fault::ClockBackHour => self.set_clock(&sent, 3600),
            Fault::ClockAstray => {
                self.queue.push(self.model.now() + ASTRAY, Wire::ClockRight(sent.pid));
                self.set_clock(&sent, 3600);
            }
        }
    }

    fn unknown(&mut self, sent: &Sent, after: Millis) {
        let at = self.model.now() + after;
        self.queue.push(at, Wire::Answer(sent.pid, sent.ticket, Box::new(Response::Unknown)));
    }

    fn done_unknown(&mut self, sent: &Sent, after: Millis) {
        requests::apply(self, &sent.request, self.clock(sent.pid));
        self.absorb();
        self.unknown(sent, after);
    }

    fn refuse(&mut self, sent: &Sent, cause: ObstacleCause, retry_after_s: Option<u32>) {
        let words = Text::from("injected");
        self.reply(sent, Response::Refused(Refusal::Because { cause, words, retry_after_s }));
    }

    /// The request has not left the process: it leaves when the process goes on.
    fn asleep_before(&mut self, sent: Sent) {
        let pid = sent.pid;
        self.stand_still(pid, STANDS_STILL);
        if let Some(process) = self.processes.get_mut(&pid) {
            process.missed.push_back(Wire::Request(pid, sent.ticket, sent.request));
        }
    }

    fn set_clock(&mut self, sent: &Sent, behind_s: i64) {
        self.turn_clock(sent.pid, behind_s);
        self.serve(sent);
        self.drive(sent.pid);
    }

    fn turn_clock(&mut self, pid: Pid, behind_s: i64) {
        if let Some(process) = self.processes.get_mut(&pid) {
            process.behind = behind_s;
            process.tick_at = None;
        }
    }

    /// The clock of a process shows the cluster's time again.
    pub(super) fn clock_right(&mut self, pid: Pid) {
        self.turn_clock(pid, 0);
        if self.processes.get(&pid).is_some_and(|process| !process.asleep) {
            self.tell(pid, Event::Tick);
            self.drive(pid);
        }
    }
}
