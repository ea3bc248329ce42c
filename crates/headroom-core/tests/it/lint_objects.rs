//! Decisions broken by hand: the second opinion objects to each, by code, and to nothing else than what was broken.

use std::collections::{BTreeMap, BTreeSet};

use headroom_core::{
    Action, Decision, Span, Timestamp,
    action::RaiseClusterSizes,
    decide,
    ledger::{ActionId, Cause, LedgerEntry, Outcome},
    lint,
    names::{InstanceName, Version, VolumeName},
    observation::{ClaimPhase, Growable, Suspension},
    policy::{ClusterSizeSync, Mode},
    record::{Growth, VolumeRecord},
    window::Windows,
};

use crate::world::{World, gi, instance, object};

const LINT_SOURCES: [&str; 7] = [
    include_str!("../../src/lint.rs"),
    include_str!("../../src/lint/actions.rs"),
    include_str!("../../src/lint/growth.rs"),
    include_str!("../../src/lint/ledger.rs"),
    include_str!("../../src/lint/shrink.rs"),
    include_str!("../../src/lint/shrink/leave.rs"),
    include_str!("../../src/lint/sizes.rs"),
];

/// A sound decision that starts a planned growth and patches the canary.
fn planned() -> (World, Decision) {
    let mut world = World::new(3);
    world.set_used_all(82);
    decided(world)
}

/// A sound decision that starts an emergency growth.
fn urgent() -> (World, Decision) {
    let mut world = World::new(2);
    world.set_used_all(97);
    decided(world)
}

/// A sound decision about a growth that runs.
fn running() -> (World, Decision) {
    let mut world = World::new(3);
    world.set_used_all(82);
    world.settle();
    decided(world)
}

/// A sound decision to raise the Cluster's size.
fn following() -> (World, Decision) {
    let mut world = World::new(1);
    world.policy.sync = ClusterSizeSync::Follow;
    world.set_size(1, gi(12));
    world.record.volumes.clear();
    world.step();
    decided(world)
}

fn decided(world: World) -> (World, Decision) {
    let decision = decide(&world.policy, &world.seen, &world.record, world.now);
    (world, decision)
}

fn codes(world: &World, decision: &Decision) -> Vec<&'static str> {
    lint(&world.policy, &world.seen, &world.record, decision, world.now)
        .into_iter()
        .map(|finding| finding.code)
        .collect()
}

type Making = fn() -> (World, Decision);
type Breaking = fn(&mut World, &mut Decision);

fn volume(decision: &mut Decision) -> &mut VolumeRecord {
    decision.record.volumes.get_mut(&VolumeName::Data).unwrap()
}

fn growth(decision: &mut Decision) -> &mut Growth {
    volume(decision).growth.as_mut().unwrap()
}

fn entry(decision: &mut Decision) -> &mut LedgerEntry {
    volume(decision).ledger.entries.last_mut().unwrap()
}

fn resize(decision: &mut Decision) -> &mut headroom_core::action::Resize {
    let Action::Resize(resize) = &mut decision.actions[0] else { panic!("no resize") };
    resize
}

fn raise(decision: &mut Decision) -> &mut RaiseClusterSizes {
    let Action::RaiseClusterSizes(raise) = &mut decision.actions[0] else { panic!("no raise") };
    raise
}

fn aim(decision: &mut Decision, size: headroom_core::Bytes) {
    growth(decision).to = size;
    entry(decision).to = size;
    for action in &mut decision.actions {
        if let Action::Resize(resize) = action {
            resize.to = size;
        }
    }
}

