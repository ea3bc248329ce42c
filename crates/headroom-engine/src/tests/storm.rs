//! A thousand volumes that fill at once.

use alloc::{collections::BTreeMap, format, vec::Vec};

use headroom_core::{
    Action, Bytes, Span,
    names::{ClusterKey, NodeName},
};

use super::{
    run::Run,
    world::{World, at},
};
use crate::{Effect, Event, Kind, Request};

/// A thousand Clusters of three instances on fifty nodes, at rest, each about to have another amount left.
fn at_rest() -> (Run, BTreeMap<ClusterKey, Bytes>) {
    let mut world = World::empty();
    for number in 0..1_000_u64 {
        world.add(
            &format!("c{number:04}"),
            3,
            &format!("n{:02}", number % 50),
            Bytes::gibi(10),
            Bytes::gibi(5),
        );
    }
    let mut run = Run::new(world);
    run.until(at(300));
    run.sent.clear();
    // 617 and 1,000 have no common divisor: every amount occurs once, in another order than the names.
    let numbered = (0_u64..).zip(run.world.clusters.keys().cloned());
    let left = numbered.map(|(number, key)| (key, Bytes::mebi(1 + number * 617 % 1_000 / 2))).collect();
    (run, left)
}

/// One second: everything that is sent in it is answered before more is asked for.
fn second(run: &mut Run) {
    for kind in [Kind::Storage, Kind::Cluster, Kind::Claim, Kind::Pod] {
        run.handle(Event::Alive(kind));
    }
    loop {
        let mut batch = Vec::new();
        while let Some(effect) = run.engine.poll(run.now) {
            match effect {
                Effect::Send(ticket, request) => batch.push((ticket, request)),
                Effect::Poll(_) | Effect::Note(_) => {}
            }
        }
        if batch.is_empty() {
            break;
        }
        for (ticket, request) in batch {
            run.sent.push((run.now, request.clone()));
            let response = run.world.perform(&request);
            run.answer(ticket, response);
        }
        run.show();
    }
    run.now = run.now.plus(Span::seconds(1));
}

#[test]
fn a_thousand_volumes_are_patched_within_thirty_seconds_in_the_order_in_which_they_fill() {
    let (mut run, left) = at_rest();
    for (key, left) in &left {
        run.world.clusters.get_mut(key).unwrap().used = Bytes::gibi(10).minus_or_zero(*left);
    }
    run.world.sampled_at += 60;
    for number in 0..50 {
        let node = NodeName::from(format!("n{number:02}").as_str());
        let samples = run.world.samples(&node, at(run.world.sampled_at));
        run.handle(Event::Sampled(node, Ok(samples)));
    }
    for _ in 0..300 {
        second(&mut run);
    }
    let mut patched: BTreeMap<ClusterKey, i64> = BTreeMap::new();
    let mut order: Vec<Bytes> = Vec::new();
    for (when, request) in &run.sent {
        if let Request::Do(key, Action::Resize(_)) = request
            && !patched.contains_key(key)
        {
            patched.insert(key.clone(), when.since(at(300)).as_seconds().into());
            order.push(left[key]);
        }
    }
    assert_eq!(patched.len(), 1_000);
    assert!(patched.values().all(|seconds| *seconds <= 30), "{:?}", patched.values().max());
    assert!(order.is_sorted(), "{order:?}");
    assert!(
        run.world
            .clusters
            .values()
            .all(|toy| toy.claims.iter().all(|(_, claim)| claim.requested > Bytes::gibi(10)))
    );
    let mut per_second: BTreeMap<i64, usize> = BTreeMap::new();
    for (when, _) in &run.sent {
        *per_second.entry(when.unix()).or_default() += 1;
    }
    // Two buckets of urgent and ordinary writes, no reads.
    assert!(per_second.values().all(|count| *count <= 140), "{per_second:?}");
    let totals = run.engine.snapshot().totals;
    assert_eq!((totals.peak_in_flight, totals.peak_waiting, totals.peak_alarms <= 1_000), (16, 1_000, true));
    assert_eq!((totals.exhausted, totals.notes_lost, totals.unsure), (0, 0, 0));
}
