//! Facts over a trace: what holds, and what a time-out says still fails.

use headroom_core::{Bytes, ledger::Cause, names::VolumeName, report::State};
use headroom_scenario::{
    Act, Fact, Gate, Strike, Trace, View, What, Who, evaluate, holds,
    trace::{BackupState, ClaimState, ClusterState, PodState},
};

use crate::grown::{self, AFTER, BEFORE, QUIET};

/// `None`: the fact holds.
#[track_caller]
fn check(trace: &Trace, fact: &Fact, still: Option<&str>) {
    let found = evaluate(fact, trace, QUIET).err();
    assert_eq!(found.as_deref(), still, "{fact:?}");
    // Catching up entry by entry says the same.
    let mut view = View::new();
    let mut growing = Trace::new();
    for entry in &trace.entries {
        growing.push(entry.at_ms, entry.what.clone());
        view.catch_up(&growing);
    }
    assert_eq!(holds(fact, &view, QUIET).err().as_deref(), still, "{fact:?}");
}

fn until(at_ms: u64) -> Trace {
    let mut trace = grown::trace();
    trace.entries.retain(|entry| entry.at_ms <= at_ms);
    trace
}

fn data() -> VolumeName {
    VolumeName::Data
}

#[test]
fn nothing_holds_in_an_empty_trace() {
    let empty = Trace::new();
    check(&empty, &Fact::Healthy, Some("no Cluster has been seen"));
    check(&empty, &Fact::Accepted, Some("the DynamicStorage has no status"));
    check(&empty, &Fact::Settled, Some("the DynamicStorage has no status"));
    check(&empty, &Fact::UsedAtLeast(data(), 0), Some("no primary has been seen"));
    check(&empty, &Fact::EveryMemberUsedAtLeast(data(), 0), Some("no instance has been seen"));
    check(&empty, &Fact::EveryClaimHas(data(), Bytes::ZERO), Some("0 of 1 claims of data exist"));
}

#[test]
fn a_healthy_cluster_needs_phase_counts_and_pods() {
    check(&until(60_000), &Fact::Healthy, None);
    check(&until(8_000), &Fact::Healthy, Some("the Cluster's phase is \"Setting up primary\""));
    let mut trace = until(60_000);
    trace.push(60_500, grown::pod("pg-2", false, 0, None));
    check(&trace, &Fact::Healthy, Some("1 of 2 pods are ready"));
}

#[test]
fn a_state_that_was_missed_still_counts_as_seen() {
    let trace = grown::trace();
    check(&trace, &Fact::StateSeen(data(), State::Growing), None);
    check(&trace, &Fact::StateIs(data(), State::Growing), Some("data is Balanced, not Growing"));
    check(
        &trace,
        &Fact::StateSeen(data(), State::Emergency),
        Some("data was never Emergency; it is Balanced"),
    );
    check(&trace, &Fact::IntentRecorded { volume: data(), cause: Cause::Planned }, None);
    let emergency = Fact::IntentRecorded { volume: data(), cause: Cause::Emergency };
    check(&trace, &emergency, Some("the status has shown no Emergency growth of data"));
}

#[test]
fn claims_count_with_request_and_capacity() {
    let small = "the data claim of pg-1 requests 1152Mi and has 1Gi, not 1152Mi";
    check(&until(94_000), &Fact::EveryClaimHas(data(), AFTER), Some(small));
    check(&until(99_000), &Fact::EveryClaimHas(data(), AFTER), None);
}

