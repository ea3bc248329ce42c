//! Runs a scenario in a world.

use crate::{Scenario, World};

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

/// What a run gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// How it ended.
    pub outcome: Outcome,
}

/// Runs the script and judges the trace.
pub fn run(scenario: &Scenario, world: &mut dyn World) -> Report {
    let _ = (scenario, world.trace());
    Report { outcome: Outcome::Inconclusive }
}
