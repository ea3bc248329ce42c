//! Steps of a shrink broken by hand: the second opinion objects to each, by code.

use headroom_core::{
    Decision, Span, lint,
    lint::Severity,
    names::{Uid, VolumeName},
    observation::{ClaimPhase, ClaimSeen, Fenced, Freshness, Mark, Primary, Scaler, SingleOnly},
    policy::Mode,
    record::{Course, TurnedBack},
};

use super::toy::{
    apply, budget, cnpg_works, copying, facts, job, join, large, marked, placeless, session, survey, told,
};
use crate::world::{World, gi, instance, object};

/// A world, and what is decided in it.
type Sound = fn() -> (World, Decision);

/// Everything is read, nothing was written since.
fn certain(world: &mut World) {
    survey(world);
    world.seen.freshness = Freshness::Quorum { read_at: world.now };
}

/// The decision that does this, made from what it was made from.
#[track_caller]
fn doing(mut world: World, what: &str) -> (World, Decision) {
    let mut fresh = 50;
    for _ in 0..24 {
        for _ in 0..32 {
            certain(&mut world);
            let decision = world.decide();
            if decision.record != world.record {
                world.record = decision.record;
                continue;
            }
            match decision.actions.first() {
                Some(action) if told(action) == what => return (world, decision),
                Some(action) => apply(&mut world, action),
                None => break,
            }
        }
        cnpg_works(&mut world, &mut fresh);
    }
    panic!("it never does: {what}")
}

fn destroying() -> (World, Decision) {
    let mut world = marked();
    world.pod(3).mark = Mark::None;
    doing(world, "destroy pg-3")
}

fn surging() -> (World, Decision) {
    doing(large(3), "instances 4")
}

fn promoting() -> (World, Decision) {
    doing(large(1), "promote pg-2")
}

fn lowering() -> (World, Decision) {
    doing(large(1), "instances 1")
}

/// The old primary of a single instance has been away for ten minutes: the number is set back.
fn leaving() -> (World, Decision) {
    let (mut world, _) = lowering();
    away(&mut world);
    doing(world, "instances 1")
}

/// The same, and the number is set back: it is deleted by name.
fn removing() -> (World, Decision) {
    let (mut world, _) = lowering();
    away(&mut world);
    doing(world, "destroy pg-1")
}

fn away(world: &mut World) {
    let since = world.now.minus(Span::minutes(10));
    let pod = world.pod(1);
    pod.ready = false;
    pod.unready_since = Some(since);
    world.seen.cluster.ready_instances = 1;
}

fn sparing() -> (World, Decision) {
    let mut world = marked();
    world.seen.cluster.primary = Primary::Known(instance(3));
    world.record = world.decide().record;
    doing(world, "spare pg-3")
}

/// The third instance of a surge has claims, a Job and no pod yet, and the shrink turns back.
fn unborn() -> World {
    let mut world = large(2);
    session(&mut world);
    let mut fresh = 80;
    join(&mut world, 3, &mut fresh);
    world.seen.members.get_mut(&instance(3)).unwrap().pod = None;
    world.claim(3).initializing = true;
    world.rules().shrink.enabled = false;
    facts(&mut world).jobs.push(job("pg-3"));
    world
}

fn discarding() -> (World, Decision) {
    doing(unborn(), "discard claim of pg-3")
}

/// A copy has lost its Job.
fn abandoning() -> (World, Decision) {
    let mut world = copying();
    world.seen.evidence.steady_since = Some(world.now.minus(Span::seconds(30)));
    doing(world, "discard claim of pg-3")
}

/// Its pod is in the way of the primary's.
fn making_way() -> (World, Decision) {
    doing(placeless(), "delete pod of pg-2")
}

fn rescuing() -> (World, Decision) {
    let mut world = unborn();
    world.rules().shrink.enabled = true;
    world.seen.members.get_mut(&instance(1)).unwrap().pod = None;
    doing(world, "delete job of pg-3")
}

fn beginning() -> (World, Decision) {
    let mut world = large(3);
    certain(&mut world);
    let decision = world.decide();
    assert!(decision.record.shrink.is_some() && world.record.shrink.is_none());
    (world, decision)
}

