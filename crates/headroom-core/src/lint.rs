//! An independent second opinion on every decision. Shares only types with `decide`.

use alloc::vec::Vec;

use crate::{Decision, Observation, Policy, Record, Timestamp};

/// One objection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad.
    pub severity: Severity,
    /// A stable code, for status and metrics.
    pub code: &'static str,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth a log line.
    Warning,
    /// Nothing of the decision may be done.
    Fatal,
}

/// Looks at a decision and objects.
pub fn lint(
    _policy: &Policy,
    _seen: &Observation,
    _before: &Record,
    _decision: &Decision,
    _now: Timestamp,
) -> Vec<Finding> {
    Vec::new()
}
