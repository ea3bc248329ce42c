//! A large volume, and what CNPG makes of what is asked of it.

use headroom_core::{
    Action, Span, Timestamp,
    decision::Need,
    names::{InstanceName, VolumeName},
    observation::{
        BudgetSeen, Census, Freshness, JobSeen, Mark, Primary, ReplicationSeen, Scaler, Survey, SurveySeen,
    },
    record::{Calm, Peak},
    window::Windows,
};

use crate::world::{World, gi, instance, mi, object};

/// `instances` instances with claims of 100Gi of which 10 percent are used, too large for a day, in a Cluster of 10Gi;
/// everything that a shrink must know is known and fine.
pub(crate) fn large(instances: usize) -> World {
    let mut world = World::new(instances);
    world.rules().limit = gi(200);
    world.rules().shrink.enabled = true;
    world.rules().shrink.allow_switchover_on_single_instance = true;
    for number in 1..=instances {
        world.set_size(number, gi(100));
    }
    world.volume_record().effective = gi(100);
    world.set_used_all(10);
    world.seen.evidence.steady_since = Some(world.now.minus(Span::minutes(10)));
    survey(&mut world);
    let ago = world.now.minus(Span::hours(25));
    world.volume_record().calm = Some(calm(ago));
    world
}

/// A tablespace beside the data, with claims like those; in the shrink if one runs.
pub(crate) fn with_tablespace(world: &mut World) -> VolumeName {
    let (data, idx) = (VolumeName::Data, VolumeName::Tablespace("idx".into()));
    let rules = world.rules().clone();
    world.policy.volumes.insert(idx.clone(), rules);
    world.seen.windows.insert(idx.clone(), Windows::Always);
    let spec = world.seen.cluster.volumes[&data].clone();
    world.seen.cluster.volumes.insert(idx.clone(), spec);
    let record = world.volume_record().clone();
    world.record.volumes.insert(idx.clone(), record);
    if let Some(shrink) = &mut world.record.shrink {
        let sizes = shrink.volumes[&data];
        shrink.volumes.insert(idx.clone(), sizes);
    }
    for (name, member) in &mut world.seen.members {
        let mut claim = member.claims[&data].clone();
        let samples = world.seen.evidence.samples[&claim.id.uid].clone();
        claim.id = object(&format!("idx-{name}"));
        world.seen.evidence.samples.insert(claim.id.uid.clone(), samples);
        member.claims.insert(idx.clone(), claim);
    }
    idx
}

/// Too large since then, with next to nothing in use.
pub(crate) fn calm(since: Timestamp) -> Calm {
    Calm { since, peak: Peak { since, used: mi(1), before: mi(0) } }
}

/// A survey of now: nobody is cordoned, no Job and no Backup runs, every replica follows.
pub(crate) fn survey(world: &mut World) {
    let (now, known) = (world.now, world.seen.evidence.survey.take());
    let Primary::Known(primary) = world.seen.cluster.primary.clone() else { panic!("no primary") };
    let says = |name: &InstanceName| ReplicationSeen {
        primary: *name == primary,
        timeline: 1,
        receiving: *name != primary,
        position: 1 << 30,
        archiver_failing: false,
    };
    let replication = world.seen.members.keys().map(|name| (name.clone(), says(name))).collect();
    let (jobs, copied, budgets) = known
        .and_then(|known| known.facts)
        .map_or_else(Default::default, |facts| (facts.jobs, facts.copied, facts.budgets));
    let facts = Survey { jobs, copied, cordoned: [].into(), backup_running: false, budgets, replication };
    let mark = Some((now.minus(Span::minutes(5)), 1 << 30));
    world.seen.evidence.survey = Some(SurveySeen { at: now, facts: Some(facts), mark });
}

pub(crate) fn facts(world: &mut World) -> &mut Survey {
    world.seen.evidence.survey.as_mut().unwrap().facts.as_mut().unwrap()
}

