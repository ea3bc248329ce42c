//! The runner against a scripted world.

use std::{collections::VecDeque, time::Duration};

use headroom_core::{Bytes, names::VolumeName};
use headroom_scenario::{
    Act, Ended, Fact, Fixture, Gate, Going, Outcome, Report, Scenario, Step, Strike, Topology, Trace, View,
    Wait, Walk, What, World, WorldError, holds, run, run_cell, trace::Entry,
};

use crate::grown;

/// Plays the hand-made run: `advance` lets its entries happen one by one.
struct Played {
    trace: Trace,
    ahead: VecDeque<Entry>,
    view: View,
    now_ms: u64,
    cannot_prepare: bool,
    holdable: bool,
    slips: bool,
    /// A world that stops after each entry of a wait: whether it has.
    pauses: Option<bool>,
    finished: Option<bool>,
}

impl Played {
    fn new(whole: &Trace) -> Self {
        // The runner itself verifies; the played verification answers it.
        let acts = |entry: &Entry| !matches!(entry.what, What::Acted(_));
        Self {
            trace: Trace::new(),
            ahead: whole.entries.iter().filter(|entry| acts(entry)).cloned().collect(),
            view: View::new(),
            now_ms: 0,
            cannot_prepare: false,
            holdable: true,
            slips: false,
            pauses: None,
            finished: None,
        }
    }

    fn push(&mut self, what: What) {
        self.trace.push(self.now_ms, what);
        self.view.catch_up(&self.trace);
    }

    fn step(&mut self) -> bool {
        let Some(entry) = self.ahead.pop_front() else { return false };
        self.now_ms = entry.at_ms;
        self.push(entry.what);
        true
    }
}

impl World for Played {
    fn can_hold(&self, _: Gate) -> bool {
        self.holdable
    }

    fn prepare(&mut self, _: &Fixture) -> Result<(), WorldError> {
        if self.cannot_prepare {
            return Err(WorldError {
                doing: "make the Cluster".to_owned(),
                why: "no StorageClass".to_owned(),
            });
        }
        while self.view.ready_ms.is_none() {
            assert!(self.step(), "the played run has a ready fixture");
        }
        Ok(())
    }

    fn perform(&mut self, act: &Act) -> Result<(), WorldError> {
        self.push(What::Acted(act.clone()));
        Ok(())
    }

    fn hold(&mut self, gate: Gate) -> Result<(), WorldError> {
        self.push(What::GateHeld(gate));
        self.push(What::GateReached(gate));
        Ok(())
    }

    fn strike(&mut self, strike: &Strike) -> Result<(), WorldError> {
        self.push(What::Struck(strike.clone()));
        if self.slips {
            self.push(What::GateReleased(Gate::NodeStep));
        }
        Ok(())
    }

    fn release(&mut self, gate: Gate) -> Result<(), WorldError> {
        self.push(What::GateReleased(gate));
        Ok(())
    }

    fn advance(&mut self, until: &Fact, _: Duration) -> Ended {
        self.pauses = self.pauses.map(|_| false);
        loop {
            match holds(until, &self.view, self.quiet_span()) {
                Ok(()) => return Ended::Met,
                Err(still) if !self.step() => return Ended::TimedOut { still },
                Err(still) if self.pauses.is_some() => {
                    self.pauses = Some(true);
                    return Ended::TimedOut { still };
                }
                Err(_) => {}
            }
        }
    }

    fn paused(&self) -> bool {
        self.pauses == Some(true)
    }

    fn limit(&self, wait: Wait) -> Duration {
        grown::limit(wait)
    }

    fn trace(&self) -> &Trace {
        &self.trace
    }

    fn finish(&mut self, keep_evidence: bool) {
        self.finished = Some(keep_evidence);
    }
}

fn scenario(script: Vec<Step>) -> Scenario {
    Scenario { script, ..grown::scenario() }
}