/// What is broken, and the code that must name it.
const BROKEN: &[(&str, Making, Breaking)] = &[
    ("ActionWhileResting", planned, |world, _| world.policy.mode = Mode::Paused),
    ("ActionWhileResting", planned, |world, _| world.policy.mode = Mode::Advise),
    ("ActionWhileResting", planned, |world, _| world.seen.storage.deleting = true),
    ("ActionWhileResting", planned, |world, _| world.seen.cluster.suspended = Some(Suspension::Hibernated)),
    ("ActionWhileResting", following, |world, decision| {
        decision.actions = vec![Action::RemoveFinalizer(world.seen.storage.id.clone(), Version::from("1"))];
    }),
    ("GrowthWhileResting", planned, |world, _| world.policy.mode = Mode::Advise),
    ("GrowthWhileResting", planned, |world, _| world.seen.storage.deleting = true),
    ("ResizedTwice", planned, |_, decision| {
        let again = decision.actions[0].clone();
        decision.actions.push(again);
    }),
    ("VolumeNotInPolicy", planned, |_, decision| resize(decision).volume = VolumeName::Wal),
    ("VolumeNotInPolicy", planned, |_, decision| {
        let record = volume(decision).clone();
        decision.record.volumes.insert(VolumeName::Wal, record);
    }),
    ("OnlineResizeDisabled", planned, |world, _| {
        world.seen.cluster.volumes.values_mut().for_each(|spec| spec.resize_in_use = false);
    }),
    ("ResizeNotLarger", planned, |_, decision| resize(decision).to = gi(10)),
    ("ResizeNotLarger", planned, |_, decision| resize(decision).to = gi(9)),
    ("WrongClaim", planned, |_, decision| resize(decision).claim = object("other")),
    ("WrongClaim", planned, |_, decision| resize(decision).instance = instance(9)),
    ("ResizeFromUnseen", planned, |_, decision| resize(decision).from_text = "10240Mi".into()),
    ("ResizeFromUnseen", planned, |_, decision| resize(decision).from = gi(9)),
    ("AlreadyThatLarge", planned, |world, _| world.claim(2).capacity = Some(gi(11))),
    ("ClaimNotBound", planned, |world, _| world.claim(2).phase = ClaimPhase::Pending),
    ("ClaimNotBound", planned, |world, _| world.claim(2).phase = ClaimPhase::Lost),
    ("ClaimNotBound", planned, |world, _| world.claim(2).terminating = true),
    ("NotGrowable", planned, |world, _| world.claim(2).growable = Growable::Static),
    ("NoIntent", planned, |_, decision| volume(decision).growth = None),
    ("NoIntent", planned, |_, decision| resize(decision).to = gi(12)),
    ("NoIntent", planned, |_, decision| {
        decision.record.volumes.clear();
    }),
    ("ClaimNotMounted", planned, |world, _| world.pod(2).terminating = true),
    ("ClaimNotMounted", planned, |world, _| {
        world.seen.members.get_mut(&instance(2)).unwrap().pod = None;
    }),
    ("CanarySkipped", planned, |_, decision| growth(decision).canary = Some(instance(3))),
    ("ClusterSizeUnwanted", following, |world, _| world.policy.sync = ClusterSizeSync::Never),
    ("WrongCluster", following, |_, decision| raise(decision).cluster = object("other")),
    ("WrongCluster", following, |_, decision| raise(decision).sizes = BTreeMap::new()),
    ("ClusterSizeLowered", following, |_, decision| {
        raise(decision).sizes.insert(VolumeName::Data, gi(10));
    }),
    ("ClusterSizeAbove", following, |_, decision| {
        raise(decision).sizes.insert(VolumeName::Data, gi(13));
    }),
    ("SequenceDecreased", running, |_, decision| decision.record.sequence = 0),
    ("VolumeForgotten", running, |_, decision| decision.record.volumes.clear()),
    ("EffectiveDecreased", running, |_, decision| volume(decision).effective = gi(9)),
    ("EffectiveAboveCeiling", running, |_, decision| volume(decision).effective = gi(101)),
    ("WakeInPast", running, |world, decision| decision.wake = Some(world.now)),
    ("LedgerEntryVanished", running, |_, decision| {
        volume(decision).ledger.entries.clear();
    }),
    ("LedgerRewritten", running, |_, decision| entry(decision).started = Timestamp::from_unix(0)),
    ("LedgerRewritten", running, |_, decision| entry(decision).cause = Cause::External),
    ("LedgerRewritten", running, |_, decision| entry(decision).to = gi(50)),
    ("LedgerMisnumbered", planned, |_, decision| {
        entry(decision).id = ActionId(7);
        growth(decision).id = ActionId(7);
    }),
    ("LedgerMisdated", planned, |world, decision| entry(decision).started = world.now.minus(Span::DAY)),
    ("LedgerMisdated", planned, |_, decision| entry(decision).to = gi(10)),
    ("TwoSlots", planned, |_, decision| {
        let mut second = entry(decision).clone();
        second.id = ActionId(2);
        second.outcome = Outcome::Refunded { at: second.started };
        decision.record.sequence = 2;
        volume(decision).ledger.entries.push(second);
    }),
    ("BudgetExceeded", planned, |world, _| world.rules().budget.reserved = 4),
    ("BudgetExceeded", urgent, |world, _| world.rules().budget.per_day = 0),
    ("GrowthUnledgered", planned, |world, decision| {
        let at = world.now;
        entry(decision).outcome = Outcome::Completed { at };
    }),
    ("TargetNotLarger", planned, |_, decision| growth(decision).to = gi(10)),
    ("AboveCeiling", planned, |world, _| world.rules().limit = gi(5)),
    ("AboveCeiling", urgent, |_, decision| aim(decision, gi(101))),
    ("WindowClosed", planned, |world, _| {
        let end = world.now;
        let start = end.minus(Span::hours(1));
        world.seen.windows.insert(VolumeName::Data, Windows::Next { start, end });
    }),
    ("WindowClosed", planned, |world, _| world.seen.windows.clear()),
    ("UsageUnknown", planned, |world, _| world.seen.evidence.samples.clear()),
    ("UsageUnknown", planned, |world, _| world.set_used_all(79)),
    ("UsageUnknown", planned, |world, _| {
        for member in world.seen.members.values_mut() {
            member.pod = None;
        }
    }),
    ("EmergencyDisabled", urgent, |world, _| world.rules().emergency.enabled = false),
    ("EmergencyWithCanary", urgent, |_, decision| growth(decision).canary = Some(instance(2))),
    ("EmergencyUnfounded", urgent, |world, _| world.set_used_all(50)),
    ("GrowthExternal", planned, |_, decision| {
        growth(decision).cause = Cause::External;
        entry(decision).cause = Cause::External;
    }),
    ("GrowthReplaced", running, |_, decision| {
        let mut second = entry(decision).clone();
        second.id = ActionId(2);
        let at = second.started;
        entry(decision).outcome = Outcome::Superseded { at };
        decision.record.sequence = 2;
        growth(decision).id = ActionId(2);
        volume(decision).ledger.entries.push(second);
    }),
    ("GrowthRewritten", running, |_, decision| growth(decision).from = gi(1)),
    ("GrowthRewritten", running, |_, decision| growth(decision).cause = Cause::Emergency),
    ("TargetRaised", running, |_, decision| growth(decision).to = gi(12)),
    ("TargetChanged", running, |_, decision| growth(decision).to = gi(11).minus_or_zero(gi(1))),
];

