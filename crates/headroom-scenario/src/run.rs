//! Runs a scenario in a world: the script, always a verification and a quiet span at the end, then the judgement of the
//! trace.

use std::time::Duration;

use headroom_core::names::VolumeName;

use crate::{
    Act, Ended, Fact, Gate, Scenario, Step, Strike, Topology, Trace, View, Wait, World,
    checkers::{self, Assertion, Case, Class},
    evaluate::holds,
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
    let mut runner = Runner { world, gate: None, held: Vec::new(), failures: Vec::new() };
    let why = runner.whole(scenario);
    let Runner { failures, .. } = runner;
    let report = judged(scenario, world, failures, why);
    world.finish(report.outcome != Outcome::Passed);
    report
}

fn judged(scenario: &Scenario, world: &dyn World, failures: Vec<Assertion>, why: Option<String>) -> Report {
    let trace = world.trace().clone();
    let limit = |wait| world.limit(wait);
    let case =
        Case { scenario, trace: &trace, end: View::of(&trace), quiet: world.quiet_span(), limit: &limit };
    let mut assertions = if why.is_some() { checkers::safety(&case) } else { checkers::judge(&case) };
    // What was cut off by a script that could not go on is no failure of its own.
    assertions.extend(failures.into_iter().filter(|_| why.is_none()));
    let outcome = if assertions.iter().any(|assertion| !assertion.held) {
        Outcome::Failed
    } else if why.is_some() {
        Outcome::Inconclusive
    } else {
        Outcome::Passed
    };
    Report {
        id: scenario.id,
        full_id: scenario.full_id(),
        title: scenario.title,
        topology: scenario.fixture.topology,
        outcome,
        duration_ms: case.end.now_ms,
        trace_hash: Some(trace.hash()),
        timeline: timeline::of(&case, why.as_deref()),
        why,
        assertions,
        filled: scenario.fixture.filled.clone(),
        trace,
    }
}

/// Why a script went no further.
enum Stop {
    /// A wait ended without its fact; the assertion is noted.
    Failed,
    /// The world could not do something, or the moment never came.
    Inconclusive(String),
}

struct Runner<'w> {
    world: &'w mut dyn World,
    /// The gate of the last `Until(Held(..))`: what a strike counts at.
    gate: Option<Gate>,
    held: Vec<Gate>,
    failures: Vec<Assertion>,
}

