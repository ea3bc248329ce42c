//! Forks are complete, replays are exact, and every fault at every request of a plain growth ends well.

use headroom_core::names::VolumeName;
use headroom_scenario::{
    Act, Fact, Going, Scenario, Step, Topology, Trace, Wait, Walk, What, Who, World, fixture::WindowFixture,
    run, trace::VolumeState,
};
use headroom_sim::{
    SimWorld,
    explore::{Part, Tries, explore, oracle::Summary, swarm},
    world::{Fault, Proofs, Silence},
};

use crate::{determinism::fixture, growth::scenarios};

/// Runs to the end, and at each request does what `meanwhile` says with world and walk before it lets the request go.
fn walked(scenario: &Scenario, mut world: SimWorld, mut meanwhile: impl FnMut(&SimWorld, &Walk)) -> SimWorld {
    let mut walk = Walk::new();
    world.pause_at_requests(true);
    while walk.go(scenario, &mut world) == Going::Paused {
        meanwhile(&world, &walk);
        world.go_on(None);
    }
    world
}

fn finished(scenario: &Scenario, mut world: SimWorld, mut walk: Walk) -> SimWorld {
    world.pause_at_requests(false);
    while walk.go(scenario, &mut world) == Going::Paused {}
    world
}

#[test]
fn a_run_that_pauses_at_every_request_is_the_run_that_does_not() {
    for scenario in scenarios("*") {
        let mut whole = SimWorld::new(4);
        let report = run(&scenario, &mut whole);
        let mut requests = 0;
        let paused = walked(&scenario, SimWorld::new(4), |_, _| requests += 1);
        assert!(requests > 3, "{} has requests", report.full_id);
        assert_eq!(Some(paused.trace().hash()), report.trace_hash, "{}", report.full_id);
    }
}

#[test]
fn a_fork_at_any_request_that_meets_no_fault_is_the_run_it_left() {
    for scenario in scenarios("p0_00_*@t2") {
        let mut forks = Vec::new();
        let whole = walked(&scenario, SimWorld::new(9), |world, walk| {
            let mut fork = world.clone();
            fork.go_on(None);
            forks.push(finished(&scenario, fork, walk.clone()).trace().hash());
        });
        assert!(forks.iter().all(|hash| *hash == whole.trace().hash()), "{}", scenario.full_id());
    }
}

#[test]
fn a_fault_that_is_injected_by_number_is_the_fault_of_the_fork() {
    for scenario in scenarios("p0_00_smaller_member_is_repaired@t2") {
        walked(&scenario, SimWorld::new(6), |world, walk| {
            for fault in [Fault::CrashAfter, Fault::ReplyLost, Fault::AsleepBefore, Fault::TwoLeaders] {
                let mut fork = world.clone();
                fork.pause_at_requests(false);
                fork.go_on(Some(fault));
                let forked = finished(&scenario, fork, walk.clone());
                let mut replayed = SimWorld::new(6);
                replayed.inject(world.requests(), fault);
                let replayed = finished(&scenario, replayed, Walk::new());
                let at = world.requests();
                assert_eq!(forked.trace().hash(), replayed.trace().hash(), "{fault:?} at {at}");
            }
        });
    }
}

#[test]
fn a_planned_growth_survives_every_fault_at_every_request() {
    for scenario in scenarios("p0_00_planned_growth_in_window*") {
        let explored = explore(&scenario, SimWorld::new(3), Tries::Each(&Fault::ALL), None);
        assert_eq!(explored.divergences, [], "{}", scenario.full_id());
        assert!(explored.requests >= 4 && explored.points > explored.requests * 10, "{explored:?}");
        assert!(explored.rests_known > 0, "some faults come to the same rest");
    }
}

#[test]
fn what_cannot_be_undone_survives_two_faults() {
    for scenario in scenarios("shrink_plain") {
        let part = Some(Part { most: 100, turn: 1 });
        let explored = explore(&scenario, SimWorld::new(3), Tries::Pairs(&Fault::ALL), part);
        assert_eq!(explored.divergences, [], "{}", scenario.full_id());
        assert!(explored.points == 100 && explored.left_out > 1000, "{explored:?}");
    }
}