#[test]
fn usage_is_judged_by_the_primary_or_by_every_member() {
    check(&until(60_000), &Fact::UsedAtLeast(data(), 83), None);
    check(&until(60_000), &Fact::UsedAtLeast(data(), 84), Some("data of pg-1 is 83 % full, not 84 %"));
    let once = "the newest samples of data of pg-1 disagree";
    check(&until(60_000), &Fact::EveryMemberUsedAtLeast(data(), 83), Some(once));
    check(&until(72_000), &Fact::EveryMemberUsedAtLeast(data(), 83), None);
    let late = "data of pg-2 is 83 % full, not 84 %";
    let mut trace = until(60_000);
    trace.push(60_100, grown::usage("pg-1", 960, 900));
    trace.push(75_100, grown::usage("pg-1", 960, 901));
    check(&trace, &Fact::EveryMemberUsedAtLeast(data(), 84), Some(late));
}

#[test]
fn samples_from_before_a_fill_say_nothing_of_it() {
    let fact = Fact::EveryMemberUsedAtLeast(data(), 83);
    let mut trace = until(72_000);
    check(&trace, &fact, None);
    let fill = Act::Fill { volume: data(), used_percent: 84 };
    trace.push(72_100, What::Acted(fill));
    check(&trace, &fact, Some("no usage of data of pg-1 has been seen"));
    for member in ["pg-1", "pg-2"] {
        trace.push(73_000, grown::usage(member, 960, 900));
    }
    check(&trace, &fact, Some("the newest samples of data of pg-1 disagree"));
    for member in ["pg-1", "pg-2"] {
        trace.push(84_000, grown::usage(member, 960, 900));
    }
    check(&trace, &fact, None);
}

#[test]
fn a_server_stopped_counts_since_the_fixture_was_ready_and_for_a_primary_only() {
    let stopped = Fact::ServerStopped { code: 4 };
    let missing = Some("no server of a primary has stopped with exit code 4");
    let mut before = until(42_000);
    before.push(43_000, grown::pod("pg-1", true, 1, Some(4)));
    before.push(60_000, What::FixtureReady);
    before.push(61_000, grown::pod("pg-1", true, 1, Some(4)));
    check(&before, &stopped, missing);
    before.push(62_000, grown::pod("pg-1", false, 2, Some(4)));
    check(&before, &stopped, None);
    let mut replica = until(60_000);
    replica.push(61_000, grown::pod("pg-2", false, 1, Some(4)));
    check(&replica, &stopped, missing);
}

#[test]
fn serving_needs_a_row_well_after_the_last_disturbance() {
    let mut trace = until(66_000);
    check(&trace, &Fact::Serving, None);
    trace.push(67_000, What::Acted(Act::Fill { volume: data(), used_percent: 95 }));
    trace.push(67_100, What::Acknowledged(12));
    check(&trace, &Fact::Serving, Some("no row acknowledged since the last disturbance"));
    trace.push(69_000, What::Acknowledged(12));
    check(&trace, &Fact::Serving, Some("no row acknowledged since the last disturbance"));
    trace.push(70_000, What::Acknowledged(13));
    check(&trace, &Fact::Serving, None);
    trace.push(71_000, grown::pod("pg-1", false, 1, Some(4)));
    check(&trace, &Fact::Serving, Some("no row acknowledged since the last disturbance"));
}

#[test]
fn a_refusal_counts_since_the_last_fill() {
    let mut trace = until(66_000);
    let refused = What::InsertFailed { no_space: true };
    trace.push(67_000, refused.clone());
    check(&trace, &Fact::InsertRefused, None);
    trace.push(68_000, What::Acted(Act::FillUntilRefused { volume: data(), stop_at: AFTER }));
    check(&trace, &Fact::InsertRefused, Some("no insert was refused for lack of space"));
    trace.push(69_000, refused);
    check(&trace, &Fact::InsertRefused, None);
}

#[test]
fn quiet_is_settled_and_no_write_for_the_span() {
    check(&until(94_000), &Fact::Accepted, None);
    check(&until(94_000), &Fact::Quiet, Some("data is Growing (WaitingForCanary)"));
    check(&until(115_000), &Fact::Quiet, Some("quiet for 10 of 30 s"));
    check(&grown::trace(), &Fact::Quiet, None);
}