/// What was done, in short.
pub(crate) fn told(action: &Action) -> String {
    match action {
        Action::Withdraw(withdraw) => format!("spare {}", withdraw.instance),
        Action::Destroy(destroy) => format!("destroy {}", destroy.instance()),
        Action::Promote(promote) => format!("promote {}", promote.to()),
        Action::SetInstances(set) => format!("instances {}", set.to()),
        Action::DeleteJob(delete) => format!("delete job of {}", delete.instance()),
        Action::DeletePod(delete) => format!("delete pod of {}", delete.instance()),
        Action::DiscardClaim(discard) => format!("discard claim of {}", discard.instance()),
        Action::Resize(resize) => format!("raise {} to {}", resize.instance, resize.to),
        Action::RaiseClusterSizes(_) => "raise Cluster".to_owned(),
        Action::AddFinalizer(..) => "add finalizer".to_owned(),
        Action::RemoveFinalizer(..) => "remove finalizer".to_owned(),
    }
}

/// A session: records, reads, and does the first action, until nothing is asked for. What it did.
#[track_caller]
pub(crate) fn session(world: &mut World) -> Vec<String> {
    let mut done = Vec::new();
    world.seen.freshness = Freshness::Cached;
    for _ in 0..32 {
        let decision = world.decide();
        if decision.record != world.record {
            world.record = decision.record;
            world.seen.freshness = Freshness::Cached;
        } else if let Some(need) = decision.needs {
            match need {
                Need::Quorum => world.seen.freshness = Freshness::Quorum { read_at: world.now },
                Need::Survey => survey(world),
                Need::Wal => return done,
            }
        } else if let Some(action) = decision.actions.first() {
            done.push(told(action));
            apply(world, action);
            world.seen.freshness = Freshness::Cached;
        } else {
            return done;
        }
    }
    panic!("asks without end: {done:?} {:#?}", world.decide());
}

pub(crate) fn apply(world: &mut World, action: &Action) {
    let mark = |world: &mut World, name: &InstanceName, mark| {
        let pod = world.seen.members.get_mut(name).unwrap().pod.as_mut().unwrap();
        pod.mark = mark;
    };
    match action {
        Action::Withdraw(withdraw) => mark(world, &withdraw.instance, Mark::None),
        Action::Destroy(destroy) => mark(world, destroy.instance(), Mark::Ours),
        Action::Promote(promote) => world.seen.cluster.primary = Primary::Known(promote.to().clone()),
        Action::SetInstances(set) => {
            world.seen.cluster.instances = *set.to();
            world.seen.cluster.scaled_by = Scaler::Headroom;
        }
        Action::DeleteJob(delete) => facts(world).jobs.retain(|job| job.instance != *delete.instance()),
        Action::DeletePod(delete) => world.seen.members.get_mut(delete.instance()).unwrap().pod = None,
        Action::DiscardClaim(discard) => {
            let member = world.seen.members.get_mut(discard.instance()).unwrap();
            member.claims.retain(|_, claim| claim.id != *discard.claim());
            if member.claims.is_empty() {
                world.seen.members.remove(discard.instance());
            }
        }
        Action::Resize(_)
        | Action::RaiseClusterSizes(_)
        | Action::AddFinalizer(..)
        | Action::RemoveFinalizer(..) => world.apply(action),
    }
}

/// What CNPG makes of it: marked replicas are made anew, instances are added and removed. Everything is healthy again,
/// and half a minute has passed.
pub(crate) fn cnpg_works(world: &mut World, fresh: &mut usize) {
    world.advance(Span::seconds(30));
    let Primary::Known(primary) = world.seen.cluster.primary.clone() else { panic!("no primary") };
    let marked: Vec<InstanceName> = world
        .seen
        .members
        .iter()
        .filter(|(name, member)| {
            **name != primary && member.pod.as_ref().is_some_and(|pod| pod.mark != Mark::None)
        })
        .map(|(name, _)| name.clone())
        .collect();
    for name in marked {
        world.seen.members.remove(&name);
        join(world, number_of(&name), fresh);
    }
    let wanted = usize::try_from(world.seen.cluster.instances).unwrap();
    while world.seen.members.len() < wanted {
        let number = (1..=99).find(|number| !world.seen.members.contains_key(&instance(*number))).unwrap();
        join(world, number, fresh);
    }
    while world.seen.members.len() > wanted {
        let last = world.seen.members.keys().filter(|name| **name != primary).max().unwrap().clone();
        world.seen.members.remove(&last);
    }
    world.seen.cluster.census = Census { instances: world.seen.cluster.instances, loose_claims: 0 };
    world.seen.cluster.ready_instances = world.seen.cluster.instances;
    world.seen.evidence.steady_since = Some(world.now.minus(Span::seconds(10)));
    sample(world);
}

