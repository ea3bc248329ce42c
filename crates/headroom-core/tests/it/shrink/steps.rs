//! The order of the steps, and what turns a shrink aside.

use std::collections::BTreeMap;

use headroom_core::{
    Action, Percent, Span,
    names::VolumeName,
    observation::{ClaimSeen, Freshness, Mark, Obstacle, ObstacleCause, Primary, Scaler, SingleOnly},
    policy::{Mode, Surge},
    record::{Course, TurnedBack},
    report::{Reason, ShrinkReason, State},
    window::Windows,
};

use super::toy::{
    cnpg_works, copying, facts, job, join, large, marked, placeless, runs, session, survey, told, whole,
    with_tablespace,
};
use crate::world::{World, gi, instance, object};

#[test]
fn three_instances_are_replaced_one_by_one_and_the_primary_last() {
    runs(
        &mut large(3),
        &["instances 4", "destroy pg-3", "destroy pg-2", "promote pg-2", "destroy pg-1", "instances 3"],
    );
}

#[test]
fn two_instances_become_three_for_the_while() {
    runs(&mut large(2), &["instances 3", "destroy pg-2", "promote pg-2", "destroy pg-1", "instances 2"]);
}

#[test]
fn a_single_instance_moves_to_a_second_one() {
    runs(&mut large(1), &["instances 2", "promote pg-2", "instances 1"]);
}

#[test]
fn without_surge_three_instances_do_with_one_replica_less() {
    let mut world = large(3);
    world.rules().shrink.surge = Surge::Never;
    runs(&mut world, &["destroy pg-3", "destroy pg-2", "promote pg-2", "destroy pg-1"]);
}

#[test]
fn a_victim_that_is_or_may_become_primary_is_spared_at_once() {
    for primary in [
        Primary::Known(instance(3)),
        Primary::Moving { to: Some(instance(3)) },
        Primary::Moving { to: None },
        Primary::Unknown,
    ] {
        let mut world = marked();
        world.seen.cluster.primary = primary.clone();
        let decision = world.decide();
        assert!(decision.record.shrink.as_ref().unwrap().condemned.is_none(), "{primary:?}");
        world.record = decision.record;
        let first = world.decide().actions.first().map(told);
        assert_eq!(first.as_deref(), Some("spare pg-3"), "{primary:?}");
    }
}

#[test]
fn a_marked_victim_is_spared_when_anything_says_wait_before_cnpg_has_begun() {
    for change in [
        (|world| world.pod(2).ready = false) as fn(&mut World),
        |world| world.seen.cluster.phase = "Failing over".into(),
        |world| world.seen.windows = BTreeMap::from([(VolumeName::Data, Windows::Never)]),
        |world| world.seen.cluster.conduct.maintained = true,
        |world| world.policy.mode = Mode::Paused,
        |world| world.seen.storage.deleting = true,
        |world| world.rules().shrink.enabled = false,
    ] {
        let mut world = marked();
        change(&mut world);
        // Upon a read of one moment.
        world.seen.freshness = Freshness::Quorum { read_at: world.now };
        let decision = world.decide();
        world.record = decision.record;
        let first = world.decide().actions.first().map(told);
        assert_eq!(first.as_deref(), Some("spare pg-3"), "{:?}", world.decide().report);
    }
}

#[test]
fn a_mark_of_ours_that_no_record_explains_is_taken_off_and_one_of_somebody_else_is_not() {
    for (mark, expected) in [(Mark::Ours, Some("spare pg-1")), (Mark::Foreign, None)] {
        for mode in [Mode::Apply, Mode::Paused, Mode::Advise] {
            let mut world = World::new(3);
            world.policy.mode = mode;
            world.pod(1).mark = mark;
            assert_eq!(world.decide().actions.first().map(told).as_deref(), expected);
        }
    }
}

#[test]
fn an_emergency_turns_it_back_and_every_claim_grows_in_place() {
    let mut world = large(3);
    let mut fresh = 0;
    let mut done = Vec::new();
    while !done.iter().any(|what| what == "destroy pg-2") {
        done.extend(session(&mut world));
        cnpg_works(&mut world, &mut fresh);
    }
    session(&mut world);
    world.set_used(3, 97);
    let done = session(&mut world);
    assert_eq!(world.record.shrink.as_ref().unwrap().course, Course::Back(TurnedBack::Emergency));
    let mut raised: Vec<_> = done.iter().filter(|what| what.starts_with("raise pg-")).cloned().collect();
    raised.sort();
    assert_eq!(raised, ["raise pg-2 to 100Gi", "raise pg-3 to 100Gi", "raise pg-4 to 100Gi"]);
    assert!(!done.iter().any(|what| what.starts_with("destroy")), "{done:?}");
    for _ in 0..6 {
        cnpg_works(&mut world, &mut fresh);
        session(&mut world);
    }
    assert!(world.record.shrink.is_none());
    assert_eq!((world.effective(), world.seen.cluster.instances), (gi(100), 3));
}

