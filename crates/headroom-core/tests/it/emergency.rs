//! Emergency growth (design §5 rule 2).

use headroom_core::{
    Bytes, Percent, Span, Timestamp,
    decision::Need,
    ledger::Cause,
    names::{Text, VolumeName},
    observation::{
        ContainerSeen, Freshness, ObstacleCause, Primary, ResizeStep, VolumeSpecSeen, WalFacts, WalSeen,
    },
    policy::Mode,
    report::{Notice, Reason, State},
    usage::{Sample, Samples},
    window::Windows,
};

use crate::world::{World, claim, file_system, gi, instance, mi};

/// A single instance on 10Gi, outside its window.
fn closed() -> World {
    closed_with(1)
}

fn closed_with(instances: usize) -> World {
    let mut world = World::new(instances);
    let (start, end) = (world.now.plus(Span::hours(3)), world.now.plus(Span::hours(5)));
    world.seen.windows.insert(VolumeName::Data, Windows::Next { start, end });
    world
}

/// Used bytes in percent at each of the given ages in seconds.
fn filling(world: &mut World, points: &[(u32, u64)]) {
    let capacity = file_system(gi(10));
    let mut samples = Samples::none();
    for (age, used) in points {
        let available = capacity.minus_or_zero(capacity.scaled_up(*used, 100).unwrap());
        samples.push(Sample { at: world.now.minus(Span::seconds(*age)), capacity, available });
    }
    world.set_samples(1, samples);
}

/// What the emergency grows to, spending exactly one slot.
#[track_caller]
fn assert_grows(mut world: World, to: Bytes, reason: &Reason) {
    assert_eq!(world.settle().first(), Some(&(instance(1), to)));
    world.assert_says(State::Emergency, reason);
    world.finish();
    assert_eq!(world.outcomes(), vec![(Cause::Emergency, "completed")]);
    assert_eq!(world.effective(), to);
}

#[test]
fn a_critical_volume_grows_outside_its_window() {
    let mut world = closed();
    world.set_used(1, 96);
    // 0.96 ÷ 0.78 of 10Gi is 12.3Gi, a quarter more is 12.5Gi.
    assert_grows(world, gi(13), &Reason::Critical(instance(1)));
}

#[test]
fn one_critical_sample_is_enough() {
    let mut world = closed();
    filling(&mut world, &[(3, 95)]);
    assert_grows(world, gi(13), &Reason::Critical(instance(1)));
}

#[test]
fn just_below_the_threshold_is_no_emergency() {
    let mut world = closed();
    filling(&mut world, &[(700, 94), (5, 94)]);
    assert_eq!(world.settle(), vec![]);
    world.assert_says(State::PendingGrowth, &Reason::OutsideWindow);
}

#[test]
fn few_available_bytes_are_an_emergency_if_the_user_says_so() {
    let mut world = closed();
    world.rules().emergency.minimum_free = Some(gi(1));
    world.set_used(1, 90);
    assert_grows(world, gi(13), &Reason::Critical(instance(1)));
}

#[test]
fn filling_within_the_lead_time_is_an_emergency_below_the_buffer_only() {
    let mut world = closed();
    filling(&mut world, &[(120, 75), (60, 80), (0, 85)]);
    // 5 percent a minute: full in 3 minutes.
    assert_grows(world, gi(13), &Reason::FullSoon(instance(1)));
    let mut world = closed();
    filling(&mut world, &[(120, 45), (60, 60), (0, 75)]);
    assert_eq!(world.settle(), vec![], "full in 100 s, but a quarter is still free");
}

#[test]
fn two_samples_make_no_rate() {
    let mut world = closed();
    filling(&mut world, &[(60, 75), (0, 90)]);
    assert_eq!(world.settle(), vec![]);
    world.assert_says(State::Balanced, &Reason::EnoughFree);
}

#[test]
fn samples_of_more_than_ten_minutes_ago_make_no_rate() {
    let mut world = closed();
    filling(&mut world, &[(1500, 20), (1400, 20), (60, 88), (0, 88)]);
    assert_eq!(world.settle(), vec![]);
}

