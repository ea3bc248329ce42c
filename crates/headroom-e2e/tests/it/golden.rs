//! What people read of some runs, letter by letter, with the hash of the whole trace: the same in every build profile.
//! `UPDATE_EXPECT=1 cargo test -p headroom-e2e golden` writes them anew after a change that is meant.

use std::fmt::Write as _;

use expect_test::{ExpectFile, expect_file};
use headroom_e2e::seeds::simulate;
use headroom_scenario::{Outcome, Topology, catalogue};

#[track_caller]
fn check(id: &str, topology: Topology, expected: &ExpectFile) {
    let cell = catalogue::select(id, &[topology]).remove(0);
    let report = simulate(&cell, 1);
    assert_eq!(report.outcome, Outcome::Passed, "{:#?}", report.failures().collect::<Vec<_>>());
    let mut text = format!("{}: {}\n", report.full_id, report.title);
    for moment in &report.timeline {
        let _ = writeln!(text, "{:>5}.{:03}  {}", moment.at_ms / 1000, moment.at_ms % 1000, moment.what);
    }
    let _ = writeln!(text, "trace hash {}", report.trace_hash.expect("a trace"));
    expected.assert_eq(&text);
}

#[test]
fn planned_growth_reads_as_before() {
    let golden = expect_file!["golden/planned_growth_in_window_t2.txt"];
    check("p0_00_planned_growth_in_window", Topology::T2, &golden);
}

#[test]
fn a_full_volume_reads_as_before() {
    check("p0_00_volume_already_full", Topology::T1, &expect_file!["golden/volume_already_full_t1.txt"]);
}

#[test]
fn a_repair_reads_as_before() {
    check(
        "p0_00_smaller_member_is_repaired",
        Topology::T3,
        &expect_file!["golden/smaller_member_is_repaired_t3.txt"],
    );
}