#[test]
fn the_join_trap_is_opened_by_deleting_the_job() {
    let mut world = copying();
    facts(&mut world).jobs.push(job("pg-3"));
    assert_eq!(session(&mut world), Vec::<String>::new(), "a copy runs");
    world.seen.members.get_mut(&instance(1)).unwrap().pod = None;
    world.advance(Span::seconds(1));
    assert_eq!(session(&mut world), ["delete job of pg-3"]);
}

#[test]
fn a_pod_that_no_node_takes_makes_way_for_the_primarys() {
    let mut world = placeless();
    assert_eq!(session(&mut world), ["delete pod of pg-2"]);
    assert_eq!(session(&mut world), Vec::<String>::new(), "once");
    let mut elected = placeless();
    elected.add_member(3, gi(100));
    assert_eq!(session(&mut elected).last().unwrap(), "delete pod of pg-2", "nobody was elected for so long");

    let mut early = placeless();
    let due = early.now.plus(Span::seconds(1));
    early.seen.evidence.steady_since = Some(due.minus(Span::minutes(3)));
    assert_eq!(session(&mut early), Vec::<String>::new());
    assert_eq!(early.decide().wake, Some(due));
}

#[test]
fn a_pod_stays_where_it_is_in_nobodys_way_or_may_run() {
    let cases: &[(&str, Happens)] = &[
        ("not known since when", |world| world.seen.evidence.steady_since = None),
        ("it has begun", |world| world.pod(2).pending = false),
        ("a node has taken it", |world| world.pod(2).node = Some("n2".into())),
        ("it goes already", |world| world.pod(2).terminating = true),
        ("it is the primary's", |world| world.seen.cluster.primary = Primary::Known(instance(2))),
        ("who is primary is open", |world| world.seen.cluster.primary = Primary::Unknown),
        ("the primary has one", |world| join(world, 1, &mut 20)),
        ("the primary's claims go", |world| world.claim(1).terminating = true),
        ("nothing may be done", |world| world.policy.mode = Mode::Advise),
        ("it was refused just now", |world| refuse(world, 59)),
    ];
    for (why, change) in cases {
        let mut world = placeless();
        change(&mut world);
        let done = session(&mut world);
        assert!(!done.iter().any(|what| what.starts_with("delete pod")), "{why}: {done:?}");
    }
    let mut refused = placeless();
    refuse(&mut refused, 60);
    assert_eq!(session(&mut refused), ["delete pod of pg-2"]);
}

/// The deletion of pg-2's pod was refused so many seconds ago.
fn refuse(world: &mut World, seconds: u32) {
    let obstacle = Obstacle {
        cause: ObstacleCause::Forbidden,
        words: "no".into(),
        at: world.now.minus(Span::seconds(seconds)),
        attempts: 1,
        wanted: headroom_core::Bytes::ZERO,
    };
    let uid = world.pod(2).id.uid.clone();
    world.seen.evidence.obstacles.insert(uid, obstacle);
}

#[test]
fn a_copy_that_has_lost_its_job_is_discarded_once_nothing_moves_data_last() {
    let mut world = copying();
    let member = world.seen.members.get_mut(&instance(3)).unwrap();
    let wal = ClaimSeen { id: object("claim-3-wal"), ..member.claims[&VolumeName::Data].clone() };
    member.claims.insert(VolumeName::Wal, ClaimSeen { initializing: false, ..wal });
    let still = |world: &mut World, seconds| {
        world.seen.evidence.steady_since = Some(world.now.minus(Span::seconds(seconds)));
        session(world)
    };
    assert_eq!(still(&mut world, 29), Vec::<String>::new());
    assert_eq!(still(&mut world, 30), ["discard claim of pg-3", "discard claim of pg-3"]);
    assert!(!world.seen.members.contains_key(&instance(3)));
}

#[test]
fn a_job_that_joins_nobody_is_left_alone() {
    let cases: &[(&str, Happens)] = &[
        ("a major upgrade", |world| facts(world).jobs[0].joins = false),
        ("of an instance that has run", |world| world.claim(3).initializing = false),
    ];
    for (why, change) in cases {
        let mut world = copying();
        facts(&mut world).jobs.push(job("pg-3"));
        world.seen.members.get_mut(&instance(1)).unwrap().pod = None;
        change(&mut world);
        assert_eq!(session(&mut world), Vec::<String>::new(), "{why}");
    }
}

