//! Each expectation's checker fails on a trace with its violation planted, by name.

use std::time::Duration;

use headroom_core::{Bytes, ledger::Cause, names::VolumeName, report::State};
use headroom_scenario::{
    Strike, Trace, What,
    expect::{Control, Data, Functional, Storage, all},
    trace::{BackupState, ClaimState, PodState, VolumeState, Written},
};

use crate::grown::{self, AFTER, BEFORE};

/// Plants a violation and demands that the checker with this name finds it.
#[track_caller]
fn check(name: &str, plant: impl FnOnce(&mut Trace)) {
    let mut trace = grown::trace();
    plant(&mut trace);
    let failing = grown::failing(&grown::scenario(), &trace);
    assert!(failing.iter().any(|text| text.starts_with(name)), "{name:?} was not found, but {failing:#?}");
}

#[test]
fn the_run_as_it_should_be_has_no_finding() {
    assert_eq!(grown::failing(&grown::scenario(), &grown::trace()), Vec::<String>::new());
}

#[test]
fn a_cluster_that_stays_unhealthy_is_found() {
    check("the Cluster is healthy", |trace| {
        grown::insert(trace, 110_000, grown::cluster("Not enough disk space", 1, "pg-1"));
    });
    check("the Cluster is healthy", |trace| {
        grown::insert(trace, 110_000, grown::pod("pg-2", false, 0, None));
    });
}

#[test]
fn a_promotion_is_found() {
    check("promotions: 0", |trace| {
        grown::insert(trace, 95_000, grown::cluster("Cluster in healthy state", 2, "pg-2"));
        grown::insert(trace, 96_000, grown::healthy());
    });
}

/// Judges the run with these expectations alone; what did not hold.
fn judged(functional: Vec<Functional>, control: Vec<Control>, plant: impl FnOnce(&mut Trace)) -> Vec<String> {
    let mut scenario = grown::scenario();
    scenario.expect.functional = functional;
    scenario.expect.control = control;
    let mut trace = grown::trace();
    plant(&mut trace);
    grown::failing(&scenario, &trace)
}

#[test]
fn promotions_and_pods_beyond_their_bounds_are_found() {
    let bounds =
        || all([Functional::PromotionsBetween(0, 0), Functional::PodsMade(0, 0), Functional::Instances(2)]);
    let rest = || all([Control::QuietAtTheEnd]);
    assert_eq!(judged(bounds(), rest(), |_| {}), Vec::<String>::new());
    let found = judged(bounds(), rest(), |trace| {
        grown::insert(trace, 95_000, grown::cluster("Cluster in healthy state", 2, "pg-2"));
        let What::Pod(pod) = grown::pod("pg-2", true, 0, None) else { panic!("a pod") };
        grown::insert(trace, 95_500, What::Pod(PodState { uid: "another".to_owned(), ..pod }));
    });
    assert!(found[0].starts_with("promotions between 0 and 0"), "{found:?}");
    assert!(found[1].starts_with("instance pods made between 0 and 0"), "{found:?}");
    let found = judged(all([Functional::Instances(3)]), rest(), |_| {});
    assert!(found[0].starts_with("3 instances at the end"), "{found:?}");
}

#[test]
fn a_backup_that_failed_or_does_not_say_why_is_found() {
    let backup = |phase: &str, error: Option<&str>| {
        let error = error.map(str::to_owned);
        What::Backup(BackupState { name: "b".to_owned(), phase: phase.to_owned(), error })
    };
    let run = |what: Functional, with: Option<What>| {
        judged(all([what]), all([Control::QuietAtTheEnd]), |trace| {
            if let Some(with) = with {
                grown::insert(trace, 80_000, with);
            }
        })
    };
    for what in [Functional::BackupCompleted, Functional::BackupEndedClearly] {
        assert_eq!(run(what.clone(), Some(backup("completed", None))), Vec::<String>::new());
        assert_eq!(run(what.clone(), None).len(), 1);
        assert_eq!(run(what.clone(), Some(backup("running", None))).len(), 1);
        assert_eq!(run(what, Some(backup("failed", None))).len(), 1);
    }
    let clear = || Some(backup("failed", Some("instance is gone")));
    assert_eq!(run(Functional::BackupEndedClearly, clear()), Vec::<String>::new());
    assert_eq!(run(Functional::BackupCompleted, clear()).len(), 1);
}

