//! When the engine reads, and what it believes.

use alloc::{boxed::Box, vec::Vec};

use headroom_core::{
    Bytes,
    names::{NodeName, Uid, Version},
};

use super::{
    run::{Run, word},
    world::{World, at, key, seen_claim},
};
use crate::{Event, Kind, Refusal, Request, Response, Seen};

fn growing() -> Run {
    let mut run = Run::new(World::with(&["a"], 1, Bytes::gibi(5)));
    run.until(at(50));
    run.world.toy("a").used = Bytes::gibi(9);
    run.sent.clear();
    run.handle_usage();
    run
}

impl Run {
    fn handle_usage(&mut self) {
        let usage = self.world.usage(&NodeName::from("n"));
        self.handle(usage);
    }
}

/// The first request of a growth gets `answer` in place of the truth; `done` says whether it took effect.
#[track_caller]
fn is_read_again_after(nth: usize, done: bool, answer: &Response, then: &[&str]) {
    let mut run = growing();
    let mut count = 0;
    while let Some((ticket, request)) = run.next_send() {
        let hit = count == nth;
        let truth = if hit && !done { None } else { Some(run.world.perform(&request)) };
        run.answer(ticket, if hit { answer.clone() } else { truth.unwrap() });
        if !hit {
            run.show();
        }
        count += 1;
    }
    assert_eq!(run.words(), then);
    assert_eq!(run.world.sizes("a"), [Bytes::gibi(11)]);
}

#[test]
fn a_conflict_a_missing_object_and_an_unknown_outcome_are_followed_by_a_read() {
    let conflict = Response::Refused(Refusal::Conflict);
    let gone = Response::Refused(Refusal::Gone);
    let resize = "resize a-1 11Gi";
    is_read_again_after(0, false, &conflict, &["status a", "read a", "status a", resize, "status a"]);
    is_read_again_after(
        0,
        false,
        &Response::Unknown,
        &["status a", "read a", "status a", resize, "status a"],
    );
    is_read_again_after(0, true, &Response::Unknown, &["status a", "read a", resize, "status a"]);
    is_read_again_after(1, false, &conflict, &["status a", resize, "read a", resize, "status a"]);
    is_read_again_after(1, false, &gone, &["status a", resize, "read a", resize, "status a"]);
    is_read_again_after(1, true, &Response::Unknown, &["status a", resize, "read a", "status a"]);
    is_read_again_after(2, true, &Response::Unknown, &["status a", resize, "status a", "read a"]);
}

#[test]
fn a_read_of_before_what_was_known_is_not_trusted_and_made_again() {
    let mut run = growing();
    let old = run.world.perform(&Request::ReadCluster(key("a")));
    let (ticket, request) = run.next_send().unwrap();
    run.world.perform(&request);
    run.show();
    run.answer(ticket, Response::Unknown);
    let (ticket, _) = run.next_send().unwrap();
    run.answer(ticket, old);
    assert!(run.next_send().is_none(), "not at once");
    run.until(at(60));
    assert_eq!(run.words(), ["status a", "read a", "read a", "resize a-1 11Gi", "status a"]);
}

#[test]
fn a_process_that_stood_still_reads_before_it_goes_on() {
    let after = |seconds: i64| {
        let mut run = growing();
        let (ticket, request) = run.next_send().unwrap();
        let response = run.world.perform(&request);
        run.now = at(50 + seconds);
        run.answer(ticket, response);
        run.settle();
        run.words().join(", ")
    };
    assert_eq!(after(12), "status a, resize a-1 11Gi, status a");
    assert_eq!(after(45), "status a, read a, resize a-1 11Gi, status a");
}

#[test]
fn quiet_watches_are_not_trusted_for_a_write() {
    let mut run = growing();
    run.now = at(200);
    run.handle_usage();
    run.settle();
    assert_eq!(run.words(), ["read a", "status a", "resize a-1 11Gi", "status a"]);
}