#[test]
fn on_the_way_back_an_instance_goes_only_if_it_is_one_too_many_and_never_ran() {
    // pg-3 is the further instance of two, and the shrink has turned back; the number is restored already.
    let unborn = || {
        let mut world = large(2);
        session(&mut world);
        join(&mut world, 3, &mut 80);
        world.seen.members.get_mut(&instance(3)).unwrap().pod = None;
        world.claim(3).initializing = true;
        facts(&mut world).jobs.push(job("pg-3"));
        world.rules().shrink.enabled = false;
        world.seen.cluster.instances = 2;
        world
    };
    let discards = |mut world: World| {
        let done = session(&mut world);
        done.iter().any(|what| what.starts_with("discard"))
    };
    assert!(discards(unborn()));
    let mut ran = unborn();
    ran.claim(3).initializing = false;
    assert!(!discards(ran), "it has run");
    let mut wanted = unborn();
    wanted.seen.cluster.instances = 4;
    assert!(!discards(wanted), "somebody scales up");
}

/// What happens to a world.
type Happens = fn(&mut World);

#[test]
fn a_copy_keeps_its_claims_while_its_job_or_an_instance_is_there() {
    let cases: &[(&str, Happens)] = &[
        ("its Job runs", |world| facts(world).jobs.push(job("pg-3"))),
        ("its Job has completed", |world| {
            facts(world).copied.insert(instance(3));
        }),
        ("it has run", |world| world.claim(3).initializing = false),
        ("it is the one that was there before", |world| {
            let uid = world.record.shrink.as_ref().unwrap().originals[&instance(3)].clone();
            world.claim(3).id.uid = uid;
        }),
        ("it is primary", |world| world.seen.cluster.primary = Primary::Known(instance(3))),
        ("it is not known for how long", |world| world.seen.evidence.steady_since = None),
    ];
    for (why, change) in cases {
        let mut world = copying();
        world.seen.evidence.steady_since = Some(world.now.minus(Span::minutes(10)));
        change(&mut world);
        let done = session(&mut world);
        assert!(!done.iter().any(|what| what.starts_with("discard")), "{why}: {done:?}");
    }
}

#[test]
fn a_surge_that_somebody_reverts_is_not_fought() {
    let mut world = large(2);
    let mut fresh = 0;
    assert_eq!(session(&mut world), ["instances 3"]);
    cnpg_works(&mut world, &mut fresh);
    // The surge is seen, and the first step follows; then GitOps comes.
    let decision = world.decide();
    world.record = decision.record;
    world.seen.cluster.instances = 2;
    world.seen.members.remove(&instance(3));
    world.seen.cluster.census.instances = 2;
    world.seen.cluster.ready_instances = 2;
    assert_eq!(session(&mut world), Vec::<String>::new());
    let reverted = ShrinkReason::SurgeReverted { declared: 2 };
    world.assert_says(State::PendingShrink, &Reason::Shrink(reverted));
    world.policy.generation += 1;
    assert_eq!(session(&mut world), ["instances 3"], "a change of the spec tries again");
}

/// A shrink of two is recorded, its surge is not sent yet, and `spec.instances` is three. The next step, and what is declared.
fn raised_before_the_surge(by: Scaler) -> (Vec<String>, u32) {
    let mut world = large(2);
    world.seen.freshness = Freshness::Quorum { read_at: world.now };
    world.record = world.decide().record;
    world.seen.cluster.instances = 3;
    world.seen.cluster.scaled_by = by;
    cnpg_works(&mut world, &mut 0);
    assert_eq!(session(&mut world), ["raise pg-3 to 15Gi"]);
    cnpg_works(&mut world, &mut 0);
    let done = session(&mut world);
    (done, world.record.shrink.as_ref().unwrap().declared)
}

#[test]
fn one_instance_more_is_a_wish_where_somebody_else_set_it_and_the_surge_where_we_did() {
    let ours = vec!["destroy pg-2".to_owned()];
    assert_eq!(raised_before_the_surge(Scaler::Headroom), (ours.clone(), 2));
    assert_eq!(raised_before_the_surge(Scaler::Unsaid), (ours, 2), "the number alone tells");
    assert_eq!(raised_before_the_surge(Scaler::Others), (vec!["instances 4".to_owned()], 3));
}