#[test]
fn exit_code_4_is_a_full_volume_whatever_the_last_sample_said() {
    let mut world = closed();
    world.set_used(1, 54);
    world.stop_server(1, 4, 2);
    assert_grows(world, gi(13), &Reason::DiskFull(instance(1)));
}

#[test]
fn exit_code_4_needs_no_sample_at_all() {
    let mut world = closed();
    world.forget_samples(1);
    world.record.volumes.clear();
    world.stop_server(1, 4, 2);
    assert_grows(world, gi(13), &Reason::DiskFull(instance(1)));
}

#[test]
fn one_full_disk_spends_one_slot_through_a_back_off_of_five_minutes() {
    let mut world = closed();
    world.set_used(1, 99);
    world.stop_server(1, 4, 2);
    assert_eq!(world.settle(), vec![(instance(1), gi(13))]);
    // The capacity comes at once; the summary is silent until the container starts.
    world.advance(Span::seconds(2));
    world.claim(1).capacity = Some(gi(13));
    for _ in 0..40 {
        assert_eq!(world.settle(), vec![]);
        world.advance(Span::seconds(10));
    }
    assert_eq!(world.outcomes(), vec![(Cause::Emergency, "completed")]);
}

#[test]
fn a_new_stop_after_the_growth_is_a_new_emergency() {
    let mut world = closed();
    world.set_used(1, 99);
    world.stop_server(1, 4, 2);
    world.finish();
    world.advance(Span::seconds(60));
    world.stop_server(1, 4, 5);
    world.finish();
    assert_eq!(world.outcomes(), vec![(Cause::Emergency, "completed"), (Cause::Emergency, "completed")]);
}

#[test]
fn the_sample_that_proves_a_growth_is_judged_itself() {
    let mut world = closed();
    world.set_used(1, 97);
    assert_eq!(world.settle(), vec![(instance(1), gi(13))]);
    // A fast fill keeps pace with the growth.
    world.advance(Span::seconds(20));
    world.claim(1).capacity = Some(gi(13));
    let capacity = file_system(gi(13));
    let uid = world.claim(1).id.uid.clone();
    let available = capacity.scaled_up(3, 100).unwrap();
    world.seen.evidence.samples.get_mut(&uid).unwrap().push(Sample { at: world.now, capacity, available });
    assert_eq!(world.settle(), vec![(instance(1), gi(17))]);
    assert_eq!(world.outcomes(), vec![(Cause::Emergency, "completed"), (Cause::Emergency, "running")]);
}

#[test]
fn a_newer_sample_with_room_cures_exit_code_4() {
    let mut world = closed();
    world.set_used(1, 60);
    world.stop_server(1, 4, 20);
    assert_eq!(world.settle(), vec![], "the sample is 10 s old, the stop 20 s");
}

#[test]
fn beside_a_wal_volume_exit_code_4_is_the_wal_volumes() {
    let mut world = closed();
    let spec = VolumeSpecSeen { size: Some(gi(5)), resize_in_use: true };
    world.seen.cluster.volumes.insert(VolumeName::Wal, spec);
    let member = world.seen.members.get_mut(&instance(1)).unwrap();
    member.claims.insert(VolumeName::Wal, claim("wal-1", gi(5)));
    world.stop_server(1, 4, 2);
    assert_eq!(world.settle(), vec![]);
    assert_eq!(world.decide().report.wal.unwrap().full, vec![instance(1)]);
}

fn add_wal_volume(world: &mut World) {
    let spec = VolumeSpecSeen { size: Some(gi(5)), resize_in_use: true };
    world.seen.cluster.volumes.insert(VolumeName::Wal, spec);
}

#[test]
fn beside_a_wal_volume_a_stop_with_any_code_since_a_sample_below_the_buffer_is_a_full_disk() {
    let mut world = closed();
    add_wal_volume(&mut world);
    world.set_used(1, 88);
    world.stop_server(1, 0, 5);
    assert_grows(world, gi(13), &Reason::DiskFull(instance(1)));
}