/// Two processes lead for a moment: one has sent a patch, the other has seen the change of the spec and takes the growth
/// back. No precondition on the claim can tell that, so what arrives is taken for what others did, and counts.
#[test]
fn a_patch_that_arrives_after_its_growth_was_taken_back_is_adopted_and_counted() {
    let mut scenario = scenarios("p0_04_buffer_lowered@t1/before-patch").remove(0);
    scenario.script.retain(|step| !matches!(step, Step::Until(Fact::Calm(_), _)));
    let plan = "asleep-before@3".parse().unwrap();
    let wrong = swarm::try_once(&scenario, 1, &plan).wrong;
    assert!(wrong.iter().any(|what| what.contains("no data claim was raised; found: 1 were")), "{wrong:?}");
    let ledger = "ledger: [(Planned, Bytes(1207959552), false), (External, Bytes(1207959552), true)]";
    assert!(wrong.iter().any(|what| what.contains("Balanced") && what.contains(ledger)), "{wrong:?}");
    assert!(wrong.iter().all(|what| !what.contains("invariant")), "{wrong:?}");
}

#[test]
fn a_part_of_all_faults_is_as_large_as_asked_for_and_another_turn_tries_others() {
    let scenario = scenarios("p0_00_planned_growth_in_window@t1").remove(0);
    let tried = |part| explore(&scenario, SimWorld::new(3), Tries::Each(&Fault::ALL), part);
    let all = tried(None);
    assert_eq!(all.left_out, 0);
    let few = |turn| tried(Some(Part { most: 10, turn }));
    assert_eq!((few(1).points, few(1).left_out), (10, all.points - 10));
    assert_eq!(few(1), few(1), "the same turn, the same part");
    assert_ne!(few(1).simulated_ms, few(2).simulated_ms, "other faults take another time");
    let more = tried(Some(Part { most: all.points + 1, turn: 1 }));
    assert_eq!((more.points, more.left_out), (all.points, 0));
}

#[test]
fn a_disturbed_run_that_writes_more_is_told_from_the_undisturbed_one() {
    let scenario = scenarios("p0_00_planned_growth_in_window@t2").remove(0);
    let undisturbed = run(&scenario, &mut SimWorld::new(5)).trace;
    let expected = Summary::of(&undisturbed);
    assert_eq!(Summary::of(&undisturbed).differences(&expected), Vec::<String>::new());
    let is_raise = |entry: &headroom_scenario::Entry| entry.what.raise().is_some();
    let raise = undisturbed.entries.iter().position(is_raise).expect("a claim is raised");
    let mut twice = undisturbed.clone();
    // The same write again before the claim shows it: it took effect twice.
    twice.entries.insert(raise, undisturbed.entries[raise].clone());
    let found = Summary::of(&twice).differences(&expected);
    assert!(found.len() == 1 && found[0].starts_with("raises of a claim"), "{found:?}");
    let mut repeated = undisturbed.clone();
    // Once more at the end, when the claim has that size: nothing took effect.
    repeated.entries.push(undisturbed.entries[raise].clone());
    assert_eq!(Summary::of(&repeated).differences(&expected), Vec::<String>::new());
    // Lowered by somebody else and raised once more: one of the two has an effect at the end.
    let mut lowered = undisturbed.clone();
    let (whose, _, to) = undisturbed.entries[raise].what.raise().expect("a raise");
    let has_it =
        |claim: &headroom_scenario::trace::ClaimState| claim.instance == *whose && claim.requested == to;
    let tells = |entry: &headroom_scenario::Entry| matches!(&entry.what, What::Claim(claim) if has_it(claim));
    let raised = lowered.entries.iter().position(tells);
    let raised = raised.expect("the claim shows it");
    let mut lower = lowered.entries[raised].clone();
    if let What::Claim(claim) = &mut lower.what {
        claim.requested = headroom_core::Bytes::mebi(1088);
    }
    let again = [lower, undisturbed.entries[raise].clone(), undisturbed.entries[raised].clone()];
    lowered.entries.splice(raised + 1..=raised, again);
    assert_eq!(Summary::of(&lowered).differences(&expected), Vec::<String>::new());
    let mut shorter = undisturbed.clone();
    let shown = |entry: &headroom_scenario::Entry| entry.what.storage().is_some();
    let last = shorter.entries.iter().rposition(shown).expect("a status");
    shorter.entries.truncate(last);
    assert!(!Summary::of(&shorter).differences(&expected).is_empty());
}