#[test]
fn a_parameter_that_forbids_a_second_instance_holds_the_surge_until_it_is_gone() {
    let mut world = large(1);
    let decision = world.decide();
    assert!(decision.record.shrink.is_none(), "not certain yet");
    survey(&mut world);
    world.seen.freshness = Freshness::Quorum { read_at: world.now };
    world.record = world.decide().record;
    assert!(world.record.shrink.is_some(), "recorded, not begun");
    world.seen.cluster.conduct.single_only = Some(SingleOnly::WalLogHints);
    assert_eq!(session(&mut world), Vec::<String>::new());
    let held = ShrinkReason::SingleOnly(SingleOnly::WalLogHints);
    world.assert_says(State::PendingShrink, &Reason::Shrink(held));
    world.seen.cluster.conduct.single_only = None;
    assert_eq!(session(&mut world), ["instances 2"]);
}

#[test]
fn a_supervised_cluster_is_asked_to_promote_by_name() {
    let mut world = large(1);
    world.seen.cluster.conduct.supervised = true;
    let mut fresh = 0;
    for _ in 0..4 {
        session(&mut world);
        cnpg_works(&mut world, &mut fresh);
    }
    let by_hand = ShrinkReason::PromoteByHand(instance(2));
    world.assert_says(State::PendingShrink, &Reason::Shrink(by_hand));
    world.seen.cluster.primary = Primary::Known(instance(2));
    assert_eq!(whole(&mut world), ["instances 1"]);
}

#[test]
fn the_target_rises_with_the_floor_and_never_falls() {
    let to = |world: &World| world.record.shrink.as_ref().unwrap().volumes[&VolumeName::Data].to;
    let mut world = marked();
    assert_eq!(to(&world), gi(15));
    world.rules().request = Some(gi(40));
    world.policy.generation += 1;
    session(&mut world);
    assert_eq!(to(&world), gi(40));
    world.rules().request = None;
    world.policy.generation += 1;
    session(&mut world);
    assert_eq!(to(&world), gi(40));
    world.rules().request = Some(gi(100));
    session(&mut world);
    assert_eq!(world.record.shrink.as_ref().unwrap().course, Course::Back(TurnedBack::SpecChanged));
}

#[test]
fn a_shrink_that_would_save_next_to_nothing_turns_back() {
    let course = |change: &dyn Fn(&mut World)| {
        let mut world = marked();
        change(&mut world);
        session(&mut world);
        world.record.shrink.as_ref().unwrap().course
    };
    let request = |size| move |world: &mut World| world.rules().request = Some(gi(size));
    let used = |percent| move |world: &mut World| world.set_used(1, percent);
    // 20Gi of 100Gi make a shrink worth it, half of that lets it go on.
    assert_eq!(course(&request(90)), Course::Smaller);
    assert_eq!(course(&request(91)), Course::Back(TurnedBack::SpecChanged));
    // 61 % of what a file system of 100Gi holds need 84Gi, 66 % need 91Gi.
    assert_eq!(course(&used(61)), Course::Smaller);
    assert_eq!(course(&used(66)), Course::Back(TurnedBack::TooSmall));
}

#[test]
fn a_shrink_goes_on_while_one_of_its_volumes_is_worth_it() {
    let mut world = marked();
    let idx = with_tablespace(&mut world);
    let course = |world: &World| world.record.shrink.as_ref().unwrap().course;
    world.rules().request = Some(gi(91));
    session(&mut world);
    assert_eq!(course(&world), Course::Smaller);
    world.policy.volumes.get_mut(&idx).unwrap().request = Some(gi(91));
    session(&mut world);
    assert_eq!(course(&world), Course::Back(TurnedBack::SpecChanged));
}

#[test]
fn nothing_is_destroyed_upon_a_cache_an_old_read_or_an_old_survey() {
    let destroys = |world: &World| world.decide().actions.iter().any(|it| matches!(it, Action::Destroy(_)));
    let mut world = marked();
    world.pod(3).mark = Mark::None;
    survey(&mut world);
    world.seen.freshness = Freshness::Quorum { read_at: world.now };
    assert!(destroys(&world), "everything is certain");
    let certain = world.clone();
    world.seen.freshness = Freshness::Cached;
    assert!(!destroys(&world));
    world.seen.freshness = Freshness::Quorum { read_at: world.now.minus(Span::seconds(6)) };
    assert!(!destroys(&world));
    let mut world = certain.clone();
    world.seen.evidence.survey.as_mut().unwrap().at = world.now.minus(Span::seconds(6));
    assert!(!destroys(&world));
    let mut world = certain;
    world.seen.evidence.steady_since = Some(world.now.minus(Span::seconds(4)));
    assert!(!destroys(&world));
}

#[test]
fn buffers_up_to_the_largest_leave_a_target() {
    let mut world = large(3);
    world.rules().buffer = Percent::clamped(50);
    whole(&mut world);
    assert_eq!(world.effective(), gi(26), "10Gi are 40 percent of 25Gi of file system");
}
