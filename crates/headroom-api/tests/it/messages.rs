//! Words for people.

use std::collections::BTreeSet;

use headroom_api::{
    events,
    names::ReasonName,
    prose::{self, Standing},
};
use headroom_core::{
    Bytes, Timestamp,
    ledger::{ActionId, Cause},
    names::{InstanceName, TablespaceName, VolumeName},
    report::{BudgetReport, Reason, State, VolumeReport, WalReport},
};

use crate::generators::{STATES, notices, plain, reasons};

#[test]
fn every_reason_of_the_core_has_words_with_a_next_step_where_somebody_must_act() {
    for reason in reasons() {
        for state in STATES {
            let report = plain(state, reason.clone());
            let text = prose::volume(&VolumeName::Data, &report);
            assert!(text.len() > 20 && !text.contains('\n') && !text.contains("  "), "{text:?}");
            // A pending growth does not stall by its state, so the reason alone does.
            if state == State::PendingGrowth && prose::standing(&report) == Standing::Stalled {
                let acting = [": ", ". ", "Next step", "headroom goes on", "it is raised"];
                assert!(acting.iter().any(|part| text.contains(part)), "no next step: {text}");
            }
        }
    }
}

#[test]
fn reasons_and_notices_use_different_words_for_different_things() {
    let mut words: BTreeSet<ReasonName> = reasons().iter().map(ReasonName::from).collect();
    let shared = 2;
    assert_eq!(
        words.len(),
        reasons().len() - shared,
        "the two steps of WaitingForStorage share a word, and the two parameters of ParameterForbidsReplicas"
    );
    words.extend(notices().iter().map(ReasonName::from));
    assert_eq!(words.len(), reasons().len() - shared + notices().len());
    assert!(words.iter().all(|word| !word.is_refusal()));
}

#[track_caller]
fn says(report: &VolumeReport, expected: &str) {
    assert_eq!(prose::volume(&VolumeName::Data, report), expected);
}

#[test]
fn waiting_for_a_window_names_it() {
    let window = (Timestamp::from_unix(1_795_402_800), Timestamp::from_unix(1_795_410_000));
    says(
        &VolumeReport { window: Some(window), ..plain(State::PendingGrowth, Reason::OutsideWindow) },
        "less than targetBuffer is free; growth to 12Gi waits for the maintenance window from 2026-11-23T03:00:00Z to \
         2026-11-23T05:00:00Z; an emergency would not wait",
    );
}

#[test]
fn an_empty_budget_says_when_the_next_slot_comes() {
    let at = Timestamp::from_unix(1_795_402_800);
    let budget =
        BudgetReport { used: 4, planned: 0, emergency: 0, next_planned: Some(at), next_emergency: Some(at) };
    says(
        &VolumeReport { budget, ..plain(State::BudgetExhausted, Reason::BudgetSpent) },
        "growth to 12Gi is wanted and all slots of the last 24 hours are spent, the next one comes at \
         2026-11-23T03:00:00Z: raise budget.actionsPerDay, or free space",
    );
    says(
        &VolumeReport {
            budget,
            ..plain(State::BudgetExhausted, Reason::DiskFull(InstanceName::from("pg-1")))
        },
        "the server of pg-1 stopped because its volume is full, and all slots are spent, the next one comes at \
         2026-11-23T03:00:00Z: raise budget.actionsPerDay, or free space",
    );
}

#[test]
fn an_emergency_says_what_is_done_about_it() {
    let critical = || Reason::Critical(InstanceName::from("pg-2"));
    says(
        &VolumeReport {
            running: Some((ActionId(1), Cause::Emergency)),
            ..plain(State::Emergency, critical())
        },
        "the volume of pg-2 is critically full: growing to 12Gi at once",
    );
    says(
        &plain(State::AtLimit, critical()),
        "the volume of pg-2 is critically full, and the ceiling of 100Gi is reached: raise limit, or free space",
    );
}

#[test]
fn a_missing_tablespace_is_named() {
    let name = VolumeName::Tablespace(TablespaceName::from("idx"));
    let text = prose::volume(&name, &plain(State::Blocked, Reason::NoSuchVolume));
    assert!(text.starts_with("the Cluster has no tablespace idx"), "{text}");
}

#[test]
fn the_wal_volume_says_whose_is_full_and_why() {
    let names = |names: &[&str]| names.iter().map(|name| InstanceName::from(*name)).collect::<Vec<_>>();
    let wal =
        |full: &[&str], low: &[&str], notices| WalReport { full: names(full), low: names(low), notices };
    assert!(
        prose::wal(&wal(&["pg-1", "pg-2"], &["pg-3"], notices()))
            .starts_with("the WAL volume of pg-1, pg-2 is full")
    );
    assert!(
        prose::wal(&wal(&[], &["pg-3"], Vec::new()))
            .starts_with("the WAL volume of pg-3 has less than 10% free")
    );
    assert!(prose::wal(&wal(&[], &[], Vec::new())).starts_with("observed only"));
    assert!(
        prose::wal(&wal(&["pg-1"], &[], notices())).contains("replication slot standby_1 retains 3Gi of WAL")
    );
}

#[test]
fn every_event_fits_an_event() {
    let pg = InstanceName::from("pg-1");
    let data = VolumeName::Data;
    let mut all = vec![
        events::growth_completed(&data, Bytes::gibi(1), Bytes::gibi(2)),
        events::repairing(&data, &pg, Bytes::gibi(2)),
        events::plan_refused(&["NoIntent"]),
        events::session_exhausted(),
        events::quarantined("index out of range"),
        events::refused("ClusterNotFound", "there is no Cluster pg"),
        events::refused("Nonsense", "…"),
    ];
    for cause in [Cause::Planned, Cause::Emergency, Cause::External] {
        all.push(events::growth_started(&data, cause, Bytes::gibi(1), Bytes::gibi(2)));
    }
    for reason in reasons() {
        all.push(events::growth_stopped(&data, &reason));
        all.extend(STATES.map(|state| events::state_entered(&data, state, &reason)));
    }
    for event in all {
        assert!(!event.message.is_empty() && event.message.len() <= 1_024, "{event:?}");
        assert!(event.reason.len() <= 128 && ReasonName::from_word(event.reason).is_some(), "{event:?}");
        assert!(["Normal", "Warning"].contains(&event.kind.as_str()));
    }
}
