//! Each core invariant fails on a trace with its violation planted, by name.

use headroom_core::{Bytes, ledger::Cause, names::VolumeName, report::State};
use headroom_scenario::{
    Act, Scenario, Trace, What, Who,
    checkers::{self, Invariant},
    run::case,
    trace::{ClaimState, Conditions, PodState, StorageState, VolumeState, Written},
};

use crate::grown::{self, AFTER, BEFORE};

fn verdict(invariant: Invariant, scenario: &Scenario, trace: &Trace) -> checkers::Assertion {
    invariant.check(&case(scenario, trace, grown::QUIET, &grown::limit))
}

#[track_caller]
fn check(invariant: Invariant, held: bool, plant: impl FnOnce(&mut Trace)) {
    let mut trace = grown::trace();
    plant(&mut trace);
    let assertion = verdict(invariant, &grown::scenario(), &trace);
    assert_eq!(assertion.held, held, "{}", assertion.text);
    assert!(assertion.text.starts_with(invariant.name()), "{}", assertion.text);
}

#[test]
fn every_invariant_holds_in_the_run_as_it_should_be() {
    for invariant in Invariant::ALL {
        check(invariant, true, |_| {});
    }
}

#[test]
fn rows_lost_in_an_earlier_verification_are_lost() {
    check(Invariant::NoDataLoss, false, |trace| {
        let lost = What::Verified { acknowledged: 100, lost: 2, sentinel_ok: true, amcheck_clean: None };
        grown::insert(trace, 100_500, lost);
    });
}

fn labelled(instance: &str, primary: bool) -> What {
    let What::Pod(pod) = grown::pod(instance, true, 0, None) else { panic!("a pod") };
    What::Pod(PodState { primary, ..pod })
}

#[test]
fn two_primaries_are_found_but_for_the_seconds_in_which_they_are_relabelled() {
    check(Invariant::NoDataLoss, true, |trace| {
        grown::insert(trace, 95_000, labelled("pg-2", true));
        grown::insert(trace, 99_000, labelled("pg-1", false));
    });
    check(Invariant::NoDataLoss, false, |trace| {
        grown::insert(trace, 95_000, labelled("pg-2", true));
        grown::insert(trace, 100_500, labelled("pg-1", false));
    });
    check(Invariant::NoDataLoss, true, |trace| {
        grown::insert(trace, 94_000, What::PodGone("pg-1".into()));
        grown::insert(trace, 95_000, labelled("pg-2", true));
    });
}

#[test]
fn the_end_of_a_primarys_claim_is_found() {
    let deleted = |instance: &'static str| {
        move |trace: &mut Trace| {
            let What::Claim(claim) = grown::claim(instance, AFTER, AFTER) else { panic!("a claim") };
            grown::insert(trace, 99_000, What::Claim(ClaimState { terminating: true, ..claim }));
        }
    };
    check(Invariant::NoDataLoss, false, deleted("pg-1"));
    check(Invariant::NoDataLoss, true, deleted("pg-2"));
}

#[test]
fn sizes_outside_request_and_limit_are_found() {
    check(Invariant::Bounds, false, |trace| {
        grown::replace(trace, 92_000, grown::raised("pg-1", Bytes::gibi(5)));
    });
    check(Invariant::Bounds, false, |trace| {
        grown::insert(trace, 95_000, grown::claim("pg-1", Bytes::gibi(5), BEFORE));
    });
    check(Invariant::Bounds, false, |trace| {
        grown::insert(trace, 95_000, grown::claim("pg-1", Bytes::mebi(960), BEFORE));
    });
    check(Invariant::Bounds, false, |trace| {
        let small = VolumeState { effective: Some(Bytes::mebi(512)), ..grown::growing() };
        grown::insert(trace, 77_000, grown::status(small));
    });
}

#[test]
fn a_size_above_the_limit_is_the_users_own_when_set_by_hand() {
    check(Invariant::Bounds, true, |trace| {
        let to = Bytes::gibi(5);
        grown::insert(
            trace,
            77_000,
            What::Acted(Act::PatchClaim { who: Who::Primary, volume: VolumeName::Data, to }),
        );
        grown::insert(trace, 77_500, grown::claim("pg-1", to, BEFORE));
    });
}

#[test]
fn a_write_to_the_wal_volume_is_found() {
    let mut scenario = grown::scenario();
    scenario.fixture.wal = Some(Bytes::gibi(2));
    let mut trace = grown::trace();
    let written = Written::Claim { instance: "pg-1".into(), volume: VolumeName::Wal, to: Bytes::gibi(2) };
    grown::insert(&mut trace, 93_000, What::OperatorWrote(written));
    assert!(!verdict(Invariant::Bounds, &scenario, &trace).held);
}

#[test]
fn an_operator_that_never_comes_to_rest_is_found() {
    check(Invariant::Convergence, false, |trace| {
        grown::remove(trace, 107_000);
    });
    check(Invariant::Convergence, false, |trace| {
        let newer = StorageState { generation: 2, ..grown::storage(grown::done()) };
        grown::insert(trace, 108_000, What::Storage(newer));
    });
    check(Invariant::Convergence, false, |trace| {
        grown::insert(trace, 108_000, grown::claim("pg-1", AFTER, BEFORE));
    });
}

