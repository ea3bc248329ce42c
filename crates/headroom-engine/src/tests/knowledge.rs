//! What a decision is given to know.

use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use headroom_core::{
    Bytes, Span, Timestamp,
    names::{InstanceName, ObjectName, Text, VolumeName},
    observation::{Growable, ReplicationSeen, Survey, WalFacts, WalSeen},
    window::{WindowSpec, Windows},
};

use super::{
    rules,
    run::{Run, config, word},
    world::{World, at, key, policy},
};
use crate::{Event, Kind, Request, Response, Seen, Ticket, session::Rules, windows::WindowCache};

fn growable(run: &Run) -> Growable {
    let seen = run.engine.explain(&key("a"), run.now).unwrap().seen;
    seen.members[&InstanceName::from("a-1")].claims[&VolumeName::Data].growable
}

#[test]
fn whether_a_claim_can_grow_is_its_class_s_word() {
    let mut run = Run::new(World::with(&["a"], 1, Bytes::gibi(5)));
    assert_eq!(growable(&run), Growable::Yes);
    let class = |expandable| Event::Seen(Seen::Class { name: ObjectName::from("expandable"), expandable });
    run.handle(class(false));
    assert_eq!(growable(&run), Growable::ClassForbids);
    let decisions = run.engine.totals().decisions;
    run.settle();
    assert!(run.engine.totals().decisions > decisions, "those who use a class look again when it changes");
    run.handle(Event::ListBegan(Kind::Class));
    run.handle(Event::ListDone(Kind::Class));
    assert_eq!(growable(&run), Growable::Unknown);
    let (instance, claim) = run.world.toy("a").claims[0].clone();
    run.handle(Event::Seen(Seen::Claim {
        key: key("a"),
        instance,
        volume: VolumeName::Data,
        class: None,
        claim: claim.into(),
    }));
    assert_eq!(growable(&run), Growable::Static);
}

fn spec(schedule: &str) -> BTreeMap<VolumeName, WindowSpec> {
    let spec =
        WindowSpec { schedule: Text::from(schedule), duration: Span::hours(1), time_zone: Text::from("UTC") };
    BTreeMap::from([(VolumeName::Data, spec)])
}

fn soon(_: &WindowSpec, now: Timestamp) -> Windows {
    Windows::Next { start: now.plus(Span::seconds(10)), end: now.plus(Span::seconds(20)) }
}

#[test]
fn a_window_is_resolved_again_when_it_has_closed_and_when_schedule_or_clock_change() {
    let mut cache = WindowCache::new();
    let mut resolved = |schedule: &str, second: i64| {
        cache.refresh(&spec(schedule), soon, at(second));
        let Windows::Next { start, .. } = cache.of(&policy(1))[&VolumeName::Data] else {
            panic!("{cache:?}")
        };
        start.unix() - at(10).unix()
    };
    let times = [
        resolved("one", 0),
        resolved("one", 19),
        resolved("one", 20),
        resolved("two", 25),
        resolved("two", 5),
    ];
    assert_eq!(times, [0, 0, 20, 25, 5]);
}

#[test]
fn a_volume_without_a_window_is_always_open() {
    assert_eq!(WindowCache::new().of(&policy(1))[&VolumeName::Data], Windows::Always);
}

/// What is asked and known of WAL when the primary has this address and answers this.
#[track_caller]
fn wal(address: Option<&str>, answer: &Response) -> (usize, WalSeen) {
    let mut world = World::with(&["a"], 1, Bytes::gibi(9));
    world.toy("a").pods[0].2.address = address.map(Text::from);
    let mut run = Run::with(world, config(), rules::curious());
    let mut asked = 0;
    while let Some((ticket, request)) = run.next_send() {
        let wal = matches!(request, Request::ReadWal { .. });
        asked += usize::from(wal);
        let response = if wal { answer.clone() } else { run.world.perform(&request) };
        run.answer(ticket, response);
    }
    assert_eq!(run.world.sizes("a"), [Bytes::gibi(11)], "what cannot be known holds nothing up");
    (asked, run.engine.explain(&key("a"), run.now).unwrap().seen.evidence.wal.unwrap())
}

#[test]
fn wal_facts_are_asked_of_the_primary_and_what_cannot_be_had_is_known_to_be_unknown() {
    let facts = WalFacts { archiver_failing_since: None, ready_segments: 7, slot: None };
    let known = Response::Wal(Some(facts.clone()));
    let seen = |facts| WalSeen { at: at(0), facts };
    assert_eq!(wal(Some("10.0.0.1"), &known), (1, seen(Some(facts))));
    assert_eq!(wal(Some("10.0.0.1"), &Response::Unknown), (1, seen(None)));
    assert_eq!(wal(None, &known), (0, seen(None)));
}

#[test]
fn another_primary_makes_wal_facts_void() {
    let mut run = Run::with(World::with(&["a"], 2, Bytes::gibi(5)), config(), rules::curious());
    run.settle();
    let known = |run: &Run| run.engine.explain(&key("a"), run.now).unwrap().seen.evidence.wal.is_some();
    assert!(known(&run));
    run.world.edit_cluster("a", |cluster| {
        cluster.primary = headroom_core::observation::Primary::Known(InstanceName::from("a-2"));
    });
    run.show();
    assert!(!known(&run));
}

