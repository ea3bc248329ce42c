//! Digests.

use std::collections::BTreeMap;

use headroom_api::{
    DynamicStorageStatus,
    status::{Refusal, digest, refusal_digest, stored_digest, write, write_refusal},
};
use headroom_core::{
    Record, Timestamp,
    report::{Reason, State},
};

use crate::generators::{of_data, plain};

const EMPTY: Record = Record { sequence: 4, volumes: BTreeMap::new(), shrink: None, shrunk_at: None };

#[test]
fn a_digest_is_the_same_on_every_machine() {
    let report = of_data(plain(State::Balanced, Reason::EnoughFree));
    // A changed message or toolchain may change it, at the price of nothing: digests are not stored.
    assert_eq!(format!("{:016x}", digest(&EMPTY, &report)), "767b011346eee013");
}

#[test]
fn transition_times_do_not_count() {
    let report = of_data(plain(State::Balanced, Reason::EnoughFree));
    let early = write(&EMPTY, &report, None, Timestamp::from_unix(1_000));
    let late = write(&EMPTY, &report, None, Timestamp::from_unix(2_000));
    assert_ne!(early, late);
    assert_eq!(stored_digest(&early), stored_digest(&late));
}

#[test]
fn a_new_object_differs_from_every_verdict() {
    let report = of_data(plain(State::Balanced, Reason::EnoughFree));
    let refusal = Refusal { reason: "ClusterNotFound", message: "", hint: "" };
    let new = stored_digest(&DynamicStorageStatus::default());
    assert_ne!(new, digest(&EMPTY, &report));
    assert_ne!(new, refusal_digest(&refusal, 0));
}

#[test]
fn refusals_differ_by_reason_message_hint_and_generation() {
    let refusal = Refusal { reason: "InvalidSpec", message: "a", hint: "b" };
    let stored = stored_digest(&write_refusal(&refusal, 1, None, Timestamp::from_unix(0)));
    assert_eq!(stored, refusal_digest(&refusal, 1));
    for (other, generation) in [
        (Refusal { reason: "InvalidSchedule", ..refusal }, 1),
        (Refusal { message: "c", ..refusal }, 1),
        (Refusal { hint: "c", ..refusal }, 1),
        (refusal, 2),
    ] {
        assert_ne!(stored, refusal_digest(&other, generation), "{other:?} {generation}");
    }
}

#[test]
fn a_refusal_with_an_unknown_reason_is_still_known_as_one() {
    let refusal = Refusal { reason: "SomethingElse", message: "a", hint: "b" };
    let status = write_refusal(&refusal, 1, None, Timestamp::from_unix(0));
    assert_eq!(status.conditions[0].reason, "InternalError");
    assert_eq!(stored_digest(&status), refusal_digest(&refusal, 1));
}