#[test]
fn bookmarks_keep_the_watches_trusted() {
    let mut run = growing();
    run.now = at(200);
    for kind in [Kind::Storage, Kind::Cluster, Kind::Claim, Kind::Pod] {
        run.handle(Event::Alive(kind));
    }
    run.handle_usage();
    run.settle();
    assert_eq!(run.words(), ["status a", "resize a-1 11Gi", "status a"]);
}

#[test]
fn a_read_that_fails_is_tried_again_after_one_two_and_four_seconds() {
    let mut run = growing();
    let (ticket, _) = run.next_send().unwrap();
    run.answer(ticket, Response::Unknown);
    let mut times = Vec::new();
    for _ in 0..4 {
        let (ticket, request) = loop {
            if let Some(send) = run.next_send() {
                break send;
            }
            run.now = run.engine.wake_at().unwrap().max(run.now);
        };
        times.push((run.now.unix() - at(50).unix(), word(&request)));
        run.answer(ticket, Response::Unknown);
    }
    let read = || "read a".into();
    assert_eq!(times, [(0, read()), (1, read()), (3, read()), (7, read())]);
}

#[test]
fn an_older_report_of_our_own_write_is_dropped() {
    let mut run = growing();
    let before = Event::Seen(run.world.objects(&key("a")).remove(0));
    let (ticket, request) = run.next_send().unwrap();
    let response = run.world.perform(&request);
    run.answer(ticket, response);
    run.handle(before);
    assert_eq!(run.engine.snapshot().totals.stale_events, 1);
    assert_eq!(
        word(&run.next_send().unwrap().1),
        "resize a-1 11Gi",
        "the intent is known although the watch lags"
    );
}

#[test]
fn where_versions_are_no_numbers_our_own_write_is_waited_for_and_then_read() {
    let mut run = growing();
    run.sent.clear();
    run.world.edit_claim("a", |_| ());
    let mut older = run.world.clone();
    let (ticket, request) = run.next_send().unwrap();
    let Response::Applied(mut seen) = run.world.perform(&request) else { panic!("{request:?}") };
    let Seen::Storage(storage) = &mut *seen else { panic!("{seen:?}") };
    storage.meta.version = Version::from("opaque-2");
    run.answer(ticket, Response::Applied(seen));
    let old = older.toy("a").storage.as_mut().unwrap();
    old.meta.version = Version::from("opaque-1");
    run.handle(Event::Seen(Seen::Storage(Box::new(old.clone()))));
    let stored = run.engine.explain(&key("a"), run.now).unwrap();
    assert_eq!(stored.decision.record.sequence, 1, "the older report did not undo the intent");
    assert_eq!(run.engine.wake_at().map(|wake| wake <= at(80)), Some(true));
    let (ticket, _) = run.next_send().unwrap();
    run.now = at(80);
    run.answer(
        ticket,
        Response::Refused(Refusal::Because {
            cause: headroom_core::observation::ObstacleCause::Quota,
            words: "full".into(),
            retry_after_s: None,
        }),
    );
    assert_eq!(word(&run.next_send().unwrap().1), "read a");
}

#[test]
fn a_read_does_not_bring_back_what_a_watch_said_is_gone_meanwhile() {
    let mut run = growing();
    let (ticket, _) = run.next_send().unwrap();
    run.answer(ticket, Response::Unknown);
    let (ticket, request) = run.next_send().unwrap();
    let response = run.world.perform(&request);
    run.world.delete_cluster("a");
    run.show();
    run.answer(ticket, response);
    let found = run.engine.explain(&key("a"), run.now).unwrap_err().unwrap();
    assert_eq!(found.reason, "ClusterNotFound");
}

#[test]
fn a_read_keeps_what_a_watch_showed_meanwhile_and_drops_what_it_did_not_find() {
    let mut run = growing();
    let (ticket, _) = run.next_send().unwrap();
    run.answer(ticket, Response::Unknown);
    let (ticket, request) = run.next_send().unwrap();
    let Response::Read(mut found) = run.world.perform(&request) else { panic!("{request:?}") };
    found.retain(|seen| !matches!(seen, Seen::Pod(..) | Seen::Claim { .. }));
    run.world.edit_claim("a", |_| ());
    run.show();
    run.answer(ticket, Response::Read(found));
    let seen = run.engine.explain(&key("a"), run.now).unwrap().seen;
    let member = seen.members.values().next().unwrap();
    assert!(member.pod.is_none() && member.claims.len() == 1, "{member:?}");
}