fn survey(positions: &[(&str, u64)]) -> Survey {
    let says = |(instance, position): &(&str, u64)| {
        let says = ReplicationSeen {
            primary: true,
            timeline: 1,
            receiving: false,
            position: *position,
            archiver_failing: false,
        };
        (InstanceName::from(*instance), says)
    };
    Survey {
        jobs: Vec::new(),
        copied: BTreeSet::new(),
        cordoned: BTreeSet::new(),
        backup_running: false,
        budgets: Vec::new(),
        replication: positions.iter().map(says).collect(),
    }
}

/// Goes on until a survey is asked for.
#[track_caller]
fn until_survey(run: &mut Run) -> Ticket {
    loop {
        let (ticket, request) = run.next_send().expect("the rules ask for a survey");
        if matches!(request, Request::Survey { .. }) {
            return ticket;
        }
        let response = run.world.perform(&request);
        run.answer(ticket, response);
    }
}

/// A survey is asked; the number of instances changes before or after its answer, if at all. Whether it proves anything.
#[track_caller]
fn survey_holds(change: impl Fn(&mut Run), before_answer: bool) -> bool {
    let mut run = Run::with(World::with(&["a"], 2, Bytes::gibi(5)), config(), rules::watchful());
    let ticket = until_survey(&mut run);
    if before_answer {
        change(&mut run);
    }
    run.answer(ticket, Response::Survey(Some(Box::new(survey(&[])))));
    if !before_answer {
        change(&mut run);
    }
    let seen = run.engine.explain(&key("a"), run.now).unwrap().seen;
    seen.evidence.facts().is_some()
}

#[test]
fn the_pace_of_wal_is_known_again_when_its_first_mark_is_too_old() {
    let mut run = Run::with(World::with(&["a"], 1, Bytes::gibi(5)), config(), rules::watchful());
    let start = run.now;
    for (minutes, mark) in [(0, 0), (30, 0), (60, 0), (61, 60), (100, 60)] {
        run.now = start.plus(Span::minutes(minutes));
        for kind in [Kind::Storage, Kind::Cluster, Kind::Claim, Kind::Pod, Kind::Class] {
            run.handle(Event::Alive(kind));
        }
        run.handle(Event::Tick);
        let ticket = until_survey(&mut run);
        let facts = survey(&[("a-1", u64::from(minutes))]);
        run.answer(ticket, Response::Survey(Some(Box::new(facts))));
        let seen = run.engine.explain(&key("a"), run.now).unwrap().seen;
        let known = seen.evidence.survey.as_ref().and_then(|survey| survey.mark);
        let expected = (start.plus(Span::minutes(mark)), u64::from(mark));
        assert_eq!(known, Some(expected), "after {minutes} minutes");
    }
}

#[test]
fn a_survey_proves_nothing_once_somebody_has_changed_the_number_of_instances() {
    let scaled = |run: &mut Run| {
        for instances in [3, 2] {
            run.world.edit_cluster("a", |cluster| cluster.instances = instances);
            run.show();
        }
    };
    let other = |run: &mut Run| {
        run.world.edit_cluster("a", |cluster| cluster.phase = Text::from("Cluster in healthy state"));
        run.show();
    };
    assert!(survey_holds(other, true) && survey_holds(other, false));
    assert!(!survey_holds(scaled, false), "a Job may have come with them");
    assert!(!survey_holds(scaled, true), "it may have been made before the change");
}

#[test]
fn a_quorum_read_holds_until_the_next_write() {
    let world = World::with(&["a"], 2, Bytes::gibi(9));
    let mut run = Run::with(world, config(), rules::careful());
    run.settle();
    let growth = ["read a", "resize a-1 11Gi", "read a", "resize a-2 11Gi", "status a"];
    assert_eq!(run.words()[3..], growth, "{:?}", run.words());
}

#[test]
fn a_panic_in_the_rules_names_its_cluster_and_the_others_go_on() {
    let mut rules: Rules = rules::toy();
    rules.decide = |policy, seen, record, now| {
        assert!(seen.cluster.id.name.as_str() != "a", "a crafted object");
        rules::decide(policy, seen, record, now)
    };
    let mut run = Run::with(World::with(&["a", "b"], 1, Bytes::gibi(9)), config(), rules);
    let mut engine = run.engine.clone();
    let now = run.now;
    let panicked =
        std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| while engine.poll(now).is_some() {}));
    assert!(panicked.is_err());
    assert_eq!(engine.stepping(), Some(&key("a")));
    run.engine = engine;
    run.engine.quarantine(&key("a"), "a crafted object");
    run.until(at(100));
    assert_eq!(run.world.sizes("b"), [Bytes::gibi(11)]);
    assert_eq!(run.world.sizes("a"), [Bytes::gibi(10)]);
    assert_eq!(run.sent.iter().filter(|(_, request)| word(request) == "status a").count(), 1);
}
