//! Laws of a shrink that hold for every world, sampled: any step of a shrink, and then any few things that happen.

use headroom_core::{
    Action, Bytes, Decision, Span, decide, lint,
    lint::Severity,
    names::VolumeName,
    observation::{ClaimPhase, ClaimSeen, Fenced, Freshness, Mark, Primary, SingleOnly},
    policy::Mode,
    record::{Course, TurnedBack},
    report::{Reason, State},
    usage::share,
};
use proptest::prelude::*;

use super::toy::{budget, cnpg_works, facts, job, large, sample, session, survey, whole};
use crate::world::{World, gi, instance};

/// What happens, to the instance of this number where it is one's.
type Happens = fn(&mut World, usize);

fn member(world: &mut World, number: usize) -> Option<&mut headroom_core::observation::MemberSeen> {
    world.seen.members.get_mut(&instance(number))
}

fn pod(world: &mut World, number: usize) -> Option<&mut headroom_core::observation::PodSeen> {
    member(world, number)?.pod.as_mut()
}

fn capacity(world: &mut World, number: usize) -> bool {
    let data = member(world, number).and_then(|member| member.claims.get(&VolumeName::Data));
    data.is_some_and(|claim| claim.capacity.is_some())
}

fn known(world: &World) -> bool {
    world.seen.evidence.survey.as_ref().is_some_and(|survey| survey.facts.is_some())
}

#[rustfmt::skip]
const HAPPENS: &[Happens] = &[
    |_, _| {},
    |world, number| world.seen.cluster.primary = Primary::Known(instance(number)),
    |world, number| world.seen.cluster.primary = Primary::Moving { to: Some(instance(number)) },
    |world, _| world.seen.cluster.primary = Primary::Unknown,
    |world, number| if let Some(pod) = pod(world, number) { pod.ready = false },
    |world, number| {
        let since = world.now.minus(Span::minutes(11));
        if let Some(pod) = pod(world, number) { pod.ready = false; pod.unready_since = Some(since); }
    },
    |world, number| if let Some(pod) = pod(world, number) { pod.ready = false; pod.pending = true; pod.node = None; },
    |world, number| if let Some(pod) = pod(world, number) { pod.terminating = true },
    |world, number| if let Some(pod) = pod(world, number) { pod.mark = Mark::Ours },
    |world, number| if let Some(pod) = pod(world, number) { pod.mark = Mark::Foreign },
    |world, number| if let Some(member) = member(world, number) { member.pod = None },
    |world, number| if let Some(member) = member(world, number) {
        member.claims.values_mut().for_each(|claim| claim.terminating = true);
    },
    |world, number| if let Some(member) = member(world, number) {
        member.claims.values_mut().for_each(|claim| { claim.phase = ClaimPhase::Pending; claim.capacity = None; });
    },
    |world, number| if let Some(member) = member(world, number) {
        member.claims.values_mut().for_each(|claim| claim.requested = gi(120));
    },
    |world, number| if member(world, number).is_some() { world.forget_samples(number) },
    |world, number| if capacity(world, number) { world.set_used(number, 97) },
    |world, number| if capacity(world, number) { world.set_used(number, 70) },
    |world, number| drop(world.seen.members.remove(&instance(number))),
    |world, number| world.seen.cluster.instances = u32::try_from(number).unwrap(),
    |world, _| world.seen.cluster.ready_instances = 1,
    |world, _| world.seen.cluster.census.loose_claims = 1,
    |world, _| world.seen.cluster.phase = "Creating a new replica".into(),
    |world, _| world.seen.cluster.phase = "Waiting for the instances to become active".into(),
    |world, _| world.seen.cluster.fenced = Fenced::Everybody,
    |world, _| world.seen.cluster.conduct.maintained = true,
    |world, _| world.seen.cluster.conduct.supervised = true,
    |world, _| world.seen.cluster.conduct.synchronous = 2,
    |world, _| world.seen.cluster.conduct.single_only = Some(SingleOnly::WalLogHints),
    |world, number| if known(world) { facts(world).jobs.push(job(&format!("pg-{number}"))) },
    |world, number| if known(world) { facts(world).copied.insert(instance(number)); },
    |world, number| if let Some(member) = member(world, number) {
        member.claims.values_mut().for_each(|claim| claim.initializing = true);
    },
    |world, number| if known(world) { facts(world).budgets.push(budget(&[number], number == 1)) },
    |world, _| if known(world) { facts(world).backup_running = true },
    |world, _| if known(world) { facts(world).replication.clear() },
    |world, _| if known(world) { facts(world).replication.values_mut().for_each(|says| says.archiver_failing = true) },
    |world, _| if known(world) { facts(world).replication.values_mut().for_each(|says| says.receiving = false) },
    |world, _| world.seen.evidence.survey = None,
    |world, _| world.seen.evidence.steady_since = None,
    |world, _| world.rules().request = Some(gi(40)),
    |world, _| world.rules().request = Some(gi(130)),
    |world, _| world.rules().shrink.enabled = false,
    |world, _| world.policy.mode = Mode::Advise,
    |world, _| world.policy.mode = Mode::Paused,
    |world, _| world.policy.generation += 1,
    |world, _| world.seen.storage.deleting = true,
    |world, _| world.seen.storage.finalizer = false,
    |world, _| if let Some(shrink) = world.record.shrink.as_mut().filter(|shrink| shrink.course == Course::Smaller) {
        shrink.course = Course::Back(TurnedBack::External);
    },
    |world, _| if let Some(shrink) = &mut world.record.shrink { shrink.condemned = None },
    |world, _| world.advance(Span::minutes(7)),
];

