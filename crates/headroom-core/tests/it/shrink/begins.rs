//! When a shrink begins, and what it says while it waits.

use std::collections::BTreeMap;

use headroom_core::{
    Bytes, Record, Span, Timestamp,
    decision::Need,
    names::VolumeName,
    observation::{Fenced, Mark, Primary, SingleOnly},
    policy::{ClusterSizeSync, Mode, Surge},
    record::Calm,
    report::{Notice, Reason, ShrinkReason, State, Unhealthy},
    window::Windows,
};

use super::toy::{budget, calm, facts, job, large, session, with_tablespace};
use crate::world::{World, gi, instance};

/// What keeps a shrink from beginning, or `Shrinking` where nothing does.
#[track_caller]
fn held(instances: usize, change: impl FnOnce(&mut World), state: State, reason: &Reason) {
    let mut world = large(instances);
    change(&mut world);
    let done = session(&mut world);
    assert!(done.iter().all(|what| what == "add finalizer"), "{done:?}");
    world.assert_says(state, reason);
    assert!(world.record.shrink.is_none());
}

#[test]
fn each_thing_that_says_wait_is_named() {
    let pending = |instances, change: &dyn Fn(&mut World), reason| {
        held(instances, change, State::PendingShrink, &Reason::Shrink(reason));
    };
    let now = World::new(1).now;
    pending(3, &|world| world.policy.mode = Mode::Advise, ShrinkReason::Advised);
    pending(
        1,
        &|world| world.rules().shrink.allow_switchover_on_single_instance = false,
        ShrinkReason::NeedsConsent,
    );
    pending(2, &|world| world.rules().shrink.surge = Surge::Never, ShrinkReason::NeedsSurge);
    pending(
        3,
        &|world| world.record.shrunk_at = Some(now.minus(Span::hours(167))),
        ShrinkReason::Rests { until: now.plus(Span::hours(1)) },
    );
    pending(3, &|world| facts(world).backup_running = true, ShrinkReason::BackupRunning);
    pending(3, &|world| world.seen.cluster.conduct.snapshots = true, ShrinkReason::FromSnapshots);
    for parameter in [SingleOnly::WalLogHints, SingleOnly::WalLevel] {
        pending(
            1,
            &|world| world.seen.cluster.conduct.single_only = Some(parameter),
            ShrinkReason::SingleOnly(parameter),
        );
    }
    pending(
        3,
        &|world| facts(world).replication.get_mut(&instance(1)).unwrap().archiver_failing = true,
        ShrinkReason::ArchiverFailing,
    );
    pending(3, &|world| facts(world).replication.clear(), ShrinkReason::FactsUnknown);
    pending(
        3,
        &|world| facts(world).budgets.push(budget(&[2], false)),
        ShrinkReason::DisruptionForbidden("quorum".into()),
    );
    pending(
        3,
        &|world| facts(world).cordoned = ["n2".into()].into(),
        ShrinkReason::NodeCordoned("n2".into()),
    );
    pending(
        3,
        &|world| world.seen.evidence.survey.as_mut().unwrap().facts = None,
        ShrinkReason::FactsUnknown,
    );
    pending(3, &|world| world.seen.evidence.survey.as_mut().unwrap().mark = None, ShrinkReason::MeasuringWal);
    pending(3, &|world| facts(world).jobs.push(job("pg-4")), ShrinkReason::JobRunning(instance(4)));
    let unhealthy = |change: &dyn Fn(&mut World), why| pending(3, change, ShrinkReason::NotHealthy(why));
    unhealthy(&|world| world.seen.cluster.primary = Primary::Moving { to: None }, Unhealthy::Primary);
    unhealthy(&|world| world.seen.cluster.phase = "Upgrading cluster".into(), Unhealthy::Phase);
    unhealthy(&|world| world.seen.cluster.ready_instances = 2, Unhealthy::Instances);
    unhealthy(&|world| world.seen.cluster.fenced = Fenced::Instances(vec![instance(9)]), Unhealthy::Fenced);
    unhealthy(&|world| world.seen.cluster.census.loose_claims = 1, Unhealthy::LooseClaims);
    unhealthy(&|world| world.seen.cluster.conduct.maintained = true, Unhealthy::Maintained);
    unhealthy(&|world| world.seen.cluster.conduct.follows = true, Unhealthy::Follows);
    unhealthy(&|world| world.pod(2).mark = Mark::Foreign, Unhealthy::Pod(instance(2)));
}

#[test]
fn a_pace_of_wal_that_forbids_a_shrink_is_measured_again() {
    let mut world = large(3);
    let now = world.now;
    world.seen.evidence.survey.as_mut().unwrap().mark = Some((now.minus(Span::minutes(20)), 0));
    facts(&mut world).replication.get_mut(&instance(1)).unwrap().position = 200 << 30;
    assert!(
        world.decide().needs.is_none() && world.report().state == State::Balanced,
        "10Gi a minute and more"
    );
    world.seen.evidence.survey.as_mut().unwrap().at = now.minus(Span::minutes(10));
    assert_eq!(world.report().state, State::Balanced, "still");
    world.seen.evidence.survey.as_mut().unwrap().at = now.minus(Span::seconds(601));
    assert_eq!(world.decide().needs, Some(Need::Survey));
}

