//! What holds single steps: budgets, archives, and an old primary that does not come back.

use headroom_core::{
    Action, Span,
    names::VolumeName,
    observation::{Freshness, Mark, Primary},
    report::{ClusterVerdict, InTheWay, Reason, ShrinkReason, State},
    usage::Samples,
};

use super::toy::{budget, cnpg_works, facts, large, session, survey, told};
use crate::world::{World, file_system, gi, instance};

/// Runs until this has been done.
#[track_caller]
fn until(world: &mut World, what: &str) {
    let mut fresh = 20;
    for _ in 0..20 {
        if session(world).iter().any(|done| done == what) {
            return;
        }
        cnpg_works(world, &mut fresh);
    }
    panic!("it never does: {what}")
}

/// CNPG has made of the last step what it should, and the next one is this.
#[track_caller]
fn next_is(world: &World, what: &str) {
    let mut world = world.clone();
    let done = session(&mut world);
    assert_eq!(done.last().map(String::as_str), Some(what), "{:?}", world.report());
}

/// Nothing is done, for this reason.
#[track_caller]
fn held(world: &World, change: impl FnOnce(&mut World), reason: ShrinkReason) {
    let mut world = world.clone();
    survey(&mut world);
    change(&mut world);
    world.seen.freshness = Freshness::Quorum { read_at: world.now };
    let decision = world.decide();
    assert_eq!(decision.actions, Vec::new());
    world.assert_says(State::PendingShrink, &Reason::Shrink(reason));
}

/// A world in which this is the next step, with everything settled.
#[track_caller]
fn before(instances: usize, after: &str, next: &str) -> World {
    let mut world = large(instances);
    until(&mut world, after);
    let mut fresh = 60;
    cnpg_works(&mut world, &mut fresh);
    // New claims are raised first.
    for _ in 0..2 {
        let mut ahead = world.clone();
        if session(&mut ahead).last().is_some_and(|done| done == next) {
            break;
        }
        session(&mut world);
        cnpg_works(&mut world, &mut fresh);
    }
    next_is(&world, next);
    world
}

fn failing(world: &mut World) {
    let Primary::Known(primary) = world.seen.cluster.primary.clone() else { panic!("no primary") };
    facts(world).replication.get_mut(&primary).unwrap().archiver_failing = true;
}

#[test]
fn an_archive_that_fails_holds_every_step_but_the_return_of_a_surplus_instance() {
    for (instances, after, next) in [
        (3, "", "instances 4"),
        (3, "instances 4", "destroy pg-3"),
        (3, "destroy pg-2", "promote pg-2"),
        (1, "instances 2", "promote pg-2"),
        (1, "promote pg-2", "instances 1"),
    ] {
        let world = if after.is_empty() { recorded(instances) } else { before(instances, after, next) };
        held(&world, failing, ShrinkReason::ArchiverFailing);
        let unknown = |world: &mut World| facts(world).replication.clear();
        held(&world, unknown, ShrinkReason::FactsUnknown);
    }
    let mut world = before(2, "destroy pg-1", "instances 2");
    survey(&mut world);
    failing(&mut world);
    world.seen.freshness = Freshness::Quorum { read_at: world.now };
    world.record = world.decide().record;
    assert_eq!(world.decide().actions.first().map(told).as_deref(), Some("instances 2"));
}

#[test]
fn a_process_that_has_seen_the_primarys_usage_once_takes_no_instance_away_and_promotes_none() {
    let glimpse = |world: &mut World| {
        let uid = world.claim(1).id.uid.clone();
        let mut once = Samples::none();
        once.push(*world.seen.evidence.samples[&uid].as_slice().last().unwrap());
        world.set_samples(1, once);
    };
    for (after, next) in [("instances 4", "destroy pg-3"), ("destroy pg-2", "promote pg-2")] {
        let world = before(3, after, next);
        held(&world, glimpse, ShrinkReason::UsageUnknown(instance(1)));
    }
    let mut world = recorded(3);
    glimpse(&mut world);
    next_is(&world, "instances 4");
}

#[test]
fn a_claim_that_a_shrink_raised_is_not_blamed_by_the_process_that_takes_over() {
    let mut world = before(1, "promote pg-2", "instances 1");
    // The kubelet has measured when the successor's claim was as it was born.
    let small = |world: &mut World| world.set_available(2, file_system(gi(10)), gi(4));
    let blamed = (State::Blocked, Reason::NotSizedByClaim(instance(2)));
    let says = |world: &World| (world.report().state, world.report().reason);
    until(&mut world, "instances 1");
    world.seen.members.remove(&instance(1));
    small(&mut world);
    assert_ne!(says(&world), blamed, "while it runs");
    let mut fresh = 80;
    cnpg_works(&mut world, &mut fresh);
    small(&mut world);
    session(&mut world);
    assert!(world.record.shrunk_at.is_some());
    assert_ne!(says(&world), blamed, "when it is over");
    world.advance(Span::minutes(4));
    small(&mut world);
    assert_eq!(says(&world), blamed, "a file system that never follows is found out");
}