fn grows() -> Vec<Step> {
    vec![
        Step::Do(Act::StartWriter { rows_per_second: 5 }),
        Step::Until(Fact::EveryClaimHas(VolumeName::Data, grown::AFTER), Wait::Growth),
        Step::Until(Fact::Settled, Wait::Growth),
    ]
}

#[track_caller]
fn check(script: Vec<Step>, world: &mut Played, outcome: Outcome, why: Option<&str>) -> Report {
    let report = run(&scenario(script), world);
    let failures: Vec<&str> = report.failures().map(|assertion| assertion.text.as_str()).collect();
    assert_eq!(report.outcome, outcome, "{failures:#?} {:?}", report.why);
    assert_eq!(report.why.as_deref(), why);
    assert_eq!(world.finished, Some(outcome != Outcome::Passed), "evidence is kept unless all passed");
    report
}

#[test]
fn a_good_run_passes_and_ends_with_a_verification_and_quiet() {
    let mut world = Played::new(&grown::trace());
    let report = check(grows(), &mut world, Outcome::Passed, None);
    assert!(report.trace.entries.iter().any(|entry| entry.what == What::Acted(Act::Verify)));
    assert_eq!(report.trace_hash, Some(world.trace.hash()));
    let classes: std::collections::BTreeSet<_> = report.assertions.iter().map(|one| one.class).collect();
    assert_eq!(classes.len(), 5);
    let told: Vec<&str> = report.timeline.iter().map(|moment| moment.what.as_str()).collect();
    for word in ["trigger: data is 84 % full", "completion: settled"] {
        assert!(told.contains(&word), "{told:#?}");
    }
    let figures = "completion: data has 1152Mi everywhere; after the crossing: first claim raised 18.0 s, last 32.0 s, \
                   all grown 39.0 s";
    assert!(told.contains(&figures), "{told:#?}");
}

#[test]
fn a_script_ends_when_the_free_space_that_is_expected_was_measured() {
    let mut trace = grown::trace();
    let shows_growth =
        |entry: &Entry| matches!(&entry.what, What::Usage { capacity, .. } if *capacity == Bytes::mebi(1088));
    // The kubelets measure again only well after all is settled.
    for (entry, at_ms) in trace.entries.iter_mut().filter(|entry| shows_growth(entry)).zip([110_000, 111_000])
    {
        entry.at_ms = at_ms;
    }
    trace.entries.sort_by_key(|entry| entry.at_ms);
    let report = check(grows(), &mut Played::new(&trace), Outcome::Passed, None);
    let entries = &report.trace.entries;
    let measured = entries.iter().position(shows_growth).expect("a sample");
    let asked = |entry: &Entry| entry.what == What::Acted(Act::Verify);
    let verify = entries.iter().position(asked).expect("a verification");
    assert!(measured < verify, "the verification came first: {measured}, {verify}");
}

#[test]
fn a_wait_that_ends_without_its_fact_fails_and_says_what_still_fails() {
    let mut script = grows();
    script.push(Step::Until(Fact::EveryClaimHas(VolumeName::Data, Bytes::gibi(3)), Wait::Growth));
    let report = check(script, &mut Played::new(&grown::trace()), Outcome::Failed, None);
    let texts: Vec<&str> = report.failures().map(|assertion| assertion.text.as_str()).collect();
    let words = "waits for growth: the data claim of pg-1 requests 1152Mi and has 1152Mi, not 3Gi after 60 s";
    assert!(texts.contains(&words), "{texts:#?}");
    assert!(report.trace.entries.iter().any(|entry| entry.what == What::Acted(Act::Verify)));
}

#[test]
fn a_fixture_that_cannot_be_made_is_inconclusive() {
    let mut world = Played { cannot_prepare: true, ..Played::new(&grown::trace()) };
    let why = "could not make the Cluster: no StorageClass";
    check(grows(), &mut world, Outcome::Inconclusive, Some(why));
}

