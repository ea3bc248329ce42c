//! How much memory 10,000 Clusters with 60,000 claims take and what rest costs: `cargo bench -p headroom-engine`.
//!
//! Marks (ARCHITECTURE.md, performance marks): at most 96 MiB, no write at rest. Prints one line per phase; exits 1 when
//! the engine writes at rest or takes more than twice the memory.
#![allow(clippy::panic, clippy::print_stdout, clippy::unwrap_used)]

#[path = "scale/objects.rs"]
mod objects;

use std::{process::ExitCode, time::Instant};

use headroom_core::{
    Action, Span, Timestamp,
    names::{ClusterKey, Version},
};
use headroom_engine::{
    Effect, Engine, EngineConfig, Event, Kind, Request, Response, Role, Seen, StorageSeen,
};
use objects::{NODES, always, digest, node_number};

const CLUSTERS: usize = 10_000;
const MARK_MIB: usize = 96;

/// The engine and what it did.
struct Bench {
    engine: Engine,
    version: u64,
    writes: usize,
    effects: usize,
}

impl Bench {
    fn handle(&mut self, event: Event, now: Timestamp) {
        self.engine.handle(event, now);
    }

    /// Performs what the engine wants; kubelets answer with samples of the time `taken`.
    fn perform(&mut self, now: Timestamp, taken: Timestamp) {
        while let Some(effect) = self.engine.poll(now) {
            self.effects += 1;
            match effect {
                Effect::Send(ticket, request) => {
                    let response = self.answer(request);
                    self.handle(Event::Answered(ticket, response), now);
                }
                Effect::Poll(node) => {
                    let samples = objects::samples(node_number(&node), CLUSTERS, taken);
                    self.handle(Event::Sampled(node, Ok(samples)), now);
                }
                Effect::Note(_) => {}
            }
        }
    }

    fn answer(&mut self, request: Request) -> Response {
        match request {
            Request::WriteStatus { key, record, verdict, .. } => {
                let mut storage = self.stored(&key);
                storage.digest = digest(record.as_deref(), &verdict, storage.generation);
                storage.published = objects::published(&verdict, storage.generation);
                storage.record = Ok(*record.unwrap());
                self.applied(storage)
            }
            Request::Do(key, Action::AddFinalizer(..)) => {
                let mut storage = self.stored(&key);
                storage.meta.finalizer = true;
                self.applied(storage)
            }
            Request::ReadCluster(key) => {
                let storage = self.stored(&key);
                let others = objects::others(objects::cluster_number(&key));
                Response::Read([vec![Seen::Storage(Box::new(storage))], others].concat())
            }
            Request::ReadWal { .. } => Response::Wal(None),
            Request::Survey { .. } => Response::Survey(None),
            Request::Do(..) => panic!("nothing has to change: {request:?}"),
        }
    }

    /// Our object as the engine knows it: nobody else writes, and a copy here would count as the engine's memory.
    fn stored(&self, key: &ClusterKey) -> StorageSeen {
        self.engine.storage(key).unwrap().clone()
    }

    fn applied(&mut self, mut storage: StorageSeen) -> Response {
        self.writes += 1;
        self.version += 1;
        storage.meta.version = Version::from(format!("{}", self.version).as_str());
        Response::Applied(Box::new(Seen::Storage(Box::new(storage))))
    }

    /// Lets time pass, with living watches and a sample a minute.
    fn seconds(&mut self, from: Timestamp, count: u32) -> Timestamp {
        let mut now = from;
        for _ in 0..count {
            now = now.plus(Span::seconds(1));
            for kind in [Kind::Storage, Kind::Cluster, Kind::Claim, Kind::Pod] {
                self.handle(Event::Alive(kind), now);
            }
            self.perform(now, Timestamp::from_unix(now.unix() - now.unix() % 60));
        }
        now
    }
}

/// Resident memory of this process in MiB; zero where `/proc` does not say.
fn resident_mib() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.and_then(|text| text.split_whitespace().nth(1)?.parse::<usize>().ok());
    pages.unwrap_or(0) * 4 / 1024
}

fn line(phase: &str, begun: Instant, events: usize) {
    let micros = begun.elapsed().as_micros();
    let each = micros / u128::try_from(events.max(1)).unwrap();
    println!(
        "{phase:<28} {:>6} ms  {each:>4} µs each of {events:>6}  {:>4} MiB",
        micros / 1_000,
        resident_mib()
    );
}

fn main() -> ExitCode {
    let mut bench = Bench {
        engine: Engine::new(EngineConfig::new(always, digest)),
        version: 1_000,
        writes: 0,
        effects: 0,
    };
    let start = Timestamp::from_unix(1_700_000_000);
    let base = resident_mib();
    let begun = Instant::now();
    let mut events = 0;
    for kind in [Kind::Class, Kind::Storage, Kind::Cluster, Kind::Claim, Kind::Pod] {
        bench.handle(Event::ListBegan(kind), start);
        for number in 0..CLUSTERS {
            for seen in objects::of_kind(kind, number) {
                bench.handle(Event::Seen(seen), start);
                events += 1;
            }
        }
        bench.handle(Event::ListDone(kind), start);
    }
    line("lists", begun, events);

    let begun = Instant::now();
    bench.handle(Event::Lease(Role::Leader), start);
    // 20,000 statuses and 10,000 finalizers at 20 per second.
    let mut now = bench.seconds(start, 1_900);
    line("first looks, first statuses", begun, bench.effects);
    println!("{:<28} {:>6}", "  writes", bench.writes);

    for round in ["twenty minutes at rest", "twenty minutes more"] {
        (bench.writes, bench.effects) = (0, 0);
        let begun = Instant::now();
        let decisions = bench.engine.totals().decisions;
        now = bench.seconds(now, 1_200);
        let decisions = bench.engine.totals().decisions - decisions;
        line(round, begun, usize::try_from(decisions).unwrap());
        println!("{:<28} {:>6}", "  writes", bench.writes);
    }
    let used = resident_mib().saturating_sub(base);
    println!("{CLUSTERS} Clusters on {NODES} nodes take {used} MiB (mark {MARK_MIB})");
    if bench.writes > 0 || used > 2 * MARK_MIB {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
