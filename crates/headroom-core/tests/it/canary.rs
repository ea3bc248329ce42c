//! The canary of a planned growth (design §5 rule 3).

use headroom_core::{
    Span,
    ledger::Cause,
    names::Text,
    observation::{ObstacleCause, ResizeStep},
    report::{Reason, State},
};

use crate::world::{World, gi, instance};

/// Three instances that want 11Gi; the canary `pg-2` is patched.
fn begun() -> World {
    let mut world = World::new(3);
    world.set_used_all(82);
    assert_eq!(world.settle(), vec![(instance(2), gi(11))]);
    world
}

#[track_caller]
fn assert_stopped(world: &mut World, reason: &Reason) {
    assert_eq!(world.settle(), vec![]);
    assert_eq!(world.outcomes(), vec![(Cause::Planned, "refunded")]);
    world.assert_says(State::Blocked, reason);
    assert_eq!(world.report().budget.used, 0, "no slot is burnt");
    assert_eq!(world.effective(), gi(10));
}

#[test]
fn a_replica_goes_first_and_the_others_wait_for_its_capacity() {
    let mut world = begun();
    world.assert_says(State::Growing, &Reason::WaitingForCanary(instance(2)));
    world.claim(2).resize.step = ResizeStep::NodeInProgress;
    assert_eq!(world.settle(), vec![]);
    world.claim(2).capacity = Some(gi(11));
    assert_eq!(world.settle(), vec![(instance(1), gi(11)), (instance(3), gi(11))]);
}

#[test]
fn the_primary_is_never_the_canary() {
    for primary in 1..=3 {
        let mut world = World::new(3);
        world.seen.cluster.primary = headroom_core::observation::Primary::Known(instance(primary));
        world.set_used_all(82);
        let first = world.settle().remove(0).0;
        assert_ne!(first, instance(primary));
    }
}

#[test]
fn an_unready_fenced_or_unmounted_replica_is_passed_over() {
    let unready: fn(&mut World) = |world| world.pod(2).ready = false;
    let fenced: fn(&mut World) = |world| world.fenced(2);
    let unmounted: fn(&mut World) = |world| world.seen.members.get_mut(&instance(2)).unwrap().pod = None;
    let leaving: fn(&mut World) = |world| world.pod(2).terminating = true;
    for spoil in [unready, fenced, unmounted, leaving] {
        let mut world = World::new(3);
        spoil(&mut world);
        world.set_used(1, 82);
        world.set_used(3, 82);
        assert_eq!(world.settle().first(), Some(&(instance(3), gi(11))));
    }
}

#[test]
fn an_infeasible_size_stops_everything_with_the_drivers_words() {
    let mut world = begun();
    world.claim(2).resize.step = ResizeStep::ControllerInfeasible;
    world.claim(2).resize.error = Some(Text::from("volume limit exceeded"));
    let words = Text::from("volume limit exceeded");
    assert_stopped(&mut world, &Reason::Infeasible { instance: instance(2), words });
    assert_eq!(world.claim(1).requested, gi(10));
}

#[test]
fn a_refusal_stops_everything() {
    for cause in [
        ObstacleCause::Quota,
        ObstacleCause::LimitRange,
        ObstacleCause::NotExpandable,
        ObstacleCause::Forbidden,
        ObstacleCause::Invalid,
    ] {
        let mut world = World::new(3);
        world.set_used_all(82);
        world.step();
        world.refuse(2, cause, gi(11));
        let words = Text::from("exceeded quota");
        assert_stopped(&mut world, &Reason::Refused { instance: instance(2), cause, words });
    }
}

#[test]
fn a_busy_server_is_asked_again_after_seconds() {
    for cause in [ObstacleCause::Throttled, ObstacleCause::Unavailable, ObstacleCause::Unknown] {
        let mut world = World::new(3);
        world.set_used_all(82);
        world.step();
        world.refuse(2, cause, gi(11));
        assert_eq!(world.settle(), vec![]);
        assert_eq!(world.decide().wake, Some(world.now.plus(Span::seconds(5))));
        world.advance(Span::seconds(5));
        assert_eq!(world.settle(), vec![(instance(2), gi(11))]);
    }
}

#[test]
fn five_minutes_without_the_controller_stop_it() {
    let mut world = begun();
    world.advance(Span::seconds(299));
    world.sample_again();
    assert_eq!(world.settle(), vec![]);
    world.assert_says(State::Growing, &Reason::WaitingForCanary(instance(2)));
    assert_eq!(world.decide().wake, Some(world.now.plus(Span::seconds(1))));
    world.advance(Span::seconds(1));
    // The very decision that ends it says why: nobody is told that all is well in between.
    world.assert_says(State::Blocked, &Reason::CanaryStuck(instance(2)));
    assert_stopped(&mut world, &Reason::CanaryStuck(instance(2)));
}

#[test]
fn the_five_minutes_do_not_wait_for_a_clock_that_was_set_back() {
    let mut world = begun();
    let growth = world.volume_record().growth.as_mut().unwrap();
    growth.started = growth.started.plus(Span::hours(1));
    world.advance(Span::seconds(299));
    world.sample_again();
    world.advance(Span::seconds(1));
    world.assert_says(State::Blocked, &Reason::CanaryStuck(instance(2)));
}

