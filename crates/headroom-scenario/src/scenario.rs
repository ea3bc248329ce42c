//! A scenario: data only.

use crate::{Fixture, Gate, Step, Topology, expect::Expect};

/// How important a scenario is (requirements).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Required.
    P0,
    /// Extended.
    P1,
}

/// A scenario in one topology (and, where it strikes, at one moment).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// `p0_00_planned_growth_in_window`; the full id adds `@t2` and, when it strikes at a gate, `/node-step`.
    pub id: &'static str,
    /// One sentence for the report.
    pub title: &'static str,
    /// Importance.
    pub level: Level,
    /// Fixture.
    pub fixture: Fixture,
    /// The gate at which it strikes, if it does.
    pub moment: Option<Gate>,
    /// The script.
    pub script: Vec<Step>,
    /// What must hold.
    pub expect: Expect,
}

impl Scenario {
    /// The id with topology and moment: `p0_01_operator_restart@t2/node-step`.
    pub fn full_id(&self) -> String {
        let topology = self.fixture.topology.name();
        match self.moment {
            Some(gate) => format!("{}@{topology}/{}", self.id, gate.name()),
            None => format!("{}@{topology}", self.id),
        }
    }
}

/// A cell of the matrix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// It can be run.
    Scenario(Box<Scenario>),
    /// This topology cannot have it; the reason is printed. Never counted as passed.
    Blank {
        /// The scenario.
        id: &'static str,
        /// The topology.
        topology: Topology,
        /// Why there is nothing to run.
        why: &'static str,
    },
}

impl Cell {
    /// The id without topology and moment.
    pub fn id(&self) -> &'static str {
        match self {
            Self::Scenario(scenario) => scenario.id,
            Self::Blank { id, .. } => id,
        }
    }

    /// The id with topology and moment.
    pub fn full_id(&self) -> String {
        match self {
            Self::Scenario(scenario) => scenario.full_id(),
            Self::Blank { id, topology, .. } => format!("{id}@{}", topology.name()),
        }
    }

    /// The topology.
    pub fn topology(&self) -> Topology {
        match self {
            Self::Scenario(scenario) => scenario.fixture.topology,
            Self::Blank { topology, .. } => *topology,
        }
    }
}
