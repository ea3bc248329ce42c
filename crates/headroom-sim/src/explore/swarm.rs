//! Random combinations: conditions and one to four faults, all from one seed.

use headroom_scenario::{
    Going, Scenario, Trace, Walk, World as _,
    run::case,
    timeline::{self, Moment},
};

use super::{
    Compared, Run, complaints, is_open, leaps,
    oracle::Summary,
    plan::{Conditions, Plan},
    unlawful,
};
use crate::{
    SimWorld,
    model::draw::{Draws, Subsystem},
    world::{Calendar, Fault, Proofs, Silence},
};

/// Sets the draws of plans apart from those of the worlds.
const APART: u64 = 0x0005_eed0_fa11_5eed;

/// What a run with a plan showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// What is wrong; empty: nothing.
    pub wrong: Vec<String>,
    /// What happened, for people, when something is wrong.
    pub timeline: Vec<Moment>,
    /// Virtual milliseconds that were simulated.
    pub simulated_ms: u64,
}

/// A run to its end and into silence.
struct Whole {
    world: SimWorld,
    walk: Walk,
    /// Its trace without the silence.
    trace: Trace,
    silence: Silence,
}

impl Whole {
    fn of(scenario: &Scenario, mut world: SimWorld) -> Self {
        let mut walk = Walk::new();
        while walk.go(scenario, &mut world) == Going::Paused {}
        let trace = world.trace().clone();
        let silence = world.fall_silent(&mut Proofs::default());
        Self { world, walk, trace, silence }
    }

    fn as_run(&self) -> Run<'_> {
        Run { trace: &self.trace, walk: &self.walk, silence: &self.silence }
    }

    fn timeline(&self, scenario: &Scenario) -> Vec<Moment> {
        let limit = |wait| self.world.limit(wait);
        timeline::of(&case(scenario, &self.trace, self.world.quiet_span(), &limit), self.walk.why())
    }
}

/// Runs a scenario with all faults of a plan that are at single requests, and compares it with the undisturbed run.
pub fn try_once(scenario: &Scenario, seed: u64, plan: &Plan) -> Tried {
    let undisturbed = Whole::of(scenario, plan.conditions.world(scenario, seed));
    compared(scenario, seed, plan, &undisturbed)
}

fn compared(scenario: &Scenario, seed: u64, plan: &Plan, undisturbed: &Whole) -> Tried {
    let own = complaints(scenario, &undisturbed.world, &undisturbed.as_run());
    let mut wrong: Vec<String> = own.into_iter().map(|why| format!("undisturbed: {why}")).collect();
    let simulated_ms = undisturbed.world.now();
    if plan.once.is_empty() {
        let timeline = if wrong.is_empty() { Vec::new() } else { undisturbed.timeline(scenario) };
        return Tried { wrong, timeline, simulated_ms };
    }
    let mut world = plan.conditions.world(scenario, seed);
    for (request, fault) in &plan.once {
        world.inject(*request, *fault);
    }
    let disturbed = Whole::of(scenario, world);
    let faults: Vec<Fault> = plan.once.iter().map(|(_, fault)| *fault).collect();
    if is_open(scenario, &faults) || (plan.conditions.stock_kubelet && leaps(scenario, &faults)) {
        wrong.extend(unlawful(scenario, &disturbed.world, &disturbed.as_run()));
    } else {
        wrong.extend(complaints(scenario, &disturbed.world, &disturbed.as_run()));
        let compared = Compared::of(scenario, &disturbed.world, &faults);
        let expected = Summary::of(undisturbed.world.trace());
        wrong.extend(compared.differences(&Summary::of(disturbed.world.trace()), &expected));
    }
    let timeline = if wrong.is_empty() { Vec::new() } else { disturbed.timeline(scenario) };
    Tried { wrong, timeline, simulated_ms: simulated_ms + disturbed.world.now() }
}

/// The conditions of a seed.
pub fn conditions(seed: u64) -> Conditions {
    let mut draws = Draws::new(seed ^ APART);
    let mut one_in = |what: &str, of| draws.one_in(Subsystem::Application, &what.into(), of);
    let stock_kubelet = one_in("kubelet", 4);
    let slow_watches = one_in("watches", 4);
    let calendar = if one_in("spring", 6) {
        Calendar::Spring
    } else if one_in("autumn", 6) {
        Calendar::Autumn
    } else if one_in("eve", 12) {
        Calendar::Eve
    } else {
        Calendar::Plain
    };
    Conditions { stock_kubelet, slow_watches, calendar }
}

/// The faults of a seed, for a run of this scenario with so many requests.
pub fn faults(scenario: &Scenario, seed: u64, requests: u64) -> Vec<(u64, Fault)> {
    let mut draws = Draws::new(seed ^ APART);
    let mut range = |what: &str, high| draws.range(Subsystem::Application, &what.into(), 1, high);
    let count = range("count", 4);
    let mut faults = std::collections::BTreeMap::new();
    for _ in 0..count {
        let which = usize::try_from(range("fault", Fault::ALL.len() as u64)).unwrap_or(1) - 1;
        let at = range("request", requests.max(1) + 4);
        if let Some(fault) = Fault::ALL.get(which).filter(|fault| fault.suits(&scenario.fixture)) {
            faults.insert(at, *fault);
        }
    }
    faults.into_iter().collect()
}

/// Draws the plan of a seed and tries it.
pub fn try_seed(scenario: &Scenario, seed: u64) -> (Plan, Tried) {
    let conditions = conditions(seed);
    let undisturbed = Whole::of(scenario, conditions.world(scenario, seed));
    let once = faults(scenario, seed, undisturbed.world.requests());
    let plan = Plan { once, ..Plan::undisturbed(conditions) };
    let tried = compared(scenario, seed, &plan, &undisturbed);
    (plan, tried)
}

/// The smallest part of a plan that still goes wrong: faults, then conditions, are left out one by one.
pub fn shrunk(scenario: &Scenario, seed: u64, plan: &Plan) -> Plan {
    let fails = |plan: &Plan| !try_once(scenario, seed, plan).wrong.is_empty();
    let mut least = plan.clone();
    let mut at = 0;
    while at < least.once.len() {
        let mut fewer = least.clone();
        fewer.once.remove(at);
        if fails(&fewer) {
            least = fewer;
        } else {
            at += 1;
        }
    }
    let plainer: [fn(&mut Conditions); 3] = [
        |conditions| conditions.stock_kubelet = false,
        |conditions| conditions.slow_watches = false,
        |conditions| conditions.calendar = Calendar::Plain,
    ];
    for change in plainer {
        let mut simpler = least.clone();
        change(&mut simpler.conditions);
        if simpler != least && fails(&simpler) {
            least = simpler;
        }
    }
    least
}
