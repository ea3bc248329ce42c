//! What cannot be decided, and what is refused.

use alloc::vec::Vec;

use headroom_core::{
    Bytes,
    names::{InstanceName, NodeName, Text},
    observation::ObstacleCause,
    report::{ClusterVerdict, InTheWay, Problem, Verdict},
};

use super::{
    rules,
    run::{Run, config, word},
    world::{World, at, key},
};
use crate::{Event, Kind, Refusal, Request, Response, note::NoteKind};

fn because(cause: ObstacleCause, retry_after_s: Option<u32>) -> Response {
    Response::Refused(Refusal::Because { cause, words: Text::from("no"), retry_after_s })
}

fn problem(reason: &'static str) -> Problem {
    Problem { reason, message: Text::from("wrong"), hint: Text::from("right it") }
}

fn verdicts(run: &Run) -> Vec<&Verdict> {
    run.sent.iter().filter_map(|(_, request)| verdict(request)).collect()
}

fn verdict(request: &Request) -> Option<&Verdict> {
    match request {
        Request::WriteStatus { verdict, .. } => Some(verdict),
        Request::ReadCluster(_) | Request::ReadWal { .. } | Request::Survey { .. } | Request::Do(..) => None,
    }
}

#[test]
fn a_refused_resize_becomes_evidence_and_its_attempts_are_counted() {
    let mut run = Run::new(World::with(&["a"], 1, Bytes::gibi(9)));
    for attempts in 1..=3 {
        let (ticket, request) = loop {
            let (ticket, request) = run.next_send().unwrap();
            if word(&request) == "resize a-1 11Gi" {
                break (ticket, request);
            }
            let response = run.world.perform(&request);
            run.answer(ticket, response);
        };
        assert_eq!(word(&request), "resize a-1 11Gi");
        run.answer(ticket, because(ObstacleCause::Quota, None));
        let evidence = run.engine.explain(&key("a"), run.now).unwrap().seen.evidence;
        let obstacle = evidence.obstacles.values().next().unwrap();
        assert_eq!((obstacle.attempts, obstacle.wanted), (attempts, Bytes::gibi(11)));
        assert!(run.next_send().is_none(), "the rules wait for ten seconds");
        run.now = run.now.plus(headroom_core::Span::seconds(10));
    }
    run.settle();
    let evidence = run.engine.explain(&key("a"), run.now).unwrap().seen.evidence;
    assert!(evidence.obstacles.is_empty(), "what succeeds is no obstacle any more");
    assert_eq!(run.engine.snapshot().totals.refusals[&ObstacleCause::Quota], 3);
}

#[test]
fn a_refused_status_is_written_again_after_a_pause_that_doubles_or_that_the_server_names() {
    let mut run = Run::new(World::with(&["a"], 1, Bytes::gibi(5)));
    let mut times = Vec::new();
    for retry_after_s in [None, None, None, Some(20), None] {
        let (ticket, _) = loop {
            if let Some(send) = run.next_send() {
                break send;
            }
            run.now = run.engine.wake_at().unwrap();
        };
        times.push(run.now.unix() - at(0).unix());
        run.answer(ticket, because(ObstacleCause::Unavailable, retry_after_s));
    }
    assert_eq!(times, [0, 1, 3, 7, 27]);
}

#[test]
fn a_session_that_uses_up_its_requests_rests_and_says_so() {
    let mut run = Run::with(World::with(&["a"], 1, Bytes::gibi(5)), config(), rules::endless());
    run.settle();
    assert_eq!(run.sent.len(), 32);
    assert!(run.kinds().contains(&&NoteKind::SessionExhausted));
    run.world.edit_pod("a", |pod| pod.ready = false);
    run.show();
    run.settle();
    assert_eq!(run.sent.len(), 32, "an event does not end the rest");
    run.until(at(30));
    assert_eq!(run.sent.len(), 64);
}