#[test]
fn an_upgrade_that_did_not_happen_is_found() {
    let found = judged(all([Functional::Upgraded]), all([Control::QuietAtTheEnd]), |_| {});
    assert!(found[0].starts_with("every instance runs the new image"), "{found:?}");
}

#[test]
fn patches_and_writes_beyond_their_bounds_and_a_reason_never_shown_are_found() {
    let data = || VolumeName::Data;
    let healthy = || all([Functional::Healthy]);
    let bounds = || {
        all([
            Control::PatchesPerClaimAtMost(data(), 1),
            Control::WritesAtMost(4),
            Control::PassedThroughAs(data(), State::Growing, "WaitingForCanary"),
        ])
    };
    assert_eq!(judged(healthy(), bounds(), |_| {}), Vec::<String>::new());
    let found = judged(healthy(), bounds(), |trace| {
        grown::insert(trace, 93_000, grown::raised("pg-1", AFTER));
    });
    assert!(
        found.iter().any(|text| text.starts_with("no data claim was raised more than 1 times")),
        "{found:?}"
    );
    assert!(found.iter().any(|text| text.starts_with("the operator wrote at most 4 times")), "{found:?}");
    let found =
        judged(healthy(), all([Control::PassedThroughAs(data(), State::Growing, "Repairing")]), |_| {});
    assert!(found[0].starts_with("data passed through Growing (Repairing)"), "{found:?}");
}

#[test]
fn a_server_restart_is_found() {
    check("no server restarted", |trace| {
        grown::insert(trace, 95_000, grown::pod("pg-1", true, 1, Some(4)));
    });
    check("server restarts between", |trace| {
        grown::insert(trace, 95_000, grown::pod("pg-2", true, 3, None));
    });
}

#[test]
fn a_stop_with_another_exit_code_is_found() {
    let mut scenario = grown::scenario();
    scenario.expect.functional = all([Functional::ServerStopped(4)]);
    let mut trace = grown::trace();
    let missing = grown::failing(&scenario, &trace);
    assert!(missing[0].starts_with("the primary's server stopped with exit code 4"), "{missing:?}");
    grown::insert(&mut trace, 95_000, grown::pod("pg-1", true, 1, Some(4)));
    assert_eq!(grown::failing(&scenario, &trace), Vec::<String>::new());
}

#[test]
fn a_claim_of_another_size_is_found() {
    for name in ["every data claim requests 1152Mi", "every data claim requests the same"] {
        check(name, |trace| {
            grown::remove(trace, 99_000);
        });
    }
    check("every data claim requests 1152Mi", |trace| {
        grown::replace(trace, 94_000, grown::claim("pg-1", Bytes::gibi(2), BEFORE));
        grown::replace(trace, 99_000, grown::claim("pg-1", Bytes::gibi(2), Bytes::gibi(2)));
    });
    check("every data claim requests the same", |trace| {
        grown::replace(trace, 99_000, grown::claim("pg-1", BEFORE, BEFORE));
    });
}

#[test]
fn a_claim_that_was_outside_for_a_moment_is_found() {
    check("no data claim ever requested less", |trace| {
        grown::insert(trace, 81_000, grown::claim("pg-2", Bytes::gibi(3), BEFORE));
    });
    check("no data claim ever requested less", |trace| {
        grown::insert(trace, 81_000, grown::claim("pg-2", Bytes::mebi(512), BEFORE));
    });
}

#[test]
fn a_file_system_that_is_still_full_is_found() {
    check("at least 20 % of data is free", |trace| {
        grown::replace(trace, 150_000, grown::usage("pg-1", 1088, 900));
    });
}

