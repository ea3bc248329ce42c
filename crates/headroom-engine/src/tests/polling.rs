//! When kubelets are asked.

use alloc::{collections::BTreeSet, vec::Vec};

use headroom_core::{
    Bytes, Span,
    names::{NodeName, Text, Uid},
};

use super::{
    run::Run,
    world::{World, at, key},
};
use crate::{Event, sampling::Timetable};

fn node(name: &str) -> NodeName {
    NodeName::from(name)
}

/// Asks whenever it is due, answers at once, and notes the seconds.
fn seconds(timetable: &mut Timetable, until: i64, fails: bool) -> Vec<i64> {
    let mut asked = Vec::new();
    while let Some(due) = timetable.next_due(1).filter(|due| *due <= at(until)) {
        let name = timetable.ask(due, 1).unwrap();
        asked.push(due.unix() - at(0).unix());
        timetable.answered(&name, fails.then(|| Text::from("refused")), due);
    }
    asked
}

fn wish(timetable: &mut Timetable, name: &str, every: u32, second: i64) {
    timetable.wish(&key(name), Span::seconds(every), BTreeSet::from([node("n")]), at(second));
}

#[test]
fn a_node_is_asked_at_once_and_then_as_often_as_the_most_impatient_cluster_wants() {
    let mut timetable = Timetable::new();
    wish(&mut timetable, "a", 30, 0);
    assert_eq!(seconds(&mut timetable, 60, false), [0, 30, 60]);
    wish(&mut timetable, "b", 10, 65);
    assert_eq!(seconds(&mut timetable, 95, false), [70, 80, 90]);
    timetable.forget(&key("b"), at(95));
    assert_eq!(seconds(&mut timetable, 150, false), [120, 150]);
    timetable.forget(&key("a"), at(150));
    assert_eq!((seconds(&mut timetable, 999, false), timetable.nodes()), (Vec::new(), 0));
}

#[test]
fn a_node_that_does_not_answer_is_asked_less_and_less_often() {
    let mut timetable = Timetable::new();
    wish(&mut timetable, "a", 1, 0);
    assert_eq!(seconds(&mut timetable, 100, true), [0, 1, 3, 7, 15, 31, 61, 91]);
}

#[test]
fn a_node_has_at_most_one_question_open_and_all_together_no_more_than_the_limit() {
    let mut timetable = Timetable::new();
    timetable.wish(&key("a"), Span::seconds(1), BTreeSet::from([node("n"), node("m"), node("l")]), at(0));
    assert_eq!((timetable.ask(at(0), 2), timetable.ask(at(0), 2)), (Some(node("l")), Some(node("m"))));
    assert_eq!((timetable.ask(at(9), 2), timetable.next_due(2)), (None, None));
    timetable.answered(&node("l"), None, at(9));
    assert_eq!((timetable.ask(at(9), 2), timetable.ask(at(9), 2)), (Some(node("n")), None));
}

#[test]
fn an_open_question_outlives_its_cluster_and_does_not_count_for_ever() {
    let mut timetable = Timetable::new();
    wish(&mut timetable, "a", 1, 0);
    assert_eq!(timetable.ask(at(0), 1), Some(node("n")));
    timetable.forget(&key("a"), at(0));
    timetable.answered(&node("n"), None, at(1));
    wish(&mut timetable, "b", 1, 2);
    assert_eq!(timetable.ask(at(2), 1), Some(node("n")));
}

#[test]
fn the_first_answer_and_each_change_between_silence_and_speech_concern_everybody() {
    let mut timetable = Timetable::new();
    wish(&mut timetable, "a", 30, 0);
    let words = || Some(Text::from("refused"));
    let told: Vec<usize> = [None, None, words(), words(), None]
        .into_iter()
        .map(|failure| timetable.answered(&node("n"), failure, at(0)).len())
        .collect();
    assert_eq!(told, [1, 0, 1, 0, 1]);
}

#[test]
fn a_sample_counts_only_from_the_pod_that_mounts_the_claim_now() {
    let mut run = Run::new(World::with(&["a"], 1, Bytes::gibi(5)));
    let mut samples = run.world.samples(&node("n"), at(1));
    samples[0].pod = Uid::from("an earlier pod");
    run.handle(Event::Sampled(node("n"), Ok(samples)));
    let evidence = |run: &Run| run.engine.explain(&key("a"), run.now).unwrap().seen.evidence.samples.len();
    assert_eq!((evidence(&run), run.engine.snapshot().totals.foreign_samples), (0, 1));
    let samples = run.world.samples(&node("n"), at(1));
    run.handle(Event::Sampled(node("n"), Ok(samples)));
    assert_eq!(evidence(&run), 1);
}

#[test]
fn a_sample_that_is_known_already_wakes_nobody() {
    let mut run = Run::new(World::with(&["a"], 1, Bytes::gibi(5)));
    run.until(at(40));
    let again = run.world.samples(&node("n"), at(run.world.sampled_at));
    let decisions = run.engine.snapshot().totals.decisions;
    run.handle(Event::Sampled(node("n"), Ok(again)));
    run.settle();
    assert_eq!(run.engine.snapshot().totals.decisions, decisions);
}
