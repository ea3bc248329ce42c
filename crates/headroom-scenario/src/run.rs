//! Runs a scenario in a world: the script, always a verification and a quiet span at the end, then the judgement of the
//! trace.

use std::time::Duration;

use headroom_core::names::VolumeName;

use crate::{
    Going, Scenario, Topology, Trace, View, Wait, Walk, World,
    checkers::{self, Assertion, Case},
    scenario::Cell,
    timeline::{self, Moment},
    trace::TraceHash,
};

/// How a cell ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// All assertions held.
    Passed,
    /// At least one did not.
    Failed,
    /// The moment never came, or the fixture could not be made.
    Inconclusive,
    /// This topology cannot have the scenario.
    Blank,
}

impl Outcome {
    /// `passed`, `failed`, `inconclusive`, `blank`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Inconclusive => "inconclusive",
            Self::Blank => "blank",
        }
    }
}

/// What a run gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The scenario's id without topology.
    pub id: &'static str,
    /// The full id: `p0_00_volume_already_full@t2`.
    pub full_id: String,
    /// One sentence.
    pub title: &'static str,
    /// The topology.
    pub topology: Topology,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it is inconclusive or blank.
    pub why: Option<String>,
    /// How long it took in the world's own time, milliseconds.
    pub duration_ms: u64,
    /// The hash of the trace; `None` for a blank.
    pub trace_hash: Option<TraceHash>,
    /// What was judged.
    pub assertions: Vec<Assertion>,
    /// What happened, for people.
    pub timeline: Vec<Moment>,
    /// The volume that the fixture had filled before headroom came, and how far.
    pub filled: Option<(VolumeName, u8)>,
    /// Everything that happened.
    pub trace: Trace,
}

impl Report {
    /// The report of a cell that its topology cannot have.
    pub fn blank(id: &'static str, topology: Topology, why: &'static str) -> Self {
        Self {
            id,
            full_id: format!("{id}@{}", topology.name()),
            title: "",
            topology,
            outcome: Outcome::Blank,
            why: Some(why.to_owned()),
            duration_ms: 0,
            trace_hash: None,
            assertions: Vec::new(),
            timeline: Vec::new(),
            filled: None,
            trace: Trace::new(),
        }
    }

    /// The report of a scenario for which no world could be had.
    pub fn without_world(scenario: &Scenario, why: String) -> Self {
        Self {
            title: scenario.title,
            full_id: scenario.full_id(),
            outcome: Outcome::Inconclusive,
            why: Some(why),
            filled: scenario.fixture.filled.clone(),
            ..Self::blank(scenario.id, scenario.fixture.topology, "")
        }
    }

    /// The assertions that did not hold.
    pub fn failures(&self) -> impl Iterator<Item = &Assertion> {
        self.assertions.iter().filter(|assertion| !assertion.held)
    }
}

/// Runs a cell: a blank is reported as one, and its world is never asked for.
pub fn run_cell(cell: &Cell, world: impl FnOnce() -> Result<Box<dyn World>, String>) -> Report {
    match cell {
        Cell::Blank { id, topology, why, .. } => {
            Report { full_id: cell.full_id(), ..Report::blank(id, *topology, why) }
        }
        Cell::Scenario(scenario) => match world() {
            Ok(mut world) => run(scenario, world.as_mut()),
            Err(why) => Report::without_world(scenario, why),
        },
    }
}

/// Runs the script and judges the trace.
pub fn run(scenario: &Scenario, world: &mut dyn World) -> Report {
    let mut walk = Walk::new();
    while walk.go(scenario, world) == Going::Paused {}
    let report = report(scenario, world, &walk);
    world.finish(report.outcome != Outcome::Passed);
    report
}

/// The report of a walk that is over.
pub fn report(scenario: &Scenario, world: &dyn World, walk: &Walk) -> Report {
    let trace = world.trace().clone();
    let limit = |wait| world.limit(wait);
    let case = case(scenario, &trace, world.quiet_span(), &limit);
    let (outcome, assertions) = verdict(&case, walk);
    Report {
        id: scenario.id,
        full_id: scenario.full_id(),
        title: scenario.title,
        topology: scenario.fixture.topology,
        outcome,
        why: walk.why().map(str::to_owned),
        duration_ms: case.end.now_ms,
        trace_hash: Some(trace.hash()),
        timeline: timeline::of(&case, walk.why()),
        assertions,
        filled: scenario.fixture.filled.clone(),
        trace,
    }
}

/// What a trace is judged by.
pub fn case<'a>(
    scenario: &'a Scenario,
    trace: &'a Trace,
    quiet: Duration,
    limit: &'a dyn Fn(Wait) -> Duration,
) -> Case<'a> {
    Case { scenario, trace, end: View::of(trace), quiet, limit, mute: false }
}

/// How a walk that is over has ended, and everything that was judged.
pub fn verdict(case: &Case<'_>, walk: &Walk) -> (Outcome, Vec<Assertion>) {
    let whole = walk.why().is_none();
    let mut assertions = if whole { checkers::judge(case) } else { checkers::safety(case) };
    // What was cut off by a script that could not go on is no failure of its own.
    assertions.extend(walk.failures().iter().filter(|_| whole).cloned());
    let outcome = if assertions.iter().any(|assertion| !assertion.held) {
        Outcome::Failed
    } else if whole {
        Outcome::Passed
    } else {
        Outcome::Inconclusive
    };
    (outcome, assertions)
}
