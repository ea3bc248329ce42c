//! Watches: what breaks them, what keeps them trusted, what they cannot read.

use std::time::Duration;

use headroom_sim::http::{Asked, Resource};
use serde_json::{Value, json};

use crate::world::{World, add_cluster, add_storage, filled, is_raise, is_read};

/// A list of the collection; a watch says so in its query.
fn lists(world: &World, plural: &str) -> usize {
    let collection = format!("/{plural}?");
    world
        .asked(|asked| {
            asked.method == "GET"
                && asked.target.contains(&collection)
                && !asked.target.contains("watch=true")
                && !asked.target.contains("/namespaces/")
        })
        .len()
}

fn fill(world: &World, percent: u64) {
    use headroom_sim::model::{
        object::{MIB, Volume},
        postgres::Goal,
    };
    let goal = Goal::Content(960 * MIB * percent / 100);
    // Slow enough that it never looks as if it were full within five minutes.
    world.server.model(|model| model.set_filler(&"pg".into(), Volume::Data, MIB / 2, goal));
}

#[tokio::test(start_paused = true)]
async fn watches_that_are_too_old_are_listed_anew_and_see_what_follows() {
    let world = World::filled(1, 50);
    let _operator = world.operator("one");
    world.until(Resource::Storages, "pg", "it is accepted", |storage| !storage["status"].is_null()).await;
    let before: Vec<usize> =
        ["dynamicstorages", "persistentvolumeclaims"].map(|it| lists(&world, it)).to_vec();
    assert_eq!(before, [1, 1]);
    world.server.compact();
    let all = ["dynamicstorages", "clusters", "persistentvolumeclaims", "pods", "storageclasses"];
    let anew = || all.iter().all(|plural| lists(&world, plural) > 1).then_some(());
    world.server.until(Duration::from_mins(5), |_| anew()).await.expect("a second list of each");
    world.server.model(|model| {
        model.edit_storage(&"pg".into(), |custom| {
            let mut spec = (*custom.spec).clone();
            spec.storage.target_buffer = 50;
            spec.storage.request = Some("1536Mi".into());
            custom.spec = std::sync::Arc::new(spec);
            custom.generation += 1;
        });
    });
    let claim = world.until(Resource::Claims, "pg-1", "the new request is served", |claim| {
        claim["spec"]["resources"]["requests"]["storage"] != "1Gi"
    });
    claim.await;
    assert_eq!(all.map(|plural| lists(&world, plural)), [2; 5], "and once is enough");
}

/// How many quorum reads precede the first patch of a claim, when nothing had happened for `quiet`.
async fn reads_before_a_growth(bookmarks: bool) -> usize {
    let world = World::filled(1, 50);
    world.server.set_bookmarks(bookmarks);
    let _operator = world.operator("one");
    world.until(Resource::Storages, "pg", "it is accepted", |storage| !storage["status"].is_null()).await;
    tokio::time::sleep(Duration::from_mins(5)).await;
    let before = world.asked(is_read).len();
    fill(&world, 82);
    let raise = world.until_asked("the growth begins", is_raise).await;
    world.asked(|asked| is_read(asked) && asked.at <= raise.at).len() - before
}

#[tokio::test(start_paused = true)]
async fn bookmarks_keep_a_quiet_watch_trusted_and_their_absence_costs_a_read() {
    assert_eq!(reads_before_a_growth(true).await, 0);
    assert!(reads_before_a_growth(false).await > 0);
}

#[tokio::test(start_paused = true)]
async fn an_object_that_cannot_be_read_holds_up_nobody_else() {
    let mut model = filled(1, 84);
    add_cluster(&mut model, "odd", 1);
    add_storage(&mut model, "odd");
    let world = World::of(model);
    world.server.overlay(Resource::Clusters, "odd", json!({"spec": {"instances": "three"}}));
    let _operator = world.operator("one");
    let ready = |storage: &Value| -> Value {
        let conditions = storage["status"]["conditions"].as_array().cloned().unwrap_or_default();
        conditions.into_iter().find(|condition| condition["type"] == "Ready").unwrap_or_default()
    };
    let odd = world
        .until(Resource::Storages, "odd", "it is told", |storage| {
            ready(storage)["reason"] == "ObjectUnreadable"
        })
        .await;
    let message = ready(&odd)["message"].clone();
    assert!(message.as_str().is_some_and(|message| message.contains("three")), "{message}");
    world.until_grown("1152Mi").await;
    assert_eq!(world.raises().len(), 1);
    world.server.overlay(Resource::Clusters, "odd", json!({}));
    world
        .until(Resource::Storages, "odd", "it is well again", |storage| ready(storage)["status"] == "True")
        .await;
    assert_eq!(lists(&world, "clusters"), 1, "the watch went on");
}

#[tokio::test(start_paused = true)]
async fn a_field_of_the_status_that_the_crd_does_not_know_is_pruned_and_disturbs_nothing() {
    let world = World::filled(1, 84);
    let operator = world.operator("one");
    world.until_grown("1152Mi").await;
    let patch =
        json!({"status": {"newer": {"a": 1}, "storageSizing": {"data": {"newer": 1, "reason": "Foreign"}}}});
    let answer =
        world.patch("/apis/headroom.dev/v1alpha1/namespaces/sim/dynamicstorages/pg/status", &patch).await;
    let status = &answer["status"];
    assert!(status["newer"].is_null() && status["storageSizing"]["data"]["newer"].is_null(), "{status:#}");
    assert_eq!(status["storageSizing"]["data"]["reason"], "Foreign", "what is known is kept");
    assert_eq!(status["storageSizing"]["data"]["effectiveSize"], "1152Mi");
    world
        .until(Resource::Storages, "pg", "the operator says what is true", |storage| {
            storage["status"]["storageSizing"]["data"]["reason"] == "EnoughFree"
        })
        .await;
    operator.stop().await;
    let written = world.asked(|asked: &Asked| asked.method == "PATCH" && asked.status >= 400);
    assert_eq!(written, Vec::new());
    assert_eq!(world.raises().len(), 1);
}
