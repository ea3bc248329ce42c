//! Cells run side by side, but those that touch the operator of a shared cluster run alone.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicUsize, Ordering},
};

use headroom_e2e::matrix::{self, Plan};
use headroom_scenario::{Cell, Outcome, catalogue};

/// Runs the whole catalogue without any world; the largest number of cells that were open at once, per kind.
fn most_at_once(jobs: usize, side_by_side: bool) -> (usize, usize) {
    let (open, disturbing) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let (most_open, most_beside_disturbing) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let plan = Plan { cells: catalogue::all(), ended: BTreeMap::new(), jobs, side_by_side };
    let enter = |cell: &Cell| {
        let now = open.fetch_add(1, Ordering::SeqCst) + 1;
        most_open.fetch_max(now, Ordering::SeqCst);
        let touches = usize::from(matrix::disturbs_others(cell));
        if disturbing.fetch_add(touches, Ordering::SeqCst) + touches > 0 {
            most_beside_disturbing.fetch_max(now, Ordering::SeqCst);
        }
        for _ in 0..1_000 {
            std::thread::yield_now();
        }
        disturbing.fetch_sub(touches, Ordering::SeqCst);
        open.fetch_sub(1, Ordering::SeqCst);
    };
    let records = matrix::run(
        plan,
        |cell| {
            enter(cell);
            Err("no world".to_owned())
        },
        |_| {},
    );
    let ids: Vec<String> = records.iter().map(|record| record.id.clone()).collect();
    let expected: Vec<String> = catalogue::all().iter().map(Cell::full_id).collect();
    assert_eq!(ids, expected, "records come in the order of the catalogue");
    assert!(records.iter().all(|record| matches!(record.outcome, Outcome::Inconclusive | Outcome::Blank)));
    (most_open.into_inner(), most_beside_disturbing.into_inner())
}

#[test]
fn one_job_runs_one_cell_at_a_time() {
    assert_eq!(most_at_once(1, true), (1, 1));
}

#[test]
fn on_a_shared_cluster_cells_that_touch_the_operator_run_alone() {
    let (most, beside) = most_at_once(4, false);
    assert!(most > 1, "cells run side by side");
    assert_eq!(beside, 1);
}
