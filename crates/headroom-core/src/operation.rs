//! Progress of a running growth, derived from what is observed: the only place that knows the order of its steps.
//!
//! Nothing here sees the answer to a request: "crash before", "reply lost" and "applied twice" are one code path.

use alloc::vec::Vec;

use crate::{
    Bytes, Span, Timestamp,
    decide::{
        backoff::{held_until, refuses},
        member::Member,
    },
    ledger::Cause,
    names::InstanceName,
    record::Growth,
    usage::Usage,
};

/// How long the controller may take for the canary before the growth is stopped (design §5 rule 3).
pub(crate) const CANARY_PATIENCE: Span = Span::minutes(5);

/// What a running growth needs next.
#[derive(Debug)]
pub(crate) enum Progress<'m> {
    /// Every mounted claim has the size.
    Finished,
    /// The first claim cannot have the size: nothing else is touched.
    Stopped,
    /// The canary is gone: another replica goes first, or none.
    Recast(Option<InstanceName>),
    /// These claims are to be patched now (may be empty), and this one is waited for.
    Running {
        /// Most urgent first.
        patch: Vec<&'m Member<'m>>,
        /// Whose claim holds the growth up, and how.
        waits: Option<(&'m Member<'m>, Step)>,
        /// When one of the waits ends by time alone.
        edges: Vec<Timestamp>,
    },
}

/// Where one claim stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// It has the size, and its file system too as far as can be known.
    Done,
    /// Its request is too small.
    Patch,
    /// Its request is too small, was refused, and is not tried again before then.
    Refused(Timestamp),
    /// The storage said that the size cannot be had.
    Infeasible,
    /// The storage works on it.
    Storage {
        /// The controller is done; the node is not.
        node_step: bool,
    },
    /// The claim has the size; a sample that shows it is still to come.
    Sample,
}

/// Where `member` stands in `growth` at `now` (design §5 rule 5).
pub(crate) fn step(growth: &Growth, member: &Member<'_>, now: Timestamp) -> Step {
    if member.capacity >= growth.to {
        if member.claim.resize.file_system_pending {
            return Step::Storage { node_step: true };
        }
        return if sample_grew(growth, member) { Step::Done } else { Step::Sample };
    }
    if member.claim.requested < growth.to {
        return match held_until(member.obstacle, growth.to) {
            Some(until) if until > now => Step::Refused(until),
            Some(_) | None => Step::Patch,
        };
    }
    if member.infeasible() { Step::Infeasible } else { Step::Storage { node_step: member.node_step() } }
}

/// Whether the usage agrees that the file system grew by half the step. It has to only while the container runs, the
/// kubelet answers and a fresh sample is at hand: an unknown is no "no".
fn sample_grew(growth: &Growth, member: &Member<'_>) -> bool {
    if member.running_since().is_none()
        || member.silent
        || member.grown_at.is_some_and(|at| at >= growth.started)
    {
        return true;
    }
    let newest = match member.usage {
        Usage::Fresh(sample) | Usage::Mismatch(sample) => sample,
        Usage::Stale(_) | Usage::Never => return true,
    };
    let Some(before) = member.baseline.filter(|before| before.capacity <= growth.from) else {
        return true;
    };
    let half = Bytes::new(growth.to.minus_or_zero(growth.from).get() / 2);
    newest.capacity >= before.capacity.plus(half)
}

/// What `growth` needs next. `worst`: the member in emergency, if one is; then there is no stop, and it goes first.
pub(crate) fn progress<'m>(
    growth: &Growth,
    members: &'m [Member<'m>],
    worst: Option<&InstanceName>,
    now: Timestamp,
) -> Progress<'m> {
    let counting: Vec<&Member<'_>> = members.iter().filter(|member| member.counts()).collect();
    let probe = match &growth.canary {
        Some(name) => match counting.iter().find(|member| member.name == name) {
            Some(canary) if !(canary.fenced || canary.primary && canary.claim.requested < growth.to) => {
                Some(*canary)
            }
            Some(_) | None => return Progress::Recast(choose_canary(members, Some(name))),
        },
        None if growth.cause == Cause::Planned && counting.len() == 1 => counting.first().copied(),
        None => None,
    };
    if let Some(probe) = probe
        && probe.capacity < growth.to
    {
        return probing(growth, probe, worst.is_some(), now);
    }
    spreading(growth, &counting, worst, now)
}

