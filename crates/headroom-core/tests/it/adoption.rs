//! The effective size as the claims tell it: empty records, and growth that others made (design §4, §5 rule 6).

use headroom_core::{
    Bytes, Span,
    ledger::Cause,
    names::{Text, VolumeName},
    report::{Reason, State},
};

use crate::world::{World, gi, instance, mi};

#[test]
fn an_empty_record_takes_the_largest_bound_claim_never_the_request() {
    let mut world = World::new(3);
    world.record.volumes.clear();
    world.rules().request = Some(gi(5));
    world.set_size(2, gi(30));
    world.settle();
    assert_eq!(world.effective(), gi(30));
    assert_eq!(world.outcomes(), vec![], "what was there before is no action");
}

#[test]
fn an_empty_record_is_not_misled_by_a_request_that_nothing_has_met() {
    let mut world = World::new(2);
    world.record.volumes.clear();
    world.claim(2).requested = gi(900);
    world.claim(2).requested_text = Text::from("900Gi");
    world.settle();
    assert_eq!(world.effective(), gi(10));
}

#[test]
fn no_bound_claim_no_record() {
    let mut world = World::new(1);
    world.record.volumes.clear();
    world.claim(1).phase = headroom_core::observation::ClaimPhase::Pending;
    world.claim(1).capacity = None;
    assert_eq!(world.settle(), vec![]);
    world.assert_says(State::WaitingForUsage, &Reason::NoBoundClaim);
    assert!(world.record.volumes.is_empty());
}

#[test]
fn claims_that_others_raised_are_followed_and_counted_once() {
    let mut world = World::new(3);
    for number in 1..=3 {
        world.set_size(number, gi(20));
    }
    assert_eq!(world.settle(), vec![]);
    assert_eq!(world.effective(), gi(20));
    assert_eq!(world.outcomes(), vec![(Cause::External, "completed")]);
    assert_eq!(world.report().budget.used, 1);
}

#[test]
fn a_single_claim_raised_by_hand_is_followed_by_its_siblings() {
    let mut world = World::new(2);
    world.set_size(2, gi(20));
    assert_eq!(world.settle(), vec![(instance(1), gi(20))]);
}

#[test]
fn beyond_the_ceiling_others_are_not_followed() {
    let mut world = World::new(2);
    world.rules().limit = gi(15);
    world.set_size(2, gi(20));
    assert_eq!(world.settle(), vec![(instance(1), gi(15))]);
    assert_eq!(world.effective(), gi(15));
}

#[test]
fn our_own_growth_is_not_an_external_one() {
    let mut world = World::new(3);
    world.set_used_all(82);
    world.settle();
    world.claim(2).capacity = Some(gi(11));
    world.settle();
    assert_eq!(world.outcomes(), vec![(Cause::Planned, "running")]);
}

#[test]
fn somebody_who_overtakes_our_growth_ends_it() {
    let mut world = World::new(2);
    world.set_used_all(82);
    world.settle();
    world.set_size(1, gi(20));
    assert_eq!(world.settle(), vec![(instance(2), gi(20))]);
    assert_eq!(world.outcomes(), vec![(Cause::Planned, "superseded"), (Cause::External, "completed")]);
}

#[test]
fn a_resize_of_others_that_is_under_way_is_waited_for() {
    let mut world = World::new(1);
    world.set_used(1, 82);
    world.claim(1).requested = gi(20);
    world.claim(1).requested_text = Text::from("20Gi");
    assert_eq!(world.settle(), vec![]);
    world.assert_says(
        State::PendingGrowth,
        &Reason::WaitingForStorage { instance: instance(1), node_step: false },
    );
    world.set_used(1, 97);
    assert_eq!(world.settle(), vec![]);
    world.assert_says(
        State::Emergency,
        &Reason::WaitingForStorage { instance: instance(1), node_step: false },
    );
    assert_eq!(world.outcomes(), vec![], "no slot for what is already asked for");
}

#[test]
fn a_sample_older_than_an_external_growth_asks_for_nothing() {
    let mut world = World::new(1);
    world.set_used(1, 82);
    world.set_size(1, gi(12));
    assert_eq!(world.settle(), vec![]);
    world.assert_says(State::Balanced, &Reason::EnoughFree);
}

#[test]
fn a_lost_record_in_the_middle_of_a_growth_ends_at_the_same_size() {
    for canary_done in [false, true] {
        let mut world = World::new(3);
        world.set_used_all(82);
        world.settle();
        if canary_done {
            world.claim(2).capacity = Some(gi(11));
            world.advance(Span::seconds(15));
            world.sample_again();
            world.settle();
        }
        world.record.volumes.clear();
        world.finish();
        let sizes: Vec<Bytes> = (1..=3).map(|number| world.claim(number).requested).collect();
        assert_eq!(sizes, vec![gi(11); 3], "canary done: {canary_done}");
    }
}

#[test]
fn each_volume_has_its_own_record_and_the_numbers_are_shared() {
    let mut world = World::new(1);
    let name = VolumeName::Tablespace("idx".into());
    let mut rules = crate::world::rules();
    rules.unit = mi(64);
    rules.limit = gi(4);
    world.policy.volumes.insert(name.clone(), rules);
    let spec = headroom_core::observation::VolumeSpecSeen { size: Some(gi(1)), resize_in_use: true };
    world.seen.cluster.volumes.insert(name.clone(), spec);
    world.seen.windows.insert(name.clone(), headroom_core::window::Windows::Always);
    let member = world.seen.members.get_mut(&instance(1)).unwrap();
    member.claims.insert(name.clone(), crate::world::claim("idx-1", gi(1)));
    let mut samples = headroom_core::usage::Samples::none();
    for age in [30, 10] {
        samples.push(headroom_core::usage::Sample {
            at: world.now.minus(Span::seconds(age)),
            capacity: mi(960),
            available: Bytes::new(20 << 10),
        });
    }
    let uid = member.claims[&name].id.uid.clone();
    world.seen.evidence.samples.insert(uid, samples);
    world.set_used(1, 82);
    let patches = world.settle();
    // A full tablespace shows in usage alone; at least 1Gi more.
    assert_eq!(patches, vec![(instance(1), gi(2)), (instance(1), gi(11))]);
    assert_eq!(world.record.sequence, 2);
}
