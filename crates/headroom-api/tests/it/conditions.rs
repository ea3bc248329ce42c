//! Conditions by kstatus.

use std::collections::BTreeMap;

use headroom_api::{
    DynamicStorageStatus,
    status::{Refusal, is_refused, write, write_refusal},
};
use headroom_core::{
    Record, Report, Timestamp,
    names::{InstanceName, TablespaceName, VolumeName},
    observation::{ObstacleCause, Suspension},
    report::{ClusterVerdict, InTheWay, Reason, State},
};

use crate::generators::{of_data, plain};

const EMPTY: Record = Record::empty();
const NOW: Timestamp = Timestamp::from_unix(1_795_402_800);
const LATER: Timestamp = Timestamp::from_unix(1_795_406_400);

fn pg() -> InstanceName {
    InstanceName::from("pg-1")
}

/// Status of Ready, Reconciling and Stalled, and their common reason.
fn shown(status: &DynamicStorageStatus) -> (Vec<&str>, &str) {
    let types: Vec<_> = status.conditions.iter().map(|condition| condition.type_.as_str()).collect();
    assert_eq!(types, ["Ready", "Reconciling", "Stalled"]);
    let statuses = status.conditions.iter().map(|condition| condition.status.as_str()).collect();
    (statuses, status.conditions[0].reason.as_str())
}

#[track_caller]
fn check(state: State, reason: Reason, expected: [&str; 3], word: &str) {
    let status = write(&EMPTY, &of_data(plain(state, reason)), None, NOW);
    assert_eq!(shown(&status), (expected.to_vec(), word));
}

const FINE: [&str; 3] = ["True", "False", "False"];
const WORKING: [&str; 3] = ["Unknown", "True", "False"];
const URGENT: [&str; 3] = ["False", "True", "False"];
const UNKNOWN: [&str; 3] = ["Unknown", "False", "False"];
const LEFT: [&str; 3] = ["False", "False", "False"];
const STALLED: [&str; 3] = ["False", "False", "True"];

#[test]
fn conditions_follow_state_and_reason() {
    check(State::Balanced, Reason::EnoughFree, FINE, "EnoughFree");
    check(State::PendingGrowth, Reason::OutsideWindow, FINE, "OutsideWindow");
    check(State::PendingGrowth, Reason::Confirming, FINE, "Confirming");
    check(State::BudgetExhausted, Reason::PlannedBudgetSpent, FINE, "PlannedBudgetSpent");
    check(State::Growing, Reason::WaitingForCanary(pg()), WORKING, "WaitingForCanary");
    check(State::Growing, Reason::Repairing(pg()), WORKING, "Repairing");
    check(State::Emergency, Reason::DiskFull(pg()), URGENT, "DiskFull");
    check(
        State::Emergency,
        Reason::WaitingForStorage { instance: pg(), node_step: true },
        URGENT,
        "WaitingForStorage",
    );
    check(State::WaitingForUsage, Reason::NoUsage, UNKNOWN, "NoUsage");
    check(State::WaitingForUsage, Reason::StaleUsage, STALLED, "StaleUsage");
    check(State::BudgetExhausted, Reason::BudgetSpent, STALLED, "BudgetSpent");
    check(State::AtLimit, Reason::LimitReached, STALLED, "LimitReached");
    check(State::AtLimit, Reason::Critical(pg()), STALLED, "Critical");
    check(State::Emergency, Reason::EmergencyDisabled, STALLED, "EmergencyDisabled");
    check(State::PendingGrowth, Reason::WalFault, STALLED, "WALFault");
    check(State::PendingGrowth, Reason::NoWindowAhead, STALLED, "NoWindowAhead");
    check(State::Blocked, Reason::StorageClassNotExpandable, STALLED, "StorageClassNotExpandable");
    check(State::Blocked, Reason::CanaryStuck(pg()), STALLED, "CanaryStuck");
    check(State::Suspended, Reason::Suspended(Suspension::Hibernated), LEFT, "Hibernated");
    check(State::Paused, Reason::Paused, LEFT, "Paused");
}

#[track_caller]
fn check_cluster(cluster: ClusterVerdict, reason: Reason, expected: [&str; 3], word: &str) {
    let report = Report { cluster, ..of_data(plain(State::Growing, reason)) };
    assert_eq!(shown(&write(&EMPTY, &report, None, NOW)), (expected.to_vec(), word));
}

