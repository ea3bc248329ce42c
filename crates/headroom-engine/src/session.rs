//! One step of a session: judge, then name the one request that comes next. No cursor: after every answer the step is
//! made again from what is known then.

use alloc::{boxed::Box, vec::Vec};

use headroom_core::{
    Action, Decision, Observation, Policy, Record, Report, Timestamp,
    action::RaiseClusterSizes,
    decision::{Attention, Need},
    lint::{Finding, Severity},
    names::{ClusterKey, VolumeName},
    observation::Primary,
    report::{ClusterVerdict, Problem, Verdict},
};

use crate::{
    EngineConfig, Request, StorageSeen, moment,
    view::{Case, Ground},
};

/// The rules that a session obeys; those of the core but in tests.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) decide: fn(&Policy, &Observation, &Record, Timestamp) -> Decision,
    pub(crate) lint: fn(&Policy, &Observation, &Record, &Decision, Timestamp) -> Vec<Finding>,
}

impl Rules {
    /// The rules of the core.
    pub(crate) const fn of_core() -> Self {
        Self { decide: headroom_core::decide, lint: headroom_core::lint }
    }
}

/// What the session knows beside the ground it stands on.
pub(crate) struct Standing<'a> {
    pub(crate) config: &'a EngineConfig,
    pub(crate) rules: Rules,
    pub(crate) key: &'a ClusterKey,
    pub(crate) storage: &'a StorageSeen,
    /// What is known is recent enough to write upon.
    pub(crate) recent: bool,
    /// A quorum read was made and nothing was written since.
    pub(crate) quorum: bool,
    /// Verdicts wait until then for the first answers of the kubelets.
    pub(crate) settles: Option<Timestamp>,
    /// Since when an unpublished detail has been known.
    pub(crate) differs_since: Option<Timestamp>,
    /// Actions that were refused and are not due again before this time.
    pub(crate) held: &'a dyn Fn(&Action) -> Option<Timestamp>,
}

/// What a step found.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) next: Next,
    /// What was decided, if a decision was made.
    pub(crate) decided: Option<Decided>,
    /// The published verdict is behind, in details only.
    pub(crate) differs: bool,
}

/// What a decision says, kept until the next one.
#[derive(Debug)]
pub(crate) struct Decided {
    pub(crate) attention: Attention,
    pub(crate) report: Report,
}

/// What comes next.
#[derive(Debug)]
pub(crate) enum Next {
    /// This request.
    Ask(Request),
    /// The primary has no address: its WAL is unknown as of now.
    WalUnknown,
    /// Nothing until then, or until something is seen.
    Rest(Option<Timestamp>),
}

