//! Judges a trace: what the scenario expects, in its five classes, and the six core invariants of the requirements, which
//! hold in every scenario. A checker reads nothing but the trace and never compares entries of different objects closer
//! than [`crate::trace::ACCURACY_MS`].

use std::time::Duration;

use crate::{Scenario, Trace, View, Wait};

mod announced;
mod control;
mod data;
mod functional;
mod invariants;
mod storage;
mod timing;

pub use invariants::Invariant;
pub use timing::completed_ms;

/// The five classes of assertions (requirements).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// The Cluster's steady state.
    Functional,
    /// Claims and policy.
    Storage,
    /// Rows.
    Data,
    /// The operator's own conduct.
    Control,
    /// Time.
    Timing,
}

impl Class {
    /// All of them, in the order of the requirements.
    pub const ALL: [Self; 5] = [Self::Functional, Self::Storage, Self::Data, Self::Control, Self::Timing];

    /// `functional`, `storage`, `data`, `control`, `timing`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Functional => "functional",
            Self::Storage => "storage",
            Self::Data => "data",
            Self::Control => "control",
            Self::Timing => "timing",
        }
    }
}

/// One thing that was judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assertion {
    /// Its class.
    pub class: Class,
    /// What must hold; with what was found instead, where it does not.
    pub text: String,
    /// Whether it held.
    pub held: bool,
}

/// What there is to judge.
pub struct Case<'a> {
    /// The scenario that was run.
    pub scenario: &'a Scenario,
    /// What it left behind.
    pub trace: &'a Trace,
    /// The trace folded to its end.
    pub end: View,
    /// The world's [`crate::World::quiet_span`].
    pub quiet: Duration,
    /// The world's limits.
    pub limit: &'a dyn Fn(Wait) -> Duration,
    /// Requests of the operator were lost or it died, as no scenario says: what it would have announced is not judged.
    pub mute: bool,
}

/// All expectations of the scenario and all invariants.
pub fn judge(case: &Case<'_>) -> Vec<Assertion> {
    let expect = &case.scenario.expect;
    let functional = expect.functional.iter().map(|what| functional::check(what, case));
    let storage = expect.storage.iter().map(|what| storage::check(what, case));
    let data = expect.data.iter().filter_map(|what| data::check(what, case));
    let control = expect.control.iter().map(|what| control::check(what, case));
    let timing = expect.timing.iter().map(|what| timing::check(what, case));
    let invariants = Invariant::ALL.into_iter().map(|invariant| invariant.check(case));
    let mut all: Vec<Assertion> =
        functional.chain(storage).chain(data).chain(control).chain(timing).chain(invariants).collect();
    all.extend(announced::check(case));
    all.sort_by_key(|assertion| assertion.class);
    all
}

/// The invariants that a run must keep even when it was cut short.
pub fn safety(case: &Case<'_>) -> Vec<Assertion> {
    Invariant::ALL
        .into_iter()
        .filter(|invariant| invariant.is_safety())
        .map(|what| what.check(case))
        .collect()
}

/// The invariants alone, for a run whose outcome is open.
pub fn invariants(case: &Case<'_>) -> Vec<Assertion> {
    Invariant::ALL.into_iter().map(|what| what.check(case)).collect()
}

/// An assertion from its text and what was found instead.
fn assertion(class: Class, text: impl Into<String>, found: Result<(), String>) -> Assertion {
    let text = text.into();
    match found {
        Ok(()) => Assertion { class, text, held: true },
        Err(found) => Assertion { class, text: format!("{text}; found: {found}"), held: false },
    }
}

/// `Ok` when it held, else what was found.
fn require(held: bool, found: impl FnOnce() -> String) -> Result<(), String> {
    if held { Ok(()) } else { Err(found()) }
}