#[test]
fn a_gate_that_the_world_cannot_hold_is_inconclusive() {
    let mut world = Played { holdable: false, ..Played::new(&grown::trace()) };
    let script = vec![Step::Hold(Gate::NodeStep)];
    check(script, &mut world, Outcome::Inconclusive, Some("this world cannot hold the gate node-step"));
}

#[test]
fn a_run_in_a_world_that_pauses_is_the_run_in_one_that_does_not() {
    let mut missing = grows();
    missing.push(Step::Until(Fact::EveryClaimHas(VolumeName::Data, Bytes::gibi(3)), Wait::Growth));
    for (script, outcome) in
        [(grows(), Outcome::Passed), (strikes(), Outcome::Passed), (missing, Outcome::Failed)]
    {
        let plain = check(script.clone(), &mut Played::new(&grown::trace()), outcome, None);
        let mut pausing = Played { pauses: Some(false), ..Played::new(&grown::trace()) };
        assert_eq!(check(script, &mut pausing, outcome, None), plain);
    }
}

#[test]
fn a_walk_that_is_copied_while_the_world_pauses_goes_on_from_there() {
    let scenario = scenario(grows());
    let mut world = Played { pauses: Some(false), ..Played::new(&grown::trace()) };
    let mut walk = Walk::new();
    let mut pauses = 0;
    while walk.go(&scenario, &mut world) == Going::Paused {
        assert_eq!(walk.clone(), walk, "a copy stands where its original does");
        pauses += 1;
    }
    assert!(pauses > 5, "it paused {pauses} times");
    assert_eq!((walk.why(), walk.failures()), (None, [].as_slice()));
    assert_eq!(walk.go(&scenario, &mut world), Going::Over, "what is over stays so");
}

fn strikes() -> Vec<Step> {
    let mut script = vec![
        Step::Do(Act::StartWriter { rows_per_second: 5 }),
        Step::Hold(Gate::NodeStep),
        Step::Until(Fact::Held(Gate::NodeStep), Wait::Strike),
        Step::Strike(Strike::KillOperator),
        Step::Release(Gate::NodeStep),
    ];
    script.extend(grows().split_off(1));
    script
}

#[test]
fn a_strike_at_a_held_gate_counts() {
    check(strikes(), &mut Played::new(&grown::trace()), Outcome::Passed, None);
}

#[test]
fn a_strike_whose_gate_slipped_is_inconclusive() {
    let mut world = Played { slips: true, ..Played::new(&grown::trace()) };
    let why = "after the strike the gate node-step is not held";
    check(strikes(), &mut world, Outcome::Inconclusive, Some(why));
}

#[test]
fn lost_rows_fail_even_a_run_that_is_inconclusive_otherwise() {
    let mut trace = grown::trace();
    let lost = What::Verified { acknowledged: 9, lost: 3, sentinel_ok: true, amcheck_clean: None };
    grown::replace(&mut trace, 115_000, lost);
    let mut world = Played { slips: true, ..Played::new(&trace) };
    let why = "after the strike the gate node-step is not held";
    check(strikes(), &mut world, Outcome::Failed, Some(why));
}

#[test]
fn a_blank_never_asks_for_a_world() {
    let why = "one instance has no sibling";
    let cell = headroom_scenario::Cell::Blank { id: "p0_00_x", topology: Topology::T1, moment: None, why };
    let report = run_cell(&cell, || panic!("a blank has no world"));
    assert_eq!((report.outcome, report.why.as_deref()), (Outcome::Blank, Some(why)));
    assert_eq!(report.full_id, "p0_00_x@t1");
}

#[test]
fn a_world_that_cannot_be_had_is_inconclusive() {
    let cell = headroom_scenario::Cell::Scenario(Box::new(grown::scenario()));
    let report = run_cell(&cell, || Err("no kubeconfig".to_owned()));
    assert_eq!((report.outcome, report.why.as_deref()), (Outcome::Inconclusive, Some("no kubeconfig")));
}