#[test]
fn lost_rows_a_changed_sentinel_and_corruption_are_found() {
    let verified = |lost, sentinel_ok, clean| What::Verified {
        acknowledged: 400,
        lost,
        sentinel_ok,
        amcheck_clean: Some(clean),
    };
    check("every acknowledged write is readable", |trace| {
        grown::replace(trace, 115_000, verified(1, true, true));
    });
    check("the sentinel table", |trace| {
        grown::replace(trace, 115_000, verified(0, false, true));
    });
    check("pg_amcheck", |trace| {
        grown::replace(trace, 115_000, verified(0, true, false));
    });
    check("every acknowledged write is readable", |trace| {
        grown::remove(trace, 115_000);
    });
}

#[test]
fn a_writer_that_never_wrote_proves_nothing() {
    check("every acknowledged write is readable", |trace| {
        let nothing = What::Verified { acknowledged: 0, lost: 0, sentinel_ok: true, amcheck_clean: None };
        grown::replace(trace, 115_000, nothing);
    });
}

#[test]
fn amcheck_is_not_asserted_where_the_world_has_none() {
    let mut trace = grown::trace();
    let without = What::Verified { acknowledged: 400, lost: 0, sentinel_ok: true, amcheck_clean: None };
    grown::replace(&mut trace, 115_000, without);
    let judged = grown::judge(&grown::scenario(), &trace);
    assert!(!judged.iter().any(|assertion| assertion.text.contains("pg_amcheck")), "{judged:?}");
}

#[test]
fn a_missing_intermediate_state_is_found() {
    check("data passed through Growing", |trace| {
        let hidden = VolumeState { state: State::PendingGrowth, ..grown::growing() };
        grown::replace(trace, 76_000, grown::status(hidden));
    });
}

#[test]
fn a_false_alarm_is_found() {
    check("data was never Blocked", |trace| {
        let alarm = grown::volume(State::Blocked, "NotSizedByClaim");
        grown::insert(trace, 100_000, grown::status(VolumeState { effective: Some(BEFORE), ..alarm }));
    });
}

#[test]
fn a_ledger_with_another_count_is_found() {
    check("Planned actions of data in the ledger: 1", |trace| {
        let mut twice = grown::done();
        twice.ledger.push(twice.ledger[0]);
        grown::replace(trace, 107_000, grown::status(twice));
    });
}

#[test]
fn patches_too_many_or_too_early_are_found() {
    for name in ["each data claim was raised 1 times", "data claims were raised 2 times in all"] {
        check(name, |trace| {
            grown::insert(trace, 93_000, grown::raised("pg-1", AFTER));
        });
    }
    check("no data claim was raised in the first", |trace| {
        grown::insert(trace, 61_000, grown::raised("pg-1", AFTER));
    });
    check("no wal claim was raised", |trace| {
        let instance = "pg-1".into();
        let written = Written::Claim { instance, volume: VolumeName::Wal, to: AFTER };
        grown::insert(trace, 93_000, What::OperatorWrote(written));
    });
}

#[test]
fn a_deletion_by_the_operator_is_found() {
    check("nothing was deleted", |trace| {
        grown::insert(trace, 93_000, What::OperatorWrote(Written::Deleted("pod pg-2".to_owned())));
    });
}

#[test]
fn another_end_is_found() {
    check("data ends as Balanced (EnoughFree)", |trace| {
        let other = VolumeState { reason: "Confirming".to_owned(), ..grown::done() };
        grown::replace(trace, 107_000, grown::status(other));
    });
}

#[test]
fn a_write_in_the_quiet_span_is_found() {
    check("no write in the last 30 s", |trace| {
        grown::insert(trace, 130_000, What::OperatorWrote(Written::Status));
    });
}

#[test]
fn an_event_that_never_came_is_found() {
    let mut scenario = grown::scenario();
    scenario.expect.control = all([Control::EventSeen("Repairing")]);
    let mut trace = grown::trace();
    let missing = grown::failing(&scenario, &trace);
    assert!(missing[0].starts_with("an Event Repairing"), "{missing:?}");
    grown::insert(&mut trace, 108_000, grown::event("Repairing"));
    assert_eq!(grown::failing(&scenario, &trace), Vec::<String>::new());
}