/// The states of the data volume that its status shows, to be changed.
fn shown(trace: &mut Trace) -> impl Iterator<Item = &mut VolumeState> {
    trace.entries.iter_mut().filter_map(|entry| {
        let What::Storage(shown) = &mut entry.what else { return None };
        shown.volumes.iter_mut().find(|volume| volume.volume == VolumeName::Data)
    })
}

fn is_first(volume: &VolumeState) -> bool {
    volume.effective.is_some() && volume.running.is_none() && volume.ledger.is_empty()
}

#[test]
fn a_first_size_may_be_recorded_with_its_growth_but_neither_be_another_nor_come_again() {
    let scenario = scenarios("p0_04_limit_lowered@t3/node-step").remove(0);
    let undisturbed = run(&scenario, &mut SimWorld::new(5)).trace;
    let expected = Summary::of(&undisturbed);
    let mut at_once = undisturbed.clone();
    for volume in shown(&mut at_once).filter(|volume| is_first(volume)) {
        volume.effective = None;
    }
    assert_ne!(at_once, undisturbed, "the first size was recorded by itself");
    assert_eq!(Summary::of(&at_once).differences(&expected), Vec::<String>::new());
    let differs = |trace: &Trace| {
        let found = Summary::of(trace).differences(&expected);
        assert!(found.len() == 1 && found[0].starts_with("what was recorded"), "{found:?}");
    };
    let mut another = undisturbed.clone();
    for volume in shown(&mut another).filter(|volume| is_first(volume)) {
        volume.effective = Some(headroom_core::Bytes::mebi(2048));
    }
    differs(&another);
    // The record is lost while the growth runs, and all begins anew.
    let runs = |entry: &headroom_scenario::Entry| {
        entry.what.storage().is_some_and(|shown| shown.volumes.iter().any(|volume| volume.running.is_some()))
    };
    let growing = undisturbed.entries.iter().position(runs).expect("a growth runs");
    let mut forgotten = undisturbed.clone();
    let mut again: Vec<_> = undisturbed.entries[..=growing].to_vec();
    again.retain(|entry| entry.what.storage().is_some());
    forgotten.entries.splice(growing + 1..=growing, again);
    differs(&forgotten);
}

#[test]
fn silence_is_proved_of_a_world_at_rest_and_of_no_other() {
    let mut world = SimWorld::new(8);
    let resting = headroom_scenario::Fixture { filled: None, ..fixture(Topology::T2) };
    world.prepare(&resting).unwrap();
    let limit = world.limit(Wait::Growth);
    world.advance(&Fact::Quiet, limit);
    let mut busy = world.clone();
    let silence = world.fall_silent(&mut Proofs::default());
    assert!(matches!(silence, Silence::Proved { .. }), "{silence:?}");
    // A replica will have to follow this claim.
    let act =
        Act::PatchClaim { who: Who::Primary, volume: VolumeName::Data, to: headroom_core::Bytes::mebi(1536) };
    busy.perform(&act).unwrap();
    let silence = busy.fall_silent(&mut Proofs::default());
    assert!(matches!(&silence, Silence::Broken(why) if why.contains("it wrote Claim")), "{silence:?}");
    assert_eq!(resting.policy.window, WindowFixture::Absent);
}
