//! Two operators and one lease.

use headroom_sim::http::Asked;
use serde_json::Value;

use crate::world::{Operator, World};

/// Waits until `identity` has taken the lease; when.
async fn leads(world: &World, identity: &str) -> u64 {
    let taken = world
        .until_asked(identity, |asked| {
            asked.target.contains("/leases") && asked.status < 300 && holder(asked) == identity
        })
        .await;
    taken.at
}

fn holder(asked: &Asked) -> &str {
    asked.body.pointer("/spec/holderIdentity").and_then(Value::as_str).unwrap_or("")
}

async fn two(world: &World) -> (Operator, Operator) {
    let first = world.operator("first");
    leads(world, "first").await;
    (first, world.operator("second"))
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_given_back_is_taken_at_once() {
    let world = World::filled(1, 84);
    let (first, second) = two(&world).await;
    world.until_grown("1152Mi").await;
    assert_eq!(world.raises().len(), 1, "only one of two writes");
    first.stop().await;
    let given_back = world.asked(|asked| asked.target.contains("/leases") && asked.method == "PATCH");
    let given_back = given_back.last().expect("a release").at;
    let taken = leads(&world, "second").await;
    assert!(taken <= given_back + 2_500, "{} ms later", taken - given_back);
    second.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_lease_whose_holder_died_is_taken_when_it_ran_out_and_work_goes_on() {
    let world = World::filled(1, 50);
    let (first, second) = two(&world).await;
    world.until_asked("the first is at work", crate::world::is_status).await;
    first.kill();
    let last = world.asked(|asked| holder(asked) == "first").last().expect("a renewal").at;
    world.server.model(|model| {
        model.edit_storage(&"pg".into(), |custom| {
            let mut spec = (*custom.spec).clone();
            spec.storage.request = Some("1536Mi".into());
            custom.spec = std::sync::Arc::new(spec);
            custom.generation += 1;
        });
    });
    let taken = leads(&world, "second").await;
    assert!((15_000..25_000).contains(&(taken - last)), "{} ms later", taken - last);
    world.until_grown("1536Mi").await;
    assert!(world.raises().iter().all(|raise| raise.at >= taken), "the dead one writes nothing");
    second.stop().await;
}
