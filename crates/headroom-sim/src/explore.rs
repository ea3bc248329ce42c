//! Tries faults at every request of a scenario: the undisturbed run is made once, and at each request every fault forks
//! off from that very moment; or two of them, around the requests that cannot be undone.

pub mod kept;
pub mod oracle;
pub mod plan;
pub mod swarm;

use std::collections::BTreeSet;

use headroom_core::Action;
use headroom_engine::Request;
use headroom_scenario::{
    Entry, Going, Outcome, Scenario, Trace, Walk, What, World as _,
    checkers::{self, Assertion, Case},
    expect::Control,
    run::{case, verdict},
};

use crate::{
    SimWorld,
    world::{Fault, Proofs, Silence},
};
use oracle::Summary;

/// Reasons of Events that no run may show, unless its scenario is about them: the second opinion disagreed, a session ran
/// wild, a step failed, a healthy volume or status was called broken.
const ALARMS: [&str; 5] =
    ["PlanRefused", "SessionExhausted", "InternalError", "NotSizedByClaim", "UnreadableStatus"];

/// What an exploration of one scenario with one seed gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explored {
    /// Requests of the undisturbed run.
    pub requests: u64,
    /// Runs with a fault, or with two.
    pub points: u64,
    /// Faults that were left out, because only a part was asked for.
    pub left_out: u64,
    /// Runs that came to rest in a state that was proved before: nothing follows from it.
    pub rests_known: u64,
    /// Virtual milliseconds that were simulated.
    pub simulated_ms: u64,
    /// What did not pass, or did not end as the undisturbed run did.
    pub divergences: Vec<Divergence>,
}

/// A run that went wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Divergence {
    /// The faults and their requests, counted from 1; none: the undisturbed run itself.
    pub at: Vec<(u64, Fault)>,
    /// What is wrong.
    pub what: Vec<String>,
}

/// A run from a fork to its end.
struct Branch {
    at: Vec<(u64, Fault)>,
    /// How long the trace was when it forked off from the undisturbed run.
    shared: usize,
    /// What followed.
    entries: Vec<Entry>,
    /// How long the trace was when the walk was over; what follows is silence.
    ended: usize,
    walk: Walk,
    silence: Silence,
}

/// A part of all faults at all requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// So many at most.
    pub most: u64,
    /// Chooses which: another turn, other ones.
    pub turn: u64,
}

impl Part {
    /// The numbers of the points that belong to it, out of so many: spread evenly over requests, and over faults, since
    /// steps of the golden ratio keep no time with anything that recurs.
    fn of(self, total: u64) -> BTreeSet<u64> {
        const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut order: Vec<u64> = (0..total).collect();
        order.sort_by_key(|point| point.wrapping_add(self.turn.wrapping_mul(GOLDEN)).wrapping_mul(GOLDEN));
        order.truncate(usize::try_from(self.most).unwrap_or(usize::MAX));
        order.into_iter().collect()
    }
}

/// An exploration under way.
struct Explorer<'a> {
    scenario: &'a Scenario,
    branches: Vec<Branch>,
    proofs: Proofs,
    explored: Explored,
}

/// What is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tries<'a> {
    /// Each of these at each request.
    Each(&'a [Fault]),
    /// Each two of these: the first at each request that cannot be undone, the second at one of those that follow.
    Pairs(&'a [Fault]),
}

/// The second of two faults happens to one of so many requests after the first.
const THEN: usize = 3;

/// A moment at which a run may fork off.
struct Point<'a> {
    /// Paused at a request.
    world: &'a SimWorld,
    walk: &'a Walk,
    /// What has happened already, and how long the trace was then.
    before: Option<((u64, Fault), usize)>,
    /// What happens now.
    fault: Fault,
}

/// Tries faults at the requests of the scenario in `world`, which must be fresh, or a part of them.
pub fn explore(scenario: &Scenario, world: SimWorld, tries: Tries<'_>, part: Option<Part>) -> Explored {
    let chosen = part.map(|part| {
        let mut total = 0;
        at_every_point(scenario, world.clone(), tries, |_| total += 1);
        part.of(total)
    });
    let mut explorer = Explorer {
        scenario,
        branches: Vec::new(),
        proofs: Proofs::default(),
        explored: Explored {
            requests: 0,
            points: 0,
            left_out: 0,
            rests_known: 0,
            simulated_ms: 0,
            divergences: Vec::new(),
        },
    };
    let mut point = 0;
    let (world, walk) = at_every_point(scenario, world, tries, |of| {
        if chosen.as_ref().is_none_or(|chosen| chosen.contains(&point)) {
            let branch = explorer.fork(&of);
            explorer.branches.push(branch);
        } else {
            explorer.explored.left_out += 1;
        }
        point += 1;
    });
    explorer.judge(world, &walk);
    explorer.explored
}