#[test]
fn where_pg_wal_shares_the_volume_a_stop_with_another_code_below_the_buffer_is_no_full_disk() {
    for code in [0, 1, 2, 3, 5, 137] {
        let mut world = closed();
        world.set_used(1, 88);
        world.stop_server(1, code, 5);
        assert_eq!(world.settle(), vec![], "exit code {code}");
        world.assert_says(State::PendingGrowth, &Reason::OutsideWindow);
    }
}

#[test]
fn a_switchover_below_the_buffer_is_no_emergency() {
    let elsewhere = [
        Primary::Moving { to: Some(instance(2)) },
        // An election: the growth that a full disk asks for was begun before it.
        Primary::Moving { to: None },
        Primary::Known(instance(2)),
    ];
    for primary in elsewhere {
        let mut world = closed_with(2);
        add_wal_volume(&mut world);
        world.set_used_all(88);
        world.seen.cluster.primary = primary;
        world.stop_server(1, 0, 5);
        world.pod(1).container = ContainerSeen::Running { since: world.now.minus(Span::seconds(4)) };
        assert_eq!(world.settle(), vec![]);
        world.assert_says(State::PendingGrowth, &Reason::OutsideWindow);
    }
}

#[test]
fn a_switchover_that_the_watches_have_not_shown_yet_is_no_emergency() {
    let mut world = closed_with(2);
    add_wal_volume(&mut world);
    world.set_used_all(88);
    world.stop_server(1, 0, 5);
    // By the cache the primary is still the one whose server ended: nothing is done before that is read anew.
    let decision = world.decide();
    assert_eq!((decision.needs, decision.actions.len()), (Some(Need::Quorum), 0));
    assert!(decision.record.volumes.values().all(|volume| volume.growth.is_none()));
    assert_eq!(decision.record.sequence, 0);
    world.seen.freshness = Freshness::Quorum { read_at: world.now };
    let mut moving = world.clone();
    moving.seen.cluster.primary = Primary::Moving { to: Some(instance(2)) };
    assert_eq!(moving.settle(), vec![]);
    moving.assert_says(State::PendingGrowth, &Reason::OutsideWindow);
    assert_eq!(world.settle(), vec![(instance(1), gi(13)), (instance(2), gi(13))]);
}

#[test]
fn nothing_is_read_anew_for_a_stop_upon_which_nothing_would_be_done() {
    let stopped = |change: &dyn Fn(&mut World)| {
        let mut world = closed();
        add_wal_volume(&mut world);
        world.set_used(1, 88);
        world.stop_server(1, 0, 5);
        change(&mut world);
        assert_eq!(world.settle(), vec![]);
        let decision = world.decide();
        assert_eq!((decision.needs, decision.actions.len()), (None, 0), "{:?}", world.report());
    };
    stopped(&|world| world.rules().emergency.enabled = false);
    stopped(&|world| world.rules().limit = gi(10));
    stopped(&|world| world.policy.mode = Mode::Advise);
}

#[test]
fn what_was_measured_before_a_growth_is_no_second_emergency_whatever_the_clocks_say() {
    // The kubelet's clock is ahead of ours by so many seconds, and it shows nothing while the server starts again.
    for ahead in [0, 60, 3600, 86_400] {
        for by_hand in [false, true] {
            let mut world = closed();
            let capacity = file_system(gi(10));
            let mut samples = Samples::none();
            for before in [20, 10] {
                let at = Timestamp::from_unix(world.now.unix() + ahead - before);
                samples.push(Sample { at, capacity, available: Bytes::mebi(300) });
            }
            world.set_samples(1, samples.clone());
            world.stop_server(1, 1, 5);
            if by_hand {
                world.rules().emergency.enabled = false;
                assert_eq!(world.settle(), vec![]);
                world.claim(1).requested = gi(13);
                world.claim(1).requested_text = Text::from("13Gi");
            } else {
                assert_eq!(world.settle(), vec![(instance(1), gi(13))], "ahead by {ahead} s");
            }
            world.advance(Span::seconds(5));
            world.claim(1).capacity = Some(gi(13));
            world.rules().emergency.enabled = true;
            for _ in 0..3 {
                assert_eq!(world.settle(), vec![], "ahead by {ahead} s, by hand: {by_hand}");
                world.advance(Span::seconds(20));
            }
        }
    }
}

