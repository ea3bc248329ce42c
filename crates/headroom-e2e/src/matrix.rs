//! Runs cells, several at once where they do not disturb each other.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, PoisonError},
    thread,
};

use headroom_scenario::{Cell, Outcome, World, run_cell};

use crate::{exit, profile::Profile, record::Record};

/// A run of the matrix.
pub struct Matrix {
    /// `sim` or `cluster`.
    pub world: &'static str,
    /// The profile of a cluster; the simulator has none.
    pub profile: Option<Profile>,
    /// The seed.
    pub seed: u64,
    /// One record per cell, in the order of the catalogue.
    pub records: Vec<Record>,
}

impl Matrix {
    /// What the run says to a script: a failure counts more than a moment that never came.
    pub fn exit_code(&self) -> u8 {
        let any = |outcome| self.records.iter().any(|record| record.outcome == outcome);
        if any(Outcome::Failed) {
            exit::FAILED
        } else if any(Outcome::Inconclusive) {
            exit::INCONCLUSIVE
        } else {
            exit::PASSED
        }
    }
}

/// What to run and how.
pub struct Plan {
    /// The cells.
    pub cells: Vec<Cell>,
    /// How many at once.
    pub jobs: usize,
    /// Cells that an earlier run has ended, by id: they are not run again.
    pub ended: BTreeMap<String, Record>,
    /// Whether cells have a world to themselves; else those that touch the operator run alone.
    pub side_by_side: bool,
}

/// Whether a cell touches what all cells of a cluster share: the operator, the nodes.
pub fn disturbs_others(cell: &Cell) -> bool {
    matches!(cell, Cell::Scenario(scenario) if scenario.serial())
}

/// Runs the plan; `open` gives each cell its world, `told` hears of each record as it comes.
pub fn run(
    plan: Plan,
    open: impl Fn(&Cell) -> Result<Box<dyn World>, String> + Sync,
    told: impl Fn(&Record) + Sync,
) -> Vec<Record> {
    let mut ended = plan.ended;
    let mut done = BTreeMap::new();
    let mut cells = Vec::new();
    for (at, cell) in plan.cells.into_iter().enumerate() {
        match ended.remove(&cell.full_id()) {
            Some(record) => drop(done.insert(at, record)),
            None => cells.push((at, cell)),
        }
    }
    let alone = |cell: &Cell| !plan.side_by_side && disturbs_others(cell);
    let (serial, parallel): (Vec<_>, Vec<_>) = cells.into_iter().partition(|(_, cell)| alone(cell));
    let done = Mutex::new(done);
    for (cells, jobs) in [(parallel, plan.jobs), (serial, 1)] {
        let queue = Mutex::new(VecDeque::from(cells));
        let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let work = || {
            while let Some((at, cell)) = next() {
                let record = Record::from(&run_cell(&cell, || open(&cell)));
                told(&record);
                done.lock().unwrap_or_else(PoisonError::into_inner).insert(at, record);
            }
        };
        thread::scope(|scope| {
            for _ in 1..jobs.max(1) {
                scope.spawn(work);
            }
            work();
        });
    }
    done.into_inner().unwrap_or_else(PoisonError::into_inner).into_values().collect()
}