/// The undisturbed run, and what to do at each of its requests with each fault that can happen to it.
fn at_every_point(
    scenario: &Scenario,
    mut world: SimWorld,
    tries: Tries<'_>,
    mut meanwhile: impl FnMut(Point<'_>),
) -> (SimWorld, Walk) {
    let mut walk = Walk::new();
    world.pause_at_requests(true);
    while walk.go(scenario, &mut world) == Going::Paused {
        match tries {
            Tries::Each(faults) => {
                for fault in possible(scenario, &world, faults) {
                    meanwhile(Point { world: &world, walk: &walk, before: None, fault });
                }
            }
            Tries::Pairs(faults) if world.at_hand().is_some_and(cannot_be_undone) => {
                for first in possible(scenario, &world, faults) {
                    at_what_follows(scenario, (&world, &walk), first, faults, &mut meanwhile);
                }
            }
            Tries::Pairs(_) => {}
        }
        world.go_on(None);
    }
    (world, walk)
}

/// After a first fault, each request that follows soon with each fault that can happen to it.
fn at_what_follows(
    scenario: &Scenario,
    (world, walk): (&SimWorld, &Walk),
    first: Fault,
    faults: &[Fault],
    meanwhile: &mut impl FnMut(Point<'_>),
) {
    let before = Some(((world.requests(), first), world.trace().entries.len()));
    let (mut world, mut walk) = (world.clone(), walk.clone());
    world.go_on(Some(first));
    for _ in 0..THEN {
        if walk.go(scenario, &mut world) != Going::Paused {
            return;
        }
        for fault in possible(scenario, &world, faults) {
            meanwhile(Point { world: &world, walk: &walk, before, fault });
        }
        world.go_on(None);
    }
}

/// The faults that can happen to the request at hand.
fn possible<'a>(
    scenario: &'a Scenario,
    world: &'a SimWorld,
    faults: &'a [Fault],
) -> impl Iterator<Item = Fault> + 'a {
    let happens = |fault: &Fault| world.at_hand().is_some_and(|request| fault.concerns(request));
    faults.iter().copied().filter(|fault| fault.suits(&scenario.fixture)).filter(happens)
}

/// Steps of a shrink after which something is gone, or moved.
const fn cannot_be_undone(request: &Request) -> bool {
    matches!(
        request,
        Request::Do(
            _,
            Action::Destroy(_)
                | Action::Promote(_)
                | Action::SetInstances(_)
                | Action::DeleteJob(_)
                | Action::DeletePod(_)
                | Action::DiscardClaim(_)
        )
    )
}

impl Explorer<'_> {
    /// Forks off at the request at hand with a fault, and follows to the end.
    fn fork(&mut self, point: &Point<'_>) -> Branch {
        self.explored.points += 1;
        let (mut fork, mut walk) = (point.world.clone(), point.walk.clone());
        let shared = point.before.map_or(fork.trace().entries.len(), |(_, shared)| shared);
        let now = (fork.requests(), point.fault);
        let at = point.before.iter().map(|(before, _)| *before).chain([now]).collect();
        fork.pause_at_requests(false);
        fork.go_on(Some(point.fault));
        let began = fork.now();
        while walk.go(self.scenario, &mut fork) == Going::Paused {
            fork.go_on(None);
        }
        let ended = fork.trace().entries.len();
        let silence = fork.fall_silent(&mut self.proofs);
        self.explored.simulated_ms += fork.now() - began;
        let entries = fork.trace().entries.get(shared..).unwrap_or(&[]).to_vec();
        Branch { at, shared, entries, ended, walk, silence }
    }

    /// Judges every branch by the scenario's own expectations and compares it with the undisturbed run.
    fn judge(&mut self, mut world: SimWorld, walk: &Walk) {
        let whole = world.trace().clone();
        let silence = world.fall_silent(&mut self.proofs);
        self.explored.requests = world.requests();
        self.explored.rests_known = self.proofs.shared();
        self.explored.simulated_ms += world.now();
        let undisturbed = Summary::of(world.trace());
        let run = Run { trace: &whole, walk, silence: &silence };
        let what = complaints(self.scenario, &world, &run);
        if !what.is_empty() {
            self.explored.divergences.push(Divergence { at: Vec::new(), what });
        }
        for branch in &self.branches {
            let shared = whole.entries.get(..branch.shared).unwrap_or(&[]);
            let mut trace = Trace { entries: shared.iter().chain(&branch.entries).cloned().collect() };
            let summary = Summary::of(&trace);
            trace.entries.truncate(branch.ended);
            let run = Run { trace: &trace, walk: &branch.walk, silence: &branch.silence };
            let faults: Vec<Fault> = branch.at.iter().map(|(_, fault)| *fault).collect();
            let what = if is_open(self.scenario, &faults) {
                unlawful(self.scenario, &world, &run)
            } else {
                let mut what = complaints(self.scenario, &world, &run);
                let compared = Compared::of(self.scenario, &world, &faults);
                what.extend(compared.differences(&summary, &undisturbed));
                what
            };
            if !what.is_empty() {
                self.explored.divergences.push(Divergence { at: branch.at.clone(), what });
            }
        }
    }
}

