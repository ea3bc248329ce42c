//! How fast the simulator is: simulated ÷ wall time, and microseconds per simulated minute by part.
//!
//! `cargo run --release -p headroom-sim --example bench [HOURS]`
#![allow(clippy::print_stdout, reason = "the output is the example's purpose")]

use std::{collections::BTreeMap, time::Instant};

use headroom_core::Bytes;
use headroom_scenario::{
    Act, Fixture, Topology, World, WorldError,
    fixture::{PolicyFixture, WindowFixture},
};
use headroom_sim::{
    SimWorld,
    model::{
        Model, Settings,
        object::{ClusterSpec, Volume},
    },
};

/// Virtual milliseconds of an hour.
const HOUR: u64 = 3_600_000;

fn fixture() -> Fixture {
    Fixture {
        topology: Topology::T3,
        data: Bytes::gibi(10),
        wal: None,
        tablespace: None,
        synchronous: 0,
        filled: None,
        enable_pdb: true,
        supervised: false,
        backups: None,
        size_at_birth: false,
        policy: PolicyFixture {
            limit: Bytes::gibi(40),
            target_buffer: 20,
            critical_threshold: 95,
            emergency_limit: None,
            budget: (4, 1),
            window: WindowFixture::Absent,
            shrink: None,
        },
    }
}

/// Microseconds per simulated minute of the model alone.
fn model_alone(hours: u64, settings: Settings) -> f64 {
    let mut model = Model::new(1, settings);
    let spec = ClusterSpec::new(3, BTreeMap::from([(Volume::Data, 10 << 30)]));
    model.create_cluster(&"pg".into(), spec);
    while model.next_at().is_some_and(|at| at < 120_000) {
        model.step();
    }
    let end = model.now() + hours * HOUR;
    let started = Instant::now();
    while model.next_at().is_some_and(|at| at <= end) {
        model.step();
        model.take_happened();
    }
    started.elapsed().as_secs_f64() * 1e6 / (60.0 * hours_as_float(hours))
}

fn hours_as_float(hours: u64) -> f64 {
    f64::from(u32::try_from(hours).unwrap_or(u32::MAX))
}

/// Microseconds per simulated minute of a quiet world, with the operator or without it.
fn world(hours: u64, settings: Settings, operator: bool) -> Result<f64, WorldError> {
    let mut world = SimWorld::with_settings(1, settings);
    world.prepare(&fixture())?;
    if !operator {
        world.perform(&Act::StopOperator)?;
    }
    world.run_for(120_000);
    let started = Instant::now();
    world.run_for(hours * HOUR);
    Ok(started.elapsed().as_secs_f64() * 1e6 / (60.0 * hours_as_float(hours)))
}

fn main() -> Result<(), WorldError> {
    let hours = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(24);
    for (name, settings) in [("stock kubelet, 60 s", Settings::STOCK), ("lab kubelet, 10 s", Settings::LAB)] {
        let model = model_alone(hours, settings);
        let silent = world(hours, settings, false)?;
        let whole = world(hours, settings, true)?;
        println!("{name}: T3 at rest for {hours} h, {:.0} x real time", 60e6 / whole);
        println!("  model   {model:8.1} us per simulated minute");
        println!("  trace   {:8.1}", (silent - model).max(0.0));
        println!("  engine  {:8.1}  (with translation and wire)", (whole - silent).max(0.0));
        println!("  whole   {whole:8.1}");
    }
    Ok(())
}
