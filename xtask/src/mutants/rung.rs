//! The rungs that a mutant has to pass, in order, and what each says of it.

use std::fmt;

use anyhow::{Context, bail};
use serde_json::Value;

use super::{
    copy::Copy,
    programs::{Ended, Program, build},
};

/// A real API server, as for the tests of `headroom-operator`.
const API_SERVER: &str = "HEADROOM_API_TIER_KUBECONFIG";

/// A rung.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Rung {
    /// The tests of headroom-core.
    Core,
    /// The tests of headroom-api.
    Api,
    /// The tests of headroom-engine, but for those that try every interleaving.
    Engine,
    /// The acceptance matrix on the simulator.
    Matrix,
    /// Faults on the simulator: a part of all faults at all requests, of every family but those whose forks simulate days.
    Faults,
    /// What is deployed, on a real API server.
    ApiServer,
}

impl fmt::Display for Rung {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = clap::ValueEnum::to_possible_value(self);
        f.write_str(word.as_ref().map_or("", clap::builder::PossibleValue::get_name))
    }
}

/// What a rung says of a mutant.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing is noticed.
    Passed,
    /// These tests or cells fail.
    Caught(Vec<String>),
    /// It was not tried, and why.
    NotRun(&'static str),
}

impl Rung {
    /// From the cheapest on.
    pub(super) const ALL: [Self; 6] =
        [Self::Core, Self::Api, Self::Engine, Self::Matrix, Self::Faults, Self::ApiServer];

    /// How it is called.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Core => "core tests",
            Self::Api => "api tests",
            Self::Engine => "engine tests",
            Self::Matrix => "matrix",
            Self::Faults => "faults",
            Self::ApiServer => "API server",
        }
    }

    /// The product code that it can say something of.
    const fn rests_on(self) -> &'static [&'static str] {
        match self {
            Self::Core => &["crates/headroom-core/"],
            Self::Api => &["crates/headroom-core/", "crates/headroom-api/", "deploy/"],
            Self::Engine => &["crates/headroom-core/", "crates/headroom-engine/"],
            // The model does not read what is deployed: it has its own idea of it.
            Self::Matrix | Self::Faults => {
                &["crates/headroom-core/", "crates/headroom-api/", "crates/headroom-engine/"]
            }
            Self::ApiServer => &["deploy/"],
        }
    }

    /// Builds and runs it on the copy, if it can say something of these files.
    pub(super) fn climb(self, copy: &Copy, changed: &[String]) -> anyhow::Result<Verdict> {
        if !changed.iter().any(|file| self.rests_on().iter().any(|part| file.starts_with(part))) {
            return Ok(Verdict::NotRun("it does not rest on what is changed"));
        }
        match self {
            Self::Core => tests(copy, &["--package", "headroom-core", "--tests"], &[]),
            Self::Api => tests(copy, &["--package", "headroom-api", "--tests"], &[]),
            // The two that try every interleaving take longer than all the rest together.
            Self::Engine => {
                tests(copy, &["--package", "headroom-engine", "--tests"], &["--skip", "every_interleaving"])
            }
            Self::Matrix => matrix(copy),
            Self::Faults => faults(copy),
            Self::ApiServer if std::env::var_os(API_SERVER).is_none() => {
                Ok(Verdict::NotRun("HEADROOM_API_TIER_KUBECONFIG is not set"))
            }
            Self::ApiServer => {
                tests(copy, &["--package", "headroom-operator", "--test", "it"], &["births::"])
            }
        }
    }
}

impl Verdict {
    /// Whether the mutant was noticed.
    pub(super) const fn caught(&self) -> bool {
        matches!(self, Self::Caught(_))
    }

    fn of(failed: Vec<String>) -> Self {
        if failed.is_empty() { Self::Passed } else { Self::Caught(failed) }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed => f.write_str("passes"),
            Self::NotRun(why) => write!(f, "not run: {why}"),
            Self::Caught(by) => write!(f, "caught by {}: {}", by.len(), by.join(", ")),
        }
    }
}

/// The tests of a package, all of them, whatever fails before.
fn tests(copy: &Copy, package: &[&str], filter: &[&str]) -> anyhow::Result<Verdict> {
    let programs = build(copy, &[&["test", "--no-run"], package].concat())?;
    if programs.is_empty() {
        bail!("{} has no tests", package.join(" "));
    }
    let mut failed = Vec::new();
    for program in &programs {
        let ended = program.run(copy, filter)?;
        failed.extend(failed_tests(&program.name, &ended));
    }
    Ok(Verdict::of(failed))
}

