//! Many seeds, each twice: the same seed must give the same trace, and no seed may fail.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use headroom_scenario::{Cell, Outcome, Report, run_cell, trace::TraceHash};
use headroom_sim::SimWorld;

use crate::{
    args::{Args, WorldName},
    data, exit,
    matrix::Matrix,
    pool, talk, terminal,
};

/// What one seed of one cell showed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The seed.
    pub seed: u64,
    /// The cell.
    pub full_id: String,
    /// What is wrong.
    pub what: String,
}

/// Runs a cell on the simulator.
pub fn simulate(cell: &Cell, seed: u64) -> Report {
    run_cell(cell, || Ok(Box::new(SimWorld::new(seed))))
}

/// Runs each cell with each seed twice; the findings in order of seed and cell, and a hash over all trace hashes.
pub fn compare(cells: &[Cell], seeds: std::ops::Range<u64>, jobs: usize) -> (Vec<Finding>, TraceHash) {
    let findings = Mutex::new(Vec::new());
    let sum = AtomicU64::new(0);
    pool::each(seeds, jobs, |seed| {
        for cell in cells {
            let (found, hash) = twice(cell, seed);
            // A sum does not depend on who ran what first.
            sum.fetch_add(hash.wrapping_mul(seed | 1), Ordering::Relaxed);
            if let Some(found) = found {
                findings.lock().unwrap_or_else(PoisonError::into_inner).push(found);
            }
        }
    });
    let mut findings = findings.into_inner().unwrap_or_else(PoisonError::into_inner);
    findings.sort();
    (findings, TraceHash(sum.into_inner()))
}

fn twice(cell: &Cell, seed: u64) -> (Option<Finding>, u64) {
    let (first, second) = (simulate(cell, seed), simulate(cell, seed));
    let hash = first.trace_hash.map_or(0, |hash| hash.0);
    let finding = |what: String| Some(Finding { seed, full_id: first.full_id.clone(), what });
    if first.trace_hash != second.trace_hash {
        let differs =
            first.trace.entries.iter().zip(&second.trace.entries).position(|(one, other)| one != other);
        let at = differs.map_or("in length only".to_owned(), |at| format!("from entry {at} on"));
        return (finding(format!("the same seed gave two traces; they differ {at}")), hash);
    }
    let found = match first.outcome {
        Outcome::Passed | Outcome::Blank => None,
        Outcome::Failed | Outcome::Inconclusive => {
            let texts: Vec<&str> = first.failures().map(|one| one.text.as_str()).collect();
            let why = first.why.iter().map(String::as_str).chain(texts).collect::<Vec<_>>().join("; ");
            finding(format!("{}: {why}", first.outcome.name()))
        }
    };
    (found, hash)
}

/// `--seeds N`.
///
/// # Errors
/// When the world is not the simulator.
pub(crate) fn run(args: &Args, cells: &[Cell], seeds: u64) -> Result<u8, String> {
    if args.world != WorldName::Sim {
        return Err("--seeds is for the simulator: a cluster is not deterministic".to_owned());
    }
    let range = args.seed..args.seed.saturating_add(seeds);
    talk(&format!("{} cells × {seeds} seeds, each twice", cells.len()));
    let (findings, sum) = compare(cells, range, args.jobs());
    for Finding { seed, full_id, what } in &findings {
        let matrix = Matrix { world: "sim", profile: None, seed: *seed, records: Vec::new() };
        data(&format!(
            "✗ {full_id}, seed {seed}: {what}\n    replay: {}\n",
            terminal::replay(full_id, &matrix)
        ));
    }
    let runs = u64::try_from(cells.len()).unwrap_or(u64::MAX).saturating_mul(seeds).saturating_mul(2);
    data(&format!(
        "{runs} runs of {seeds} seeds, {} findings, sum of the trace hashes {sum}\n",
        findings.len()
    ));
    Ok(if findings.is_empty() { exit::PASSED } else { exit::FAILED })
}
