//! A cluster orders entries per object only. Whatever order entries of different objects come in, within the accuracy of
//! the clocks, the verdict is the same.

use std::collections::BTreeMap;

use headroom_core::Bytes;
use headroom_scenario::{
    Trace, What,
    trace::{ACCURACY_MS, Object, Written},
};

use crate::grown;

/// A small generator of our own: the same numbers everywhere.
struct Draws(u64);

impl Draws {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// Moves each entry by less than half the accuracy, keeping the order within each object.
fn shuffled(trace: &Trace, seed: u64) -> Trace {
    let mut draws = Draws(seed);
    let mut newest: BTreeMap<Object, u64> = BTreeMap::new();
    let mut moved: Vec<(u64, u64, What)> = Vec::new();
    for entry in &trace.entries {
        let object = Object::of(&entry.what);
        let at = (entry.at_ms + draws.below(ACCURACY_MS)).saturating_sub(ACCURACY_MS / 2);
        let at = newest.get(&object).map_or(at, |last| at.max(*last + 1));
        newest.insert(object, at);
        moved.push((at, draws.below(1 << 20), entry.what.clone()));
    }
    moved.sort_by_key(|(at, tie, _)| (*at, *tie));
    let mut shuffled = Trace::new();
    for (at, _, what) in moved {
        shuffled.push(at, what);
    }
    shuffled
}

fn verdict(trace: &Trace) -> Vec<(String, bool)> {
    let name = |text: &str| text.split(';').next().unwrap_or_default().to_owned();
    let judged = grown::judge(&grown::scenario(), trace);
    judged.iter().map(|assertion| (name(&assertion.text), assertion.held)).collect()
}

#[track_caller]
fn check(plant: impl FnOnce(&mut Trace)) {
    let mut trace = grown::trace();
    plant(&mut trace);
    let expected = verdict(&trace);
    for seed in 0..200 {
        let other = shuffled(&trace, seed);
        assert_eq!(verdict(&other), expected, "seed {seed}");
    }
}

#[test]
fn shuffling_moves_entries_past_each_other() {
    let trace = grown::trace();
    let order = |trace: &Trace| -> Vec<String> {
        trace.entries.iter().map(|entry| format!("{:?}", entry.what)).collect()
    };
    let mut close = trace.clone();
    for entry in &mut close.entries {
        entry.at_ms /= 10;
    }
    assert!((0..20).any(|seed| order(&shuffled(&close, seed)) != order(&trace)));
}

#[test]
fn a_good_run_stays_good() {
    check(|_| {});
}

#[test]
fn a_bad_run_stays_bad() {
    check(|trace| {
        grown::insert(trace, 110_000, grown::raised("pg-1", grown::AFTER));
    });
    check(|trace| {
        grown::insert(trace, 95_000, grown::pod("pg-1", true, 1, Some(4)));
    });
    check(|trace| {
        grown::insert(trace, 95_000, grown::claim("pg-1", Bytes::gibi(5), grown::BEFORE));
    });
    check(|trace| {
        grown::remove(trace, 107_000);
    });
    check(|trace| {
        grown::insert(trace, 140_000, What::OperatorWrote(Written::Status));
    });
}
