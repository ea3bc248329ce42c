//! What a planned growth waits for, and what forbids all change: the reason that really holds.

use headroom_core::{
    Span, Timestamp,
    decision::Need,
    names::{Text, VolumeName},
    observation::{Growable, Suspension, WalFacts, WalSeen},
    policy::Mode,
    report::{ClusterVerdict, Notice, Reason, State},
    usage::{Sample, Samples},
    window::Windows,
};

use crate::world::{World, file_system, gi, instance, mi};

/// A single instance that wants 11Gi.
fn low() -> World {
    let mut world = World::new(1);
    world.set_used(1, 82);
    world
}

#[track_caller]
fn assert_waits(world: &mut World, state: State, reason: &Reason) {
    assert_eq!(world.settle(), vec![]);
    world.assert_says(state, reason);
}

#[test]
fn a_closed_window_holds_and_its_edge_wakes() {
    let mut world = low();
    let (start, end) = (world.now.plus(Span::seconds(50)), world.now.plus(Span::hours(2)));
    world.seen.windows.insert(VolumeName::Data, Windows::Next { start, end });
    assert_waits(&mut world, State::PendingGrowth, &Reason::OutsideWindow);
    assert_eq!(world.report().window, Some((start, end)));
    assert_eq!(world.report().target, Some(gi(11)));
    assert_eq!(world.decide().wake, Some(start));
    world.advance(Span::seconds(50));
    assert_eq!(world.settle(), vec![(instance(1), gi(11))]);
}

#[test]
fn a_window_is_open_from_its_start_until_before_its_end() {
    for (before_start, after_end, open) in [(1_i64, 0_i64, false), (0, 0, true), (0, -1, false)] {
        let mut world = low();
        let shift = |seconds: i64| Timestamp::from_unix(world.now.unix() + seconds);
        let (start, end) = match (before_start, after_end) {
            (1, _) => (shift(1), shift(100)),
            (_, -1) => (shift(-100), shift(0)),
            _ => (shift(0), shift(1)),
        };
        world.seen.windows.insert(VolumeName::Data, Windows::Next { start, end });
        assert_eq!(!world.settle().is_empty(), open, "{start:?} {end:?}");
    }
}

#[test]
fn a_growth_that_began_may_finish_after_the_window() {
    let mut world = World::new(2);
    world.set_used_all(82);
    world.settle();
    world.seen.windows.insert(VolumeName::Data, Windows::Never);
    assert_eq!(world.finish(), vec![(instance(1), gi(11))]);
}

#[test]
fn a_schedule_that_never_fires_says_so() {
    let mut world = low();
    world.seen.windows.insert(VolumeName::Data, Windows::Never);
    assert_waits(&mut world, State::PendingGrowth, &Reason::NoWindowAhead);
}

#[test]
fn of_window_and_budget_the_later_one_is_told() {
    for (opens, told) in [
        (Span::hours(3), (State::BudgetExhausted, Reason::PlannedBudgetSpent)),
        (Span::hours(21), (State::PendingGrowth, Reason::OutsideWindow)),
    ] {
        let mut world = low();
        (0..3).for_each(|_| world.spend_slot(4 * 3600));
        let start = world.now.plus(opens);
        world.seen.windows.insert(VolumeName::Data, Windows::Next { start, end: start.plus(Span::hours(2)) });
        assert_waits(&mut world, told.0, &told.1);
    }
}

#[test]
fn a_budget_of_nothing_says_so() {
    let mut world = low();
    world.rules().budget.per_day = 0;
    world.rules().budget.reserved = 0;
    assert_waits(&mut world, State::BudgetExhausted, &Reason::BudgetSpent);
    assert_eq!(world.report().budget.next_planned, None);
}

#[test]
fn refunded_actions_cost_nothing() {
    let mut world = low();
    (0..3).for_each(|_| world.spend_slot(3600));
    let at = world.now.minus(Span::hours(2));
    for entry in &mut world.volume_record().ledger.entries {
        entry.outcome = headroom_core::ledger::Outcome::Refunded { at };
    }
    assert_eq!(world.settle(), vec![(instance(1), gi(11))]);
}

