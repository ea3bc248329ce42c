//! Rest: after a run nothing may be written any more, for ever. That is proved rather than waited for.

use std::collections::BTreeMap;

use headroom_scenario::{What, trace::Written};

use super::{SimWorld, StateHash, Wire, acts::CLUSTER, state::Hashing, translate};
use crate::model::queue::Millis;

/// Longer than the longest of what comes again and again: bookmarks 58 s, a kubelet's measurement twice its period, a
/// poll 30 s.
const PERIOD: Millis = 130_000;
/// So many periods may pass until rest is there: the longest back-off of a container is 5 min.
const PERIODS: u32 = 6;

/// What became of a world that is left alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Silence {
    /// Nothing is written any more before the decision's own next edge (a window, a slot that returns), if it has one.
    Proved {
        /// Seconds from now to that edge.
        edge_s: Option<u64>,
    },
    /// Something goes on; in words.
    Broken(String),
}

/// Worlds at rest that were proved, by what they look like.
#[derive(Clone, Debug, Default)]
pub struct Proofs {
    known: BTreeMap<StateHash, Silence>,
    shared: u64,
}

impl Proofs {
    /// How many worlds looked like one that was proved.
    pub const fn shared(&self) -> u64 {
        self.shared
    }
}

impl SimWorld {
    /// Takes the application away and proves that the operator writes nothing any more: over one whole period no object
    /// has changed, nothing is in flight, nothing is to come but what recurs (measurements, polls, bookmarks, ticks),
    /// and the decision, which depends on nothing else but on the time of its next edge, is the same. A world at rest
    /// that looks like one that was proved needs no proof of its own.
    pub fn fall_silent(&mut self, proofs: &mut Proofs) -> Silence {
        self.pausing = false;
        let cluster = CLUSTER.into();
        self.model.change(|model| model.set_writer(&cluster, None));
        self.absorb();
        let mut known = self.rest();
        for _ in 0..PERIODS {
            if let Some(proved) = known.and_then(|(_, look)| proofs.known.get(&look)) {
                proofs.shared += 1;
                return proved.clone();
            }
            let before = self.trace.entries.len();
            self.run_for(PERIOD);
            let wrote = self.trace.entries.iter().skip(before).find_map(|entry| {
                let What::OperatorWrote(written) = &entry.what else { return None };
                (*written != Written::Status).then(|| format!("{written:?}"))
            });
            if let Some(wrote) = wrote {
                return Silence::Broken(format!("after the run it wrote {wrote}"));
            }
            let now = self.rest();
            if let Some((_, look)) = now.filter(|_| now == known) {
                let proved = Silence::Proved { edge_s: self.edge() };
                proofs.known.insert(look, proved.clone());
                return proved;
            }
            known = now;
        }
        let why = match known {
            Some(_) => "objects or the decision change without end",
            None => "something is under way without end",
        };
        Silence::Broken(format!("{why}, {} s after the run", u64::from(PERIODS) * PERIOD / 1000))
    }

    /// What may not change while there is rest: objects and decision; and the same as it looks, without versions and
    /// times. `None`: something is under way.
    fn rest(&self) -> Option<(StateHash, StateHash)> {
        let (pid, process) = self.processes.iter().next().filter(|_| self.processes.len() == 1)?;
        let recurs = self.queue.events().all(|wire| match wire {
            // The last two are of a request that is not held any more, and of a second process that is gone.
            Wire::Bookmark(..)
            | Wire::Tick(_)
            | Wire::Poll(..)
            | Wire::Rows
            | Wire::GiveUp(..)
            | Wire::Retire(_) => true,
            // Planned before operators were stopped or started.
            Wire::Restart(turn) => *turn != self.turn,
            Wire::Awake(of)
            | Wire::Sampled(of, ..)
            | Wire::ClockRight(of)
            | Wire::Lease(of, _)
            | Wire::List(of, _)
            | Wire::Watch(of, _)
            | Wire::Answer(of, ..) => of != pid,
            Wire::Request(..) | Wire::Copy(_) | Wire::Verify => false,
        });
        let idle = process.in_flight.is_empty() && !process.asleep && self.held_requests.is_empty();
        if !recurs || !idle || !process.leads || !self.model.only_recurs() {
            return None;
        }
        let decision = process.engine.explain(&translate::key(CLUSTER), self.clock(*pid)).ok()?.decision;
        if !decision.actions.is_empty() || decision.needs.is_some() {
            return None;
        }
        let mut exact = Hashing::new();
        exact.take(&self.everything());
        exact.take(&(&decision.record, &decision.report, decision.attention.lane));
        let mut look = Hashing::new();
        let pods = self.view.pods.values().map(|pod| (&pod.instance, pod.ready, pod.terminating));
        let claims = self.view.claims.values();
        let claims = claims.map(|claim| (&claim.instance, &claim.volume, claim.requested, claim.capacity));
        look.take(&(claims.collect::<Vec<_>>(), pods.collect::<Vec<_>>()));
        look.take(&(&self.view.cluster, &self.view.storage, decision.attention.lane));
        look.take(&(process.behind, process.old_lists, process.watches.values().all(|watch| watch.listed)));
        Some((exact.end(), look.end()))
    }

    /// Seconds to the decision's next edge.
    fn edge(&self) -> Option<u64> {
        let (pid, process) = self.processes.iter().next()?;
        let now = self.clock(*pid);
        let decision = process.engine.explain(&translate::key(CLUSTER), now).ok()?.decision;
        Some(u64::try_from(decision.wake?.unix() - now.unix()).unwrap_or(0))
    }
}
