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

/// How long a scenario may take (requirements, class 5): each class has its place in CI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pace {
    /// Minutes on a cluster.
    Medium,
    /// Up to half an hour on a cluster, or days of simulated time.
    Slow,
}

/// What scenarios in the same cluster share; the later ones rule out more of what may run beside them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shared {
    /// It keeps to its own namespace: any number run side by side.
    Nothing,
    /// It stops or kills the operator: it needs one of its own.
    Operator,
    /// It cordons and drains nodes: none runs beside it that needs these nodes.
    Nodes,
    /// It stops what all of them need: it runs alone.
    All,
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
    /// Timing class.
    pub pace: Pace,
    /// Why a real cluster cannot have it, if so: a justified blank there.
    pub simulator_only: Option<&'static str>,
    /// Why its outcome rests on what one process of the operator has in memory (the rate at which a volume fills), if so:
    /// one that takes over may come to rest in another way, which no invariant forbids.
    pub rests_on_memory: Option<&'static str>,
    /// Why its sizes rest on the moments at which something is measured, if so: its own expectations give a range, and
    /// what is seen later may come to another size within it.
    pub rests_on_pace: Option<&'static str>,
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
        full_id(self.id, self.fixture.topology, self.moment)
    }

    /// What it touches of that which scenarios in the same cluster share.
    pub fn touches(&self) -> Shared {
        let touched = self.script.iter().map(|step| match step {
            Step::Do(act) => act.touches(),
            Step::Strike(strike) => strike.touches(),
            Step::Hold(_) | Step::Release(_) | Step::Until(..) => Shared::Nothing,
        });
        touched.max().unwrap_or(Shared::Nothing)
    }
}

fn full_id(id: &str, topology: Topology, moment: Option<Gate>) -> String {
    match moment {
        Some(gate) => format!("{id}@{}/{}", topology.name(), gate.name()),
        None => format!("{id}@{}", topology.name()),
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
        /// The gate at which it would strike.
        moment: Option<Gate>,
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
            Self::Blank { id, topology, moment, .. } => full_id(id, *topology, *moment),
        }
    }

    /// The topology.
    pub fn topology(&self) -> Topology {
        match self {
            Self::Scenario(scenario) => scenario.fixture.topology,
            Self::Blank { topology, .. } => *topology,
        }
    }

    /// The cell as a real cluster has it: blank where only a simulator can run it.
    #[must_use]
    pub fn on_cluster(self) -> Self {
        match self {
            Self::Scenario(scenario) => match scenario.simulator_only {
                Some(why) => Self::Blank {
                    id: scenario.id,
                    topology: scenario.fixture.topology,
                    moment: scenario.moment,
                    why,
                },
                None => Self::Scenario(scenario),
            },
            Self::Blank { .. } => self,
        }
    }
}
