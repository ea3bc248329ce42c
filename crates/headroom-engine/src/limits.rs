//! How much may be asked of the API server.

use headroom_core::{Timestamp, decision::Lane};

use crate::{EngineConfig, Rate, Request};

/// Which allowance a request takes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Allowance {
    /// Writes for a volume that is nearly full, or a primary whose claim is too small.
    Urgent,
    /// Other writes.
    Ordinary,
    /// Reads.
    Read,
}

impl Allowance {
    /// The allowance of a request made in this lane.
    pub(crate) const fn of(request: &Request, lane: Lane) -> Self {
        match (request, lane) {
            (Request::ReadCluster(_) | Request::ReadWal { .. } | Request::Survey { .. }, _) => Self::Read,
            (Request::WriteStatus { .. } | Request::Do(..), Lane::RepairPrimary | Lane::Emergency) => {
                Self::Urgent
            }
            (Request::WriteStatus { .. } | Request::Do(..), Lane::Running | Lane::Planned | Lane::Look) => {
                Self::Ordinary
            }
        }
    }
}

/// Token buckets and requests in flight.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    urgent: Bucket,
    ordinary: Bucket,
    read: Bucket,
    max_in_flight: usize,
}

impl Limits {
    /// Full buckets.
    pub(crate) const fn new(config: &EngineConfig) -> Self {
        Self {
            urgent: Bucket::full(config.urgent_writes),
            ordinary: Bucket::full(config.ordinary_writes),
            read: Bucket::full(config.reads),
            max_in_flight: config.max_in_flight,
        }
    }

    /// Whether one more request may be in flight.
    pub(crate) const fn admits(&self, in_flight: usize) -> bool {
        in_flight < self.max_in_flight
    }

    /// Whether a token of this allowance is there.
    pub(crate) fn has(&mut self, allowance: Allowance, now: Timestamp) -> bool {
        let bucket = self.bucket(allowance);
        bucket.fill(now);
        bucket.tokens > 0
    }

    /// Takes a token.
    pub(crate) fn take(&mut self, allowance: Allowance) {
        let bucket = self.bucket(allowance);
        bucket.tokens = bucket.tokens.saturating_sub(1);
    }

    const fn bucket(&mut self, allowance: Allowance) -> &mut Bucket {
        match allowance {
            Allowance::Urgent => &mut self.urgent,
            Allowance::Ordinary => &mut self.ordinary,
            Allowance::Read => &mut self.read,
        }
    }
}

#[derive(Clone, Debug)]
struct Bucket {
    rate: Rate,
    tokens: u32,
    filled: Option<Timestamp>,
}

impl Bucket {
    const fn full(rate: Rate) -> Self {
        Self { rate, tokens: rate.burst, filled: None }
    }

    fn fill(&mut self, now: Timestamp) {
        // A clock set back gives no tokens and starts anew.
        let elapsed = self.filled.map_or(0, |filled| now.since(filled).as_seconds());
        let gained = elapsed.saturating_mul(self.rate.per_second);
        self.tokens = self.tokens.saturating_add(gained).min(self.rate.burst);
        self.filled = Some(now);
    }
}