impl Runner<'_> {
    /// Fixture, script and end; says why the run is inconclusive, if it is.
    fn whole(&mut self, scenario: &Scenario) -> Option<String> {
        if let Err(error) = self.world.prepare(&scenario.fixture) {
            return Some(error.to_string());
        }
        let stopped = self.script(&scenario.script);
        self.close();
        match stopped {
            Err(Stop::Inconclusive(why)) => Some(why),
            Err(Stop::Failed) | Ok(()) => None,
        }
    }

    fn script(&mut self, script: &[Step]) -> Result<(), Stop> {
        script.iter().try_for_each(|step| match step {
            Step::Do(act) => self.perform(act),
            Step::Hold(gate) => self.hold(*gate),
            Step::Release(gate) => self.release(*gate),
            Step::Strike(strike) => self.strike(strike),
            Step::Until(fact, wait) => self.until(fact, *wait),
        })
    }

    fn perform(&mut self, act: &Act) -> Result<(), Stop> {
        self.world.perform(act).map_err(|error| Stop::Inconclusive(error.to_string()))
    }

    fn hold(&mut self, gate: Gate) -> Result<(), Stop> {
        if !self.world.can_hold(gate) {
            return Err(Stop::Inconclusive(format!("this world cannot hold the gate {}", gate.name())));
        }
        self.world.hold(gate).map_err(|error| Stop::Inconclusive(error.to_string()))?;
        self.held.push(gate);
        Ok(())
    }

    fn release(&mut self, gate: Gate) -> Result<(), Stop> {
        self.held.retain(|held| *held != gate);
        self.gate = self.gate.filter(|last| *last != gate);
        self.world.release(gate).map_err(|error| Stop::Inconclusive(error.to_string()))
    }

    /// A strike counts only when its gate was held before and is held after: then nothing has slipped through.
    fn strike(&mut self, strike: &Strike) -> Result<(), Stop> {
        self.demand_gate("before")?;
        self.world.strike(strike).map_err(|error| Stop::Inconclusive(error.to_string()))?;
        self.demand_gate("after")
    }

    fn demand_gate(&self, when: &str) -> Result<(), Stop> {
        let Some(gate) = self.gate else { return Ok(()) };
        holds(&Fact::Held(gate), &View::of(self.world.trace()), self.world.quiet_span())
            .map_err(|still| Stop::Inconclusive(format!("{when} the strike {still}")))
    }

    fn until(&mut self, fact: &Fact, wait: Wait) -> Result<(), Stop> {
        let limit = self.world.limit(wait);
        let still = match self.world.advance(fact, limit) {
            Ended::Met => {
                if let Fact::Held(gate) = fact {
                    self.gate = Some(*gate);
                }
                return Ok(());
            }
            Ended::TimedOut { still } => format!("{still} after {} s", limit.as_secs()),
            Ended::Impossible { why } => why,
        };
        if matches!(fact, Fact::Held(_)) {
            return Err(Stop::Inconclusive(still));
        }
        self.fail(class_of(fact), &format!("waits for {}", wait.name()), &still);
        Err(Stop::Failed)
    }

    fn fail(&mut self, class: Class, what: &str, found: &str) {
        self.failures.push(Assertion { class, text: format!("{what}: {found}"), held: false });
    }

    /// Lets all gates go, verifies the data and waits until the operator is quiet: every run ends so.
    fn close(&mut self) {
        for gate in std::mem::take(&mut self.held) {
            if let Err(error) = self.world.release(gate) {
                self.fail(Class::Functional, "the gate is let go", &error.to_string());
            }
        }
        if let Err(error) = self.world.perform(&Act::Verify) {
            self.fail(Class::Data, "all data is verified", &error.to_string());
        } else {
            let ended = self.world.advance(&Fact::Verified, self.world.limit(Wait::Recovery));
            self.closed(Class::Data, "all data is verified", ended, Wait::Recovery);
        }
        let ended = self.world.advance(&Fact::Quiet, self.quiet_limit());
        self.closed(Class::Control, "the operator comes to rest", ended, Wait::Quiet);
    }

    fn quiet_limit(&self) -> Duration {
        self.world.limit(Wait::Quiet).max(self.world.quiet_span())
    }

    fn closed(&mut self, class: Class, what: &str, ended: Ended, wait: Wait) {
        match ended {
            Ended::Met => {}
            Ended::TimedOut { still } => {
                let seconds = self.world.limit(wait).as_secs();
                self.fail(class, what, &format!("{still} after {seconds} s"));
            }
            Ended::Impossible { why } => self.fail(class, what, &why),
        }
    }
}

/// Which class a wait belongs to when its fact does not come.
fn class_of(fact: &Fact) -> Class {
    match fact {
        Fact::EveryClaimHas(..) | Fact::EveryClaimRequests(..) => Class::Storage,
        Fact::Verified => Class::Data,
        Fact::Accepted
        | Fact::IntentRecorded { .. }
        | Fact::StateSeen(..)
        | Fact::StateIs(..)
        | Fact::ReasonIs(..)
        | Fact::Completed(..)
        | Fact::Settled
        | Fact::Quiet => Class::Control,
        Fact::Healthy
        | Fact::PhaseIs(_)
        | Fact::PrimaryRestarts(_)
        | Fact::PrimaryChanged
        | Fact::Drained
        | Fact::EvictionRefused
        | Fact::BackupBegun
        | Fact::BackupEnded
        | Fact::Upgraded
        | Fact::InstancesAre(_)
        | Fact::ClaimPending(_)
        | Fact::JoinFailed
        | Fact::FreeAtLeast(..)
        | Fact::Held(_)
        | Fact::UsedAtLeast(..)
        | Fact::EveryMemberUsedAtLeast(..)
        | Fact::ServerStopped { .. }
        | Fact::InsertRefused
        | Fact::Serving
        | Fact::All(_) => Class::Functional,
    }
}