/// A run to its end: trace, walk, and the silence after it.
pub(crate) struct Run<'a> {
    pub(crate) trace: &'a Trace,
    pub(crate) walk: &'a Walk,
    pub(crate) silence: &'a Silence,
}

/// Whether it is open how a run of this scenario ends that meets such faults: one that rests on what a process remembers,
/// and another process takes over. Then only the invariants judge it.
pub(crate) fn is_open(scenario: &Scenario, faults: &[Fault]) -> bool {
    scenario.rests_on_memory.is_some() && faults.iter().any(|fault| fault.forgets())
}

/// How far a run that meets faults is compared with the undisturbed one, beside what its scenario expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compared {
    /// In everything.
    Wholly,
    /// In everything but sizes: they rest on when something was measured, and that was later.
    ButForSizes,
    /// In nothing: an hour [`leaps`].
    InNothing,
}

impl Compared {
    /// With slow watches, or with one that lags, and after a request that is waited for in vain, things are seen later.
    pub(crate) fn of(scenario: &Scenario, world: &SimWorld, faults: &[Fault]) -> Self {
        let delays = [Fault::WatchesLag, Fault::RequestLost, Fault::ReplyLost];
        let late = || world.lags() || faults.iter().any(|fault| delays.contains(fault));
        if leaps(scenario, faults) {
            Self::InNothing
        } else if scenario.rests_on_pace.is_some() && late() {
            Self::ButForSizes
        } else {
            Self::Wholly
        }
    }

    pub(crate) fn differences(self, run: &Summary, undisturbed: &Summary) -> Vec<String> {
        match self {
            Self::Wholly => run.differences(undisturbed),
            Self::ButForSizes => {
                run.clone().without_sizes().differences(&undisturbed.clone().without_sizes())
            }
            Self::InNothing => Vec::new(),
        }
    }
}

/// Whether a shrink's calm is an hour shorter than it says: a clock loses that hour for minutes, or for good and another
/// process has it back. Where kubelets are slow besides, it begins before anybody has measured what was filled.
pub(crate) fn leaps(scenario: &Scenario, faults: &[Fault]) -> bool {
    let astray = faults.contains(&Fault::ClockAstray);
    let back = faults.contains(&Fault::ClockBackHour) && faults.iter().any(|fault| fault.forgets());
    scenario.fixture.policy.shrink.is_some() && (astray || back)
}

/// What is wrong with a run by its scenario.
pub(crate) fn complaints(scenario: &Scenario, world: &SimWorld, run: &Run<'_>) -> Vec<String> {
    let limit = |wait| world.limit(wait);
    let case = Case { mute: true, ..case(scenario, run.trace, world.quiet_span(), &limit) };
    let (outcome, assertions) = verdict(&case, run.walk);
    let mut wrong = failed(assertions);
    if outcome == Outcome::Inconclusive {
        wrong.push(format!("inconclusive: {}", run.walk.why().unwrap_or("no reason given")));
    }
    wrong.extend(alarms(scenario, run));
    wrong
}

/// What is wrong with a run whatever its scenario expects.
pub(crate) fn unlawful(scenario: &Scenario, world: &SimWorld, run: &Run<'_>) -> Vec<String> {
    let limit = |wait| world.limit(wait);
    let case = case(scenario, run.trace, world.quiet_span(), &limit);
    let mut wrong = failed(checkers::invariants(&case));
    wrong.extend(alarms(scenario, run));
    wrong
}

fn failed(assertions: Vec<Assertion>) -> Vec<String> {
    let told = |one: Assertion| format!("{}: {}", one.class.name(), one.text);
    assertions.into_iter().filter(|one| !one.held).map(told).collect()
}

/// False alarms, and a silence that was broken.
fn alarms(scenario: &Scenario, run: &Run<'_>) -> Vec<String> {
    let expected = |reason: &str| {
        scenario.expect.control.iter().any(|what| matches!(what, Control::EventSeen(seen) if *seen == reason))
    };
    let mut shown = BTreeSet::new();
    for entry in &run.trace.entries {
        if let What::Event { reason, .. } = &entry.what
            && ALARMS.contains(&reason.as_str())
            && !expected(reason)
        {
            shown.insert(format!("an Event {reason}"));
        }
    }
    let mut wrong: Vec<String> = shown.into_iter().collect();
    if let Silence::Broken(why) = run.silence {
        wrong.push(why.clone());
    }
    wrong
}