/// A shrink after so many sessions, with CNPG at work between them.
fn begun(instances: usize, sessions: usize) -> World {
    let mut world = large(instances);
    let mut fresh = 0;
    for _ in 0..sessions {
        session(&mut world);
        if world.record.shrink.is_none() {
            break;
        }
        cnpg_works(&mut world, &mut fresh);
    }
    world
}

/// A world by what made it, which is short enough to print.
#[derive(Clone, Debug)]
struct Made {
    instances: usize,
    sessions: usize,
    read: bool,
    surveyed: bool,
    /// Which of [`HAPPENS`], and to whom.
    events: Vec<(usize, usize)>,
}

impl Made {
    fn world(&self) -> World {
        let mut world = begun(self.instances, self.sessions);
        if self.surveyed {
            survey(&mut world);
        }
        for (event, number) in &self.events {
            HAPPENS[*event](&mut world, *number);
        }
        if self.read {
            world.seen.freshness = Freshness::Quorum { read_at: world.now };
        }
        world
    }
}

fn worlds() -> impl Strategy<Value = Made> {
    let events = prop::collection::vec((0..HAPPENS.len(), 1..=4_usize), 0..4);
    (1..=3_usize, 0..=8_usize, any::<bool>(), any::<bool>(), events).prop_map(
        |(instances, sessions, read, surveyed, events)| Made { instances, sessions, read, surveyed, events },
    )
}

fn decided(world: &World) -> Decision {
    decide(&world.policy, &world.seen, &world.record, world.now)
}

fn objections(world: &World, decision: &Decision) -> Vec<&'static str> {
    let findings = lint(&world.policy, &world.seen, &world.record, decision, world.now);
    findings.iter().filter(|it| it.severity == Severity::Fatal).map(|it| it.code).collect()
}