#[test]
fn a_stop_after_a_sample_with_room_is_none_of_our_business() {
    for code in [0, 1, 2, 3, 5, 137] {
        let mut world = closed();
        world.set_used(1, 60);
        world.stop_server(1, code, 5);
        assert_eq!(world.settle(), vec![], "exit code {code}");
        world.assert_says(State::Balanced, &Reason::EnoughFree);
    }
}

#[test]
fn the_last_usage_is_known_after_a_restart_of_the_operator() {
    let mut world = closed();
    world.rules().emergency.enabled = false;
    world.set_used(1, 97);
    world.settle();
    world.rules().emergency.enabled = true;
    world.forget_samples(1);
    world.advance(Span::minutes(20));
    assert_eq!(world.settle(), vec![], "the server runs: an old sample decides nothing");
    world.stop_server(1, 0, 1000);
    assert_grows(world, gi(13), &Reason::Critical(instance(1)));
}

#[test]
fn the_worst_member_is_the_one_with_the_smallest_share_free_not_with_the_fewest_bytes() {
    let mut world = closed_with(2);
    // 4.8 percent of the smaller file system are fewer bytes than 3.9 percent of the larger one.
    world.set_available(1, mi(8064), mi(387));
    world.set_available(2, mi(10_176), mi(400));
    let order: Vec<_> = world.settle().into_iter().map(|(name, _)| name).collect();
    assert_eq!(order, [instance(2), instance(1)]);
    world.assert_says(State::Emergency, &Reason::Critical(instance(2)));
}

#[test]
fn an_emergency_has_no_canary_and_the_worst_member_goes_first() {
    let mut world = World::new(3);
    world.set_used(1, 97);
    assert_eq!(
        world.settle(),
        vec![(instance(1), gi(13)), (instance(2), gi(13)), (instance(3), gi(13))],
        "the primary is worst"
    );
}

#[test]
fn an_emergency_drops_the_canary_of_a_growth_that_will_do() {
    let mut world = World::new(3);
    world.set_used_all(82);
    assert_eq!(world.settle(), vec![(instance(2), gi(11))]);
    world.set_used(1, 96);
    assert_eq!(world.settle(), vec![(instance(1), gi(11)), (instance(3), gi(11))]);
    assert_eq!(world.outcomes(), vec![(Cause::Planned, "running")], "the same slot");
}

#[test]
fn an_emergency_raises_a_growth_that_will_not_do() {
    let mut world = World::new(1);
    world.rules().emergency.minimum_free = Some(gi(2));
    world.rules().buffer = Percent::clamped(5);
    world.rules().emergency.critical = Percent::clamped(99);
    world.rules().request = Some(gi(11));
    assert_eq!(world.settle(), vec![(instance(1), gi(11))]);
    world.set_used(1, 98);
    assert_eq!(world.settle(), vec![(instance(1), gi(14))]);
    assert_eq!(world.outcomes(), vec![(Cause::Planned, "superseded"), (Cause::Emergency, "running")]);
    world.finish();
    assert_eq!(world.effective(), gi(14));
}

#[test]
fn a_stuck_canary_hides_no_emergency() {
    let mut world = World::new(3);
    world.set_used_all(82);
    world.settle();
    world.claim(2).resize.step = ResizeStep::ControllerInfeasible;
    world.claim(2).resize.error = Some(Text::from("no room"));
    world.set_used(1, 97);
    assert_eq!(world.settle(), vec![(instance(1), gi(11)), (instance(3), gi(11))]);
    world.assert_says(
        State::Emergency,
        &Reason::Infeasible { instance: instance(2), words: Text::from("no room") },
    );
}