impl Standing<'_> {
    /// Judges once.
    pub(crate) fn step(&self, ground: Ground<'_>, now: Timestamp) -> Step {
        match ground {
            Ground::Decide(case) => self.decide(&case, now),
            Ground::Refuse(problem) => only(self.refuse(problem)),
            Ground::Release(raise) => only(self.release(raise)),
            Ground::Nothing => only(Next::Rest(None)),
        }
    }

    fn decide(&self, case: &Case<'_>, now: Timestamp) -> Step {
        let decision = (self.rules.decide)(case.policy, &case.seen, case.record, now);
        let findings = (self.rules.lint)(case.policy, &case.seen, case.record, &decision, now);
        let fatal: Vec<&'static str> = findings
            .iter()
            .filter(|found| found.severity == Severity::Fatal)
            .map(|found| found.code)
            .collect();
        let Decision { record, needs, actions, mut report, wake, attention } = decision;
        let (next, differs) = if fatal.is_empty() {
            let wanted = Wanted { record, needs, actions, wake };
            self.next(case, wanted, &report, now)
        } else {
            report.cluster = ClusterVerdict::PlanRefused(fatal);
            self.publish(case.record, &report, wake, now)
        };
        Step { next, decided: Some(Decided { attention, report }), differs }
    }

    /// The order of every step: intent, knowledge, the first action, words (and peaks, which are no intent).
    fn next(&self, case: &Case<'_>, wanted: Wanted, report: &Report, now: Timestamp) -> (Next, bool) {
        let Wanted { record, needs, actions, mut wake } = wanted;
        if !record.intends_as(case.record) {
            if !self.quorum && moment::is_needed(case, &record) {
                return (Next::Ask(Request::ReadCluster(self.key.clone())), false);
            }
            let write = self.write(Some(record), Verdict::Decided(Box::new(report.clone())));
            return (self.recently(write), false);
        }
        let read = match needs {
            Some(Need::Quorum) => Some(Next::Ask(Request::ReadCluster(self.key.clone()))),
            Some(Need::Wal) => Some(self.read_wal(case)),
            Some(Need::Survey) => Some(Next::Ask(self.survey(case))),
            None => None,
        };
        if let Some(read) = read {
            // What is still to be told waits no longer because something is read meanwhile.
            return (read, self.differs_since.is_some());
        }
        for action in actions {
            match (self.held)(&action) {
                Some(until) => wake = Some(wake.map_or(until, |wake| wake.min(until))),
                None if !self.quorum && repairs(&action, &record) => {
                    return (Next::Ask(Request::ReadCluster(self.key.clone())), false);
                }
                None => return (self.recently(Request::Do(self.key.clone(), action)), false),
            }
        }
        self.publish(&record, report, wake, now)
    }

    /// Writes the verdict if it says something new: at once when a state changed, details after a while, so that one
    /// growth costs two status writes (design §8).
    fn publish(
        &self,
        record: &Record,
        report: &Report,
        wake: Option<Timestamp>,
        now: Timestamp,
    ) -> (Next, bool) {
        let verdict = Verdict::Decided(Box::new(report.clone()));
        if (self.config.digest)(Some(record), &verdict, self.storage.generation) == self.storage.digest {
            return (Next::Rest(wake), false);
        }
        let prompt = self.is_prompt(report);
        let due =
            if prompt { now } else { self.differs_since.unwrap_or(now).plus(self.config.verdict_delay) };
        let due = self.settles.map_or(due, |settles| due.max(settles));
        if due <= now && !self.quorum && moment::is_needed_to_tell(report) {
            return (Next::Ask(Request::ReadCluster(self.key.clone())), !prompt);
        }
        if due <= now {
            return (Next::Ask(self.write(Some(record.clone()), verdict)), !prompt);
        }
        (Next::Rest(Some(wake.map_or(due, |wake| wake.min(due)))), true)
    }

    /// Whether people should hear of this report at once.
    fn is_prompt(&self, report: &Report) -> bool {
        let published = &self.storage.published;
        let states = report.volumes.iter().map(|(volume, told)| (volume, told.state));
        // The WAL volume is observed only; what is said of it is a detail.
        let stored = published.states.iter().filter(|(volume, _)| **volume != VolumeName::Wal);
        let refused = matches!(report.cluster, ClusterVerdict::PlanRefused(_));
        refused
            || published.refused
            || published.generation != Some(self.storage.generation)
            || !states.eq(stored.map(|(volume, state)| (volume, *state)))
    }

    fn refuse(&self, problem: Problem) -> Next {
        // Where the status cannot be read, what it holds is left alone: it may be a newer version's record.
        let record = self.storage.record.as_ref().ok().cloned();
        let verdict = Verdict::Refused(problem);
        if (self.config.digest)(record.as_ref(), &verdict, self.storage.generation) == self.storage.digest {
            return Next::Rest(None);
        }
        Next::Ask(self.write(record, verdict))
    }

    /// Lets go of an object about which nothing can be decided, so that its deletion never hangs.
    fn release(&self, raise: Option<RaiseClusterSizes>) -> Next {
        if !self.quorum {
            return Next::Ask(Request::ReadCluster(self.key.clone()));
        }
        let raise = raise.map(Action::RaiseClusterSizes).filter(|action| (self.held)(action).is_none());
        let meta = &self.storage.meta;
        let action = raise.unwrap_or_else(|| Action::RemoveFinalizer(meta.id.clone(), meta.version.clone()));
        match (self.held)(&action) {
            Some(until) => Next::Rest(Some(until)),
            None => Next::Ask(Request::Do(self.key.clone(), action)),
        }
    }

    fn read_wal(&self, case: &Case<'_>) -> Next {
        let primary = match &case.seen.cluster.primary {
            Primary::Known(primary) => primary,
            Primary::Moving { .. } | Primary::Unknown => return Next::WalUnknown,
        };
        let pod = case.seen.members.get(primary).and_then(|member| member.pod.as_ref());
        match pod.and_then(|pod| pod.address.clone()) {
            Some(address) => {
                Next::Ask(Request::ReadWal { key: self.key.clone(), instance: primary.clone(), address })
            }
            None => Next::WalUnknown,
        }
    }

    fn survey(&self, case: &Case<'_>) -> Request {
        let members = case.seen.members.iter();
        let instances = members
            .filter_map(|(name, member)| Some((name.clone(), member.pod.as_ref()?.address.clone()?)))
            .collect();
        Request::Survey { key: self.key.clone(), instances }
    }

    /// This request, if what is known is recent enough; else a quorum read.
    fn recently(&self, request: Request) -> Next {
        Next::Ask(if self.recent { request } else { Request::ReadCluster(self.key.clone()) })
    }

    fn write(&self, record: Option<Record>, verdict: Verdict) -> Request {
        let meta = &self.storage.meta;
        Request::WriteStatus {
            key: self.key.clone(),
            of: meta.id.clone(),
            expect: meta.version.clone(),
            record: record.map(Box::new),
            verdict,
        }
    }
}

/// Whether this raises a claim that no growth of the record leads to. The writes of a growth follow that of its record; a
/// process that does not know yet what another one has recorded, a shrink above all, would raise what that one makes small.
/// So a repair follows a read of the objects themselves.
fn repairs(action: &Action, record: &Record) -> bool {
    let Action::Resize(resize) = action else { return false };
    record.volumes.get(&resize.volume).is_none_or(|volume| volume.growth.is_none())
}

/// What a decision wants.
struct Wanted {
    record: Record,
    needs: Option<Need>,
    actions: Vec<Action>,
    wake: Option<Timestamp>,
}

const fn only(next: Next) -> Step {
    Step { next, decided: None, differs: false }
}

/// The volume that a request resizes.
pub(crate) fn resized(request: &Request) -> Option<&VolumeName> {
    match request {
        Request::Do(_, Action::Resize(resize)) => Some(&resize.volume),
        Request::Do(
            _,
            Action::RaiseClusterSizes(_)
            | Action::AddFinalizer(..)
            | Action::RemoveFinalizer(..)
            | Action::Withdraw(_)
            | Action::Destroy(_)
            | Action::Promote(_)
            | Action::SetInstances(_)
            | Action::DeleteJob(_)
            | Action::DeletePod(_)
            | Action::DiscardClaim(_),
        )
        | Request::ReadCluster(_)
        | Request::ReadWal { .. }
        | Request::Survey { .. }
        | Request::WriteStatus { .. } => None,
    }
}