/// The names of the tests that failed; where the program itself ended early, its own.
fn failed_tests(program: &str, ended: &Ended) -> Vec<String> {
    let lines = ended.printed.lines();
    let names: Vec<String> = lines
        .filter_map(|line| line.strip_prefix("test ")?.strip_suffix(" ... FAILED"))
        .map(str::to_owned)
        .collect();
    match (ended.code, names.is_empty()) {
        (Some(0), _) | (_, false) => names,
        (Some(code), true) => vec![format!("{program} ends with code {code}")],
        (None, true) => vec![format!("{program} does not end")],
    }
}

fn runner(copy: &Copy) -> anyhow::Result<Program> {
    let programs = build(copy, &["build", "--package", "headroom-e2e", "--bin", "headroom-e2e"])?;
    programs.into_iter().next().context("headroom-e2e was not built")
}

/// Every cell of the acceptance matrix on the simulator.
fn matrix(copy: &Copy) -> anyhow::Result<Verdict> {
    let ended = runner(copy)?.run(copy, &["--output", "json"])?;
    Ok(Verdict::of(failed_cells(&ended)?))
}

/// Some faults of each cell.
fn faults(copy: &Copy) -> anyhow::Result<Verdict> {
    let part = ["--filter", "*,!p1_04*,!p0_10*", "--faults", "all", "--at-most", "12"];
    let ended = runner(copy)?.run(copy, &part)?;
    Ok(Verdict::of(wrong_runs(&ended)?))
}

/// The runs that went wrong: cell and fault.
fn wrong_runs(ended: &Ended) -> anyhow::Result<Vec<String>> {
    let run = |line: &str| {
        let mut parts = line.strip_prefix("✗ ")?.split(", ");
        let (cell, _, fault) = (parts.next()?, parts.next()?, parts.next()?);
        Some(format!("{cell} {fault}"))
    };
    match ended.code {
        Some(0 | 1) => Ok(ended.printed.lines().filter_map(run).collect()),
        Some(code) => bail!("the faults end with code {code}"),
        None => Ok(vec!["the faults do not end".to_owned()]),
    }
}

/// The ids of the cells that did not pass; one whose moment never came did not, either.
fn failed_cells(ended: &Ended) -> anyhow::Result<Vec<String>> {
    if ended.code.is_none() {
        return Ok(vec!["the matrix does not end".to_owned()]);
    }
    let report: Value = serde_json::from_str(&ended.printed).context("the matrix printed no report")?;
    let cells = report["results"].as_array().context("the report of the matrix has no results")?;
    let bad = cells.iter().filter(|cell| cell["outcome"] == "failed" || cell["outcome"] == "inconclusive");
    bad.map(|cell| cell["id"].as_str().map(str::to_owned).context("a cell has no id")).collect()
}

#[cfg(test)]
mod tests {
    use super::{Ended, Verdict, failed_cells, failed_tests, wrong_runs};

    fn ended(code: Option<i32>, printed: &str) -> Ended {
        Ended { code, printed: printed.to_owned() }
    }

    #[test]
    fn failed_tests_are_named_and_a_program_that_ends_early_too() {
        let printed = "running 2 tests\ntest a::b ... FAILED\ntest c ... ok\n";
        assert_eq!(failed_tests("it", &ended(Some(101), printed)), ["a::b"]);
        assert_eq!(failed_tests("it", &ended(Some(0), "test c ... ok\n")), Vec::<String>::new());
        assert_eq!(failed_tests("it", &ended(Some(134), "")), ["it ends with code 134"]);
        assert_eq!(failed_tests("it", &ended(None, "")), ["it does not end"]);
    }

    #[test]
    fn cells_that_fail_or_never_come_to_their_moment_catch() {
        let printed = r#"{"results": [{"id": "a@t1", "outcome": "passed"}, {"id": "b@t1", "outcome": "failed"},
            {"id": "c@t1", "outcome": "blank"}, {"id": "d@t1", "outcome": "inconclusive"}]}"#;
        assert_eq!(failed_cells(&ended(Some(1), printed)).expect("a report"), ["b@t1", "d@t1"]);
        assert!(failed_cells(&ended(Some(3), "")).is_err());
        assert!(Verdict::of(failed_cells(&ended(None, "")).expect("it hangs")).caught());
    }
    #[test]
    fn runs_that_go_wrong_are_named_by_cell_and_fault() {
        let printed = "✗ a@t1/node-step, seed 1, crash-after@8\n    control: x\n\n1 faults, 1 findings\n";
        assert_eq!(wrong_runs(&ended(Some(1), printed)).expect("runs"), ["a@t1/node-step crash-after@8"]);
        assert!(wrong_runs(&ended(Some(0), "2 faults, 0 findings\n")).expect("none").is_empty());
        assert!(wrong_runs(&ended(Some(3), "")).is_err());
    }
}
