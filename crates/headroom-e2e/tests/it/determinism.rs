//! The same seed gives the same trace.

use headroom_e2e::seeds::{compare, simulate};
use headroom_scenario::{Cell, Topology, catalogue};

/// A share of the cells, another one with each block of seeds, so that the whole catalogue is met in reasonable time
/// (`cargo e2e --seeds 200` runs all of it).
fn share(of: usize) -> Vec<Cell> {
    catalogue::all().into_iter().skip(of).step_by(68).collect()
}

#[test]
fn two_hundred_and_four_seeds_run_twice_give_equal_trace_hashes() {
    for block in 0..68_usize {
        let first = 1 + 3 * block as u64;
        let (findings, _) = compare(&share(block), first..first + 3, 2);
        assert!(findings.is_empty(), "{findings:#?}");
    }
}

#[test]
fn another_seed_is_another_run() {
    let cell = catalogue::select("p0_00_planned_growth_in_window", &[Topology::T3]).remove(0);
    let hashes: std::collections::BTreeSet<_> =
        (1..=20).map(|seed| simulate(&cell, seed).trace_hash).collect();
    assert_eq!(hashes.len(), 20);
}

#[test]
fn the_number_of_threads_does_not_change_the_traces() {
    let cells = catalogue::select("p0_00_at_the_limit", &Topology::ALL);
    assert_eq!(compare(&cells, 1..9, 1), compare(&cells, 1..9, 3));
}
