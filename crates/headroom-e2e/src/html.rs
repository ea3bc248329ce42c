//! `report.html`: one file, no network, readable in light and dark.

use headroom_scenario::{Outcome, Topology, checkers::Class};
use minijinja::{Environment, Value, context};

use crate::{matrix::Matrix, profile::Profile, record::Record, terminal};

pub mod curves;

const TEMPLATE: &str = include_str!("html/report.html");

/// The report as one HTML file.
///
/// # Errors
/// When the template cannot be rendered.
pub fn render(matrix: &Matrix) -> Result<String, minijinja::Error> {
    let mut environment = Environment::new();
    environment.add_template("report.html", TEMPLATE)?;
    let cells: Vec<Value> = matrix.records.iter().map(|record| cell(record, matrix)).collect();
    environment.get_template("report.html")?.render(context! {
        world => matrix.world,
        profile => matrix.profile.map(Profile::name),
        seed => matrix.seed,
        closing => terminal::closing(&matrix.records).trim_end(),
        all_passed => !matrix.records.iter().any(|record| matches!(record.outcome, Outcome::Failed | Outcome::Inconclusive)),
        rows => rows(matrix),
        cells,
    })
}

/// The matrix: per scenario one entry per topology.
fn rows(matrix: &Matrix) -> Vec<Value> {
    let mut ids: Vec<(&str, &str)> = Vec::new();
    for record in &matrix.records {
        match ids.iter_mut().find(|(id, _)| *id == record.scenario) {
            Some((_, title)) if title.is_empty() => *title = &record.title,
            Some(_) => {}
            None => ids.push((&record.scenario, &record.title)),
        }
    }
    let cells = |id: &str| -> Vec<Value> {
        Topology::ALL
            .into_iter()
            .map(|topology| {
                let found: Vec<Value> = matrix
                    .records
                    .iter()
                    .filter(|record| record.scenario == id && record.topology == topology.name())
                    .map(|record| context! {id => record.id.clone(), outcome => record.outcome.name(), sign => sign(record.outcome)})
                    .collect();
                Value::from(found)
            })
            .collect()
    };
    ids.into_iter().map(|(id, title)| context! {id => id, title => title, cells => cells(id)}).collect()
}

const fn sign(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "✓",
        Outcome::Failed => "✗",
        Outcome::Inconclusive => "?",
        Outcome::Blank => "–",
    }
}

fn cell(record: &Record, matrix: &Matrix) -> Value {
    let classes: Vec<Value> = Class::ALL
        .into_iter()
        .map(|class| {
            let of_class: Vec<Value> = record
                .of_class(class)
                .map(|one| context! {text => one.text.clone(), held => one.held})
                .collect();
            context! {name => class.name(), assertions => of_class}
        })
        .collect();
    let timeline: Vec<Value> = record
        .timeline
        .iter()
        .map(|moment| {
            let (kind, what) = match moment.what.split_once(": ") {
                Some((kind @ ("trigger" | "disruption" | "completion" | "inconclusive"), rest)) => {
                    (kind, rest)
                }
                Some(_) | None => ("", moment.what.as_str()),
            };
            context! {at => tenths(moment.at), kind => kind, what => what}
        })
        .collect();
    let charts: Vec<Value> = record
        .charts
        .iter()
        .map(|chart| context! {svg => chart.svg.clone(), caption => chart.caption.clone()})
        .collect();
    context! {
        id => record.id.clone(),
        title => record.title.clone(),
        outcome => record.outcome.name(),
        sign => sign(record.outcome),
        why => record.why.clone(),
        seconds => tenths(record.seconds),
        hash => record.trace_hash.clone(),
        replay => terminal::replay(&record.id, matrix),
        classes => classes,
        timeline => timeline,
        charts => charts,
        open => matches!(record.outcome, Outcome::Failed | Outcome::Inconclusive),
    }
}

/// Seconds with one decimal.
fn tenths(seconds: f64) -> String {
    format!("{seconds:.1}")
}
