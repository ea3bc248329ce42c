//! Cells run side by side, but those that touch the nodes of a shared cluster run one per lane, and those with an operator of their
//! own never beside those of the installed one.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use headroom_e2e::matrix::{self, Plan};
use headroom_scenario::{Cell, Outcome, Shared, catalogue};

/// Runs the whole catalogue without any world; per part the largest number of cells that were open at once.
fn most_at_once(jobs: usize, side_by_side: bool) -> Vec<(Shared, usize)> {
    let open = AtomicUsize::new(0);
    let parts = Mutex::new(Vec::<(Shared, usize)>::new());
    let plan = Plan { cells: catalogue::all(), ended: BTreeMap::new(), jobs, side_by_side, lanes: 1 };
    let enter = |cell: &Cell| {
        let now = open.fetch_add(1, Ordering::SeqCst) + 1;
        {
            let mut parts = parts.lock().expect("no cell panics");
            let (part, most) = parts.last_mut().expect("a part began");
            assert!(side_by_side || *part == matrix::touches(cell), "{} in {part:?}", cell.full_id());
            *most = now.max(*most);
        }
        for _ in 0..1_000 {
            std::thread::yield_now();
        }
        open.fetch_sub(1, Ordering::SeqCst);
    };
    let records = matrix::run(
        plan,
        |shared| {
            assert_eq!(open.load(Ordering::SeqCst), 0, "a part begins when the one before is over");
            parts.lock().expect("no cell panics").push((shared, 0));
            Ok(())
        },
        |cell| {
            enter(cell);
            Err("no world".to_owned())
        },
        |_| {},
    );
    let records = records.expect("every part can begin");
    let ids: Vec<String> = records.iter().map(|record| record.id.clone()).collect();
    let expected: Vec<String> = catalogue::all().iter().map(Cell::full_id).collect();
    assert_eq!(ids, expected, "records come in the order of the catalogue");
    assert!(records.iter().all(|record| matches!(record.outcome, Outcome::Inconclusive | Outcome::Blank)));
    parts.into_inner().expect("no cell panics")
}

#[test]
fn one_job_runs_one_cell_at_a_time() {
    assert_eq!(most_at_once(1, true), [(Shared::Nothing, 1)]);
}

#[test]
fn on_a_shared_cluster_cells_that_touch_the_nodes_run_alone_and_after_all_others() {
    let parts = most_at_once(4, false);
    let order: Vec<Shared> = parts.iter().map(|(shared, _)| *shared).collect();
    assert_eq!(order, [Shared::Nothing, Shared::Operator, Shared::Nodes, Shared::All]);
    assert!(parts.iter().all(|(shared, most)| (*shared >= Shared::Nodes) == (*most == 1)), "{parts:?}");
}

#[test]
fn a_part_that_cannot_begin_ends_the_run() {
    let plan =
        Plan { cells: catalogue::all(), ended: BTreeMap::new(), jobs: 1, side_by_side: true, lanes: 1 };
    let ended =
        matrix::run(plan, |_| Err("no operator".to_owned()), |_| unreachable!("no cell is opened"), |_| {});
    assert_eq!(ended.map(|records| records.len()), Err("no operator".to_owned()));
}