#[test]
fn a_plan_that_the_second_opinion_refuses_is_not_done_and_is_told_once() {
    let mut run = Run::with(World::with(&["a"], 1, Bytes::gibi(9)), config(), rules::objecting());
    run.until(at(300));
    assert_eq!(run.words(), ["status a"]);
    let [Verdict::Decided(report)] = verdicts(&run)[..] else { panic!("{:?}", run.sent) };
    assert_eq!(report.cluster, ClusterVerdict::PlanRefused(Vec::from(["Planted"])));
    assert_eq!(run.kinds(), [&NoteKind::PlanRefused(Vec::from(["Planted"]))]);
    assert_eq!(run.world.sizes("a"), [Bytes::gibi(10)]);
}

#[test]
fn an_outage_that_headroom_does_not_end_is_told_with_the_status_that_says_so() {
    let mut run = Run::with(World::with(&["a"], 1, Bytes::gibi(5)), config(), rules::trapped());
    run.until(at(300));
    let by = InTheWay::PendingPod(InstanceName::from("a-2"));
    let told = NoteKind::Trapped { primary: InstanceName::from("a-1"), by };
    let statuses = run.words().iter().filter(|word| word.starts_with("status")).count();
    // Words that are repeated within ten minutes make no second Event.
    assert_eq!(run.kinds().into_iter().filter(|kind| **kind == told).count(), statuses, "{:?}", run.notes);
    assert!(statuses > 0);
}

#[test]
fn a_peak_that_is_another_one_each_time_delays_no_action_and_is_written_now_and_then() {
    // So it is with a CRD that is older than the operator: the API server drops what it does not know.
    let mut run = Run::with(World::with(&["a"], 1, Bytes::gibi(9)), config(), rules::peaking());
    run.until(at(300));
    assert_eq!(run.world.sizes("a"), [Bytes::gibi(11)], "{:?}", run.words());
    let statuses = run.words().iter().filter(|word| word.starts_with("status")).count();
    assert!((8..=13).contains(&statuses), "one in half a minute, and those of the growth: {:?}", run.words());
    assert!(!run.kinds().contains(&&NoteKind::SessionExhausted));
}

/// Something that makes every decision impossible: one status write and one message, nothing else, and no repetition.
#[track_caller]
fn is_refused(reason: &str, keeps_record: bool, spoil: impl FnOnce(&mut World)) -> Run {
    let mut world = World::with(&["a", "b"], 1, Bytes::gibi(9));
    spoil(&mut world);
    let mut run = Run::new(world);
    run.until(at(300));
    let of_a: Vec<&Request> = run
        .sent
        .iter()
        .map(|(_, request)| request)
        .filter(|request| word(request).ends_with(" a") || word(request).contains("a-1"))
        .collect();
    let [Request::WriteStatus { record, verdict: Verdict::Refused(problem), .. }] = of_a[..] else {
        panic!("{of_a:?}")
    };
    assert_eq!((problem.reason, record.is_some()), (reason, keeps_record));
    let told = |kind: &&&NoteKind| matches!(kind, NoteKind::Refused { .. });
    assert_eq!(run.kinds().iter().filter(told).count(), 1, "{:?}", run.notes);
    assert_eq!(run.world.sizes("b"), [Bytes::gibi(11)], "the other Cluster is served");
    run
}

#[test]
fn a_missing_cluster_is_told_and_when_it_appears_it_is_served() {
    let cluster = World::with(&["a"], 1, Bytes::gibi(9)).toy("a").cluster.clone();
    let mut run = is_refused("ClusterNotFound", true, |world| world.toy("a").cluster = None);
    run.world.toy("a").cluster.clone_from(&cluster);
    let event =
        run.world.objects(&key("a")).into_iter().find(|seen| matches!(seen, crate::Seen::Cluster(..)));
    run.handle(Event::Seen(event.unwrap()));
    run.settle();
    assert_eq!(run.world.sizes("a"), [Bytes::gibi(11)]);
}

#[test]
fn a_bad_spec_is_told_and_the_record_is_kept() {
    is_refused("InvalidSchedule", true, |world| {
        world.toy("a").storage.as_mut().unwrap().policy = Err(problem("InvalidSchedule"));
    });
}