#[test]
fn a_gate_is_held_once_something_has_arrived_at_it() {
    let fact = Fact::Held(Gate::NodeStep);
    let mut trace = until(60_000);
    check(&trace, &fact, Some("the gate node-step is not held"));
    trace.push(61_000, What::GateHeld(Gate::NodeStep));
    check(&trace, &fact, Some("nothing has reached the gate node-step"));
    trace.push(62_000, What::GateReached(Gate::NodeStep));
    check(&trace, &fact, None);
    trace.push(63_000, What::GateReleased(Gate::NodeStep));
    check(&trace, &fact, Some("the gate node-step is not held"));
}

#[test]
fn a_verification_counts_until_the_next_act() {
    check(&grown::trace(), &Fact::Verified, None);
    let mut trace = grown::trace();
    trace.push(151_000, What::Acted(Act::StopOperator));
    check(&trace, &Fact::Verified, Some("the verification has not ended"));
}

#[test]
fn a_changed_primary_is_another_one_than_when_the_strike_came() {
    let mut trace = until(66_000);
    check(&trace, &Fact::PrimaryChanged, Some("the primary is still pg-1"));
    trace.push(67_000, What::Struck(Strike::SwitchOver));
    trace.push(70_000, grown::cluster("Switchover in progress", 1, "pg-2"));
    check(&trace, &Fact::PrimaryChanged, None);
    trace.push(80_000, What::Struck(Strike::FailOver));
    check(&trace, &Fact::PrimaryChanged, Some("the primary is still pg-2"));
}

#[test]
fn drains_refusals_and_failed_joins_count_since_the_last_strike() {
    let mut trace = until(66_000);
    check(&trace, &Fact::Drained, Some("the node is not drained"));
    check(&trace, &Fact::EvictionRefused, Some("no eviction was refused"));
    check(&trace, &Fact::JoinFailed, Some("no join has failed"));
    check(&trace, &Fact::JoinBegan, Some("no join runs"));
    trace.push(66_500, What::JoinBegan("pg-3".into()));
    check(&trace, &Fact::JoinBegan, None);
    trace.push(67_000, What::Struck(Strike::Drain(Who::Primary)));
    check(&trace, &Fact::JoinBegan, Some("no join runs"));
    trace.push(67_100, What::EvictionRefused("pg-1".into()));
    trace.push(72_000, What::Drained("n1".to_owned()));
    trace.push(73_000, What::JoinFailed("pg-3".into(), 1));
    for fact in [Fact::Drained, Fact::EvictionRefused, Fact::JoinFailed] {
        check(&trace, &fact, None);
    }
    trace.push(80_000, What::Struck(Strike::CordonAll));
    check(&trace, &Fact::Drained, Some("the node is not drained"));
}

#[test]
fn a_backup_begins_with_its_first_phase_and_ends_well_or_not() {
    let backup = |phase: &str| {
        What::Backup(BackupState { name: "b".to_owned(), phase: phase.to_owned(), error: None })
    };
    let mut trace = until(66_000);
    trace.push(67_000, What::Struck(Strike::Change(Act::StartBackup)));
    trace.push(67_100, backup(""));
    check(&trace, &Fact::BackupBegun, Some("no Backup has begun"));
    trace.push(67_200, backup("started"));
    check(&trace, &Fact::BackupBegun, None);
    check(&trace, &Fact::BackupEnded, Some("the newest Backup is \"started\""));
    for end in ["completed", "failed"] {
        let mut ended = trace.clone();
        ended.push(90_000, backup(end));
        check(&ended, &Fact::BackupEnded, None);
    }
}