#[test]
fn a_claim_that_is_replaced_loses_its_evidence() {
    let mut run = growing();
    let evidence = |run: &Run| run.engine.explain(&key("a"), run.now).unwrap().seen.evidence;
    assert_eq!(evidence(&run).samples.len(), 1);
    run.world.edit_claim("a", |claim| claim.id.uid = Uid::from("another"));
    run.show();
    assert_eq!(evidence(&run).samples.len(), 0);
}

#[test]
fn a_claim_waits_from_the_moment_its_request_is_above_its_capacity() {
    let mut run = growing();
    let since = |run: &Run| {
        let evidence = run.engine.explain(&key("a"), run.now).unwrap().seen.evidence;
        evidence.waiting_since.values().next().copied()
    };
    let mut sees = |second: i64, requested: u64, capacity: u64| {
        run.now = at(second);
        run.world.edit_claim("a", |claim| {
            claim.requested = Bytes::gibi(requested);
            claim.capacity = Some(Bytes::gibi(capacity));
        });
        run.show();
        since(&run)
    };
    assert_eq!(sees(51, 12, 10), Some(at(51)));
    assert_eq!(sees(52, 12, 11), Some(at(51)), "the same request is still unmet");
    assert_eq!(sees(53, 13, 11), Some(at(53)), "another request begins another wait");
    assert_eq!(sees(54, 13, 13), None);
}

#[test]
fn a_claim_has_grown_when_its_capacity_was_seen_to_be_larger_and_no_sooner_than_it_was_measured() {
    let mut run = growing();
    let evidence = |run: &Run| run.engine.explain(&key("a"), run.now).unwrap().seen.evidence;
    let measured = evidence(&run).samples.values().next().unwrap().newest().unwrap().at;
    let mut sees = |second: i64, requested: u64, capacity: u64| {
        run.now = at(second);
        run.world.edit_claim("a", |claim| {
            claim.requested = Bytes::gibi(requested);
            claim.capacity = Some(Bytes::gibi(capacity));
        });
        run.show();
        evidence(&run).grown_since.values().next().copied()
    };
    assert_eq!(sees(51, 12, 10), None, "the first sight of a claim is no growth");
    assert!(measured > at(52), "the kubelet's clock is ahead");
    assert_eq!(sees(52, 12, 12), Some(measured));
    assert_eq!(sees(53, 13, 12), Some(measured));
    assert_eq!(sees(5_000, 13, 13), Some(at(5_000)));
}

#[test]
fn a_list_sweeps_what_it_does_not_name() {
    let mut run = growing();
    let (instance, claim) = run.world.toy("a").claims[0].clone();
    run.handle(Event::ListBegan(Kind::Claim));
    run.handle(Event::Seen(seen_claim(&key("a"), &instance, &claim)));
    run.handle(Event::ListDone(Kind::Claim));
    let claims =
        |run: &Run| run.engine.explain(&key("a"), run.now).unwrap().seen.members[&instance].claims.len();
    assert_eq!(claims(&run), 1);
    run.handle(Event::ListBegan(Kind::Claim));
    assert_eq!(claims(&run), 1, "nothing is gone before the list is complete");
    run.handle(Event::ListDone(Kind::Claim));
    assert_eq!(claims(&run), 0);
}

#[test]
fn a_request_in_flight_of_a_vanished_object_ends_quietly() {
    let mut run = growing();
    let (ticket, request) = run.next_send().unwrap();
    assert!(matches!(request, Request::WriteStatus { .. }));
    let version = run.world.next_version();
    run.world.toy("a").storage = None;
    run.handle(Event::Gone(Kind::Storage, key("a"), key("a").name, Some(version)));
    run.answer(ticket, Response::Refused(Refusal::Gone));
    assert!(run.next_send().is_none());
    assert_eq!(run.engine.snapshot().clusters.len(), 0);
}
