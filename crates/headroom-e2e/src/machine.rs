//! The report for programs: JSON, and the same as YAML.

use std::fmt::Write as _;

use headroom_scenario::Report;
use serde_json::{Value, json};

use crate::matrix::Matrix;

/// What `report.json` holds: world, seed, on a cluster its profile, and per cell its outcome, seconds, trace hash, assertions and timeline.
pub fn value(matrix: &Matrix) -> Value {
    let results: Vec<Value> = matrix.reports.iter().map(result).collect();
    let mut value = json!({"world": matrix.world, "seed": matrix.seed, "results": results});
    if let Some(profile) = matrix.profile {
        value["profile"] = json!(profile.name());
    }
    value
}

fn result(report: &Report) -> Value {
    let assertions: Vec<Value> = report
        .assertions
        .iter()
        .map(|one| json!({"class": one.class.name(), "text": one.text, "held": one.held}))
        .collect();
    let timeline: Vec<Value> = report
        .timeline
        .iter()
        .map(|moment| json!({"at": seconds(moment.at_ms), "what": moment.what}))
        .collect();
    json!({
        "id": report.full_id,
        "outcome": report.outcome.name(),
        "seconds": seconds(report.duration_ms),
        "trace_hash": report.trace_hash.map_or_else(String::new, |hash| hash.to_string()),
        "assertions": assertions,
        "timeline": timeline,
    })
}

/// Seconds with three decimals, exact in JSON.
fn seconds(ms: u64) -> Value {
    let text = format!("{}.{:03}", ms / 1000, ms % 1000);
    text.parse::<f64>().map_or(Value::Null, Value::from)
}

/// `report.json`.
pub fn json(matrix: &Matrix) -> String {
    format!("{:#}\n", value(matrix))
}

/// The same as YAML.
pub fn yaml(matrix: &Matrix) -> String {
    let mut text = String::new();
    write_yaml(&value(matrix), 0, &mut text);
    text
}

/// Block style; texts as JSON strings, which are YAML strings, too.
fn write_yaml(value: &Value, depth: usize, out: &mut String) {
    let pad = "  ".repeat(depth);
    match value {
        Value::Object(fields) => {
            for (name, inner) in fields {
                let _ = write!(out, "{pad}{name}:");
                write_inner(inner, depth, out);
            }
        }
        Value::Array(items) => {
            for item in items {
                let mut block = String::new();
                write_yaml(item, depth + 1, &mut block);
                // The first line of the item stands behind the dash.
                let _ = write!(out, "{pad}- {}", block.trim_start());
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            let _ = writeln!(out, "{pad}{value}");
        }
    }
}

fn write_inner(inner: &Value, depth: usize, out: &mut String) {
    match inner {
        Value::Array(items) if items.is_empty() => out.push_str(" []\n"),
        Value::Object(_) | Value::Array(_) => {
            out.push('\n');
            write_yaml(inner, depth + 1, out);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            let _ = writeln!(out, " {inner}");
        }
    }
}