#[test]
fn one_refused_member_does_not_hold_up_the_others() {
    let mut world = World::new(3);
    world.set_used_all(97);
    world.refuse(2, ObstacleCause::Quota, gi(13));
    assert_eq!(world.settle(), vec![(instance(1), gi(13)), (instance(3), gi(13))]);
    let words = Text::from("exceeded quota");
    world.assert_says(
        State::Emergency,
        &Reason::Refused { instance: instance(2), cause: ObstacleCause::Quota, words },
    );
    assert_eq!(world.decide().wake, Some(world.now.plus(Span::minutes(1))));
    world.advance(Span::minutes(1));
    assert_eq!(world.settle(), vec![(instance(2), gi(13))], "tried again after the back-off");
}

#[test]
fn a_smaller_member_in_emergency_is_repaired_before_a_slot_is_spent() {
    let mut world = World::new(2);
    world.set_size(2, gi(5));
    world.set_used(2, 99);
    assert_eq!(world.settle(), vec![(instance(2), gi(10))]);
    assert_eq!(world.outcomes(), vec![]);
    world.assert_says(
        State::Emergency,
        &Reason::WaitingForStorage { instance: instance(2), node_step: false },
    );
}

#[test]
fn the_reserve_is_for_emergencies() {
    let mut world = World::new(1);
    (0..3).for_each(|_| world.spend_slot(3600));
    world.set_used(1, 90);
    assert_eq!(world.settle(), vec![]);
    world.assert_says(State::BudgetExhausted, &Reason::PlannedBudgetSpent);
    world.set_used(1, 96);
    // The last slot: no rate is known, so half as much again.
    assert_eq!(world.settle(), vec![(instance(1), gi(15))]);
}

#[test]
fn the_last_slot_lasts_until_the_next_one() {
    let mut world = World::new(1);
    (0..3).for_each(|_| world.spend_slot(3600));
    let capacity = file_system(gi(10));
    let mut samples = Samples::none();
    for age in [60_u32, 30, 0] {
        // 1 MiB a second: 23 h more are 80.9 GiB.
        let available = Bytes::mebi(u64::from(age) + 300);
        samples.push(Sample { at: world.now.minus(Span::seconds(age)), capacity, available });
    }
    world.set_samples(1, samples);
    assert_eq!(world.settle(), vec![(instance(1), gi(100))], "90.5 GiB ÷ 0.78 is above the limit");
}

#[test]
fn out_of_slots_it_says_when_the_next_one_comes() {
    let mut world = World::new(1);
    (0..4).for_each(|index| world.spend_slot(3600 * (index + 1)));
    world.set_used(1, 97);
    assert_eq!(world.settle(), vec![]);
    world.assert_says(State::BudgetExhausted, &Reason::BudgetSpent);
    let report = world.report();
    assert_eq!(report.budget.next_emergency, Some(world.now.plus(Span::hours(20))));
    assert_eq!(report.budget.next_planned, Some(world.now.plus(Span::hours(21))));
    assert!(report.notices.contains(&Notice::CriticalAt(Percent::clamped(95))), "{report:#?}");
    world.seen.evidence.samples.clear();
    assert_eq!(world.decide().wake, Some(world.now.plus(Span::hours(20))));
}

#[test]
fn a_slot_returns_after_exactly_a_day() {
    for (ago, patches) in [(86_399, vec![]), (86_400, vec![(instance(1), gi(15))])] {
        let mut world = World::new(1);
        world.spend_slot(ago);
        (0..3).for_each(|_| world.spend_slot(60));
        world.set_used(1, 97);
        assert_eq!(world.settle(), patches, "{ago} s ago");
    }
}

#[test]
fn at_the_limit_it_says_so() {
    let mut world = World::new(1);
    world.rules().limit = gi(10);
    world.set_used(1, 97);
    assert_eq!(world.settle(), vec![]);
    world.assert_says(State::AtLimit, &Reason::LimitReached);
    assert_eq!(world.outcomes(), vec![]);
}

#[test]
fn an_emergency_limit_lets_it_go_further() {
    let mut world = World::new(1);
    world.rules().limit = gi(11);
    world.rules().emergency.limit = Some(gi(12));
    world.set_used(1, 97);
    assert_eq!(world.settle(), vec![(instance(1), gi(12))], "clamped");
}

