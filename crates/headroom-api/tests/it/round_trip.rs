//! What is written comes back, through JSON and through what the API server keeps.

use headroom_api::{
    DynamicStorageStatus,
    schema::prune_status,
    status::{Refusal, digest, read, refusal_digest, stored_digest, write, write_refusal},
};
use headroom_core::{Record, Report, Timestamp};
use proptest::prelude::*;

use crate::{generators, structural};

/// A status after the API server has stored it.
#[track_caller]
fn stored(status: &DynamicStorageStatus) -> DynamicStorageStatus {
    let json = serde_json::to_value(status).unwrap();
    let schema = &structural::schema()["properties"]["status"];
    assert_eq!(structural::objections(schema, &json), Vec::<String>::new(), "{json:#}");
    let kept = prune_status(&json);
    assert_eq!(kept, json, "the schema names every field that is written");
    let back = serde_json::from_value(kept).unwrap();
    assert_eq!(status, &back, "JSON loses nothing");
    back
}

const NOW: Timestamp = Timestamp::from_unix(1_795_402_800);
const LATER: Timestamp = Timestamp::from_unix(1_795_406_400);

#[track_caller]
fn check(record: &Record, report: &Report) {
    let status = stored(&write(record, report, None, NOW));
    assert_eq!(read(&status).as_ref(), Ok(record));
    assert_eq!(stored_digest(&status), digest(record, report));
    assert_eq!(
        write(record, report, Some(&status), LATER),
        status,
        "the same verdict later writes nothing new"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_record_comes_back(record in generators::record(), report in generators::report()) {
        check(&record, &report);
    }

    #[test]
    fn digests_are_equal_exactly_when_nothing_would_change(
        first in (generators::record(), generators::report()),
        second in (generators::record(), generators::report()),
        mix in 0..4,
    ) {
        // Often only one half differs, as in life.
        let (record, report) = match mix {
            0 => (&second.0, &second.1),
            1 => (&first.0, &second.1),
            2 => (&second.0, &first.1),
            _ => (&first.0, &first.1),
        };
        let before = write(&first.0, &first.1, None, NOW);
        let after = write(record, report, Some(&before), NOW);
        prop_assert_eq!(digest(&first.0, &first.1) == digest(record, report), before == after);
    }

    #[test]
    fn a_refusal_leaves_the_record_alone(record in generators::record(), report in generators::report()) {
        let refusal = Refusal { reason: "InvalidSchedule", message: "what is wrong", hint: "what to do" };
        let before = write(&record, &report, None, NOW);
        let refused = stored(&write_refusal(&refusal, 9, Some(&before), LATER));
        prop_assert_eq!(&refused.storage_sizing, &before.storage_sizing);
        prop_assert_eq!(read(&refused), Ok(record.clone()));
        prop_assert_eq!(stored_digest(&refused), refusal_digest(&refusal, 9));
        prop_assert_ne!(stored_digest(&refused), refusal_digest(&refusal, 10));
        prop_assert_ne!(stored_digest(&refused), digest(&record, &report));
        let healed = write(&record, &report, Some(&refused), LATER);
        prop_assert_eq!(stored_digest(&healed), digest(&record, &report));
    }
}

#[test]
fn every_reason_and_state_can_be_stored() {
    let record = Record::empty();
    for state in generators::STATES {
        for reason in generators::reasons() {
            check(&record, &generators::of_data(generators::plain(state, reason)));
        }
    }
}

#[test]
fn an_empty_status_holds_an_empty_record() {
    let empty = Record::empty();
    assert_eq!(read(&DynamicStorageStatus::default()), Ok(empty.clone()));
    let null: DynamicStorageStatus = serde_json::from_str("{}").unwrap();
    assert_eq!(read(&null), Ok(empty));
}
