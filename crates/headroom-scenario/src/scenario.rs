//! A scenario: data only.

use crate::{Fixture, Gate, Step, expect::Expect};

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
        topology: crate::Topology,
        /// Why there is nothing to run.
        why: &'static str,
    },
}