/// The decision, and the one after its record is written, read again where it was read.
fn both(world: &World) -> [(World, Decision); 2] {
    let first = decided(world);
    let mut written = world.clone();
    written.record = first.record.clone();
    let second = decided(&written);
    [(world.clone(), first), (written, second)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_decided_that_the_second_opinion_objects_to(made in worlds()) {
        let world = made.world();
        for (world, decision) in both(&world) {
            prop_assert_eq!(objections(&world, &decision), Vec::<&str>::new(), "{:#?}", decision.actions);
        }
    }

    #[test]
    fn no_primary_is_destroyed_and_nobody_beside_the_one_that_is_condemned(made in worlds()) {
        let world = made.world();
        for (world, decision) in both(&world) {
            let mut destroyed = Vec::new();
            for action in &decision.actions {
                if let Action::Destroy(destroy) = action {
                    destroyed.push(destroy);
                }
            }
            prop_assert!(destroyed.len() <= 1);
            for destroy in destroyed {
                let Primary::Known(primary) = &world.seen.cluster.primary else { panic!("who is primary is open") };
                prop_assert_ne!(primary, destroy.instance());
                let condemned = world.record.shrink.as_ref().and_then(|shrink| shrink.condemned.as_ref()).unwrap();
                prop_assert_eq!(&condemned.instance, destroy.instance());
                let marked = |member: &headroom_core::observation::MemberSeen| {
                    member.pod.as_ref().is_some_and(|pod| pod.mark != Mark::None)
                };
                prop_assert!(!world.seen.members.values().any(marked), "two at a time");
            }
            for action in &decision.actions {
                if let Action::DiscardClaim(discard) = action {
                    let data = &world.seen.members[discard.instance()].claims.get(&VolumeName::Data);
                    let original = world.record.shrink.as_ref().unwrap().originals.get(discard.instance());
                    let never_ran = |data: &&ClaimSeen| data.initializing && Some(&data.id.uid) != original;
                    prop_assert!(original.is_none() || data.as_ref().is_some_and(never_ran));
                }
            }
        }
    }

    #[test]
    fn a_target_is_never_below_the_floor_nor_below_what_is_used(made in worlds()) {
        let world = made.world();
        for (world, decision) in both(&world) {
            let Some(shrink) = &decision.record.shrink else { continue };
            let destroys = decision.actions.iter().any(|action| matches!(action, Action::Destroy(_)));
            let begins = world.record.shrink.is_none();
            // What an old primary leaves behind is sized already.
            if !(begins || destroys && shrink.declared > 1) {
                continue;
            }
            let to = shrink.volumes[&VolumeName::Data].to;
            let floor = world.policy.volumes[&VolumeName::Data].request.unwrap_or(Bytes::ZERO).max(gi(10));
            prop_assert!(to >= floor, "{to} is below {floor}");
            for member in world.seen.members.values() {
                let samples = &world.seen.evidence.samples[&member.claims[&VolumeName::Data].id.uid];
                let used = samples.newest().map(share::used).unwrap();
                prop_assert!(to > used, "{to} does not hold {used}");
            }
        }
    }

    #[test]
    fn the_same_is_decided_of_the_same(made in worlds()) {
        let world = made.world();
        prop_assert!(decided(&world) == decided(&world.clone()));
    }

    #[test]
    fn after_a_shrink_the_same_usage_asks_for_nothing(instances in 1..=3_usize, buffer in 5..=50_u8, floor in 1..=60_u64) {
        let mut world = large(instances);
        world.rules().buffer = headroom_core::Percent::clamped(buffer);
        world.rules().request = Some(gi(floor));
        whole(&mut world);
        prop_assert!(world.record.shrink.is_none() && world.record.shrunk_at.is_some());
        let size = world.effective();
        prop_assert!(size >= gi(floor) && size < gi(100));
        for _ in 0..30 {
            world.advance(Span::hours(24));
            sample(&mut world);
            let changes: Vec<_> =
                session(&mut world).into_iter().filter(|done| done != "add finalizer").collect();
            prop_assert_eq!(changes, Vec::<String>::new());
            world.assert_says(State::Balanced, &Reason::EnoughFree);
        }
        prop_assert_eq!(world.effective(), size);
    }
}