#[test]
fn the_verdict_on_the_cluster_comes_before_that_on_volumes() {
    let canary = || Reason::WaitingForCanary(pg());
    check_cluster(ClusterVerdict::Fine, canary(), WORKING, "WaitingForCanary");
    check_cluster(ClusterVerdict::Paused, canary(), LEFT, "Paused");
    check_cluster(ClusterVerdict::Releasing, canary(), WORKING, "Releasing");
    check_cluster(
        ClusterVerdict::Suspended(Suspension::ReconciliationDisabled),
        canary(),
        LEFT,
        "ReconciliationDisabled",
    );
    check_cluster(ClusterVerdict::PlanRefused(vec!["NoIntent"]), canary(), STALLED, "PlanRefused");
    let trapped = |by| ClusterVerdict::Trapped { primary: pg(), by };
    check_cluster(trapped(InTheWay::Join("pg-2".into())), canary(), STALLED, "JoinTrapped");
    check_cluster(trapped(InTheWay::PendingPod("pg-2".into())), canary(), STALLED, "PodTrapped");
    let refused = ClusterVerdict::Refused { cause: ObstacleCause::Forbidden, words: "no".into() };
    check_cluster(refused, canary(), STALLED, "Forbidden");
    check_cluster(ClusterVerdict::Advising, canary(), LEFT, "Advising");
    check_cluster(ClusterVerdict::Advising, Reason::LimitReached, STALLED, "LimitReached");
}

#[test]
fn a_refusal_is_told_from_a_volume_that_stands_still() {
    let told = |report: Report| is_refused(&write(&EMPTY, &report, None, NOW));
    assert!(!told(of_data(plain(State::AtLimit, Reason::LimitReached))), "stalled, and decided");
    assert!(!told(of_data(plain(State::Balanced, Reason::EnoughFree))));
    let cluster = ClusterVerdict::PlanRefused(vec!["NoIntent"]);
    assert!(told(Report { cluster, ..of_data(plain(State::Balanced, Reason::EnoughFree)) }));
    let refusal = Refusal { reason: "ClusterNotFound", message: "there is none", hint: "create it" };
    assert!(is_refused(&write_refusal(&refusal, 1, None, NOW)));
    assert!(!is_refused(&DynamicStorageStatus::default()));
}

#[test]
fn the_worst_volume_speaks_and_the_others_are_named() {
    let tablespace = |name| VolumeName::Tablespace(TablespaceName::from(name));
    let mut report = of_data(plain(State::PendingGrowth, Reason::OutsideWindow));
    report.volumes.insert(tablespace("full"), plain(State::AtLimit, Reason::LimitReached));
    report.volumes.insert(tablespace("fine"), plain(State::Balanced, Reason::EnoughFree));
    let status = write(&EMPTY, &report, None, NOW);
    assert_eq!(shown(&status), (STALLED.to_vec(), "LimitReached"));
    let message = &status.conditions[0].message;
    assert!(message.starts_with("tablespace/full: more space is wanted"), "{message}");
    assert!(message.ends_with("; data: PendingGrowth (OutsideWindow)"), "{message}");
}

#[test]
fn transition_times_are_kept_until_the_status_of_a_condition_changes() {
    let times = |status: &DynamicStorageStatus| -> Vec<String> {
        status.conditions.iter().map(|condition| condition.last_transition_time.clone().unwrap()).collect()
    };
    let balanced = write(&EMPTY, &of_data(plain(State::Balanced, Reason::EnoughFree)), None, NOW);
    assert_eq!(times(&balanced), ["2026-11-23T03:00:00Z"; 3]);
    let growing = write(
        &EMPTY,
        &of_data(plain(State::Growing, Reason::WaitingForCanary(pg()))),
        Some(&balanced),
        LATER,
    );
    assert_eq!(times(&growing), ["2026-11-23T04:00:00Z", "2026-11-23T04:00:00Z", "2026-11-23T03:00:00Z"]);
}

#[test]
fn a_refusal_is_stalled_and_says_what_to_do() {
    let refusal = Refusal { reason: "UnknownTimeZone", message: "no such zone", hint: "did you mean UTC?" };
    let status = write_refusal(&refusal, 5, None, NOW);
    assert_eq!(shown(&status), (STALLED.to_vec(), "UnknownTimeZone"));
    assert_eq!(status.conditions[0].message, "no such zone: did you mean UTC?");
    assert_eq!(status.observed_generation, Some(5));
    assert_eq!(status.storage_sizing, None);
}

#[test]
fn before_anything_is_judged_nothing_is_claimed() {
    let report = Report { volumes: BTreeMap::new(), ..of_data(plain(State::Balanced, Reason::EnoughFree)) };
    assert_eq!(shown(&write(&EMPTY, &report, None, NOW)), (UNKNOWN.to_vec(), "NothingSeen"));
}