#[test]
fn at_the_limit_it_says_so() {
    let mut world = low();
    world.rules().limit = gi(10);
    assert_waits(&mut world, State::AtLimit, &Reason::LimitReached);
    assert_eq!(world.report().target, None);
}

#[test]
fn a_cluster_above_the_limit_is_no_fight() {
    let mut world = low();
    world.rules().limit = gi(8);
    assert_waits(&mut world, State::AtLimit, &Reason::LimitBelowClusterSize { cluster_size: gi(10) });
    assert_eq!(world.report().ceiling, gi(10));
}

#[test]
fn setups_that_forbid_all_change_are_named() {
    let class: fn(&mut World) = |world| world.claim(1).growable = Growable::ClassForbids;
    let fixed: fn(&mut World) = |world| world.claim(1).growable = Growable::Static;
    let user: fn(&mut World) =
        |world| world.seen.cluster.volumes.values_mut().for_each(|spec| spec.resize_in_use = false);
    let path: fn(&mut World) = |world| world.set_available(1, gi(200), gi(3));
    let none: fn(&mut World) = |world| world.seen.cluster.volumes.clear();
    for (spoil, reason) in [
        (class, Reason::StorageClassNotExpandable),
        (fixed, Reason::StaticVolume),
        (user, Reason::OnlineResizeDisabled),
        (path, Reason::NotSizedByClaim(instance(1))),
        (none, Reason::NoSuchVolume),
    ] {
        for used in [50, 82, 97] {
            let mut world = World::new(1);
            world.set_used(1, used);
            spoil(&mut world);
            assert_waits(&mut world, State::Blocked, &reason);
        }
    }
}

#[test]
fn a_sample_from_before_the_growth_is_late_and_blocks_nothing() {
    let mut world = World::new(1);
    world.set_used(1, 97);
    assert_eq!(world.settle(), vec![(instance(1), gi(13))]);
    // The claim shows its new capacity; the kubelet has not measured again.
    world.claim(1).capacity = Some(gi(13));
    assert_eq!(world.settle(), vec![]);
    assert_ne!(world.report().state, State::Blocked);
}

#[test]
fn a_sample_from_before_the_growth_is_late_whatever_the_clocks_say() {
    // The kubelet's clock is ahead of ours by so many seconds; its sample is of 2 s before the growth.
    for ahead in [0, 2, 5, 60, 3600, 86_400] {
        let mut world = World::new(1);
        world.set_used(1, 97);
        assert_eq!(world.settle(), vec![(instance(1), gi(13))]);
        world.storage_works();
        world.settle();
        let grown = world.now;
        let seen = |world: &mut World, capacity, seconds: i64| {
            let at = Timestamp::from_unix(grown.unix() + ahead + seconds);
            let mut samples = Samples::none();
            samples.push(Sample { at, capacity, available: mi(500) });
            world.set_samples(1, samples);
        };
        seen(&mut world, file_system(gi(10)), -2);
        assert_eq!(world.settle(), vec![], "ahead by {ahead} s");
        assert_ne!(world.report().state, State::Blocked, "ahead by {ahead} s");
        // A file system that never grew is found out all the same.
        world.advance(Span::minutes(4));
        seen(&mut world, file_system(gi(10)), 239);
        world.settle();
        world.assert_says(State::Blocked, &Reason::NotSizedByClaim(instance(1)));
    }
}

#[test]
fn a_growth_that_another_one_overtook_is_on_its_way_and_blocks_nothing() {
    let mut world = World::new(1);
    world.set_used(1, 97);
    assert_eq!(world.settle(), vec![(instance(1), gi(13))]);
    // Somebody had raised it to 11Gi meanwhile: that is what the kubelet has measured last.
    world.claim(1).capacity = Some(gi(13));
    world.set_available(1, file_system(gi(11)), gi(1));
    assert_eq!(world.settle(), vec![]);
    assert_ne!(world.report().state, State::Blocked);
}

#[test]
fn a_blocked_emergency_is_still_told() {
    let mut world = World::new(1);
    world.set_used(1, 97);
    world.claim(1).growable = Growable::Static;
    let notices = world.report().notices;
    assert!(notices.contains(&Notice::CriticalAt(headroom_core::Percent::clamped(95))), "{notices:?}");
}

