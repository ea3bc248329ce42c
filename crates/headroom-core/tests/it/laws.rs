//! Laws that hold for every world, sampled.

use std::{collections::BTreeMap, fmt::Write as _};

use headroom_core::{
    Action, Bytes, Decision, Span, Timestamp, decide,
    ledger::{Cause, Outcome},
    names::{InstanceName, VolumeName},
    observation::{ContainerSeen, Fenced, Primary},
    usage::{Sample, Samples},
    window::Windows,
};
use proptest::{prelude::*, sample::select};

use crate::{
    enumeration::{CLAIMS, Case, Claim, OPERATIONS, Operation, Slots, USING, Using, build},
    world::{World, gi, instance},
};

fn cases(using: &'static [Using]) -> impl Strategy<Value = Case> {
    let member = (select(using), select(&CLAIMS[..]));
    let slots = select(&[Slots::Free, Slots::ReserveOnly, Slots::Spent][..]);
    (prop::collection::vec(member, 1..=3), any::<bool>(), slots, select(&OPERATIONS[..]))
        .prop_map(|(members, open, slots, operation)| Case { members, open, slots, operation })
}

/// A world like those of the enumeration, with any share of each file system in use.
fn worlds(using: &'static [Using]) -> impl Strategy<Value = World> {
    (cases(using), prop::collection::vec(0..=1000_u64, 3)).prop_map(|(case, free)| {
        let mut world = build(&World::new(case.members.len()), &case);
        for (index, (using, _)) in case.members.iter().enumerate() {
            let uid = world.claim(index + 1).id.uid.clone();
            let known = !matches!(using, Using::Never | Using::Mismatch);
            if let Some(samples) = world.seen.evidence.samples.get_mut(&uid).filter(|_| known) {
                let mut other = Samples::none();
                for sample in samples.as_slice() {
                    let available = sample.capacity.scaled_up(free[index], 1000).unwrap();
                    other.push(Sample { available, ..*sample });
                }
                *samples = other;
            }
        }
        world
    })
}

fn decided(world: &World) -> Decision {
    decide(&world.policy, &world.seen, &world.record, world.now)
}

/// The largest size that the decision leads to.
fn aim(decision: &Decision) -> Bytes {
    let resizes = decision.actions.iter().filter_map(|action| match action {
        Action::Resize(resize) => Some(resize.to),
        Action::RaiseClusterSizes(_)
        | Action::AddFinalizer(..)
        | Action::RemoveFinalizer(..)
        | Action::Withdraw(_)
        | Action::Destroy(_)
        | Action::Promote(_)
        | Action::SetInstances(_)
        | Action::DeleteJob(_)
        | Action::DeletePod(_)
        | Action::DiscardClaim(_) => None,
    });
    let target = decision.report.volumes[&VolumeName::Data].target;
    resizes.chain(target).max().unwrap_or(Bytes::ZERO)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn names_decide_nothing(world in worlds(&USING)) {
        let expected = format!("{:?}", decided(&world)).replace("InstanceName(\"pg-", "InstanceName(\"db-");
        prop_assert_eq!(format!("{:?}", decided(&renamed(world))), expected);
    }

    #[test]
    fn the_time_of_day_decides_nothing(world in worlds(&USING), seconds in 1..10_000_000_i64) {
        let expected = shift_text(&format!("{:?}", decided(&world)), seconds);
        prop_assert_eq!(format!("{:?}", decided(&shifted(world, seconds))), expected);
    }

    #[test]
    fn a_lower_limit_never_raises_a_target(world in worlds(&USING), limit in 5..40_u64) {
        let mut lower = world.clone();
        lower.rules().limit = gi(limit);
        lower.policy.generation += 1;
        let mut same = world;
        same.rules().limit = gi(limit + 7);
        same.policy.generation += 1;
        prop_assert!(aim(&lower.decide()) <= aim(&same.decide()));
    }

    #[test]
    fn actions_dated_in_the_future_count_as_spent(world in worlds(&USING), ahead in 1..80_000_i64) {
        let mut ahead_of_us = world.clone();
        ahead_of_us.spend_slot(-ahead);
        let mut behind_us = world;
        behind_us.spend_slot(1);
        let slots = |world: &World| {
            let budget = world.report().budget;
            (budget.used, budget.planned, budget.emergency)
        };
        prop_assert_eq!(slots(&ahead_of_us), slots(&behind_us));
    }

    #[test]
    fn between_edges_nothing_changes(world in worlds(&USING), jump in 1..100_000_u32) {
        let mut world = world;
        world.settle();
        let at_rest = decided(&world);
        let wal = world.seen.evidence.wal.clone();
        let edge = at_rest.wake.map_or(jump, |wake| jump.min(wake.since(world.now).as_seconds() - 1));
        world.advance(Span::seconds(edge));
        world.seen.evidence.wal = wal;
        let later = decided(&world);
        prop_assert_eq!(later, at_rest);
    }

    #[test]
    fn after_a_completed_action_the_same_usage_asks_for_nothing(
        world in worlds(&[Using::Ample, Using::Below, Using::Critical]),
    ) {
        let mut world = world;
        let known = world.volume_record().ledger.entries.len();
        world.finish();
        let ours: Vec<_> = world
            .volume_record()
            .ledger
            .entries
            .iter()
            .skip(known)
            .filter(|entry| entry.cause != Cause::External && !matches!(entry.outcome, Outcome::Refunded { .. }))
            .cloned()
            .collect();
        // A running growth may end first: then one more may be due.
        prop_assert!(ours.len() <= 1, "{:#?}", ours);
    }

    #[test]
    fn losing_all_memory_never_starts_a_second_growth(world in worlds(&[Using::Ample, Using::Below, Using::Critical])) {
        let mut world = world;
        world.settle();
        let slots = world.report().budget.used;
        world.seen.evidence.samples = BTreeMap::new();
        world.seen.evidence.obstacles = BTreeMap::new();
        world.seen.evidence.waiting_since = BTreeMap::new();
        world.settle();
        prop_assert!(world.report().budget.used <= slots);
    }

    #[test]
    fn sizes_scale(percent in 0..100_u64, budget in 0..4_u8) {
        let mut targets = Vec::new();
        for factor in [1_u64, 2, 8] {
            let mut world = World::new(2);
            world.rules().limit = gi(2000 * factor);
            world.rules().unit = gi(factor);
            world.rules().budget.per_day = budget;
            world.rules().budget.reserved = 0;
            world.record.volumes.clear();
            for number in 1..=2 {
                world.set_size(number, gi(200 * factor));
                let capacity = gi(190 * factor);
                world.set_available(number, capacity, capacity.scaled_up(percent, 100).unwrap());
            }
            world.seen.cluster.volumes.values_mut().for_each(|spec| spec.size = Some(gi(200 * factor)));
            world.finish();
            targets.push(world.effective().get() / factor);
        }
        prop_assert!(targets.windows(2).all(|pair| pair[0] == pair[1]), "{:?}", targets);
    }
}

