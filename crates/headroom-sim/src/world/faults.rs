//! Faults at single requests: each request is a point at which a crash or a lost reply can be tried.

use headroom_core::{names::Text, observation::ObstacleCause};
use headroom_engine::{Refusal, Request, Response, Ticket};

use super::{SimWorld, Wire, requests};
use crate::model::{draw::Subsystem, object::Name, queue::Millis};

/// The shell gives up on a request after 10 s.
pub(super) const TIME_OUT: Millis = 10_000;

/// What goes wrong with one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The process dies before the request leaves it.
    CrashBefore,
    /// The request is done and the process dies before the answer.
    CrashAfter,
    /// The request never arrives.
    RequestLost,
    /// The request is done and its answer never arrives (504).
    ReplyLost,
    /// 429.
    Throttled,
    /// 503.
    Unavailable,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::CrashBefore,
        Self::CrashAfter,
        Self::RequestLost,
        Self::ReplyLost,
        Self::Throttled,
        Self::Unavailable,
    ];
}

impl SimWorld {
    /// Lets `fault` happen to the request with this number (they count from 1, see [`SimWorld::requests`]).
    pub fn inject(&mut self, request: u64, fault: Fault) {
        self.faults.insert(request, fault);
    }

    /// A request with this number reaches the API server, or does not.
    pub(super) fn request_meets_fault(
        &mut self,
        epoch: u64,
        ticket: Ticket,
        request: &Request,
        fault: Fault,
    ) {
        let refused = |cause, retry_after_s| {
            let words = Text::from("injected");
            Some(Response::Refused(Refusal::Because { cause, words, retry_after_s }))
        };
        let mut delay = 5;
        let response = match fault {
            Fault::CrashBefore => None,
            Fault::CrashAfter => {
                requests::apply(self, request);
                None
            }
            Fault::RequestLost => {
                delay = TIME_OUT;
                Some(Response::Unknown)
            }
            Fault::ReplyLost => {
                requests::apply(self, request);
                delay = TIME_OUT;
                Some(Response::Unknown)
            }
            Fault::Throttled => refused(ObstacleCause::Throttled, Some(1)),
            Fault::Unavailable => refused(ObstacleCause::Unavailable, None),
        };
        self.absorb();
        match response {
            Some(response) => {
                self.queue.push(self.model.now() + delay, Wire::Answer(epoch, ticket, Box::new(response)));
            }
            None => self.crash(),
        }
    }

    /// The process dies and is started again by its kubelet.
    pub(super) fn crash(&mut self) {
        self.stop_process(false);
        let who: Name = "restart".into();
        let delay = self.model.draws.range(Subsystem::Operator, &who, 700, 2500);
        self.queue.push(self.model.now() + delay, Wire::Restart(self.process.epoch));
    }
}
