//! What is kept of a finished cell: all that the reports show. Each is written as soon as its cell ends, so that a run
//! of hours which is interrupted loses nothing and can be resumed.

use std::{collections::BTreeMap, fs, path::Path};

use headroom_scenario::{Outcome, Report, checkers::Class};
use serde::{Deserialize, Serialize};

use crate::html::curves::{self, Chart};

/// A finished cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The full id: `p0_05_node_drain@t2/node-step`.
    pub id: String,
    /// The scenario's id without topology and gate.
    pub scenario: String,
    /// One sentence; empty for a blank.
    pub title: String,
    /// `t1`, `t2`, `t3`.
    pub topology: String,
    /// How it ended.
    #[serde(with = "outcome")]
    pub outcome: Outcome,
    /// Why it is inconclusive or blank.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// How long it took in the world's own time, seconds.
    pub seconds: f64,
    /// The hash of the trace; empty for a blank.
    pub trace_hash: String,
    /// What was judged.
    pub assertions: Vec<Judged>,
    /// What happened, for people.
    pub timeline: Vec<Moment>,
    /// Size and usage of each volume over time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub charts: Vec<Chart>,
}

/// One assertion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    /// Its class's name.
    pub class: String,
    /// What must hold; with what was found instead, where it does not.
    pub text: String,
    /// Whether it held.
    pub held: bool,
}

/// One line of the timeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Moment {
    /// Seconds since the fixture began to be made.
    pub at: f64,
    /// What happened.
    pub what: String,
}

impl From<&Report> for Record {
    fn from(report: &Report) -> Self {
        let assertions = report.assertions.iter().map(|one| Judged {
            class: one.class.name().to_owned(),
            text: one.text.clone(),
            held: one.held,
        });
        let timeline = report
            .timeline
            .iter()
            .map(|moment| Moment { at: seconds(moment.at_ms), what: moment.what.clone() });
        Self {
            id: report.full_id.clone(),
            scenario: report.id.to_owned(),
            title: report.title.to_owned(),
            topology: report.topology.name().to_owned(),
            outcome: report.outcome,
            why: report.why.clone(),
            seconds: seconds(report.duration_ms),
            trace_hash: report.trace_hash.map_or_else(String::new, |hash| hash.to_string()),
            assertions: assertions.collect(),
            timeline: timeline.collect(),
            charts: curves::charts(report),
        }
    }
}

impl Record {
    /// The assertions that did not hold.
    pub fn failures(&self) -> impl Iterator<Item = &Judged> {
        self.assertions.iter().filter(|one| !one.held)
    }

    /// The assertions of a class.
    pub fn of_class(&self, class: Class) -> impl Iterator<Item = &Judged> {
        self.assertions.iter().filter(move |one| one.class == class.name())
    }
}

/// Seconds with three decimals: exact in JSON.
fn seconds(ms: u64) -> f64 {
    format!("{}.{:03}", ms / 1000, ms % 1000).parse().unwrap_or_default()
}

/// The folder in a report's folder that holds one file per finished cell.
const CELLS: &str = "cells";

/// Writes the record of a cell that has just ended.
///
/// # Errors
/// When its file cannot be written.
pub fn keep(folder: &Path, record: &Record) -> Result<(), String> {
    let cells = folder.join(CELLS);
    let file = cells.join(format!("{}.json", record.id.replace('/', ",")));
    let text = serde_json::to_string(record).map_err(|error| error.to_string());
    let written = text.and_then(|text| {
        fs::create_dir_all(&cells).and_then(|()| fs::write(&file, text)).map_err(|error| error.to_string())
    });
    written.map_err(|why| format!("could not write {}: {why}", file.display()))
}

/// The records that an earlier run into this folder has kept, by id; none when there is no such folder.
///
/// # Errors
/// When a file cannot be read; its name and what to do.
pub fn kept(folder: &Path) -> Result<BTreeMap<String, Record>, String> {
    let Ok(files) = fs::read_dir(folder.join(CELLS)) else { return Ok(BTreeMap::new()) };
    let read = |path: &Path| -> Result<Record, String> {
        let text = fs::read_to_string(path).map_err(|error| error.to_string());
        let record = text.and_then(|text| serde_json::from_str(&text).map_err(|error| error.to_string()));
        record.map_err(|why| {
            format!("{} cannot be read: {why}; delete it to run its cell again", path.display())
        })
    };
    let mut records = BTreeMap::new();
    for file in files.flatten() {
        let record = read(&file.path())?;
        records.insert(record.id.clone(), record);
    }
    Ok(records)
}

/// Forgets the cells of an earlier run.
///
/// # Errors
/// When they cannot be removed.
pub fn forget(folder: &Path) -> Result<(), String> {
    let cells = folder.join(CELLS);
    if !cells.exists() {
        return Ok(());
    }
    fs::remove_dir_all(&cells).map_err(|error| format!("could not remove {}: {error}", cells.display()))
}

/// Outcomes by their names.
mod outcome {
    use headroom_scenario::Outcome;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    const ALL: [Outcome; 4] = [Outcome::Passed, Outcome::Failed, Outcome::Inconclusive, Outcome::Blank];

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
    pub(super) fn serialize<S: Serializer>(outcome: &Outcome, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(outcome.name())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Outcome, D::Error> {
        let name = String::deserialize(deserializer)?;
        let found = ALL.into_iter().find(|one| one.name() == name);
        found.ok_or_else(|| D::Error::custom(format!("{name:?} is no outcome")))
    }
}
