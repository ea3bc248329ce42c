//! An independent second opinion on every decision. Shares only types with `decide`: its arithmetic and its judgement of
//! what was seen are its own, so that a mistake there is not repeated here.

mod actions;
mod growth;
mod ledger;
mod shrink;
mod sizes;

use alloc::vec::Vec;

use crate::{Decision, Observation, Policy, Record, Timestamp, policy::VolumePolicy, record::VolumeRecord};

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
///
/// `before` is the record that the decision was made from. An empty answer is the normal one.
pub fn lint(
    policy: &Policy,
    seen: &Observation,
    before: &Record,
    decision: &Decision,
    now: Timestamp,
) -> Vec<Finding> {
    let mut case = Case { policy, seen, before, decision, now, findings: Vec::new() };
    actions::check(&mut case);
    sizes::check(&mut case);
    shrink::check(&mut case);
    if decision.record.sequence < before.sequence {
        case.object("SequenceDecreased");
    }
    for (name, earlier) in &before.volumes {
        match decision.record.volumes.get(name) {
            None => case.object("VolumeForgotten"),
            Some(later) if later.effective < earlier.effective => shrink::lowered(&mut case, name, later),
            Some(_) => {}
        }
    }
    for (name, later) in &decision.record.volumes {
        let earlier = before.volumes.get(name);
        let unchanged = earlier == Some(later);
        if let Some(rules) = policy.volumes.get(name).filter(|_| !unchanged) {
            let volume = Volume { name, rules, earlier, later };
            ledger::check(&mut case, &volume);
            growth::check(&mut case, &volume);
        } else if !unchanged {
            case.object("VolumeNotInPolicy");
        }
    }
    if decision.wake.is_some_and(|wake| wake <= now) {
        case.findings.push(Finding { severity: Severity::Warning, code: "WakeInPast" });
    }
    case.findings
}

/// What is judged, and what was found so far.
struct Case<'a> {
    policy: &'a Policy,
    seen: &'a Observation,
    before: &'a Record,
    decision: &'a Decision,
    now: Timestamp,
    findings: Vec<Finding>,
}

impl Case<'_> {
    /// Objects, once per code.
    fn object(&mut self, code: &'static str) {
        if self.findings.iter().all(|finding| finding.code != code) {
            self.findings.push(Finding { severity: Severity::Fatal, code });
        }
    }

    /// Objects unless `holds`.
    fn require(&mut self, holds: bool, code: &'static str) {
        if !holds {
            self.object(code);
        }
    }
}

/// One volume whose record changes.
struct Volume<'a> {
    name: &'a crate::names::VolumeName,
    rules: &'a VolumePolicy,
    earlier: Option<&'a VolumeRecord>,
    later: &'a VolumeRecord,
}
