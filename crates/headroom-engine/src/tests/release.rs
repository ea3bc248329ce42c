//! A DynamicStorage that is being deleted never hangs.

use headroom_core::{
    Bytes,
    names::{Text, VolumeName},
    observation::{ObstacleCause, Suspension},
    report::Problem,
};

use super::{
    run::{Run, word},
    world::{World, at, key},
};
use crate::{Event, Kind, Refusal, Response};

/// A grown Cluster whose DynamicStorage carries the finalizer; `spoil` happens, then it is deleted.
fn deleted(spoil: impl FnOnce(&mut World)) -> Run {
    let mut world = World::with(&["a"], 1, Bytes::gibi(9));
    world.toy("a").storage.as_mut().unwrap().meta.finalizer = true;
    let mut run = Run::new(world);
    run.until(at(40));
    assert_eq!(run.world.sizes("a"), [Bytes::gibi(11)]);
    run.sent.clear();
    spoil(&mut run.world);
    run.world.edit("a", |storage| storage.meta.deleting = true);
    run.show();
    run
}

fn bad() -> Problem {
    Problem { reason: "Bad", message: Text::from("bad"), hint: Text::from("good") }
}

#[track_caller]
fn lets_go(words: &[&str], spoil: impl FnOnce(&mut World)) -> Run {
    let mut run = deleted(spoil);
    run.settle();
    assert_eq!(run.words(), words);
    assert!(run.world.toy("a").storage.is_none());
    assert_eq!(run.engine.snapshot().clusters.len(), 0);
    run
}

#[test]
fn without_a_cluster_the_finalizer_goes_after_a_read() {
    lets_go(&["read a", "remove finalizer a"], |world| world.delete_cluster("a"));
}

#[test]
fn with_a_cluster_that_is_being_deleted_the_finalizer_goes() {
    lets_go(&["read a", "remove finalizer a"], |world| {
        world.edit_cluster("a", |cluster| cluster.suspended = Some(Suspension::ClusterDeleting));
    });
}

#[test]
fn with_a_bad_spec_the_sizes_are_raised_first() {
    let run = lets_go(&["read a", "raise a", "read a", "remove finalizer a"], |world| {
        world.edit("a", |storage| storage.policy = Err(bad()));
    });
    let cluster = run.world.clusters[&key("a")].cluster.clone().unwrap();
    assert_eq!(cluster.volumes[&VolumeName::Data].size, Some(Bytes::gibi(11)));
}

#[test]
fn with_an_unreadable_status_the_finalizer_goes() {
    lets_go(&["read a", "remove finalizer a"], |world| {
        world.edit("a", |storage| storage.record = Err(bad()));
    });
}

#[test]
fn a_refused_raise_does_not_keep_the_object() {
    let mut run = deleted(|world| world.edit("a", |storage| storage.policy = Err(bad())));
    while let Some((ticket, request)) = run.next_send() {
        let response = if word(&request) == "raise a" {
            let cause = ObstacleCause::Forbidden;
            Response::Refused(Refusal::Because { cause, words: Text::from("no"), retry_after_s: None })
        } else {
            run.world.perform(&request)
        };
        run.answer(ticket, response);
        run.show();
    }
    assert_eq!(run.words(), ["read a", "raise a", "read a", "remove finalizer a"]);
}

#[test]
fn reads_that_fail_again_and_again_do_not_keep_the_object() {
    let mut run = deleted(|_| ());
    run.handle(Event::Unreadable(Kind::Pod, key("a"), Text::from("no status")));
    while run.now < at(100) {
        while let Some((ticket, request)) = run.next_send() {
            let response = if word(&request) == "read a" {
                let cause = ObstacleCause::Unknown;
                Response::Refused(Refusal::Because {
                    cause,
                    words: Text::from("no status"),
                    retry_after_s: None,
                })
            } else {
                run.world.perform(&request)
            };
            run.answer(ticket, response);
            run.show();
        }
        run.now = run.now.plus(headroom_core::Span::seconds(1));
    }
    assert_eq!(
        run.words(),
        ["read a", "read a", "read a", "raise a", "read a", "read a", "read a", "remove finalizer a"]
    );
}

#[test]
fn an_object_without_our_finalizer_is_left_to_go() {
    let mut run = deleted(|world| world.edit("a", |storage| storage.meta.finalizer = false));
    run.settle();
    assert_eq!(run.sent.len(), 0);
}
