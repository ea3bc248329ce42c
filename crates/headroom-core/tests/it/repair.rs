//! Repair (design §5 rule 1).

use headroom_core::{
    Span,
    names::VolumeName,
    observation::{ClaimPhase, ObstacleCause, ResizeStep},
    report::{Reason, State},
    usage::Samples,
    window::Windows,
};

use crate::world::{World, gi, instance};

/// Three instances with 10Gi each but for `number`, which has 5Gi; nothing else may act.
fn with_small(number: usize) -> World {
    let mut world = World::new(3);
    world.set_size(number, gi(5));
    world.forget_samples(number);
    world.seen.windows.insert(VolumeName::Data, Windows::Never);
    (0..4).for_each(|_| world.spend_slot(60));
    world
}

#[test]
fn a_smaller_claim_grows_without_usage_window_or_slot() {
    let mut world = with_small(3);
    let used = world.report().budget.used;
    world.assert_says(State::Growing, &Reason::Repairing(instance(3)));
    assert_eq!(world.finish(), vec![(instance(3), gi(10))]);
    assert_eq!(world.report().budget.used, used);
}

#[test]
fn a_primarys_claim_is_the_most_urgent_of_all() {
    let mut world = with_small(1);
    world.set_size(2, gi(6));
    assert_eq!(world.decide().attention.lane, headroom_core::decision::Lane::RepairPrimary);
    assert_eq!(world.settle(), vec![(instance(1), gi(10)), (instance(2), gi(10))]);
}

#[test]
fn of_two_smaller_claims_the_primarys_is_told() {
    let mut world = with_small(1);
    world.set_size(2, gi(6));
    world.seen.cluster.primary = headroom_core::observation::Primary::Known(instance(2));
    world.assert_says(State::Growing, &Reason::Repairing(instance(2)));
}

#[test]
fn samples_from_before_a_repair_ask_for_no_growth() {
    let mut world = World::new(3);
    world.set_size(3, gi(9));
    world.set_used(3, 84);
    assert_eq!(world.settle(), vec![(instance(3), gi(10))]);
    // The capacity is there; the kubelet has not measured again.
    world.claim(3).capacity = Some(gi(10));
    let uid = world.claim(3).id.uid.clone();
    world.seen.evidence.grown_since.insert(uid, world.now);
    assert_eq!(world.settle(), vec![]);
    world.assert_says(State::Balanced, &Reason::EnoughFree);
    world.advance(Span::seconds(20));
    world.sample_again();
    assert_eq!(world.settle(), vec![]);
    assert_eq!(world.outcomes(), vec![]);
}

#[test]
fn a_restarted_operator_knows_which_samples_are_from_before_a_repair() {
    let mut world = World::new(3);
    world.set_size(3, gi(9));
    world.set_used(3, 84);
    assert_eq!(world.settle(), vec![(instance(3), gi(10))]);
    // The kubelet measures once more before the storage has grown the volume.
    world.advance(Span::seconds(20));
    world.sample_again();
    world.advance(Span::seconds(10));
    world.claim(3).capacity = Some(gi(10));
    let uid = world.claim(3).id.uid.clone();
    world.seen.evidence.grown_since.insert(uid.clone(), world.now);
    assert_eq!(world.settle(), vec![]);
    // What the next process knows is in the record.
    world.seen.evidence.grown_since.clear();
    let last = *world.seen.evidence.samples[&uid].as_slice().last().unwrap();
    let mut samples = Samples::none();
    samples.push(last);
    world.set_samples(3, samples);
    assert_eq!(world.settle(), vec![]);
    world.assert_says(State::Balanced, &Reason::EnoughFree);
    assert_eq!(world.outcomes(), vec![]);
}

#[test]
fn an_unmounted_claim_is_repaired_too() {
    let mut world = with_small(3);
    world.seen.members.get_mut(&instance(3)).unwrap().pod = None;
    assert_eq!(world.settle(), vec![(instance(3), gi(10))]);
    world.assert_says(State::PendingGrowth, &Reason::WaitingForMount(instance(3)));
}