#[test]
fn an_unreadable_status_is_told_and_what_it_holds_is_left_alone() {
    is_refused("StatusUnreadable", false, |world| {
        world.toy("a").storage.as_mut().unwrap().record = Err(problem("StatusUnreadable"));
    });
}

#[test]
fn an_unreadable_object_stops_its_own_cluster_until_a_read_finds_it_well() {
    let mut run = Run::new(World::with(&["a", "b"], 1, Bytes::gibi(9)));
    run.handle(Event::Unreadable(Kind::Claim, key("a"), Text::from("no storage request")));
    run.settle();
    assert_eq!(run.world.sizes("a"), [Bytes::gibi(10)]);
    assert_eq!(run.world.sizes("b"), [Bytes::gibi(11)]);
    assert!(
        matches!(verdicts(&run)[..], [Verdict::Refused(problem), ..] if problem.reason == "ObjectUnreadable")
    );
    run.until(at(61));
    assert_eq!(run.world.sizes("a"), [Bytes::gibi(11)], "{:?}", run.words());
}

#[test]
fn news_of_the_unreadable_kind_is_a_reason_to_read_at_once() {
    let mut run = Run::new(World::with(&["a"], 1, Bytes::gibi(9)));
    run.handle(Event::Unreadable(Kind::Claim, key("a"), Text::from("no storage request")));
    run.settle();
    run.world.edit_claim("a", |_| ());
    run.show();
    run.settle();
    assert_eq!(run.world.sizes("a"), [Bytes::gibi(11)], "{:?}", run.words());
}

#[test]
fn an_unreadable_object_of_ours_is_told_and_nothing_is_written_to_it() {
    let mut run = Run::new(World::with(&["a"], 1, Bytes::gibi(9)));
    run.handle(Event::Unreadable(Kind::Storage, key("a"), Text::from("unknown field")));
    run.settle();
    assert_eq!((run.sent.len(), run.kinds().len()), (0, 1), "{:?}", run.words());
    run.world.edit("a", |_| ());
    run.show();
    run.settle();
    assert_eq!(run.world.sizes("a"), [Bytes::gibi(11)]);
}

#[test]
fn a_quarantined_cluster_is_left_alone_until_its_spec_changes() {
    let mut run = Run::new(World::with(&["a", "b"], 1, Bytes::gibi(5)));
    run.until(at(40));
    run.sent.clear();
    run.notes.clear();
    run.engine.quarantine(&key("a"), "index out of bounds");
    run.world.toy("a").used = Bytes::gibi(9);
    run.until(at(200));
    assert_eq!(run.words(), ["status a"]);
    assert!(matches!(verdicts(&run)[..], [Verdict::Refused(problem)] if problem.reason == "InternalError"));
    assert!(
        matches!(run.kinds()[..], [NoteKind::Quarantined(_), NoteKind::Refused { .. }]),
        "{:?}",
        run.notes
    );
    run.world.edit("a", |storage| storage.generation = 2);
    run.show();
    run.until(at(300));
    assert_eq!(run.world.sizes("a"), [Bytes::gibi(11)]);
}

#[test]
fn a_second_panic_while_saying_so_silences_the_cluster() {
    let mut run = Run::new(World::with(&["a"], 1, Bytes::gibi(9)));
    run.engine.quarantine(&key("a"), "first");
    run.engine.quarantine(&key("a"), "second");
    run.until(at(300));
    assert_eq!(run.sent.len(), 0);
}

#[test]
fn a_kubelet_that_does_not_answer_is_evidence() {
    let mut run = Run::new(World::with(&["a"], 1, Bytes::gibi(5)));
    run.handle(Event::Sampled(NodeName::from("n"), Err(Text::from("connection refused"))));
    let evidence = run.engine.explain(&key("a"), run.now).unwrap().seen.evidence;
    assert_eq!(evidence.silent_nodes[&NodeName::from("n")], Text::from("connection refused"));
    let usage = run.world.usage(&NodeName::from("n"));
    run.handle(usage);
    let evidence = run.engine.explain(&key("a"), run.now).unwrap().seen.evidence;
    assert!(evidence.silent_nodes.is_empty());
}