/// A new instance with a claim of the Cluster's size and uids of its own.
pub(crate) fn join(world: &mut World, number: usize, fresh: &mut usize) {
    *fresh += 1;
    world.add_member(number, gi(10));
    let member = world.seen.members.get_mut(&instance(number)).unwrap();
    let claim = member.claims.get_mut(&VolumeName::Data).unwrap();
    claim.id = object(&format!("claim-{number}-{fresh}"));
    let pod = member.pod.as_mut().unwrap();
    pod.id = object(&format!("pod-{number}-{fresh}"));
}

pub(crate) fn number_of(name: &InstanceName) -> usize {
    name.as_str().rsplit('-').next().unwrap().parse().unwrap()
}

/// Every claim has what it asks for, and holds 10Gi.
pub(crate) fn sample(world: &mut World) {
    let numbers: Vec<usize> = world.seen.members.keys().map(number_of).collect();
    for number in numbers {
        let claim = world.claim(number);
        claim.capacity = Some(claim.requested);
        let capacity = crate::world::file_system(claim.requested);
        world.set_available(number, capacity, capacity.minus_or_zero(gi(10)));
    }
}

/// Runs until the shrink is over; what was done, repairs of new claims left out.
#[track_caller]
pub(crate) fn whole(world: &mut World) -> Vec<String> {
    let mut fresh = 0;
    let mut done = Vec::new();
    for _ in 0..40 {
        done.extend(session(world));
        if world.record.shrink.is_none() && !done.is_empty() {
            break;
        }
        cnpg_works(world, &mut fresh);
    }
    done.retain(|what| !what.starts_with("raise "));
    done
}

#[track_caller]
pub(crate) fn runs(world: &mut World, expected: &[&str]) {
    assert_eq!(whole(world), expected);
    assert_eq!(world.effective(), gi(15), "10Gi in use, a buffer of 20 percent and ten points");
    assert!(world.record.shrink.is_none() && world.record.shrunk_at.is_some());
    let sizes: Vec<_> =
        world.seen.members.values().map(|it| it.claims[&VolumeName::Data].requested).collect();
    assert!(sizes.iter().all(|size| *size == gi(15)), "{sizes:?}");
}

/// A PodDisruptionBudget that allows no disruption of these.
pub(crate) fn budget(of: &[usize], eased_by_surge: bool) -> BudgetSeen {
    let selects = of.iter().map(|number| instance(*number)).collect();
    BudgetSeen { name: "quorum".into(), selects, eased_by_surge }
}

pub(crate) fn job(instance: &str) -> JobSeen {
    JobSeen {
        id: object(&format!("{instance}-join")),
        instance: instance.into(),
        joins: true,
        failed: false,
        terminating: false,
    }
}

/// pg-3 is being made anew in a shrink of three: its claim is there, as large as it should be, and no pod.
pub(crate) fn copying() -> World {
    let mut world = marked();
    world.seen.members.remove(&instance(3));
    let mut fresh = 10;
    join(&mut world, 3, &mut fresh);
    world.seen.members.get_mut(&instance(3)).unwrap().pod = None;
    world.seen.cluster.ready_instances = 3;
    world.set_size(3, gi(15));
    world.claim(3).initializing = true;
    world.record = world.decide().record;
    world
}

/// A single instance's further one has its claims and a pod that no node has taken for three minutes; the primary has lost
/// its own.
pub(crate) fn placeless() -> World {
    let mut world = large(1);
    session(&mut world);
    join(&mut world, 2, &mut 10);
    world.set_size(2, gi(15));
    let pod = world.pod(2);
    (pod.ready, pod.pending, pod.node) = (false, true, None);
    world.seen.evidence.steady_since = Some(world.now.minus(Span::minutes(3)));
    world.seen.members.get_mut(&instance(1)).unwrap().pod = None;
    world.seen.cluster.ready_instances = 0;
    world
}

/// A shrink of three that has condemned pg-3 and told CNPG, which has not begun.
pub(crate) fn marked() -> World {
    let mut world = large(3);
    let mut fresh = 0;
    for _ in 0..8 {
        if session(&mut world).last().is_some_and(|last| last == "destroy pg-3") {
            return world;
        }
        cnpg_works(&mut world, &mut fresh);
    }
    panic!("pg-3 is not destroyed")
}
