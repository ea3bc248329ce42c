//! Statuses as earlier versions stored them: each is kept for ever and read the same way for ever.

use std::collections::BTreeMap;

use headroom_api::{DynamicStorageStatus, schema::prune_status, status::read};
use headroom_core::{
    Bytes, Record, Timestamp,
    ledger::{ActionId, Cause, Ledger, LedgerEntry, Outcome},
    names::{InstanceName, TablespaceName, Uid, VolumeName},
    record::{Calm, Growth, MemberRecord, VolumeRecord},
    usage::Sample,
};
use serde_json::Value;

fn at(text: &str) -> Timestamp {
    headroom_api::time::from_text(text).unwrap()
}

fn entry(id: u32, cause: Cause, sizes: (u64, u64), started: &str, outcome: Outcome) -> LedgerEntry {
    LedgerEntry {
        id: ActionId(id),
        cause,
        from: Bytes::gibi(sizes.0),
        to: Bytes::gibi(sizes.1),
        started: at(started),
        outcome,
    }
}

fn member(claim: &str, grown_at: Option<&str>, last_usage: Option<Sample>) -> MemberRecord {
    MemberRecord { claim: Uid::from(claim), grown_at: grown_at.map(at), last_usage }
}

/// What `status-0.1.json` holds.
fn of_0_1() -> Record {
    let completed = |text| Outcome::Completed { at: at(text) };
    let sample = Sample {
        at: at("2026-11-23T02:59:30Z"),
        capacity: Bytes::new(12_817_793_024),
        available: Bytes::new(1_996_488_704),
    };
    let data = VolumeRecord {
        effective: Bytes::gibi(12),
        ledger: Ledger {
            entries: vec![
                entry(
                    7,
                    Cause::Emergency,
                    (10, 12),
                    "2026-11-22T18:29:10Z",
                    completed("2026-11-22T18:30:00Z"),
                ),
                entry(
                    8,
                    Cause::Planned,
                    (12, 14),
                    "2026-11-23T01:00:00Z",
                    Outcome::Refunded { at: at("2026-11-23T01:05:00Z") },
                ),
                entry(9, Cause::Planned, (12, 14), "2026-11-23T03:00:05Z", Outcome::Running),
            ],
        },
        growth: Some(Growth {
            id: ActionId(9),
            cause: Cause::Planned,
            generation: 4,
            started: at("2026-11-23T03:00:05Z"),
            from: Bytes::gibi(12),
            to: Bytes::gibi(14),
            canary: Some(InstanceName::from("pg-2")),
        }),
        calm: None,
        members: BTreeMap::from([
            (
                InstanceName::from("pg-1"),
                member("5f0f2a3e-0000-4000-8000-000000000001", Some("2026-11-22T18:30:00Z"), Some(sample)),
            ),
            (InstanceName::from("pg-2"), member("5f0f2a3e-0000-4000-8000-000000000002", None, None)),
        ]),
    };
    let noon = "2026-11-22T12:00:00Z";
    let tablespace = VolumeRecord {
        effective: Bytes::gibi(5),
        ledger: Ledger { entries: vec![entry(6, Cause::External, (4, 5), noon, completed(noon))] },
        growth: None,
        calm: Some(Calm::from(at("2026-11-22T14:00:00Z"))),
        members: BTreeMap::new(),
    };
    let name = VolumeName::Tablespace(TablespaceName::from("idx"));
    Record {
        sequence: 9,
        volumes: BTreeMap::from([(VolumeName::Data, data), (name, tablespace)]),
        ..Record::empty()
    }
}

#[track_caller]
fn check(stored: &str, expected: &Record) {
    let stored: Value = serde_json::from_str(stored).unwrap();
    assert_eq!(prune_status(&stored), stored, "today's schema still names every field");
    let status: DynamicStorageStatus = serde_json::from_value(stored.clone()).unwrap();
    assert_eq!(read(&status).as_ref(), Ok(expected));
    assert_eq!(
        serde_json::to_value(&status).unwrap(),
        stored,
        "nothing of it is lost when it is written back"
    );
}

#[test]
fn a_status_of_version_0_1_is_read() {
    check(include_str!("data/status-0.1.json"), &of_0_1());
}
