//! Runs cells, several at once where they do not disturb each other.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use headroom_scenario::{Cell, Outcome, Shared, World, run_cell};

use crate::{exit, pool, profile::Profile, record::Record};

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
    /// Whether cells have a world to themselves; else what they share decides what runs side by side.
    pub side_by_side: bool,
    /// How many of the cells that touch the nodes run at once.
    pub lanes: usize,
}

/// What a cell touches of that which all cells of a cluster share.
pub fn touches(cell: &Cell) -> Shared {
    match cell {
        Cell::Scenario(scenario) => scenario.touches(),
        Cell::Blank { .. } => Shared::Nothing,
    }
}

/// Runs the plan: first the cells that keep to their namespaces, then those with an operator of their own, at last
/// those that touch the nodes, one per lane, and those that touch what all need, one by one. `begin` gets the world ready for
/// each of these parts, `open` gives each cell its world, `told` hears of each record as it comes.
///
/// # Errors
/// When the world cannot be made ready.
pub fn run(
    plan: Plan,
    begin: impl Fn(Shared) -> Result<(), String>,
    open: impl Fn(&Cell) -> Result<Box<dyn World>, String> + Sync,
    told: impl Fn(&Record) + Sync,
) -> Result<Vec<Record>, String> {
    let mut ended = plan.ended;
    let mut done = BTreeMap::new();
    let mut parts = BTreeMap::<Shared, Vec<(usize, Cell)>>::new();
    for (at, cell) in plan.cells.into_iter().enumerate() {
        if let Some(record) = ended.remove(&cell.full_id()) {
            done.insert(at, record);
            continue;
        }
        let part = if plan.side_by_side { Shared::Nothing } else { touches(&cell) };
        parts.entry(part).or_default().push((at, cell));
    }
    let done = Mutex::new(done);
    for (shared, cells) in parts {
        begin(shared)?;
        let jobs = match shared {
            Shared::Nothing | Shared::Operator => plan.jobs,
            Shared::Nodes => plan.jobs.min(plan.lanes),
            Shared::All => 1,
        };
        pool::each(cells, jobs, |(at, cell)| {
            let record = Record::from(&run_cell(&cell, || open(&cell)));
            told(&record);
            done.lock().unwrap_or_else(PoisonError::into_inner).insert(at, record);
        });
    }
    Ok(done.into_inner().unwrap_or_else(PoisonError::into_inner).into_values().collect())
}