#[test]
fn an_upgrade_has_reached_every_pod() {
    let mut trace = until(66_000);
    check(&trace, &Fact::Upgraded, Some("the image is still postgres:15"));
    let image = || "postgres:16".to_owned();
    let What::Cluster(cluster) = grown::healthy() else { panic!("a Cluster") };
    trace.push(67_000, What::Cluster(ClusterState { image: image(), ..cluster }));
    check(&trace, &Fact::Upgraded, Some("pg-1 runs postgres:15, not postgres:16"));
    for name in ["pg-1", "pg-2"] {
        let What::Pod(pod) = grown::pod(name, true, 0, None) else { panic!("a pod") };
        trace.push(70_000, What::Pod(PodState { image: image(), ..pod }));
    }
    check(&trace, &Fact::Upgraded, None);
}

#[test]
fn instances_phases_and_restarts_are_read_from_the_newest_state() {
    let mut trace = until(66_000);
    check(&trace, &Fact::InstancesAre(2), None);
    let still = "2 instances are wanted, 2 exist, 2 are ready, not 3";
    check(&trace, &Fact::InstancesAre(3), Some(still));
    check(&trace, &Fact::PhaseIs("Cluster in healthy state"), None);
    let other = "the Cluster's phase is \"Cluster in healthy state\", not \"Waiting for user action\"";
    check(&trace, &Fact::PhaseIs("Waiting for user action"), Some(other));
    trace.push(67_000, grown::pod("pg-1", false, 2, Some(4)));
    check(&trace, &Fact::PrimaryRestarts(2), None);
    check(&trace, &Fact::PrimaryRestarts(3), Some("the primary has restarted 2 of 3 times"));
}

#[test]
fn claims_and_usage_can_be_asked_for_less_than_all() {
    let small = "the data claim of pg-1 requests 1Gi, not 1152Mi";
    check(&until(90_000), &Fact::EveryClaimRequests(data(), AFTER), Some(small));
    check(&until(94_000), &Fact::EveryClaimRequests(data(), AFTER), None);
    check(&until(94_000), &Fact::ClaimPending(data()), Some("every data claim is bound"));
    let mut trace = until(66_000);
    let What::Claim(claim) = grown::claim("pg-3", BEFORE, BEFORE) else { panic!("a claim") };
    trace.push(67_000, What::Claim(ClaimState { capacity: None, ..claim }));
    check(&trace, &Fact::ClaimPending(data()), None);
    check(&grown::trace(), &Fact::FreeAtLeast(data(), 25), None);
    check(&until(66_000), &Fact::FreeAtLeast(data(), 25), Some("data of pg-1 is 17 % free, not 25 %"));
}

#[test]
fn reasons_and_completed_actions_are_those_of_the_newest_status() {
    check(&grown::trace(), &Fact::ReasonIs(data(), "EnoughFree"), None);
    let now = "data says WaitingForCanary, not EnoughFree";
    check(&until(94_000), &Fact::ReasonIs(data(), "EnoughFree"), Some(now));
    check(&grown::trace(), &Fact::Completed(data(), Cause::Planned, 1), None);
    let none = "0 of 1 Planned actions of data are completed";
    check(&until(94_000), &Fact::Completed(data(), Cause::Planned, 1), Some(none));
}

#[test]
fn a_cluster_that_is_gone_is_neither_healthy_nor_accepted() {
    let mut trace = until(66_000);
    trace.push(67_000, What::StorageGone);
    trace.push(68_000, What::ClusterGone);
    check(&trace, &Fact::Healthy, Some("no Cluster has been seen"));
    check(&trace, &Fact::Accepted, Some("the DynamicStorage has no status"));
    check(&trace, &Fact::Serving, Some("no row acknowledged since the last disturbance"));
    trace.push(70_000, What::Acknowledged(3));
    check(&trace, &Fact::Serving, None);
}

#[test]
fn all_of_several_names_each_part_that_fails() {
    let both = Fact::All(vec![Fact::Settled, Fact::Healthy, Fact::InsertRefused]);
    let still = "data is PendingGrowth (Confirming); no insert was refused for lack of space";
    check(&until(60_000), &both, Some(still));
}
