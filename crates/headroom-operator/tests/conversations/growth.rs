//! Growth on the wire, and what interrupts it.

use headroom_sim::{
    http::{Asked, Fault, Resource},
    model::{gate::Held, object::MIB},
};
use serde_json::{Value, json};

use crate::world::{World, brief, in_order, is_raise, is_read, is_status};

fn request(claim: &Value) -> &str {
    claim["spec"]["resources"]["requests"]["storage"].as_str().unwrap_or("")
}

#[tokio::test(start_paused = true)]
async fn a_growth_is_an_intent_a_patch_per_claim_and_an_outcome() {
    let world = World::filled(2, 84);
    let operator = world.operator("one");
    let storage = world.until_grown("1152Mi").await;
    let actions = storage["status"]["storageSizing"]["data"]["actions"].as_array().expect("a ledger");
    assert_eq!(actions.len(), 1, "{actions:?}");
    assert_eq!((&actions[0]["cause"], &actions[0]["result"]), (&json!("Planned"), &json!("Completed")));
    let to = |asked: &Asked| asked.body.pointer("/2/value/storageSizing/data/growth/to").cloned();
    in_order(
        &world.asked(|_| true),
        &[
            ("intent", &|asked: &Asked| is_status(asked) && to(asked) == Some(json!("1152Mi"))),
            ("replica's claim", &|asked: &Asked| is_raise(asked) && asked.target.contains("claims/pg-2")),
            ("primary's claim", &|asked: &Asked| is_raise(asked) && asked.target.contains("claims/pg-1")),
            ("outcome", &|asked: &Asked| is_status(asked) && to(asked).is_none()),
        ],
    );
    assert_eq!(world.raises().len(), 2);
    for name in ["pg-1", "pg-2"] {
        let claim = world.server.object(Resource::Claims, name).expect("the claim");
        assert_eq!((request(&claim), &claim["status"]["capacity"]["storage"]), ("1152Mi", &json!("1152Mi")));
    }
    operator.stop().await;
    let events = world.asked(|asked| asked.method == "POST" && asked.target.contains("/events?"));
    let reasons: Vec<&str> = events.iter().filter_map(|event| event.body["reason"].as_str()).collect();
    for reason in ["GrowthStarted", "GrowthCompleted"] {
        assert!(reasons.contains(&reason), "{reasons:?}");
    }
    let refused = world.asked(|asked| asked.status >= 400 && !asked.target.contains("/leases"));
    assert_eq!(refused.iter().map(brief).collect::<Vec<_>>(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_status_that_changed_meanwhile_is_read_and_written_again() {
    let world = World::filled(1, 84);
    let edit = || {
        Fault::Meanwhile(Box::new(|model: &mut headroom_sim::model::Model| {
            model.edit_storage(&"pg".into(), |custom| custom.generation += 1);
        }))
    };
    // The finalizer is a merge patch, the status a JSON patch.
    world.server.next("PATCH", "/dynamicstorages/pg?", edit());
    world.server.next("PATCH", "/dynamicstorages/pg/status", edit());
    let _operator = world.operator("one");
    world.until_grown("1152Mi").await;
    let own = world
        .asked(|asked| asked.target.contains("/dynamicstorages/pg?") || is_status(asked) || is_read(asked));
    let finalizer = |code: u16| move |asked: &Asked| asked.target.contains("/pg?") && asked.status == code;
    in_order(&own, &[("conflict", &finalizer(409)), ("read", &is_read), ("finalizer", &finalizer(200))]);
    let status = |code: u16| move |asked: &Asked| is_status(asked) && asked.status == code;
    in_order(&own, &[("failed test", &status(422)), ("read", &is_read), ("status", &status(200))]);
    assert_eq!(world.raises().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_changed_meanwhile_is_read_and_not_patched_over() {
    let world = World::filled(1, 84);
    world.server.next(
        "PATCH",
        "/persistentvolumeclaims/pg-1",
        Fault::Meanwhile(Box::new(|model| model.patch_claim("pg-1", 2048 * MIB).expect("raised by hand"))),
    );
    let _operator = world.operator("one");
    world.until_grown("2Gi").await;
    in_order(
        &world.asked(|_| true),
        &[("failed test", &|asked: &Asked| is_raise(asked) && asked.status == 422), ("read", &is_read)],
    );
    assert_eq!(world.raises().len(), 1, "2Gi is more than was wanted");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_cut_leads_to_a_read_and_not_to_a_second_patch() {
    let world = World::filled(1, 84);
    world.server.next("PATCH", "/persistentvolumeclaims/pg-1", Fault::Cut);
    let _operator = world.operator("one");
    world.until_grown("1152Mi").await;
    in_order(&world.asked(|_| true), &[("patch", &is_raise), ("read", &is_read)]);
    assert_eq!(world.raises().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_never_arrived_is_made_again_after_a_read() {
    let world = World::filled(1, 84);
    world.server.next("PATCH", "/persistentvolumeclaims/pg-1", Fault::Lost);
    let _operator = world.operator("one");
    world.until_grown("1152Mi").await;
    in_order(&world.asked(|_| true), &[("lost patch", &is_raise), ("read", &is_read), ("patch", &is_raise)]);
    let codes: Vec<u16> = world.raises().iter().map(|asked| asked.status).collect();
    assert_eq!(codes, [0, 200]);
}

#[tokio::test(start_paused = true)]
async fn an_operator_that_dies_during_a_growth_leaves_it_to_the_next() {
    let world = World::filled(1, 84);
    world.server.model(|model| model.hold(Held::Node));
    let first = world.operator("first");
    world.until_asked("the claim is patched", is_raise).await;
    first.kill();
    let second = world.operator("second");
    world
        .until_asked("the second reads the lease that the first left", |asked| {
            asked.target.contains("/leases/headroom?") && asked.body["spec"]["holderIdentity"] == "second"
        })
        .await;
    world.server.model(|model| model.let_go(Held::Node));
    let storage = world.until_grown("1152Mi").await;
    assert_eq!(world.raises().len(), 1, "the second takes the patch of the first for its own");
    assert_eq!(storage["status"]["storageSizing"]["data"]["actions"].as_array().map(Vec::len), Some(1));
    second.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_deleted_dynamic_storage_leaves_sizes_that_fit_and_goes() {
    let world = World::filled(1, 84);
    let operator = world.operator("one");
    world.until_grown("1152Mi").await;
    world.server.model(|model| model.edit_storage(&"pg".into(), |custom| custom.meta.deleting = true));
    let gone = world.server.until(std::time::Duration::from_mins(5), |server| {
        server.object(Resource::Storages, "pg").is_none().then_some(())
    });
    assert!(gone.await.is_some(), "{:#}", world.storage());
    let cluster = world.server.object(Resource::Clusters, "pg").expect("the Cluster");
    assert_eq!(cluster["spec"]["storage"]["size"], "1152Mi");
    operator.stop().await;
}