/// The first claim alone.
fn probing<'m>(growth: &Growth, probe: &'m Member<'m>, alarmed: bool, now: Timestamp) -> Progress<'m> {
    let mut edges = Vec::new();
    let mut patch = Vec::new();
    let step = step(growth, probe, now);
    match step {
        Step::Patch => patch.push(probe),
        Step::Refused(until) => {
            if !alarmed && probe.obstacle.is_some_and(|obstacle| refuses(obstacle.cause)) {
                return Progress::Stopped;
            }
            edges.push(until);
        }
        Step::Infeasible if !alarmed => return Progress::Stopped,
        Step::Storage { node_step: false } if !alarmed => {
            if let Some(end) = patience_ends(growth, probe, now) {
                if end <= now {
                    return Progress::Stopped;
                }
                edges.push(end);
            }
        }
        Step::Done | Step::Sample | Step::Storage { .. } | Step::Infeasible => {}
    }
    Progress::Running { patch, waits: Some((probe, step)), edges }
}

/// When the wait for the controller ends; `None` while it is not known since when. A growth that began in the future did
/// so by a clock that has been set back since, and says nothing.
pub(crate) fn patience_ends(growth: &Growth, member: &Member<'_>, now: Timestamp) -> Option<Timestamp> {
    let started = Some(growth.started).filter(|started| *started <= now);
    member
        .waiting_since
        .map(|since| started.map_or(since, |started| since.max(started)).plus(CANARY_PATIENCE))
}

/// All claims at once. One refused claim does not hold up the others.
fn spreading<'m>(
    growth: &Growth,
    counting: &[&'m Member<'m>],
    worst: Option<&InstanceName>,
    now: Timestamp,
) -> Progress<'m> {
    let mut edges = Vec::new();
    let mut patch = Vec::new();
    let mut waits: Option<(&Member<'_>, Step)> = None;
    let mut done = 0_usize;
    for member in counting.iter().copied() {
        let step = step(growth, member, now);
        match step {
            Step::Done => done = done.saturating_add(1),
            Step::Patch => patch.push(member),
            Step::Refused(until) => edges.push(until),
            Step::Sample => edges.extend(member.stale_at()),
            Step::Infeasible | Step::Storage { .. } => {}
        }
        if step != Step::Done && waits.as_ref().is_none_or(|(_, worst)| rank(step) < rank(*worst)) {
            waits = Some((member, step));
        }
    }
    if done > 0 && done == counting.len() {
        return Progress::Finished;
    }
    patch.sort_by_key(|member| (Some(member.name) != worst, member.free_permille(), !member.primary));
    Progress::Running { patch, waits, edges }
}

/// Which wait is worth telling: what a person must solve before what solves itself.
fn rank(step: Step) -> u8 {
    match step {
        Step::Infeasible => 0,
        Step::Refused(_) => 1,
        Step::Patch => 2,
        Step::Storage { node_step: false } => 3,
        Step::Storage { node_step: true } => 4,
        Step::Sample => 5,
        Step::Done => 6,
    }
}

/// The replica that goes first: mounted, growable, not fenced, not primary; a ready one whose last request is met
/// before others, then by name. `None` at T1, and where no replica can.
pub(crate) fn choose_canary(members: &[Member<'_>], not: Option<&InstanceName>) -> Option<InstanceName> {
    if members.iter().filter(|member| member.counts()).count() < 2 {
        return None;
    }
    members
        .iter()
        .filter(|member| member.counts() && !member.primary && !member.fenced && Some(member.name) != not)
        .min_by_key(|member| (!member.ready(), !member.met()))
        .map(|member| member.name.clone())
}
