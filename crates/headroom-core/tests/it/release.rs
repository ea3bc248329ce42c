//! The finalizer and the sizes in the Cluster's spec (design §4).

use headroom_core::{
    Action, Bytes, Span,
    names::{Text, Uid, VolumeName},
    observation::{Obstacle, ObstacleCause, Suspension},
    policy::{ClusterSizeSync, Mode},
    report::{ClusterVerdict, Notice, Reason, State},
};

use crate::world::{Done, World, gi, instance};

/// The kinds of actions until rest.
fn acts(world: &mut World) -> Vec<&'static str> {
    let mut acts = Vec::new();
    while let Some(done) = world.step() {
        if let Done::Acted(action) = done {
            acts.push(match action {
                Action::Resize(_) => "resize",
                Action::RaiseClusterSizes(_) => "raise sizes",
                Action::AddFinalizer(..) => "add finalizer",
                Action::RemoveFinalizer(..) => "remove finalizer",
                Action::Withdraw(_)
                | Action::Destroy(_)
                | Action::Promote(_)
                | Action::SetInstances(_)
                | Action::DeleteJob(_)
                | Action::DeletePod(_)
                | Action::DiscardClaim(_) => "replace",
            });
        }
    }
    acts
}

/// Grown from 10Gi to 12Gi.
fn grown(sync: ClusterSizeSync) -> World {
    let mut world = World::new(2);
    world.policy.sync = sync;
    world.set_used_all(90);
    world.finish();
    world
}

fn spec_size(world: &World) -> Option<Bytes> {
    world.seen.cluster.volumes[&VolumeName::Data].size
}

#[test]
fn the_finalizer_is_put_on_where_there_will_be_something_to_do() {
    for (sync, expected) in [
        (ClusterSizeSync::Never, vec![]),
        (ClusterSizeSync::OnRelease, vec!["add finalizer"]),
        (ClusterSizeSync::Follow, vec!["add finalizer"]),
    ] {
        let mut world = World::new(1);
        world.policy.sync = sync;
        world.seen.storage.finalizer = false;
        assert_eq!(acts(&mut world), expected, "{sync:?}");
    }
}

#[test]
fn it_comes_before_a_planned_patch_and_after_an_urgent_one() {
    for (used, expected) in [(82, ["add finalizer", "resize"]), (97, ["resize", "add finalizer"])] {
        let mut world = World::new(1);
        world.seen.storage.finalizer = false;
        world.set_used(1, used);
        assert_eq!(acts(&mut world), expected);
    }
}

#[test]
fn on_release_the_sizes_are_raised_first() {
    let mut world = grown(ClusterSizeSync::OnRelease);
    assert_eq!(spec_size(&world), Some(gi(10)));
    world.seen.storage.deleting = true;
    assert_eq!(world.decide().report.cluster, ClusterVerdict::Releasing);
    world.assert_says(State::Suspended, &Reason::Releasing);
    assert_eq!(acts(&mut world), ["raise sizes", "remove finalizer"]);
    assert_eq!(spec_size(&world), Some(gi(12)));
}

#[test]
fn what_the_api_server_refuses_is_told_with_its_words_while_it_is_tried() {
    let told = |cause, age: u32, on: fn(&World) -> Uid| {
        let mut world = grown(ClusterSizeSync::OnRelease);
        world.seen.storage.deleting = true;
        let at = world.now.minus(Span::seconds(age));
        let words = Text::from("clusters \"pg\" is forbidden");
        let obstacle = Obstacle { cause, words, at, attempts: 9, wanted: Bytes::ZERO };
        let uid = on(&world);
        world.seen.evidence.obstacles.insert(uid, obstacle);
        let decision = world.decide();
        (decision.report.cluster, decision.wake)
    };
    let cluster = |world: &World| world.seen.cluster.id.uid.clone();
    let (verdict, wake) = told(ObstacleCause::Forbidden, 30, cluster);
    let words = Text::from("clusters \"pg\" is forbidden");
    assert_eq!(verdict, ClusterVerdict::Refused { cause: ObstacleCause::Forbidden, words });
    assert_eq!(wake, Some(grown(ClusterSizeSync::OnRelease).now.plus(Span::seconds(60))));
    let own = |world: &World| world.seen.storage.id.uid.clone();
    assert_ne!(told(ObstacleCause::Invalid, 0, own).0, ClusterVerdict::Releasing);
    let silent = |cause, age, on| assert_eq!(told(cause, age, on).0, ClusterVerdict::Releasing);
    silent(ObstacleCause::Forbidden, 90, cluster);
    silent(ObstacleCause::Throttled, 0, cluster);
    silent(ObstacleCause::Unavailable, 0, cluster);
    silent(ObstacleCause::Forbidden, 0, |_| "of something that is gone".into());
}

