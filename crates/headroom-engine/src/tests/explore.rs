//! Every interleaving of a few events in a small world: what must hold at each point, and what must come about after
//! it.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use headroom_core::{Action, Bytes, Span, action::Resize, names::ClusterKey};

use super::{
    rules,
    run::{Run, config},
    world::{Fnv, Toy, World, at},
};
use crate::{Event, Kind, Refusal, Request, Response, Role, Ticket};

/// A run with its requests in flight.
#[derive(Clone, Debug)]
struct Point {
    run: Run,
    flying: Vec<(Ticket, Request)>,
    leading: bool,
    /// Events of the outside that have not happened yet, in the order of each source.
    usage: Vec<Event>,
    replaced: bool,
    turns: u8,
    pauses: u8,
}

/// What can happen next.
#[derive(Clone, Copy, Debug)]
enum Move {
    /// A kubelet answers.
    Usage,
    /// The watch shows its next change.
    Watch,
    /// A pod is replaced.
    Replace,
    /// The lease changes hands.
    Lease,
    /// Thirty seconds pass.
    Time,
    /// The request in flight at this place is done and answered.
    Answer(usize),
    /// It is done and its answer is lost.
    Lost(usize),
    /// It is not done, and nobody knows.
    Vanished(usize),
    /// It meets a conflict.
    Conflict(usize),
}

impl Point {
    /// Two Clusters of one instance each that are about to be found nearly full.
    fn start() -> Self {
        let mut run = Run::with(World::with(&["a", "b"], 1, Bytes::gibi(5)), config(), rules::toy());
        run.until(at(40));
        run.sent.clear();
        run.notes.clear();
        run.world.toy("a").used = Bytes::gibi(9);
        run.world.toy("b").used = Bytes::mebi(10_000);
        let nodes = ["n"];
        let usage = nodes.map(|node| run.world.usage(&node.into())).into();
        Self { run, flying: Vec::new(), leading: true, usage, replaced: false, turns: 0, pauses: 0 }
    }

    fn moves(&self) -> Vec<Move> {
        let mut moves = Vec::new();
        if !self.usage.is_empty() {
            moves.push(Move::Usage);
        }
        if !self.run.world.unseen.is_empty() {
            moves.push(Move::Watch);
        }
        if !self.replaced {
            moves.push(Move::Replace);
        }
        if self.turns < 2 {
            moves.push(Move::Lease);
        }
        if self.pauses < 2 {
            moves.push(Move::Time);
        }
        for place in 0..self.flying.len() {
            moves.extend([
                Move::Answer(place),
                Move::Lost(place),
                Move::Vanished(place),
                Move::Conflict(place),
            ]);
        }
        moves
    }

    fn make(&mut self, what: Move) {
        match what {
            Move::Usage => {
                let event = self.usage.remove(0);
                self.run.handle(event);
            }
            Move::Watch => {
                let event = self.run.world.unseen.remove(0);
                self.run.handle(event);
            }
            Move::Replace => {
                self.replaced = true;
                self.run.world.edit_pod("a", |pod| pod.id.uid = "another".into());
            }
            Move::Lease => {
                self.turns += 1;
                self.leading = !self.leading;
                self.run.handle(Event::Lease(if self.leading { Role::Leader } else { Role::Follower }));
            }
            Move::Time => {
                self.pauses += 1;
                self.run.now = self.run.now.plus(Span::seconds(30));
                self.run.handle(Event::Tick);
            }
            Move::Answer(place) => self.answer(place, true, None),
            Move::Lost(place) => self.answer(place, true, Some(Response::Unknown)),
            Move::Vanished(place) => self.answer(place, false, Some(Response::Unknown)),
            Move::Conflict(place) => self.answer(place, false, Some(Response::Refused(Refusal::Conflict))),
        }
        self.drain();
    }

    fn answer(&mut self, place: usize, done: bool, instead: Option<Response>) {
        let (ticket, request) = self.flying.remove(place);
        let truth = done.then(|| self.run.world.perform(&request));
        self.run.answer(ticket, instead.or(truth).unwrap());
    }

    /// Collects what is sent, and checks what must hold.
    fn drain(&mut self) {
        while let Some((ticket, request)) = self.run.next_send() {
            assert!(self.leading, "nothing is sent without the lease: {request:?}");
            if let Request::Do(key, Action::Resize(resize)) = &request {
                assert!(self.intends(key, resize), "intent before act: {request:?}");
            }
            self.flying.push((ticket, request));
        }
        let keys: BTreeSet<&ClusterKey> = self.flying.iter().map(|(_, request)| key_of(request)).collect();
        assert_eq!(keys.len(), self.flying.len(), "one request per Cluster at a time: {:?}", self.flying);
        let totals = self.run.engine.totals();
        assert!(totals.peak_waiting <= 2 && totals.peak_alarms <= 2, "{totals:?}");
        assert_eq!((totals.exhausted, totals.notes_lost), (0, 0));
    }

    /// Whether the API server holds the intent of this resize.
    fn intends(&self, key: &ClusterKey, resize: &Resize) -> bool {
        let record = self.run.world.clusters[key].storage.as_ref().unwrap().record.as_ref().unwrap();
        let recorded = &record.volumes[&resize.volume];
        recorded.effective >= resize.to
            || recorded.growth.as_ref().is_some_and(|growth| growth.to >= resize.to)
    }