/// pg-3 is condemned in this very decision.
fn condemning() -> (World, Decision) {
    let (mut world, _) = destroying();
    world.record.shrink.as_mut().unwrap().condemned = None;
    certain(&mut world);
    let decision = world.decide();
    assert!(decision.record.shrink.as_ref().unwrap().condemned.is_some());
    (world, decision)
}

/// Every instance is replaced, and that is about to be recorded.
fn ending() -> (World, Decision) {
    let (mut world, _) = doing(large(2), "instances 2");
    let before = &mut world.record;
    let shrink = before.shrink.as_mut().unwrap();
    shrink.course = Course::Smaller;
    let volume = before.volumes.get_mut(&VolumeName::Data).unwrap();
    volume.effective = gi(100);
    volume.ledger.entries.last_mut().unwrap().outcome = headroom_core::ledger::Outcome::Running;
    certain(&mut world);
    let decision = world.decide();
    assert_eq!(decision.record.volumes[&VolumeName::Data].effective, gi(15));
    (world, decision)
}

/// What is planted in a sound decision.
type Plant = fn(&mut World, &mut Decision);

#[rustfmt::skip]
pub(crate) const BROKEN: &[(&str, Sound, Plant)] = &[
    ("PrimaryDestroyed", destroying, |world, _| world.seen.cluster.primary = Primary::Known(instance(3))),
    ("PrimaryDestroyed", destroying, |world, _| {
        world.seen.cluster.primary = Primary::Moving { to: Some(instance(2)) };
    }),
    ("SwitchingOver", destroying, |world, _| world.seen.cluster.primary = Primary::Moving { to: None }),
    ("NotHealthy", destroying, |world, _| world.seen.cluster.phase = "Upgrading cluster".into()),
    ("MemberDown", destroying, |world, _| world.pod(2).ready = false),
    ("MemberDown", destroying, |world, _| world.claim(2).phase = ClaimPhase::Pending),
    ("MemberDown", destroying, |world, _| world.seen.cluster.ready_instances = 3),
    ("Fenced", destroying, |world, _| world.seen.cluster.fenced = Fenced::Everybody),
    ("RedundancyLost", destroying, |world, _| world.seen.cluster.conduct.synchronous = 3),
    ("BelowNeed", destroying, |world, _| world.set_used(2, 50)),
    ("BelowFloor", destroying, |world, _| world.rules().request = Some(gi(40))),
    ("UsageUnknown", destroying, |world, _| world.forget_samples(2)),
    ("ArchiverFailing", destroying, |world, _| archive_fails(world)),
    ("ArchiverFailing", surging, |world, _| archive_fails(world)),
    ("ArchiverFailing", promoting, |world, _| archive_fails(world)),
    ("ArchiverFailing", lowering, |world, _| archive_fails(world)),
    ("ArchiverFailing", leaving, |world, _| archive_fails(world)),
    ("ArchiverFailing", removing, |world, _| facts(world).replication.clear()),
    ("DisruptionForbidden", destroying, |world, _| facts(world).budgets.push(budget(&[3], false))),
    ("DisruptionForbidden", promoting, |world, _| facts(world).budgets.push(budget(&[1], false))),
    ("RemovedEarly", removing, |world, _| world.seen.cluster.instances = 2),
    ("RemovedEarly", removing, |world, _| {
        world.pod(1).unready_since = Some(world.now.minus(Span::seconds(599)));
    }),
    ("RemovedEarly", removing, |world, _| world.pod(1).ready = true),
    ("MemberDown", leaving, |world, _| world.pod(1).unready_since = None),
    ("SuccessorUnfit", leaving, |world, _| world.pod(2).ready = false),
    ("SuccessorUnfit", removing, |world, _| world.claim(2).terminating = true),
    ("PrimaryDestroyed", removing, |world, _| world.seen.cluster.primary = Primary::Known(instance(1))),
    ("JobRunning", removing, |world, _| facts(world).jobs.push(job("pg-1"))),
    ("NoQuorum", destroying, |world, _| world.seen.freshness = Freshness::Cached),
    ("NoQuorum", destroying, |world, _| {
        world.seen.freshness = Freshness::Quorum { read_at: world.now.minus(Span::seconds(6)) };
    }),
    ("SurveyOld", destroying, |world, _| world.seen.evidence.survey = None),
    ("JobRunning", destroying, |world, _| facts(world).jobs.push(job("pg-2"))),
    ("NoIntent", destroying, |world, _| world.record.shrink.as_mut().unwrap().condemned = None),
    ("NoIntent", destroying, |_, decision| decision.record.shrink = None),
    ("WrongVictim", destroying, |world, decision| {
        for record in [&mut world.record, &mut decision.record] {
            record.shrink.as_mut().unwrap().condemned.as_mut().unwrap().pod = Uid::from("another");
        }
    }),
    ("DestroyedTwice", destroying, |world, decision| {
        for record in [&mut world.record, &mut decision.record] {
            record.shrink.as_mut().unwrap().originals.insert(instance(3), Uid::from("another"));
        }
    }),
    ("GroupIncomplete", destroying, |world, _| {
        let member = world.seen.members.get_mut(&instance(3)).unwrap();
        let more = ClaimSeen { id: object("claim-3-wal"), ..member.claims[&VolumeName::Data].clone() };
        member.claims.insert(VolumeName::Wal, more);
    }),
    ("ShrinkTurned", destroying, |world, decision| {
        for record in [&mut world.record, &mut decision.record] {
            record.shrink.as_mut().unwrap().course = Course::Back(TurnedBack::Emergency);
        }
    }),
    ("ActionWhileResting", destroying, |world, _| world.policy.mode = Mode::Paused),
    ("PromotedAlready", promoting, |world, _| world.seen.cluster.primary = Primary::Known(instance(2))),
    ("PromotedUnready", promoting, |world, _| world.pod(2).ready = false),
    ("PromotedBehind", promoting, |world, _| {
        facts(world).replication.get_mut(&instance(2)).unwrap().receiving = false;
    }),
    ("PromotedSupervised", promoting, |world, _| world.seen.cluster.conduct.supervised = true),
    ("WrongCluster", promoting, |world, _| world.seen.cluster.id = object("another")),
    ("SurgeInvalid", surging, |world, _| {
        world.seen.cluster.conduct.single_only = Some(SingleOnly::WalLogHints);
    }),
    ("WrongCluster", surging, |world, _| world.seen.cluster.instances = 4),
    ("BelowDeclared", lowering, |_, decision| decision.record.shrink.as_mut().unwrap().declared = 2),
    ("NotOurs", lowering, |world, _| world.seen.cluster.scaled_by = Scaler::Others),
    ("LoweredEarly", lowering, |world, _| world.seen.cluster.primary = Primary::Known(instance(1))),
    ("WrongMark", sparing, |world, _| world.pod(3).mark = Mark::Foreign),
    ("WrongClaim", discarding, |world, _| world.claim(3).id = object("another")),
    ("DiscardUnfounded", discarding, |_, decision| {
        decision.record.shrink.as_mut().unwrap().course = Course::Smaller;
    }),
    ("DiscardUnfounded", abandoning, |world, _| world.claim(3).initializing = false),
    ("DiscardUnfounded", abandoning, |world, _| facts(world).jobs.push(job("pg-3"))),
    ("DiscardUnfounded", abandoning, |world, _| { facts(world).copied.insert(instance(3)); }),
    ("DiscardUnfounded", abandoning, |world, decision| {
        let original = world.claim(3).id.uid.clone();
        decision.record.shrink.as_mut().unwrap().originals.insert(instance(3), original);
    }),
    ("DataFirst", abandoning, |world, _| {
        let member = world.seen.members.get_mut(&instance(3)).unwrap();
        let more = ClaimSeen { id: object("claim-3-wal"), ..member.claims[&VolumeName::Data].clone() };
        member.claims.insert(VolumeName::Wal, more);
    }),
    ("PrimaryDestroyed", abandoning, |world, _| world.seen.cluster.primary = Primary::Known(instance(3))),
    ("SurveyOld", abandoning, |world, _| world.seen.evidence.survey = None),
    ("InstanceRuns", discarding, |world, _| {
        let pod = world.pod(2).clone();
        world.seen.members.get_mut(&instance(3)).unwrap().pod = Some(pod);
    }),
    ("WrongJob", rescuing, |world, _| facts(world).jobs.clear()),
    ("WrongJob", rescuing, |world, _| facts(world).jobs[0].joins = false),
    ("InstanceRuns", rescuing, |world, _| world.claim(3).initializing = false),
    ("InstanceRuns", discarding, |world, _| world.claim(3).initializing = false),
    ("NoQuorum", making_way, |world, _| world.seen.freshness = Freshness::Cached),
    ("NoIntent", making_way, |world, _| world.record.shrink = None),
    ("InstanceRuns", making_way, |world, _| world.pod(2).pending = false),
    ("InstanceRuns", making_way, |world, _| world.pod(2).node = Some("n2".into())),
    ("InstanceRuns", making_way, |world, _| world.pod(2).id = object("another")),
    ("PrimaryDestroyed", making_way, |world, _| world.seen.cluster.primary = Primary::Known(instance(2))),
    ("PodInNobodysWay", making_way, |world, _| world.add_member(1, gi(100))),
    ("PodInNobodysWay", making_way, |world, _| world.claim(1).terminating = true),
    ("ActionWhileResting", making_way, |world, _| world.policy.mode = Mode::Paused),
    ("ShrinkWhileResting", beginning, |world, _| world.policy.mode = Mode::Advise),
    ("ShrinkUnguarded", beginning, |world, _| world.seen.storage.finalizer = false),
    ("ShrinkMiscounted", beginning, |_, decision| decision.record.shrink.as_mut().unwrap().declared = 2),
    ("ShrinkUnwanted", beginning, |world, _| world.rules().shrink.enabled = false),
    ("TargetNotSmaller", beginning, |_, decision| {
        let shrink = decision.record.shrink.as_mut().unwrap();
        shrink.volumes.get_mut(&VolumeName::Data).unwrap().to = gi(100);
    }),
    ("TwoCondemned", condemning, |world, decision| {
        let mut other = decision.record.shrink.clone().unwrap().condemned.unwrap();
        other.instance = instance(2);
        world.record.shrink.as_mut().unwrap().condemned = Some(other);
    }),
    ("ShrinkRewritten", condemning, |_, decision| {
        decision.record.shrink.as_mut().unwrap().originals.clear();
    }),
    ("ShrinkTurnedTwice", condemning, |world, _| {
        world.record.shrink.as_mut().unwrap().course = Course::Back(TurnedBack::External);
    }),
    ("ClaimsNotReplaced", ending, |world, _| world.claim(2).requested = gi(100)),
    ("EffectiveDecreased", ending, |world, _| world.record.shrink = None),
];

fn archive_fails(world: &mut World) {
    facts(world).replication.values_mut().for_each(|says| says.archiver_failing = true);
}

fn codes(world: &World, decision: &Decision) -> Vec<&'static str> {
    let findings = lint(&world.policy, &world.seen, &world.record, decision, world.now);
    findings.iter().filter(|it| it.severity == Severity::Fatal).map(|it| it.code).collect()
}

#[test]
fn sound_steps_meet_no_objection() {
    for make in [
        destroying, surging, promoting, lowering, leaving, removing, sparing, discarding, abandoning,
        making_way, rescuing, beginning, condemning, ending,
    ] {
        let (world, decision) = make();
        assert_eq!(codes(&world, &decision), Vec::<&str>::new());
    }
}

#[test]
fn each_broken_step_is_named() {
    for (index, (code, make, spoil)) in BROKEN.iter().enumerate() {
        let (mut world, mut decision) = make();
        spoil(&mut world, &mut decision);
        let found = codes(&world, &decision);
        assert!(found.contains(code), "case {index}: {code} is not among {found:?}");
    }
}
