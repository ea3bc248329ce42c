//! `report.html`: one file, no network, readable in light and dark.

use headroom_scenario::{Outcome, Report, Topology, checkers::Class};
use minijinja::{Environment, Value, context};

use crate::{matrix::Matrix, profile::Profile, terminal};

mod curves;

const TEMPLATE: &str = include_str!("html/report.html");

/// The report as one HTML file.
///
/// # Errors
/// When the template cannot be rendered.
pub fn render(matrix: &Matrix) -> Result<String, minijinja::Error> {
    let mut environment = Environment::new();
    environment.add_template("report.html", TEMPLATE)?;
    let cells: Vec<Value> = matrix.reports.iter().map(|report| cell(report, matrix)).collect();
    environment.get_template("report.html")?.render(context! {
        world => matrix.world,
        profile => matrix.profile.map(Profile::name),
        seed => matrix.seed,
        closing => terminal::closing(&matrix.reports).trim_end(),
        all_passed => !matrix.reports.iter().any(|report| matches!(report.outcome, Outcome::Failed | Outcome::Inconclusive)),
        rows => rows(matrix),
        cells,
    })
}

/// The matrix: per scenario one entry per topology.
fn rows(matrix: &Matrix) -> Vec<Value> {
    let mut ids: Vec<(&str, &str)> = Vec::new();
    for report in &matrix.reports {
        match ids.iter_mut().find(|(id, _)| *id == report.id) {
            Some((_, title)) if title.is_empty() => *title = report.title,
            Some(_) => {}
            None => ids.push((report.id, report.title)),
        }
    }
    let cells = |id: &str| -> Vec<Value> {
        Topology::ALL
            .into_iter()
            .map(|topology| {
                let found: Vec<Value> = matrix
                    .reports
                    .iter()
                    .filter(|report| report.id == id && report.topology == topology)
                    .map(|report| context! {id => report.full_id.clone(), outcome => report.outcome.name(), sign => sign(report.outcome)})
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

fn cell(report: &Report, matrix: &Matrix) -> Value {
    let classes: Vec<Value> = Class::ALL
        .into_iter()
        .map(|class| {
            let of_class: Vec<Value> = report
                .assertions
                .iter()
                .filter(|one| one.class == class)
                .map(|one| context! {text => one.text.clone(), held => one.held})
                .collect();
            context! {name => class.name(), assertions => of_class}
        })
        .collect();
    let timeline: Vec<Value> = report
        .timeline
        .iter()
        .map(|moment| {
            let (kind, what) = match moment.what.split_once(": ") {
                Some((kind @ ("trigger" | "disruption" | "completion" | "inconclusive"), rest)) => {
                    (kind, rest)
                }
                Some(_) | None => ("", moment.what.as_str()),
            };
            context! {at => tenths(moment.at_ms), kind => kind, what => what}
        })
        .collect();
    context! {
        id => report.full_id.clone(),
        title => report.title,
        outcome => report.outcome.name(),
        sign => sign(report.outcome),
        why => report.why.clone(),
        seconds => tenths(report.duration_ms),
        hash => report.trace_hash.map(|hash| hash.to_string()),
        replay => terminal::replay(report, matrix),
        classes => classes,
        timeline => timeline,
        charts => curves::charts(report),
        open => matches!(report.outcome, Outcome::Failed | Outcome::Inconclusive),
    }
}

/// Seconds with one decimal.
fn tenths(ms: u64) -> String {
    format!("{}.{}", ms / 1000, ms % 1000 / 100)
}