/// The shrink is recorded, and nothing is done.
fn recorded(instances: usize) -> World {
    let mut world = large(instances);
    world.seen.freshness = Freshness::Quorum { read_at: world.now };
    world.record = world.decide().record;
    assert!(world.record.shrink.is_some());
    next_is(&world, &format!("instances {}", instances + 1));
    world
}

#[test]
fn a_budget_that_allows_no_disruption_holds_the_steps_that_disrupt_whom_it_selects() {
    let forbidden = || ShrinkReason::DisruptionForbidden("quorum".into());
    let with = |of: &'static [usize], eased: bool| {
        move |world: &mut World| facts(world).budgets.push(budget(of, eased))
    };
    let surging = recorded(3);
    held(&surging, with(&[1], false), forbidden());
    let replacing = before(3, "instances 4", "destroy pg-3");
    held(&replacing, with(&[3], true), forbidden());
    let promoting = before(3, "destroy pg-2", "promote pg-2");
    held(&promoting, with(&[1], true), forbidden());
    let lowering = before(1, "promote pg-2", "instances 1");
    held(&lowering, with(&[1, 2], true), forbidden());
    let goes_on = |mut world: World, budget: &dyn Fn(&mut World), next: &str| {
        survey(&mut world);
        budget(&mut world);
        assert_eq!(session(&mut world).last().map(String::as_str), Some(next));
    };
    goes_on(surging, &with(&[1, 2, 3], true), "instances 4");
    goes_on(replacing, &with(&[1, 2], false), "destroy pg-3");
    goes_on(promoting, &with(&[2, 3], false), "promote pg-2");
}

/// A single instance has moved to pg-2, and pg-1 has not been ready for this long.
fn away_for(span: Span) -> World {
    let mut world = before(1, "promote pg-2", "instances 1");
    let since = world.now.minus(span);
    let pod = world.pod(1);
    pod.ready = false;
    pod.unready_since = Some(since);
    world.seen.cluster.ready_instances = 1;
    world
}

#[test]
fn an_old_primary_that_never_comes_back_goes_after_some_patience_the_number_first() {
    let world = away_for(Span::seconds(599));
    let until = world.now.plus(Span::seconds(1));
    let waits = ShrinkReason::OldPrimaryNotReady { instance: instance(1), until };
    held(&world, |_| {}, waits);
    assert_eq!(world.decide().wake, Some(until));

    let mut world = away_for(Span::seconds(600));
    // CNPG chooses nobody who is not ready (experiments S4).
    assert_eq!(session(&mut world), ["instances 1", "destroy pg-1"]);
    assert_eq!(world.pod(1).mark, Mark::Ours);
    assert_eq!(session(&mut world), Vec::<String>::new());
    world.seen.members.remove(&instance(1));
    world.seen.cluster.census.instances = 1;
    assert_eq!(session(&mut world), Vec::<String>::new());
    assert!(world.record.shrink.is_none());
    assert_eq!((world.effective(), world.claim(2).requested), (gi(15), gi(15)));
}

#[test]
fn an_old_primary_is_not_removed_while_anything_says_wait() {
    let healthy = away_for(Span::minutes(10));
    let never = |change: &dyn Fn(&mut World)| {
        let mut world = healthy.clone();
        survey(&mut world);
        change(&mut world);
        world.seen.freshness = Freshness::Quorum { read_at: world.now };
        world.record = world.decide().record;
        let acts = world.decide().actions;
        let removed = |action: &Action| matches!(action, Action::SetInstances(_) | Action::Destroy(_));
        assert!(!acts.iter().any(removed), "{acts:?}");
    };
    never(&failing);
    never(&|world| facts(world).backup_running = true);
    never(&|world| facts(world).jobs.push(super::toy::job("pg-1")));
    never(&|world| world.pod(2).ready = false);
    never(&|world| world.pod(1).mark = Mark::Foreign);
    never(&|world| world.pod(1).unready_since = None);
    never(&|world| world.seen.cluster.primary = Primary::Known(instance(1)));
    never(&|world| world.seen.cluster.primary = Primary::Moving { to: None });
    never(&|world| world.seen.cluster.phase = "Failing over".into());
    never(&|world| world.seen.cluster.conduct.maintained = true);
    never(&|world| world.claim(2).terminating = true);
}