#[test]
fn one_claim_that_cannot_grow_does_not_block_the_others() {
    let mut world = World::new(2);
    world.claim(2).growable = Growable::Static;
    world.set_used(1, 97);
    assert_eq!(world.settle(), vec![(instance(1), gi(13))]);
    world.finish();
    world.assert_says(State::Blocked, &Reason::StaticVolume);
}

#[test]
fn an_unknown_storage_class_is_no_no() {
    let mut world = low();
    world.claim(1).growable = Growable::Unknown;
    assert_eq!(world.settle(), vec![(instance(1), gi(11))]);
}

#[test]
fn without_usage_it_says_why() {
    let mut world = World::new(1);
    world.forget_samples(1);
    assert_waits(&mut world, State::WaitingForUsage, &Reason::NoUsage);
    let mut world = low();
    world.advance(Span::seconds(291));
    assert_waits(&mut world, State::WaitingForUsage, &Reason::StaleUsage);
    world.seen.evidence.silent_nodes.insert("n1".into(), Text::from("connection refused"));
    let reason = Reason::KubeletSilent("n1".into(), Text::from("connection refused"));
    assert_waits(&mut world, State::WaitingForUsage, &reason);
}

#[test]
fn usage_is_stale_after_five_minutes_by_the_kubelets_time() {
    let mut world = low();
    world.advance(Span::seconds(290));
    assert_eq!(world.settle(), vec![(instance(1), gi(11))]);
}

#[test]
fn one_silent_member_blocks_only_its_own_growth() {
    let mut world = World::new(3);
    world.forget_samples(3);
    world.set_used(1, 82);
    assert_eq!(world.settle().first(), Some(&(instance(2), gi(11))));
    let notices = world.report().notices;
    assert!(notices.contains(&Notice::MemberWithoutUsage(instance(3))), "{notices:?}");
}

#[test]
fn a_file_system_of_another_size_is_not_judged() {
    for (capacity, judged) in [
        (gi(10), true),
        (headroom_core::Bytes::gibi(8).minus_or_zero(headroom_core::Bytes::mebi(128)), true),
        (headroom_core::Bytes::gibi(8).minus_or_zero(headroom_core::Bytes::mebi(129)), false),
        (gi(10).plus(headroom_core::Bytes::new(1)), false),
        (gi(200), false),
    ] {
        let mut world = World::new(2);
        world.set_available(1, capacity, gi(1));
        assert_eq!(!world.settle().is_empty(), judged, "{capacity}");
    }
}

#[test]
fn wal_facts_are_asked_for_before_a_planned_growth_and_after_an_urgent_patch() {
    let mut world = low();
    world.seen.evidence.wal = None;
    assert_eq!(world.decide().needs, Some(Need::Wal));
    world.set_used(1, 97);
    assert_eq!(world.decide().needs, None, "the patch comes first");
    assert_eq!(world.settle(), vec![(instance(1), gi(13))]);
    assert_eq!(world.decide().needs, Some(Need::Wal), "then the cause");
    world.record.volumes.clear();
    world.set_size(1, gi(10));
    world.set_used(1, 50);
    assert_eq!(world.decide().needs, None);
    world.set_used(1, 82);
    let old = world.now.minus(Span::seconds(301));
    world.seen.evidence.wal = Some(WalSeen { at: old, facts: None });
    assert_eq!(world.decide().needs, Some(Need::Wal));
}

#[test]
fn growth_that_would_hide_a_wal_fault_is_held_unless_acknowledged() {
    let fine = WalFacts { archiver_failing_since: None, ready_segments: 0, slot: None };
    let failing = |world: &World, minutes| WalFacts {
        archiver_failing_since: Some(world.now.minus(Span::minutes(minutes))),
        ..fine.clone()
    };
    let slot = |size| WalFacts { slot: Some((Text::from("old"), size)), ..fine.clone() };
    let world = low();
    let quarter = headroom_core::Bytes::mebi(2560);
    for (facts, held) in [
        (fine.clone(), false),
        (failing(&world, 9), false),
        (failing(&world, 10), true),
        (slot(quarter), false),
        (slot(quarter.plus(headroom_core::Bytes::new(1))), true),
    ] {
        let mut world = low();
        world.seen.evidence.wal = Some(WalSeen { at: world.now, facts: Some(facts.clone()) });
        assert_eq!(world.settle().is_empty(), held, "{facts:?}");
        if held {
            world.assert_says(State::PendingGrowth, &Reason::WalFault);
            world.rules().acknowledge_wal_risk = true;
            assert_eq!(world.settle(), vec![(instance(1), gi(11))]);
        }
    }
}