#[test]
fn without_anything_to_raise_it_lets_go_at_once() {
    for sync in [ClusterSizeSync::Never, ClusterSizeSync::OnRelease, ClusterSizeSync::Follow] {
        let mut world = World::new(1);
        world.policy.sync = sync;
        world.seen.storage.deleting = true;
        assert_eq!(acts(&mut world), ["remove finalizer"]);
    }
}

#[test]
fn never_means_never() {
    let mut world = grown(ClusterSizeSync::Never);
    world.seen.storage.deleting = true;
    assert_eq!(acts(&mut world), ["remove finalizer"]);
    assert_eq!(spec_size(&world), Some(gi(10)));
}

#[test]
fn a_cluster_that_goes_away_needs_no_sizes() {
    let mut world = grown(ClusterSizeSync::OnRelease);
    world.seen.storage.deleting = true;
    world.seen.cluster.suspended = Some(Suspension::ClusterDeleting);
    assert_eq!(acts(&mut world), ["remove finalizer"]);
}

#[test]
fn paused_it_still_lets_go_properly_and_advising_it_touches_nothing_else() {
    for (mode, expected) in
        [(Mode::Paused, vec!["raise sizes", "remove finalizer"]), (Mode::Advise, vec!["remove finalizer"])]
    {
        let mut world = grown(ClusterSizeSync::OnRelease);
        world.policy.mode = mode;
        world.seen.storage.deleting = true;
        assert_eq!(acts(&mut world), expected);
    }
}

#[test]
fn while_it_is_released_nothing_grows() {
    let mut world = World::new(1);
    world.set_used(1, 97);
    world.seen.storage.deleting = true;
    assert_eq!(acts(&mut world), ["remove finalizer"]);
}

#[test]
fn follow_raises_the_size_after_each_proven_growth_only() {
    let mut world = World::new(2);
    world.policy.sync = ClusterSizeSync::Follow;
    world.set_used_all(90);
    assert_eq!(acts(&mut world), ["resize"]);
    world.storage_works();
    assert_eq!(acts(&mut world), ["resize"]);
    assert_eq!(spec_size(&world), Some(gi(10)));
    world.storage_works();
    assert_eq!(acts(&mut world), ["raise sizes"]);
    assert_eq!(spec_size(&world), Some(gi(12)));
}

#[test]
fn follow_waits_for_an_unmounted_claim() {
    let mut world = World::new(2);
    world.policy.sync = ClusterSizeSync::Follow;
    world.seen.members.get_mut(&instance(2)).unwrap().pod = None;
    world.set_used(1, 90);
    world.finish();
    assert_eq!(spec_size(&world), Some(gi(10)));
}

#[test]
fn a_cluster_size_that_is_behind_is_told() {
    let world = grown(ClusterSizeSync::OnRelease);
    assert!(world.report().notices.contains(&Notice::ClusterSizeBehind { cluster_size: gi(10) }));
    let world = grown(ClusterSizeSync::Follow);
    assert!(!world.report().notices.contains(&Notice::ClusterSizeBehind { cluster_size: gi(10) }));
}