#[test]
fn a_slow_node_step_does_not_stop_it() {
    let mut world = begun();
    world.claim(2).resize.step = ResizeStep::NodePending;
    world.advance(Span::minutes(30));
    world.sample_again();
    assert_eq!(world.settle(), vec![]);
    assert_eq!(world.outcomes(), vec![(Cause::Planned, "running")]);
}

#[test]
fn a_stopped_growth_is_not_spread_by_repair_nor_taken_for_an_external_one() {
    let mut world = begun();
    world.claim(2).resize.step = ResizeStep::ControllerInfeasible;
    world.settle();
    world.advance(Span::minutes(59));
    world.sample_again();
    assert_eq!(world.settle(), vec![]);
    assert_eq!(world.effective(), gi(10));
}

#[test]
fn it_is_tried_again_after_an_hour_with_another_replica() {
    let mut world = begun();
    world.claim(2).resize.step = ResizeStep::ControllerInfeasible;
    world.settle();
    assert!(world.decide().wake.is_some());
    world.advance(Span::hours(1));
    world.sample_again();
    world.advance(Span::seconds(10));
    world.sample_again();
    assert_eq!(world.settle(), vec![(instance(3), gi(11))]);
}

#[test]
fn a_smaller_size_is_tried_at_once() {
    let mut world = World::new(3);
    world.set_used_all(90);
    world.step();
    world.refuse(2, ObstacleCause::Quota, gi(12));
    world.settle();
    world.rules().limit = gi(11);
    world.policy.generation += 1;
    assert_eq!(world.settle(), vec![(instance(2), gi(11))]);
}

#[test]
fn a_claim_that_grew_after_all_is_followed() {
    let mut world = begun();
    world.advance(Span::minutes(6));
    world.sample_again();
    assert_eq!(world.settle(), vec![]);
    world.storage_works();
    assert_eq!(world.settle(), vec![(instance(1), gi(11)), (instance(3), gi(11))]);
    assert_eq!(world.outcomes(), vec![(Cause::Planned, "refunded"), (Cause::External, "completed")]);
}

#[test]
fn a_canary_that_lost_its_pod_hands_over() {
    let mut world = begun();
    world.seen.members.get_mut(&instance(2)).unwrap().pod = None;
    assert_eq!(world.settle(), vec![(instance(3), gi(11))]);
    world.assert_says(State::Growing, &Reason::WaitingForCanary(instance(3)));
    assert_eq!(world.outcomes(), vec![(Cause::Planned, "running")], "the same slot");
}

#[test]
fn where_no_replica_is_left_the_primary_grows_alone() {
    let mut world = World::new(2);
    world.set_used_all(82);
    world.settle();
    world.seen.members.get_mut(&instance(2)).unwrap().pod = None;
    assert_eq!(world.settle(), vec![(instance(1), gi(11))]);
    world.storage_works();
    world.settle();
    assert_eq!(world.outcomes(), vec![(Cause::Planned, "completed")]);
    world.assert_says(State::PendingGrowth, &Reason::WaitingForMount(instance(2)));
}

#[test]
fn a_single_instance_is_its_own_canary() {
    let mut world = World::new(1);
    world.set_used_all(82);
    world.settle();
    world.claim(1).resize.step = ResizeStep::NodeInfeasible;
    let words = Text::from("");
    assert_stopped(&mut world, &Reason::Infeasible { instance: instance(1), words });
}

#[test]
fn after_the_canary_a_failing_member_is_told_and_the_others_are_done() {
    let mut world = begun();
    world.claim(2).capacity = Some(gi(11));
    world.settle();
    world.claim(1).capacity = Some(gi(11));
    world.claim(3).resize.step = ResizeStep::ControllerInfeasible;
    world.claim(3).resize.error = Some(Text::from("no room"));
    assert_eq!(world.settle(), vec![]);
    world.assert_says(
        State::Growing,
        &Reason::Infeasible { instance: instance(3), words: Text::from("no room") },
    );
    assert_eq!(world.outcomes(), vec![(Cause::Planned, "running")]);
}

#[test]
fn a_lowered_request_is_raised_again_within_the_same_slot() {
    let mut world = begun();
    world.claim(2).requested = gi(10);
    world.claim(2).requested_text = Text::from("10Gi");
    world.claim(2).resize.in_progress = true;
    let report = world.report();
    assert!(
        report.notices.contains(&headroom_core::report::Notice::RequestLowered(instance(2))),
        "{report:#?}"
    );
    assert_eq!(world.settle(), vec![(instance(2), gi(11))]);
    assert_eq!(world.outcomes(), vec![(Cause::Planned, "running")]);
}

#[test]
fn a_request_below_the_capacity_is_a_legal_end() {
    let mut world = begun();
    world.claim(2).requested = gi(10);
    world.claim(2).requested_text = Text::from("10Gi");
    world.claim(2).capacity = Some(gi(11));
    assert_eq!(world.settle(), vec![(instance(1), gi(11)), (instance(3), gi(11))]);
}