#[test]
fn an_emergency_never_waits_for_wal_facts() {
    let mut world = low();
    world.set_used(1, 97);
    let since = world.now.minus(Span::hours(5));
    let facts = WalFacts { archiver_failing_since: Some(since), ready_segments: 900, slot: None };
    world.seen.evidence.wal = Some(WalSeen { at: world.now, facts: Some(facts) });
    assert_eq!(world.settle(), vec![(instance(1), gi(13))]);
    assert!(world.report().notices.contains(&Notice::ArchiverFailing { since }));
}

#[test]
fn a_cluster_that_must_be_left_alone_is() {
    for why in [Suspension::Hibernated, Suspension::ClusterDeleting, Suspension::ReconciliationDisabled] {
        let mut world = World::new(2);
        world.set_used_all(97);
        world.set_size(2, gi(5));
        world.seen.cluster.suspended = Some(why);
        let record = world.record.clone();
        assert_waits(&mut world, State::Suspended, &Reason::Suspended(why));
        assert_eq!(world.record, record);
        assert_eq!(world.decide().report.cluster, ClusterVerdict::Suspended(why));
    }
}

#[test]
fn paused_nothing_starts_and_what_runs_is_left() {
    let mut world = World::new(2);
    world.set_used_all(82);
    world.settle();
    world.policy.mode = Mode::Paused;
    let record = world.record.clone();
    world.storage_works();
    assert_waits(&mut world, State::Paused, &Reason::Paused);
    assert_eq!(world.record, record);
    assert!(world.report().running.is_some());
}

#[test]
fn advise_says_what_it_would_do_and_does_nothing() {
    for (used, state, target) in [(82, State::Growing, gi(11)), (97, State::Emergency, gi(13))] {
        let mut world = World::new(2);
        world.policy.mode = Mode::Advise;
        world.set_used_all(used);
        assert_eq!(world.settle(), vec![]);
        let report = world.report();
        assert_eq!((report.state, report.target), (state, Some(target)));
        assert_eq!(world.outcomes(), vec![]);
        assert_eq!(world.decide().report.cluster, ClusterVerdict::Advising);
    }
}

#[test]
fn usage_is_looked_at_more_often_where_it_matters() {
    let poll = |spoil: fn(&mut World)| {
        let mut world = World::new(2);
        spoil(&mut world);
        world.decide().attention.poll
    };
    assert_eq!(poll(|_| {}), Span::seconds(30));
    assert_eq!(poll(|world| world.set_used(2, 71)), Span::seconds(10));
    assert_eq!(poll(|world| world.set_used(2, 69)), Span::seconds(30));
    assert_eq!(poll(|world| world.pod(2).ready = false), Span::seconds(1));
    assert_eq!(poll(|world| world.set_used_all(82)), Span::seconds(10));
}

#[test]
fn the_wake_up_at_rest_is_when_usage_goes_stale() {
    let world = World::new(1);
    // The newest sample is 10 s old.
    assert_eq!(world.decide().wake, Some(world.now.plus(Span::seconds(291))));
    let mut blind = World::new(1);
    blind.forget_samples(1);
    assert_eq!(blind.decide().wake, None);
}

#[test]
fn a_rate_of_use_is_shown_as_time_to_full() {
    let mut world = World::new(1);
    let mut samples = Samples::none();
    for age in [60_u32, 30, 0] {
        let available = headroom_core::Bytes::mebi(u64::from(age) + 6000);
        samples.push(Sample { at: world.now.minus(Span::seconds(age)), capacity: gi(10), available });
    }
    world.set_samples(1, samples);
    assert_eq!(world.decide().attention.time_to_full, Some(Span::seconds(6000)));
}