/// Every instance under another name, in the same order.
fn renamed(mut world: World) -> World {
    let rename = |name: &InstanceName| InstanceName::from(name.as_str().replace("pg-", "db-").as_str());
    world.seen.members = world.seen.members.iter().map(|(name, seen)| (rename(name), seen.clone())).collect();
    if let Primary::Known(name) = &world.seen.cluster.primary {
        world.seen.cluster.primary = Primary::Known(rename(name));
    }
    if let Fenced::Instances(list) = &world.seen.cluster.fenced {
        world.seen.cluster.fenced = Fenced::Instances(list.iter().map(rename).collect());
    }
    for volume in world.record.volumes.values_mut() {
        volume.members = volume.members.iter().map(|(name, kept)| (rename(name), kept.clone())).collect();
        if let Some(growth) = &mut volume.growth {
            growth.canary = growth.canary.as_ref().map(rename);
        }
    }
    world
}

/// The same world `seconds` later by every clock.
fn shifted(mut world: World, seconds: i64) -> World {
    let shift = |at: Timestamp| Timestamp::from_unix(at.unix() + seconds);
    let shift_sample = |sample: Sample| Sample { at: shift(sample.at), ..sample };
    world.now = shift(world.now);
    for member in world.seen.members.values_mut() {
        let Some(pod) = &mut member.pod else { continue };
        if let ContainerSeen::Running { since } = &mut pod.container {
            *since = shift(*since);
        }
        if let Some(exit) = &mut pod.last_exit {
            exit.at = shift(exit.at);
        }
    }
    for windows in world.seen.windows.values_mut() {
        if let Windows::Next { start, end } = windows {
            (*start, *end) = (shift(*start), shift(*end));
        }
    }
    let evidence = &mut world.seen.evidence;
    for samples in evidence.samples.values_mut() {
        let mut other = Samples::none();
        for sample in samples.as_slice() {
            other.push(shift_sample(*sample));
        }
        *samples = other;
    }
    evidence.obstacles.values_mut().for_each(|obstacle| obstacle.at = shift(obstacle.at));
    evidence.waiting_since.values_mut().for_each(|since| *since = shift(*since));
    if let Some(wal) = &mut evidence.wal {
        wal.at = shift(wal.at);
    }
    for volume in world.record.volumes.values_mut() {
        for entry in &mut volume.ledger.entries {
            entry.started = shift(entry.started);
            match &mut entry.outcome {
                Outcome::Running => {}
                Outcome::Completed { at } | Outcome::Refunded { at } | Outcome::Superseded { at } => {
                    *at = shift(*at);
                }
            }
        }
        if let Some(growth) = &mut volume.growth {
            growth.started = shift(growth.started);
        }
        for kept in volume.members.values_mut() {
            kept.grown_at = kept.grown_at.map(shift);
            kept.last_usage = kept.last_usage.map(shift_sample);
        }
    }
    world
}

/// Every `Timestamp(…)` in `text`, `seconds` later.
fn shift_text(text: &str, seconds: i64) -> String {
    let mut parts = text.split("Timestamp(");
    let mut shifted = parts.next().unwrap().to_owned();
    for part in parts {
        let (number, rest) = part.split_once(')').unwrap();
        let at: i64 = number.parse().unwrap();
        write!(shifted, "Timestamp({}){rest}", at + seconds).unwrap();
    }
    shifted
}

#[test]
fn the_shift_of_a_text_shifts_each_time_in_it() {
    assert_eq!(shift_text("a Timestamp(5), Timestamp(-7) b", 10), "a Timestamp(15), Timestamp(3) b");
}

#[test]
fn the_generated_worlds_hold_a_running_growth() {
    let case = Case {
        members: vec![(Using::Ample, Claim::AsWanted)],
        open: true,
        slots: Slots::Free,
        operation: Operation::NoCanary,
    };
    let mut world = build(&World::new(1), &case);
    assert_eq!(world.volume_record().growth.as_ref().map(|growth| growth.to), Some(gi(12)));
    assert_eq!(world.seen.members.keys().next(), Some(&instance(1)));
}
