//! Statuses that cannot be understood: nothing is touched then.

use headroom_api::{
    DynamicStorageStatus,
    status::{Unreadable, read},
};
use serde_json::{Value, json};

/// A status with one volume, with one value replaced.
fn with(pointer: &str, value: Value) -> DynamicStorageStatus {
    let mut status: Value = serde_json::from_str(include_str!("data/status-0.1.json")).unwrap();
    *status.pointer_mut(pointer).unwrap() = value;
    serde_json::from_value(status).unwrap()
}

#[track_caller]
fn check(pointer: &str, value: Value, expected: &str) {
    let unreadable = read(&with(pointer, value)).expect_err(pointer);
    assert_eq!(unreadable.to_string(), expected);
    assert!(!unreadable.hint().is_empty());
}

const DATA: &str = "/storageSizing/data";

#[test]
fn words_of_a_newer_version_are_not_guessed() {
    let unknown = |what: &str, word: &str| {
        format!("status of data: {what} is {word:?}, which this version does not know")
    };
    check(&format!("{DATA}/actions/0/kind"), json!("Shrink"), &unknown("actions[7].kind", "Shrink"));
    check(&format!("{DATA}/actions/0/cause"), json!("Forecast"), &unknown("actions[7].cause", "Forecast"));
    check(&format!("{DATA}/actions/0/result"), json!("Halved"), &unknown("actions[7].result", "Halved"));
    check(&format!("{DATA}/growth/cause"), json!("Forecast"), &unknown("growth.cause", "Forecast"));
}

#[test]
fn an_operation_of_a_newer_version_is_not_touched() {
    let status: DynamicStorageStatus =
        serde_json::from_value(json!({"operation": {"id": 3, "kind": "Rebuild"}})).unwrap();
    let unreadable = read(&status).expect_err("an operation");
    assert_eq!(unreadable, Unreadable::Operation { kind: "Rebuild".to_owned() });
    assert!(unreadable.hint().contains("run the version of headroom that wrote it"));
}

#[test]
fn edited_sizes_times_and_numbers_are_named() {
    check(
        &format!("{DATA}/effectiveSize"),
        json!("large"),
        "status of data: effectiveSize is \"large\", which is no size",
    );
    check(
        &format!("{DATA}/actions/0/to"),
        json!("-1Gi"),
        "status of data: actions[7].to is \"-1Gi\", which is no size",
    );
    check(
        &format!("{DATA}/actions/0/startedAt"),
        json!("yesterday"),
        "status of data: actions[7].startedAt is \"yesterday\", which is no time",
    );
    check(
        &format!("{DATA}/actualSizes/0/lastUsage/at"),
        json!(""),
        "status of data: actualSizes[pg-1].lastUsage.at is \"\", which is no time",
    );
    check(&format!("{DATA}/growth/id"), json!(-1), "status of data: growth.id is -1, which cannot be");
    check(
        &format!("{DATA}/growth/generation"),
        json!(-1),
        "status of data: growth.generation is -1, which cannot be",
    );
    check(
        "/storageSizing/lastActionId",
        json!(4_294_967_296_i64),
        "status.storageSizing.lastActionId is 4294967296, which cannot be",
    );
}

#[test]
fn what_must_be_there_is_missed() {
    check(&format!("{DATA}/effectiveSize"), Value::Null, "status of data: effectiveSize is missing");
    check(
        &format!("{DATA}/actions/0/completedAt"),
        Value::Null,
        "status of data: actions[7].completedAt is missing",
    );
}

#[test]
fn the_same_tablespace_twice_is_no_record() {
    let tablespace = json!({"name": "idx", "effectiveSize": "1Gi"});
    check(
        "/storageSizing/tablespaces",
        json!([tablespace, tablespace]),
        "status of tablespace/idx is there twice",
    );
}

#[test]
fn what_is_only_shown_may_say_anything() {
    for pointer in ["state", "reason", "message", "targetSize"] {
        read(&with(&format!("{DATA}/{pointer}"), json!("from the future"))).unwrap();
    }
}