#[test]
fn windows_and_slots_hold_it_as_they_hold_a_growth() {
    let window = |from: i64, to: i64| {
        move |world: &mut World| {
            let at = |minutes: i64| Timestamp::from_unix(world.now.unix() + minutes * 60);
            let windows = Windows::Next { start: at(from), end: at(to) };
            world.seen.windows = BTreeMap::from([(VolumeName::Data, windows)]);
        }
    };
    held(3, window(10, 130), State::PendingShrink, &Reason::OutsideWindow);
    let short = ShrinkReason::WindowTooShort { minutes: 10 };
    held(3, window(-60, 5), State::PendingShrink, &Reason::Shrink(short));
    let never = |world: &mut World| {
        world.seen.windows = BTreeMap::from([(VolumeName::Data, Windows::Never)]);
    };
    held(3, never, State::PendingShrink, &Reason::NoWindowAhead);
    let spent = |world: &mut World| {
        for ago in [100, 200, 300] {
            world.spend_slot(ago);
        }
    };
    held(3, spent, State::PendingShrink, &Reason::PlannedBudgetSpent);
}

#[test]
fn where_it_leads_is_shown_while_it_waits_while_it_runs_and_when_it_is_left_in_its_midst() {
    let target = |world: &World| world.decide().report.volumes[&VolumeName::Data].target;
    let mut world = large(3);
    facts(&mut world).backup_running = true;
    let offered = target(&world).expect("a size");
    facts(&mut world).backup_running = false;
    let _ = session(&mut world);
    let leads_to = world.record.shrink.as_ref().unwrap().volumes[&VolumeName::Data].to;
    assert_eq!((target(&world), offered), (Some(leads_to), leads_to));
    world.policy.mode = Mode::Paused;
    assert_eq!(target(&world), Some(leads_to));
    content(|world| {
        world.rules().shrink.enabled = false;
        assert_eq!(world.decide().report.volumes[&VolumeName::Data].target, None);
    });
}

/// Nothing is said of a shrink and nothing is begun.
#[track_caller]
fn content(change: impl FnOnce(&mut World)) {
    held(3, change, State::Balanced, &Reason::EnoughFree);
}

#[test]
fn a_volume_must_have_been_far_too_large_for_long_enough() {
    content(|world| world.rules().shrink.enabled = false);
    content(|world| world.volume_record().calm = None);
    content(|world| {
        let ago = world.now.minus(Span::hours(23));
        world.volume_record().calm = Some(calm(ago));
    });
    // 36 percent free: less than the buffer and 20 points, more than the buffer and 15.
    content(|world| world.set_used_all(64));
    // The saving is below a fifth.
    content(|world| world.rules().request = Some(gi(85)));
    // Of one member nothing is known.
    content(|world| world.forget_samples(2));
}

#[test]
fn a_volume_that_is_due_waits_up_to_an_hour_for_another_one_to_share_the_pass() {
    // Too large for a day in this many minutes: the data, then the tablespace.
    let told = |data: i64, other: i64, change: &dyn Fn(&mut World, &VolumeName)| {
        let mut world = large(3);
        let idx = with_tablespace(&mut world);
        for (name, minutes) in [(VolumeName::Data, data), (idx.clone(), other)] {
            let since = world.now.minus(Span::hours(24)).unix().saturating_add(minutes * 60);
            let volume = world.record.volumes.get_mut(&name).unwrap();
            volume.calm = Some(calm(Timestamp::from_unix(since)));
        }
        change(&mut world, &idx);
        session(&mut world);
        let told = world.decide().report.volumes[&VolumeName::Data].reason.clone();
        let shares = world.record.shrink.as_ref().map(|shrink| shrink.volumes.len());
        let soon = ShrinkReason::Gathers { volume: idx, until: world.now.plus(Span::minutes(30)) };
        (shares, told == Reason::Shrink(soon))
    };
    let as_it_is = |_: &mut World, _: &VolumeName| {};
    assert_eq!(told(0, 0, &as_it_is), (Some(2), false), "both are due");
    assert_eq!(told(-1, 30, &as_it_is), (None, true), "it waits for the other");
    assert_eq!(told(-31, 30, &as_it_is), (Some(1), false), "later than an hour after it was due");
    assert_eq!(told(-1, 30, &|world, _| world.policy.mode = Mode::Advise), (None, true));
    // One that cannot take part is not waited for.
    let never = |world: &mut World, idx: &VolumeName| {
        world.seen.windows.insert(idx.clone(), Windows::Never);
    };
    assert_eq!(told(-1, 30, &never), (Some(1), false));
    let saves_nothing = |world: &mut World, idx: &VolumeName| {
        world.policy.volumes.get_mut(idx).unwrap().request = Some(gi(85));
    };
    assert_eq!(told(-1, 30, &saves_nothing), (Some(1), false));
}