#[test]
fn a_member_left_behind_is_found() {
    check(Invariant::ReplicaConsistency, false, |trace| {
        grown::remove(trace, 80_000);
        grown::remove(trace, 90_000);
    });
    check(Invariant::ReplicaConsistency, false, |trace| {
        grown::insert(trace, 108_000, What::ClaimGone("pg-2".into(), VolumeName::Data));
    });
}

#[test]
fn an_action_done_twice_is_found() {
    check(Invariant::Idempotency, false, |trace| {
        grown::insert(trace, 110_000, grown::raised("pg-1", AFTER));
    });
}

#[test]
fn raising_again_what_was_lowered_or_replaced_is_no_second_action() {
    check(Invariant::Idempotency, true, |trace| {
        grown::insert(trace, 95_000, grown::claim("pg-1", BEFORE, BEFORE));
        grown::insert(trace, 96_000, grown::raised("pg-1", AFTER));
        grown::insert(trace, 97_000, grown::claim("pg-1", AFTER, BEFORE));
    });
}

#[test]
fn a_write_that_no_status_named_or_named_too_late_is_found() {
    check(Invariant::Idempotency, false, |trace| {
        grown::replace(trace, 92_000, grown::raised("pg-1", Bytes::mebi(1216)));
    });
    check(Invariant::Idempotency, false, |trace| {
        grown::remove(trace, 78_000);
        grown::insert(trace, 73_000, grown::raised("pg-2", AFTER));
    });
}

#[test]
fn a_slot_without_a_patch_and_a_second_slot_for_one_size_are_found() {
    check(Invariant::Idempotency, false, |trace| {
        let mut unused = grown::done();
        unused.ledger.push((Cause::Emergency, Bytes::gibi(2), true));
        grown::replace(trace, 107_000, grown::status(unused));
    });
    check(Invariant::Idempotency, false, |trace| {
        let mut twice = grown::done();
        twice.ledger.push((Cause::Emergency, AFTER, true));
        grown::replace(trace, 107_000, grown::status(twice));
    });
}

#[test]
fn a_status_that_contradicts_itself_or_the_claims_is_found() {
    check(Invariant::StatusCoherence, false, |trace| {
        let without_slot = VolumeState { ledger: Vec::new(), ..grown::growing() };
        grown::replace(trace, 76_000, grown::status(without_slot));
    });
    check(Invariant::StatusCoherence, false, |trace| {
        let downward = VolumeState { target: Some(Bytes::mebi(512)), ..grown::growing() };
        grown::replace(trace, 76_000, grown::status(downward));
    });
    check(Invariant::StatusCoherence, false, |trace| {
        let old = VolumeState { effective: Some(BEFORE), ..grown::done() };
        grown::replace(trace, 107_000, grown::status(old));
    });
    check(Invariant::StatusCoherence, false, |trace| {
        let state = VolumeState { state: State::Balanced, ..grown::done() };
        let behind = StorageState { generation: 3, ..grown::storage(state) };
        grown::replace(trace, 107_000, What::Storage(behind));
    });
}

#[test]
fn conditions_that_contradict_the_volumes_are_found() {
    let conditions = |at_ms, volume: fn() -> VolumeState, [ready, reconciling, stalled]: [bool; 3], held| {
        check(Invariant::StatusCoherence, held, |trace| {
            let conditions = Conditions { ready, reconciling, stalled };
            let status = StorageState { conditions, ..grown::storage(volume()) };
            grown::replace(trace, at_ms, What::Storage(status));
        });
    };
    conditions(76_000, grown::growing, [false, true, false], true);
    conditions(76_000, grown::growing, [false, false, true], true);
    conditions(76_000, grown::growing, [true, false, false], false);
    conditions(76_000, grown::growing, [false, true, true], false);
    conditions(107_000, grown::done, [true, false, false], true);
    conditions(107_000, grown::done, [false, true, false], false);
    conditions(107_000, grown::done, [false, false, true], false);
    conditions(107_000, grown::done, [false, false, false], false);
}

#[test]
fn an_action_that_is_completed_before_its_claims_have_the_size_is_found() {
    check(Invariant::StatusCoherence, false, |trace| {
        grown::insert(trace, 96_000, grown::status(grown::done()));
    });
    check(Invariant::StatusCoherence, false, |trace| {
        grown::remove(trace, 90_000);
    });
}

#[test]
fn a_claim_that_no_pod_mounts_is_not_waited_for() {
    check(Invariant::StatusCoherence, true, |trace| {
        grown::insert(trace, 95_000, What::PodGone("pg-1".into()));
        grown::insert(trace, 96_000, grown::status(grown::done()));
    });
}

#[test]
fn an_action_that_a_larger_one_took_over_is_not_completed() {
    check(Invariant::StatusCoherence, true, |trace| {
        let taken_over = VolumeState { effective: Some(BEFORE), ..grown::done() };
        grown::insert(trace, 96_000, grown::status(taken_over));
    });
}
