//! How long one decision takes, with its second opinion: `cargo bench -p headroom-core`.
//!
//! Mark: at most 5 µs at the 99th percentile (ARCHITECTURE.md, performance marks). Prints one line per case; exits 1 when
//! a mark is missed by more than a factor of four, which no noise of the machine explains.
#![allow(clippy::panic, clippy::print_stdout, clippy::unwrap_used)]

#[allow(dead_code)]
#[path = "../tests/it/world.rs"]
mod world;

use std::{hint::black_box, process::ExitCode, time::Instant};

use headroom_core::{decide, lint, names::VolumeName};
use world::World;

const ROUNDS: usize = 20_000;
const MARK_NANOS: u128 = 5_000;

/// Nanoseconds of the 50th and the 99th percentile.
fn measure(world: &World) -> (u128, u128) {
    let mut nanos: Vec<u128> = (0..ROUNDS)
        .map(|_| {
            let world = black_box(world);
            let begin = Instant::now();
            let decision = decide(&world.policy, &world.seen, &world.record, world.now);
            let findings = lint(&world.policy, &world.seen, &world.record, &decision, world.now);
            let spent = begin.elapsed().as_nanos();
            drop(black_box((decision, findings)));
            spent
        })
        .collect();
    nanos.sort_unstable();
    (nanos[ROUNDS / 2], nanos[ROUNDS * 99 / 100])
}

fn main() -> ExitCode {
    let idle = World::new(3);
    let mut acting = World::new(3);
    acting.set_used_all(97);
    acting.step();
    let mut tablespace = acting.clone();
    let name = VolumeName::Tablespace("idx".into());
    tablespace.policy.volumes.insert(name.clone(), world::rules());
    let spec = tablespace.seen.cluster.volumes[&VolumeName::Data].clone();
    tablespace.seen.cluster.volumes.insert(name.clone(), spec);
    for (number, member) in tablespace.seen.members.values_mut().enumerate() {
        member.claims.insert(name.clone(), world::claim(&format!("idx-{number}"), world::gi(10)));
    }
    let mut missed = false;
    for (case, world) in [
        ("3 members, idle", &idle),
        ("3 members, 3 patches", &acting),
        ("3 members × 2 volumes, 3 patches", &tablespace),
    ] {
        let (median, most) = measure(world);
        missed |= most > 4 * MARK_NANOS;
        println!(
            "{case:<34} p50 {:>3}.{:02} µs   p99 {:>3}.{:02} µs   mark {} µs",
            median / 1000,
            median % 1000 / 10,
            most / 1000,
            most % 1000 / 10,
            MARK_NANOS / 1000
        );
    }
    if missed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