#[test]
fn a_pending_claim_is_waited_for_and_repaired_once_bound() {
    let mut world = with_small(3);
    world.claim(3).phase = ClaimPhase::Pending;
    world.claim(3).capacity = None;
    assert_eq!(world.settle(), vec![]);
    world.assert_says(State::PendingGrowth, &Reason::WaitingForBinding(instance(3)));
    world.claim(3).phase = ClaimPhase::Bound;
    world.claim(3).capacity = Some(gi(5));
    assert_eq!(world.settle(), vec![(instance(3), gi(10))]);
}

#[test]
fn a_terminating_claim_is_left_alone() {
    let mut world = with_small(3);
    world.claim(3).terminating = true;
    assert_eq!(world.settle(), vec![]);
}

#[test]
fn a_refused_repair_backs_off_and_says_why() {
    let mut world = with_small(3);
    world.sample_again();
    for (attempts, minutes) in [(1, 1), (3, 3), (9, 5)] {
        world.refuse(3, ObstacleCause::Quota, gi(10));
        let uid = world.claim(3).id.uid.clone();
        world.seen.evidence.obstacles.get_mut(&uid).unwrap().attempts = attempts;
        assert_eq!(world.settle(), vec![]);
        let words = "exceeded quota".into();
        let cause = ObstacleCause::Quota;
        world.assert_says(State::Growing, &Reason::Refused { instance: instance(3), cause, words });
        assert_eq!(world.decide().wake, Some(world.now.plus(Span::minutes(minutes))));
    }
    world.advance(Span::minutes(5));
    assert_eq!(world.settle(), vec![(instance(3), gi(10))]);
}

#[test]
fn an_infeasible_repair_is_told_and_not_repeated() {
    let mut world = with_small(3);
    world.settle();
    world.claim(3).resize.step = ResizeStep::ControllerInfeasible;
    world.claim(3).resize.error = Some("no room".into());
    assert_eq!(world.settle(), vec![]);
    let words = "no room".into();
    world.assert_says(State::Growing, &Reason::Infeasible { instance: instance(3), words });
}

#[test]
fn a_new_replica_of_the_clusters_old_size_is_raised_to_the_effective_one() {
    let mut world = World::new(2);
    world.set_used_all(90);
    world.finish();
    world.add_member(3, gi(10));
    assert_eq!(world.finish(), vec![(instance(3), gi(12))]);
    assert_eq!(world.outcomes().len(), 1, "the same action");
}

#[test]
fn during_the_canary_a_smaller_member_is_raised_to_the_effective_size_only() {
    let mut world = World::new(3);
    world.set_size(3, gi(5));
    world.set_used(1, 82);
    world.set_used(3, 50);
    assert_eq!(world.settle(), vec![(instance(2), gi(11)), (instance(3), gi(10))]);
    world.storage_works();
    assert_eq!(world.settle(), vec![(instance(1), gi(11)), (instance(3), gi(11))]);
}

#[test]
fn a_request_that_was_lowered_is_raised_also_where_the_claim_has_the_size() {
    let mut world = World::new(2);
    world.claim(2).requested = gi(8);
    world.claim(2).requested_text = "8Gi".into();
    assert_eq!(world.settle(), vec![(instance(2), gi(10))]);
    world.assert_says(State::Balanced, &Reason::EnoughFree);
}

#[test]
fn an_unmounted_member_of_a_growth_is_left_to_repair_once_the_others_are_done() {
    let mut world = World::new(3);
    world.set_used(1, 82);
    world.seen.members.get_mut(&instance(3)).unwrap().pod = None;
    let patches = world.finish();
    assert_eq!(patches, vec![(instance(2), gi(11)), (instance(1), gi(11)), (instance(3), gi(11))]);
    world.assert_says(State::PendingGrowth, &Reason::WaitingForMount(instance(3)));
}
