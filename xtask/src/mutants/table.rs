//! What was found, for people and for programs.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Tried, catalogue::Mutant, rung::Verdict};

/// So many names of tests or cells are shown per rung.
const SHOWN: usize = 3;

/// What there is.
pub(super) fn list(mutants: &[Mutant]) -> String {
    let mut text = String::new();
    for mutant in mutants {
        let _ = writeln!(text, "{}\n    {}\n    expected: {}", mutant.name, mutant.mistake, mutant.expected);
    }
    text
}

/// A line per mutant with what each rung says, then the names.
pub(super) fn table(tried: &[Tried]) -> String {
    let width = tried.iter().map(|one| one.mutant.name.len()).max().unwrap_or(0).max("mutant".len());
    let mut text = format!("{:width$}", "mutant");
    let rungs = tried.first().map_or(&[][..], |one| one.verdicts.as_slice());
    for (rung, _) in rungs {
        let _ = write!(text, "  {:>12}", rung.name());
    }
    text.push('\n');
    for one in tried {
        let _ = write!(text, "{:width$}", one.mutant.name);
        for (_, verdict) in &one.verdicts {
            let _ = write!(text, "  {:>12}", short(verdict));
        }
        text.push_str(if one.survived() { "  SURVIVES\n" } else { "\n" });
    }
    for one in tried {
        let _ = write!(text, "\n{}: {}\n", one.mutant.name, one.mutant.mistake);
        for (rung, verdict) in &one.verdicts {
            if let Verdict::Caught(by) = verdict {
                let first: Vec<&str> = by.iter().take(SHOWN).map(String::as_str).collect();
                let more = by.len().saturating_sub(first.len());
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                let _ = writeln!(text, "    {}: {}{more}", rung.name(), first.join(", "));
            }
        }
    }
    text
}

fn short(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Passed => "passes".to_owned(),
        Verdict::NotRun(_) => "–".to_owned(),
        Verdict::Caught(by) => format!("caught ({})", by.len()),
    }
}

fn value(tried: &[Tried]) -> Value {
    let mutants = tried.iter().map(|one| {
        let rungs = one.verdicts.iter().map(|(rung, verdict)| match verdict {
            Verdict::Passed => json!({"rung": rung.name(), "verdict": "passed"}),
            Verdict::NotRun(why) => json!({"rung": rung.name(), "verdict": "not run", "why": why}),
            Verdict::Caught(by) => json!({"rung": rung.name(), "verdict": "caught", "by": by}),
        });
        json!({
            "mutant": one.mutant.name, "mistake": one.mutant.mistake, "expected": one.mutant.expected,
            "survived": one.survived(), "rungs": rungs.collect::<Vec<_>>(),
        })
    });
    json!({"mutants": mutants.collect::<Vec<_>>()})
}

/// All names.
pub(super) fn json(tried: &[Tried]) -> String {
    format!("{:#}\n", value(tried))
}

/// The same as YAML; texts as JSON strings, which are YAML strings, too.
pub(super) fn yaml(tried: &[Tried]) -> String {
    let mut text = String::from("mutants:\n");
    let value = value(tried);
    for one in value["mutants"].as_array().into_iter().flatten() {
        let _ = writeln!(text, "- mutant: {}", one["mutant"]);
        for field in ["mistake", "expected", "survived"] {
            let _ = writeln!(text, "  {field}: {}", one[field]);
        }
        text.push_str("  rungs:\n");
        for rung in one["rungs"].as_array().into_iter().flatten() {
            // Flow style: JSON on one line is YAML.
            let _ = writeln!(text, "  - {rung}");
        }
    }
    text
}