#[test]
fn being_too_large_is_remembered_with_hysteresis() {
    let mut world = large(3);
    let since = |world: &mut World| world.volume_record().calm.map(|calm| calm.since);
    let first = since(&mut world);
    world.set_used_all(64);
    session(&mut world);
    assert_eq!(since(&mut world), first, "between the two shares nothing changes");
    world.set_used_all(66);
    session(&mut world);
    assert_eq!(since(&mut world), None, "too close to the buffer");
    world.set_used_all(61);
    session(&mut world);
    assert_eq!(since(&mut world), None, "not far enough from it");
    world.set_used_all(50);
    session(&mut world);
    let now = world.now;
    assert_eq!(since(&mut world), Some(now));
}

#[test]
fn a_clusters_own_size_that_keeps_a_volume_large_is_told_where_less_is_asked_for() {
    let told = |change: &dyn Fn(&mut World)| {
        let mut world = large(3);
        let size = |world: &mut World, size| {
            let spec = world.seen.cluster.volumes.get_mut(&VolumeName::Data).unwrap();
            spec.size = Some(size);
        };
        size(&mut world, gi(95));
        change(&mut world);
        let floor = Notice::ClusterSizeIsFloor { cluster_size: gi(95) };
        world.report().notices.contains(&floor)
    };
    assert!(told(&|world| world.rules().request = Some(gi(10))));
    assert!(told(&|world| world.policy.sync = ClusterSizeSync::Follow));
    assert!(!told(&|_| {}), "it is what the user declared");
    assert!(!told(&|world| world.rules().request = Some(gi(95))));
    let asked = |world: &mut World| world.rules().request = Some(gi(10));
    assert!(!told(&|world| {
        asked(world);
        world.rules().shrink.enabled = false;
    }));
    assert!(
        !told(&|world| {
            asked(world);
            world.set_used_all(66);
        }),
        "it is not that large"
    );
    assert!(
        !told(&|world| {
            asked(world);
            world.volume_record().calm = None;
        }),
        "not for long enough"
    );
    assert!(
        !told(&|world| {
            asked(world);
            world.forget_samples(2);
        }),
        "nobody knows"
    );
}

/// The size that a shrink would lead to, were its time come: half an hour later each time, with this share used.
fn offered(world: &mut World, half_hours: u32, used: u64) -> Option<Bytes> {
    let mut told = None;
    for _ in 0..half_hours {
        world.advance(Span::minutes(30));
        world.set_used_all(used);
        let decision = world.decide();
        world.record = decision.record;
        told = decision.report.volumes[&VolumeName::Data].target;
    }
    told
}

#[test]
fn a_peak_has_room_for_as_long_as_the_stabilisation_and_is_forgotten_after_twice_that() {
    let mut world = large(3);
    world.policy.mode = Mode::Advise;
    assert_eq!(offered(&mut world, 1, 10), Some(gi(15)));
    assert_eq!(offered(&mut world, 2, 55), Some(gi(79)), "55Gi are 70 percent of 79Gi");
    assert_eq!(offered(&mut world, 47, 10), Some(gi(79)), "a day later");
    assert_eq!(offered(&mut world, 49, 10), Some(gi(15)), "two days later");
}

#[test]
fn a_peak_that_is_not_known_is_waited_for() {
    let mut world = large(3);
    world.policy.mode = Mode::Advise;
    let since = world.volume_record().calm.unwrap().since;
    world.volume_record().calm = Some(Calm::from(since));
    assert_eq!(offered(&mut world, 48, 10), None, "a status of a version that kept none");
    assert_eq!(world.volume_record().calm.unwrap().since, since);
    assert_eq!(offered(&mut world, 1, 10), Some(gi(15)));
}

#[test]
fn a_peak_is_written_when_it_rises_and_not_while_usage_stays_as_it_is() {
    let mut world = large(3);
    world.policy.mode = Mode::Advise;
    let mut writes = |used: u64, half_hours: u32| {
        (0..half_hours)
            .filter(|_| {
                let before = world.record.clone();
                offered(&mut world, 1, used);
                // What was used is written with its class; that is another matter.
                let calm = |record: &Record| record.volumes[&VolumeName::Data].calm;
                calm(&before) != calm(&world.record)
            })
            .count()
    };
    assert_eq!(writes(10, 96), 1, "two days without a change");
    assert_eq!(writes(50, 1), 1);
    assert_eq!(writes(51, 96), 0, "less than a thirty-second more");
    assert_eq!(writes(10, 192), 2, "it goes down: the turn ends, and once more when it is over");
    world.now = world.now.minus(Span::hours(200));
    assert_eq!(world.decide().record.volumes[&VolumeName::Data].calm.unwrap().peak.since, world.now);
}

#[test]
fn advise_tells_copies_bytes_time_and_saving() {
    let mut world = large(3);
    world.policy.mode = Mode::Advise;
    session(&mut world);
    let plan = world.report().notices.into_iter().find(|notice| matches!(notice, Notice::ShrinkPlan { .. }));
    let Some(Notice::ShrinkPlan { to, copies, bytes, minutes, saving }) = plan else { panic!("no plan") };
    assert_eq!((to, copies, bytes, minutes), (gi(15), 4, gi(40), 40));
    assert_eq!(saving, gi(255));
}