    /// Everything that is still open happens, without faults; then both volumes are grown, by one action each.
    fn ends_well(mut self) {
        if !self.leading {
            self.make(Move::Lease);
        }
        for _ in 0..40 {
            if self.is_well() {
                break;
            }
            while !self.usage.is_empty() {
                self.make(Move::Usage);
            }
            while !self.run.world.unseen.is_empty() {
                self.make(Move::Watch);
            }
            while !self.flying.is_empty() {
                self.make(Move::Answer(0));
            }
            self.run.now = self.run.engine.wake_at().unwrap().max(self.run.now);
            for kind in [Kind::Storage, Kind::Cluster, Kind::Claim, Kind::Pod] {
                self.run.handle(Event::Alive(kind));
            }
            self.drain();
        }
        for (name, size) in [("a", Bytes::gibi(11)), ("b", Bytes::gibi(12))] {
            assert_eq!(self.run.world.sizes(name), [size], "no wake-up is lost");
            let storage = self.run.world.toy(name).storage.clone().unwrap();
            let record = storage.record.unwrap();
            assert_eq!(record.sequence, 1, "one action");
            assert!(record.volumes.values().all(|volume| volume.growth.is_none()), "{record:?}");
        }
    }

    /// Nothing is open and both volumes are grown.
    fn is_well(&self) -> bool {
        let grown = |toy: &Toy| {
            let record = toy.storage.as_ref().unwrap().record.as_ref().unwrap();
            record
                .volumes
                .values()
                .all(|volume| volume.growth.is_none() && volume.effective > Bytes::gibi(10))
        };
        let open = self.usage.len() + self.run.world.unseen.len() + self.flying.len();
        open == 0 && self.run.world.clusters.values().all(grown)
    }

    fn hash(&self) -> u64 {
        let Self { run, flying, leading, usage, replaced, turns, pauses } = self;
        let engine = run.engine.essence();
        let Run { engine: _, world, now, sent: _, notes: _, polls: _ } = run;
        Fnv::of(format_args!(
            "{engine:?} {world:?} {now:?} {flying:?} {leading} {usage:?} {replaced} {turns} {pauses}"
        ))
    }
}

fn key_of(request: &Request) -> &ClusterKey {
    match request {
        Request::ReadCluster(key)
        | Request::ReadWal { key, .. }
        | Request::Survey { key, .. }
        | Request::WriteStatus { key, .. }
        | Request::Do(key, _) => key,
    }
}

/// Every point that is reached by this many moves, each once; the moves with faults are at most `faults` of them.
fn explore(depth: u8, faults: u8) -> usize {
    let mut layer: BTreeMap<u64, (Point, u8)> = BTreeMap::new();
    let start = Point::start();
    layer.insert(start.hash(), (start, 0));
    let mut seen: BTreeSet<(u64, u8)> = BTreeSet::new();
    for _ in 0..depth {
        let mut next: BTreeMap<u64, (Point, u8)> = BTreeMap::new();
        for (point, spent) in layer.into_values() {
            for what in point.moves() {
                let fault =
                    matches!(what, Move::Lost(_) | Move::Vanished(_) | Move::Conflict(_) | Move::Lease);
                let spent = spent + u8::from(fault);
                if spent > faults {
                    continue;
                }
                let mut point = point.clone();
                point.make(what);
                let hash = point.hash();
                if seen.insert((hash, spent)) {
                    next.insert(hash, (point, spent));
                }
            }
        }
        layer = next;
        for (point, _) in layer.values() {
            point.clone().ends_well();
        }
    }
    seen.len()
}

/// Built with `HEADROOM_EXPLORE=deep`, two events more.
fn explored(events: u8, faults: u8) {
    let deep = option_env!("HEADROOM_EXPLORE") == Some("deep");
    let points = explore(if deep { events + 2 } else { events }, faults);
    assert!(points > 1_000, "{points}");
}

#[test]
fn every_interleaving_of_eight_events_with_a_fault_keeps_the_rules_and_ends_well() {
    explored(8, 1);
}

#[test]
fn every_interleaving_of_six_events_with_two_faults_keeps_the_rules_and_ends_well() {
    explored(6, 2);
}

/// A fixed walk: some events, chosen without any randomness.
fn walk(point: &mut Point, steps: u64) {
    for step in 0..steps {
        let moves = point.moves();
        if moves.is_empty() {
            return;
        }
        let choice = usize::try_from(step * 7 % 11).unwrap() % moves.len();
        point.make(moves[choice]);
    }
}

#[test]
fn the_same_events_twice_have_the_same_effects() {
    let (mut one, mut other) = (Point::start(), Point::start());
    walk(&mut one, 40);
    walk(&mut other, 40);
    assert_eq!(one.run.sent, other.run.sent);
    assert_eq!(one.hash(), other.hash());
}

#[test]
fn a_run_that_is_forked_at_any_point_goes_on_as_the_one_that_was_not() {
    for at in 0..30 {
        let mut straight = Point::start();
        walk(&mut straight, at);
        let mut forked = straight.clone();
        walk(&mut straight, 10);
        let mut noise = forked.clone();
        walk(&mut noise, 5);
        walk(&mut forked, 10);
        assert_eq!(straight.hash(), forked.hash(), "forked after {at} events");
    }
}