#[test]
fn sound_decisions_meet_no_objection() {
    for make in [planned, urgent, running, following] {
        let (world, decision) = make();
        assert_eq!(codes(&world, &decision), Vec::<&str>::new());
    }
}

#[test]
fn each_broken_decision_is_named() {
    for (index, (code, make, spoil)) in BROKEN.iter().enumerate() {
        let (mut world, mut decision) = make();
        spoil(&mut world, &mut decision);
        let found = codes(&world, &decision);
        assert!(found.contains(code), "case {index}: {code} is not among {found:?}");
    }
}

#[test]
fn every_code_is_planted() {
    let shrinks = crate::shrink::lint::BROKEN.iter().map(|(code, _, _)| *code);
    let planted: BTreeSet<&str> = BROKEN.iter().map(|(code, _, _)| *code).chain(shrinks).collect();
    let known: BTreeSet<&str> = LINT_SOURCES
        .iter()
        .flat_map(|source| source.split('"').skip(1).step_by(2))
        .filter(|text| text.starts_with(|first: char| first.is_ascii_uppercase()))
        .filter(|text| text.chars().all(|letter| letter.is_ascii_alphabetic()))
        .collect();
    assert_eq!(planted, known);
}

#[test]
fn the_second_opinion_shares_only_types_with_the_decision() {
    for source in LINT_SOURCES {
        for banned in ["decide::", "operation::", "usage::share", "usage::slope", "usage::shape", "classify"]
        {
            assert!(!source.contains(banned), "lint uses {banned}");
        }
    }
}

#[test]
fn an_entry_of_more_than_a_day_ago_may_be_forgotten() {
    let mut world = World::new(1);
    world.spend_slot(86_400);
    let (world, mut decision) = decided(world);
    volume(&mut decision).ledger.entries.clear();
    assert_eq!(codes(&world, &decision), Vec::<&str>::new());
    let names: Vec<&InstanceName> = world.seen.members.keys().collect();
    assert_eq!(names, [&instance(1)]);
}
