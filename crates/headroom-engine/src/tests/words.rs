//! What people are told.

use alloc::vec::Vec;

use headroom_core::{Bytes, ledger::Cause, names::VolumeName, report::State};

use super::{
    rules,
    run::{Run, config},
    world::{World, at, key},
};
use crate::{Event, Role, note::NoteKind};

fn full() -> Run {
    let mut run = Run::new(World::with(&["a"], 2, Bytes::mebi(10_000)));
    run.until(at(40));
    run
}

#[test]
fn an_emergency_growth_is_two_messages() {
    let run = full();
    let kinds = run.kinds();
    let [started, completed] = kinds[..] else { panic!("{kinds:?}") };
    assert!(matches!(started, NoteKind::GrowthStarted { cause: Cause::Emergency, .. }), "{started:?}");
    assert!(matches!(completed, NoteKind::GrowthCompleted { .. }), "{completed:?}");
}

#[test]
fn a_restart_repeats_no_message() {
    let mut first = Run::new(World::with(&["a"], 2, Bytes::mebi(10_000)));
    loop {
        let (ticket, request) = first.next_send().unwrap();
        if !first.kinds().is_empty() {
            // The intent is written and told; the process ends before the act.
            break;
        }
        let response = first.world.perform(&request);
        first.answer(ticket, response);
    }
    let mut second = Run::new(first.world.clone());
    second.until(at(40));
    let kinds = second.kinds();
    assert!(matches!(kinds[..], [NoteKind::GrowthCompleted { .. }]), "{kinds:?}");
}

/// A claim is smaller than its siblings, and what follows from that.
fn lower_a_claim(run: &mut Run) {
    run.world.edit_claim("a", |claim| {
        claim.requested = Bytes::gibi(10);
        claim.requested_text = "10Gi".into();
        claim.capacity = Some(Bytes::gibi(10));
    });
    run.show();
    run.settle();
}

#[test]
fn a_repair_is_told_per_claim() {
    let mut run = full();
    run.notes.clear();
    lower_a_claim(&mut run);
    let kinds = run.kinds();
    assert!(matches!(kinds[..], [NoteKind::Repairing { to, .. }] if *to == Bytes::gibi(12)), "{kinds:?}");
}

#[test]
fn a_repair_follows_a_read_of_the_objects_and_the_raises_of_a_growth_do_not() {
    let mut run = full();
    let words = run.words();
    let raise = words.iter().position(|word| word.starts_with("resize")).expect("it grew");
    assert!(words[raise - 1].starts_with("status"), "{words:?}");
    run.sent.clear();
    lower_a_claim(&mut run);
    let words = run.words();
    assert!(
        matches!(&words[..2], [read, raise] if read == "read a" && raise.starts_with("resize")),
        "{words:?}"
    );
}

#[test]
fn a_state_that_concerns_people_is_told_when_it_is_entered() {
    let mut run = full();
    run.notes.clear();
    let enters = |run: &mut Run, state| {
        run.world.edit("a", |storage| {
            storage.published.states.insert(VolumeName::Data, state);
        });
        run.show();
        run.settle();
        core::mem::take(&mut run.notes).into_iter().map(|note| note.what).collect::<Vec<_>>()
    };
    let told = enters(&mut run, State::Blocked);
    assert!(matches!(told[..], [NoteKind::StateEntered { state: State::Blocked, .. }]), "{told:?}");
    let told = enters(&mut run, State::Suspended);
    assert_eq!(told, []);
}

#[test]
fn a_follower_tells_nothing() {
    let mut run = full();
    run.notes.clear();
    run.handle(Event::Lease(Role::Follower));
    run.world.edit("a", |storage| {
        storage.published.states.insert(VolumeName::Data, State::Blocked);
    });
    run.show();
    run.settle();
    assert_eq!(run.kinds(), [] as [&NoteKind; 0]);
}

#[test]
fn details_are_published_after_a_while_and_states_at_once() {
    let mut run = full();
    run.sent.clear();
    run.world.edit("a", |storage| storage.digest = 0);
    run.show();
    run.until(at(69));
    assert_eq!(run.words(), [""; 0]);
    run.until(at(71));
    assert_eq!(run.words(), ["status a"]);
    run.world.edit("a", |storage| {
        storage.digest = 0;
        storage.published.states.insert(VolumeName::Data, State::Growing);
    });
    run.show();
    run.settle();
    assert_eq!(run.words(), ["status a", "status a"]);
}

#[test]
fn the_view_shows_state_usage_and_counts() {
    let view = full().engine.snapshot();
    let cluster = &view.clusters[&key("a")];
    assert_eq!(cluster.volumes[0].effective, Some(Bytes::gibi(12)));
    assert_eq!(cluster.usage.len(), 2);
    assert!(cluster.counts.decisions > 0 && cluster.counts.writes >= 4, "{:?}", cluster.counts);
    assert_eq!((view.in_flight, view.nodes, view.working), (0, 1, true));
}

#[test]
fn details_are_published_also_while_something_is_read_every_half_minute() {
    let mut run = Run::with(World::with(&["a"], 2, Bytes::mebi(10_000)), config(), rules::watchful());
    run.until(at(40));
    run.sent.clear();
    run.world.edit("a", |storage| storage.digest = 0);
    run.show();
    run.until(at(101));
    let words = run.words();
    assert!(words.iter().any(|word| word == "survey a"), "{words:?}");
    assert_eq!(words.iter().filter(|word| *word == "status a").count(), 1, "{words:?}");
}