#[test]
fn disabled_it_says_so_and_planned_growth_goes_on() {
    let mut world = closed();
    world.rules().emergency.enabled = false;
    world.set_used(1, 97);
    assert_eq!(world.settle(), vec![]);
    world.assert_says(State::Emergency, &Reason::EmergencyDisabled);
    world.seen.windows.insert(VolumeName::Data, Windows::Always);
    assert_eq!(world.settle(), vec![(instance(1), gi(13))]);
    assert_eq!(world.outcomes(), vec![(Cause::Planned, "running")]);
}

#[test]
fn a_failed_over_primary_that_stays_unready_after_growth_may_need_a_rebuild() {
    let mut world = World::new(2);
    world.set_used(1, 96);
    world.finish();
    world.seen.cluster.primary = Primary::Known(instance(2));
    world.pod(1).ready = false;
    world.sample_again();
    assert!(!world.report().notices.contains(&Notice::MemberNeedsRebuild(instance(1))));
    world.advance(Span::minutes(10));
    world.sample_again();
    assert!(world.report().notices.contains(&Notice::MemberNeedsRebuild(instance(1))));
}

#[test]
fn an_unmounted_claim_raises_no_alarm() {
    let mut world = World::new(2);
    world.set_used(2, 99);
    world.seen.members.get_mut(&instance(2)).unwrap().pod = None;
    assert_eq!(world.settle(), vec![]);
    world.assert_says(State::Balanced, &Reason::EnoughFree);
}

#[test]
fn a_fenced_member_is_not_full_because_it_is_not_ready() {
    let mut world = World::new(2);
    world.set_used(2, 88);
    world.fenced(2);
    world.stop_server(2, 0, 5);
    assert_eq!(world.settle(), vec![]);
}

#[test]
fn what_is_asked_for_already_and_will_not_do_is_the_base_of_the_next_step() {
    let mut world = World::new(1);
    world.rules().emergency.minimum_free = Some(gi(4));
    world.set_used(1, 97);
    world.claim(1).requested = gi(12);
    world.claim(1).requested_text = Text::from("12Gi");
    assert_eq!(world.settle(), vec![(instance(1), gi(15))]);
}

#[test]
fn what_the_storage_cannot_give_is_told_as_that_and_not_as_a_limit() {
    let mut world = World::new(1);
    world.rules().emergency.minimum_free = Some(gi(4));
    world.set_used(1, 97);
    world.claim(1).requested = gi(13);
    world.claim(1).requested_text = Text::from("13Gi");
    world.claim(1).resize.step = ResizeStep::ControllerInfeasible;
    world.claim(1).resize.error = Some(Text::from("no room"));
    assert_eq!(world.settle(), vec![]);
    let words = Text::from("no room");
    world.assert_says(State::Emergency, &Reason::Infeasible { instance: instance(1), words });
}

#[test]
fn the_cause_of_a_full_wal_volume_is_asked_for_and_told() {
    let mut world = World::new(1);
    let spec = VolumeSpecSeen { size: Some(gi(5)), resize_in_use: true };
    world.seen.cluster.volumes.insert(VolumeName::Wal, spec);
    let member = world.seen.members.get_mut(&instance(1)).unwrap();
    member.claims.insert(VolumeName::Wal, claim("wal-1", gi(5)));
    world.seen.evidence.wal = None;
    assert_eq!(world.decide().needs, None);
    world.stop_server(1, 4, 2);
    assert_eq!(world.decide().needs, Some(Need::Wal));
    let since = world.now.minus(Span::hours(2));
    let facts = WalFacts { archiver_failing_since: Some(since), ready_segments: 300, slot: None };
    world.seen.evidence.wal = Some(WalSeen { at: world.now, facts: Some(facts) });
    let decision = world.decide();
    assert_eq!(decision.needs, None);
    assert_eq!(decision.report.wal.unwrap().notices, vec![Notice::ArchiverFailing { since }]);
}
