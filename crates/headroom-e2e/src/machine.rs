//! The report for programs: JSON, and the same as YAML.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::matrix::Matrix;

/// What `report.json` holds: world, seed, on a cluster its profile, and per cell its outcome, seconds, trace hash, assertions and timeline.
pub fn value(matrix: &Matrix) -> Value {
    let results: Vec<Value> = matrix.records.iter().map(|record| without_charts(json!(record))).collect();
    let mut value = json!({"world": matrix.world, "seed": matrix.seed, "results": results});
    if let Some(profile) = matrix.profile {
        value["profile"] = json!(profile.name());
    }
    value
}

/// Pictures are for people.
fn without_charts(mut record: Value) -> Value {
    if let Some(fields) = record.as_object_mut() {
        fields.remove("charts");
    }
    record
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