#[test]
fn a_claim_that_is_born_too_small_is_found() {
    let mut scenario = grown::scenario();
    scenario.expect.storage = all([Storage::BornWith(VolumeName::Data, AFTER)]);
    let born = |with: Option<Bytes>| {
        let mut trace = grown::trace();
        if let Some(size) = with {
            let What::Claim(claim) = grown::claim("pg-2", size, size) else { panic!("a claim") };
            let anew = ClaimState { uid: "uid of another".to_owned(), ..claim };
            grown::insert(&mut trace, 90_100, What::Claim(anew));
        }
        let failing = grown::failing(&scenario, &trace);
        failing.iter().any(|text| text.starts_with("every new data claim"))
    };
    assert!(born(None), "none was made");
    assert!(born(Some(BEFORE)));
    assert!(!born(Some(AFTER)));
}

#[test]
fn an_action_that_was_not_announced_is_found() {
    for at_ms in [76_500, 107_500] {
        let text = "each growth and shrink was announced by Events";
        check(text, |trace| grown::remove(trace, at_ms));
        // An operator that is killed takes its messages with it.
        let mut trace = grown::trace();
        grown::remove(&mut trace, at_ms);
        grown::insert(&mut trace, 77_000, What::Struck(Strike::KillOperator));
        assert_eq!(grown::failing(&grown::scenario(), &trace), Vec::<String>::new());
    }
}

#[test]
fn a_growth_that_took_too_long_or_never_ended_is_found() {
    check("from the last trigger to rest within 60 s", |trace| {
        grown::remove(trace, 107_000);
        grown::insert(trace, 140_000, grown::status(grown::done()));
    });
    check("from the last trigger to rest within 60 s", |trace| {
        grown::remove(trace, 107_000);
    });
}

#[test]
fn a_pause_of_writes_is_measured_from_row_to_row_while_an_action_is_open() {
    let told = |most: u64, rows: &[u64]| {
        let mut scenario = grown::scenario();
        scenario.expect.data = all([Data::WritesPauseAtMost(Cause::Planned, Duration::from_secs(most))]);
        let mut trace = grown::trace();
        for (at_ms, count) in rows.iter().zip(20..) {
            grown::insert(&mut trace, *at_ms, What::Acknowledged(count));
        }
        grown::failing(&scenario, &trace)
    };
    // The action is open from 76 s to 107 s. 14.5 s end in it, 10 s lie in it, 16.5 s of a longer pause do.
    assert_eq!(told(16, &[80_500, 90_500]), Vec::<String>::new());
    let found = told(15, &[80_500, 90_500]);
    let text =
        "writes pause for at most 15 s during an action Planned; the longest pause: 16.5 s; found: more";
    assert!(found.len() == 1 && found[0].starts_with(text), "{found:?}");
    // Nothing was written for as long as it was open.
    let found = told(30, &[]);
    assert!(found[0].contains("the longest pause: 41.0 s"), "{found:?}");
}

#[test]
fn an_instance_that_is_spared_counts_only_if_it_went_all_the_same() {
    let wrote = |written: Written| What::OperatorWrote(written);
    let condemned = || wrote(Written::Deleted("instance pg-2".to_owned()));
    let spared = || wrote(Written::Other("spared pg-2".to_owned()));
    let gone = || What::ClaimGone("pg-2".into(), VolumeName::Data);
    let cases: [(&str, Vec<What>, u32); 5] = [
        ("it went", vec![condemned(), gone()], 1),
        ("it is about to go", vec![condemned()], 1),
        ("it stayed", vec![condemned(), spared()], 0),
        ("it was spared too late", vec![condemned(), spared(), gone()], 1),
        ("it stayed first, and went then", vec![condemned(), spared(), condemned(), gone()], 1),
    ];
    for (why, entries, expected) in cases {
        let mut trace = Trace::new();
        for what in entries {
            trace.push(0, what);
        }
        assert_eq!(trace.made_anew().values().sum::<u32>(), expected, "{why}");
    }
}