#[test]
fn an_old_primary_that_comes_back_is_spared() {
    let mut world = away_for(Span::minutes(10));
    assert_eq!(session(&mut world), ["instances 1", "destroy pg-1"]);
    let pod = world.pod(1);
    pod.ready = true;
    pod.unready_since = None;
    world.seen.cluster.ready_instances = 2;
    assert_eq!(session(&mut world).first().map(String::as_str), Some("spare pg-1"));
    assert_eq!(world.claim(1).id, away_for(Span::minutes(10)).claim(1).id);
    assert!(world.record.volumes.contains_key(&VolumeName::Data));
}

/// Somebody scales two instances up to three; then the primary's pod goes, and the other one with it.
fn trapped() -> World {
    let mut world = World::new(2);
    world.seen.cluster.phase = "Creating a new replica".into();
    world.seen.cluster.census.loose_claims = 2;
    world.seen.cluster.ready_instances = 0;
    for number in 1..=2 {
        world.seen.members.get_mut(&instance(number)).unwrap().pod = None;
    }
    world.claim(2).initializing = true;
    world.seen.evidence.steady_since = Some(world.now.minus(Span::minutes(1)));
    world
}

#[test]
fn the_join_trap_in_a_join_that_is_not_ours_is_told_and_nothing_is_touched() {
    let world = trapped();
    let decision = world.decide();
    let told = ClusterVerdict::Trapped { primary: instance(1), by: InTheWay::Join(instance(2)) };
    assert_eq!(decision.report.cluster, told);
    assert_eq!(decision.actions, Vec::new());
    assert_eq!(decision.needs, None, "no right of a shrink is needed");

    let silent = |change: &dyn Fn(&mut World)| {
        let mut world = trapped();
        change(&mut world);
        let decision = world.decide();
        assert!(!matches!(decision.report.cluster, ClusterVerdict::Trapped { .. }));
        decision.wake
    };
    let early = silent(&|world| world.seen.evidence.steady_since = Some(world.now.minus(Span::seconds(59))));
    assert_eq!(early, Some(trapped().now.plus(Span::seconds(1))));
    silent(&|world| world.seen.cluster.phase = "Waiting for the instances to become active".into());
    silent(&|world| world.seen.cluster.census.loose_claims = 0);
    silent(&|world| world.claim(2).terminating = true);
    // A whole replica whose pod is lost as well: nobody is told to delete its claims.
    silent(&|world| world.claim(2).initializing = false);
    silent(&|world| world.seen.cluster.primary = Primary::Moving { to: None });
    silent(&|world| {
        world.seen.members.get_mut(&instance(1)).unwrap().pod = World::new(1).pod(1).clone().into();
    });
    silent(&|world| world.policy.mode = headroom_core::policy::Mode::Paused);
}

#[test]
fn a_pod_that_no_node_takes_beside_a_primary_without_one_is_told_and_nothing_is_touched() {
    let lost = |change: &dyn Fn(&mut World)| {
        let mut world = World::new(2);
        world.seen.members.get_mut(&instance(1)).unwrap().pod = None;
        let pod = world.pod(2);
        (pod.ready, pod.pending, pod.node) = (false, true, None);
        world.seen.cluster.ready_instances = 0;
        world.seen.evidence.steady_since = Some(world.now.minus(Span::minutes(3)));
        change(&mut world);
        let decision = world.decide();
        assert_eq!((decision.actions, decision.needs), (Vec::new(), None));
        (decision.report.cluster, decision.wake.map(|wake| wake.since(world.now)))
    };
    let told = ClusterVerdict::Trapped { primary: instance(1), by: InTheWay::PendingPod(instance(2)) };
    assert_eq!(lost(&|_| {}).0, told);
    let early = lost(&|world| world.seen.evidence.steady_since = Some(world.now.minus(Span::seconds(179))));
    assert_eq!(early, (ClusterVerdict::Fine, Some(Span::seconds(1))));
    let silent = |change: &dyn Fn(&mut World)| assert_eq!(lost(change).0, ClusterVerdict::Fine);
    silent(&|world| world.pod(2).node = Some("node-1".into()));
    silent(&|world| world.pod(2).terminating = true);
    silent(&|world| world.pod(2).pending = false);
    silent(&|world| world.seen.cluster.primary = Primary::Known(instance(2)));
}
