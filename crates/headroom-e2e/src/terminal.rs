//! The matrix for people.

use std::fmt::Write as _;

use headroom_scenario::{Cell, Outcome, Shared, Topology};
use owo_colors::OwoColorize as _;

use crate::{matrix::Matrix, record::Record};

/// One sign per outcome; its colour is stripped where there is no terminal.
fn sign(outcome: Outcome) -> String {
    match outcome {
        Outcome::Passed => "✓".green().to_string(),
        Outcome::Failed => "✗".red().bold().to_string(),
        Outcome::Inconclusive => "?".yellow().bold().to_string(),
        Outcome::Blank => "–".dimmed().to_string(),
    }
}

/// Rows are scenarios, columns are topologies; then what failed and how to replay it; then the count.
pub fn table(matrix: &Matrix) -> String {
    let mut ids: Vec<&str> = matrix.records.iter().map(|record| record.scenario.as_str()).collect();
    ids.dedup();
    let width = ids.iter().map(|id| id.chars().count()).max().unwrap_or(0).max("scenario".len());
    let mut text = format!("{:width$}  T1  T2  T3\n", "scenario");
    for id in ids {
        let _ = write!(text, "{id:width$}");
        for topology in Topology::ALL {
            let cells = matrix
                .records
                .iter()
                .filter(|record| record.scenario == id && record.topology == topology.name());
            // Several moments of one scenario share a cell: the worst outcome shows.
            let worst = cells.map(|record| record.outcome).max_by_key(|outcome| severity(*outcome));
            let _ = write!(text, "   {}", worst.map_or(" ".to_owned(), sign));
        }
        text.push('\n');
    }
    text.push('\n');
    for record in &matrix.records {
        text.push_str(&details(record, matrix));
    }
    text.push_str(&closing(&matrix.records));
    text
}

const fn severity(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Blank => 0,
        Outcome::Passed => 1,
        Outcome::Inconclusive => 2,
        Outcome::Failed => 3,
    }
}

/// What people need to know of a cell that did not pass.
fn details(record: &Record, matrix: &Matrix) -> String {
    let mut text = String::new();
    let why = record.why.as_deref().unwrap_or("no reason given");
    match record.outcome {
        Outcome::Passed => return text,
        Outcome::Blank => {
            let _ = writeln!(text, "{} {}: {why}\n", sign(record.outcome), record.id);
            return text;
        }
        Outcome::Failed => {
            let _ = writeln!(text, "{} {}", sign(record.outcome), record.id.bold());
            if record.why.is_some() {
                let _ = writeln!(text, "    inconclusive besides: {why}");
            }
        }
        Outcome::Inconclusive => {
            let _ = writeln!(text, "{} {}: {why}", sign(record.outcome), record.id.bold());
        }
    }
    for assertion in record.failures() {
        let _ = writeln!(text, "    {}: {}", assertion.class.red(), assertion.text);
    }
    let _ = writeln!(text, "    replay: {}\n", replay(&record.id, matrix).cyan());
    text
}

/// The command that runs one cell again.
pub fn replay(id: &str, matrix: &Matrix) -> String {
    let world = if matrix.world == "sim" { "" } else { " --world cluster" };
    let profile = matrix.profile.map_or(String::new(), |profile| format!(" --profile {}", profile.name()));
    format!("cargo e2e{world}{profile} --filter '{id}' --seed {}", matrix.seed)
}

/// `29 passed, 0 failed, 1 skipped`.
pub fn closing(records: &[Record]) -> String {
    let count = |outcome| records.iter().filter(|record| record.outcome == outcome).count();
    let mut text = format!("{} passed, {} failed", count(Outcome::Passed), count(Outcome::Failed));
    for (outcome, word) in [(Outcome::Inconclusive, "inconclusive"), (Outcome::Blank, "skipped")] {
        if count(outcome) > 0 {
            let _ = write!(text, ", {} {word}", count(outcome));
        }
    }
    text.push('\n');
    text
}

/// A line per cell, for runs that take long.
pub fn progress(record: &Record, done: usize, total: usize) -> String {
    let seconds = record.seconds;
    format!("[{done}/{total}] {} {} ({seconds:.0} s)", sign(record.outcome), record.id)
}

/// What there is to run.
pub fn list(cells: &[Cell]) -> String {
    let mut text = String::new();
    let width = cells.iter().map(|cell| cell.full_id().len()).max().unwrap_or(0);
    for cell in cells {
        let id = cell.full_id();
        let _ = match cell {
            Cell::Scenario(scenario) => {
                let (pace, title) = (scenario.pace.name(), scenario.title);
                let shared = match scenario.touches() {
                    Shared::Nothing => "",
                    Shared::Operator => "own operator",
                    Shared::Nodes => "own nodes",
                    Shared::All => "alone",
                };
                writeln!(text, "{id:width$}  {pace:6}  {shared:12}  {title}")
            }
            Cell::Blank { why, .. } => writeln!(text, "{id:width$}  {:6}  {:12}  blank: {why}", "", ""),
        };
    }
    text
}
