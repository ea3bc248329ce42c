//! A shrink on the wire: each of its steps is one request, and what is refused or stands against it is met again.

use headroom_sim::{
    http::{Asked, Fault, Resource},
    model::Model,
};
use serde_json::{Value, json};

use crate::world::{World, brief, in_order, is_read, is_scale, is_status, roomy};

/// CNPG is told to make this instance anew.
fn is_mark(asked: &Asked, instance: &str) -> bool {
    told(asked, instance) == Some(&json!("true"))
}

/// What the pod of this instance is told about being made anew.
fn told<'a>(asked: &'a Asked, instance: &str) -> Option<&'a Value> {
    let pod = asked.method == "PATCH" && asked.target.contains(&format!("/pods/{instance}?"));
    asked.body.pointer("/metadata/annotations/alpha.cnpg.io~1unrecoverable").filter(|_| pod)
}

fn scales_to(asked: &Asked, count: u32) -> bool {
    is_scale(asked) && asked.status == 200 && asked.body["spec"]["replicas"] == json!(count)
}

fn promotes(asked: &Asked, instance: &str) -> bool {
    let status = asked.method == "PATCH" && asked.target.contains("/clusters/pg/status?");
    status && asked.status == 200 && asked.body["status"]["targetPrimary"] == instance
}

/// The course of the operation that a status write records.
fn course(asked: &Asked) -> Option<&str> {
    let operation = asked.body.pointer("/2/value/operation").filter(|_| is_status(asked))?;
    operation["course"].as_str()
}

/// Name, uid, request and capacity of each claim.
fn claims(world: &World) -> Vec<(String, String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let claim = |name: &str| world.server.object(Resource::Claims, name);
    let shown = |claim: Value| {
        let requested = text(&claim["spec"]["resources"]["requests"]["storage"]);
        let meta = &claim["metadata"];
        (text(&meta["name"]), text(&meta["uid"]), requested, text(&claim["status"]["capacity"]["storage"]))
    };
    (1..5).filter_map(|serial| claim(&format!("pg-{serial}"))).map(shown).collect()
}

/// Every claim is another one than before and has 1Gi, and the number of instances is what was declared.
#[track_caller]
fn all_are_small(world: &World, before: &[(String, String, String, String)], names: &[&str]) {
    let after = claims(world);
    assert_eq!(after.iter().map(|(name, ..)| name.as_str()).collect::<Vec<_>>(), names);
    for (name, uid, requested, capacity) in &after {
        assert_eq!((requested.as_str(), capacity.as_str()), ("1Gi", "1Gi"), "{name}");
        assert!(before.iter().all(|(_, old, ..)| old != uid), "{name} was not made anew");
    }
    let cluster = world.server.object(Resource::Clusters, "pg").expect("the Cluster");
    assert_eq!(cluster["spec"]["instances"], json!(names.len()));
    assert_eq!(cluster["status"]["readyInstances"], json!(names.len()));
}

/// Nothing was refused but for what a lease is asked, and an instance without a server.
#[track_caller]
fn nothing_was_refused(world: &World) {
    let expected = |asked: &Asked| asked.target.contains("/leases") || asked.target.ends_with("/pg/status");
    let refused = world.asked(|asked| asked.status >= 400 && !expected(asked));
    assert_eq!(refused.iter().map(brief).collect::<Vec<_>>(), Vec::<String>::new());
}

/// The ledger of the data volume as cause and result.
fn ledger(storage: &Value) -> Vec<(String, String)> {
    let actions = storage["status"]["storageSizing"]["data"]["actions"].as_array();
    let text = |value: &'_ Value| value.as_str().unwrap_or("").to_owned();
    actions.into_iter().flatten().map(|action| (text(&action["cause"]), text(&action["result"]))).collect()
}

fn completed() -> Vec<(String, String)> {
    vec![("Shrink".to_owned(), "Completed".to_owned())]
}

#[tokio::test(start_paused = true)]
async fn a_shrink_of_two_instances_is_a_surge_two_marks_a_promotion_and_the_number_restored() {
    let world = World::of(roomy(2));
    let before = claims(&world);
    assert!(
        before
            .iter()
            .all(|(_, _, requested, capacity)| (requested.as_str(), capacity.as_str()) == ("4Gi", "4Gi"))
    );
    let operator = world.operator("one");
    let storage = world.until_shrunk("1Gi").await;
    operator.stop().await;
    in_order(
        &world.asked(|_| true),
        &[
            ("intent", &|asked: &Asked| course(asked) == Some("Smaller")),
            ("surge", &|asked: &Asked| scales_to(asked, 3)),
            ("replica", &|asked: &Asked| is_mark(asked, "pg-2")),
            ("promotion", &|asked: &Asked| promotes(asked, "pg-2")),
            ("old primary", &|asked: &Asked| is_mark(asked, "pg-1")),
            ("outcome", &|asked: &Asked| course(asked) == Some("Tidy")),
            ("number restored", &|asked: &Asked| scales_to(asked, 2)),
        ],
    );
    assert_eq!(ledger(&storage), completed());
    all_are_small(&world, &before, &["pg-1", "pg-2"]);
    nothing_was_refused(&world);
    let once = |wanted: &dyn Fn(&Asked) -> bool| world.asked(wanted).len();
    assert_eq!(
        [once(&|asked| is_mark(asked, "pg-1")), once(&|asked| is_mark(asked, "pg-2")), once(&is_scale)],
        [1, 1, 2]
    );
    assert_eq!(once(&|asked| asked.method == "DELETE"), 0, "CNPG does the deleting");
}

#[tokio::test(start_paused = true)]
async fn a_single_instance_moves_to_a_second_one_and_the_first_is_removed_by_the_number() {
    let world = World::of(roomy(1));
    let before = claims(&world);
    let operator = world.operator("one");
    let storage = world.until_shrunk("1Gi").await;
    operator.stop().await;
    in_order(
        &world.asked(|_| true),
        &[
            ("surge", &|asked: &Asked| scales_to(asked, 2)),
            ("promotion", &|asked: &Asked| promotes(asked, "pg-2")),
            ("number restored", &|asked: &Asked| scales_to(asked, 1)),
        ],
    );
    assert_eq!(ledger(&storage), completed());
    all_are_small(&world, &before, &["pg-2"]);
    nothing_was_refused(&world);
}

#[tokio::test(start_paused = true)]
async fn an_operator_that_dies_between_the_steps_of_a_shrink_leaves_the_rest_to_the_next() {
    let world = World::of(roomy(2));
    let before = claims(&world);
    let first = world.operator("first");
    world.until_asked("the replica is marked", |asked| is_mark(asked, "pg-2")).await;
    first.kill();
    let second = world.operator("second");
    let storage = world.until_shrunk("1Gi").await;
    second.stop().await;
    assert_eq!(ledger(&storage), completed());
    all_are_small(&world, &before, &["pg-1", "pg-2"]);
    assert_eq!(world.asked(|asked| scales_to(asked, 3)).len(), 1, "the second goes on where the first was");
    assert_eq!(world.asked(|asked| is_mark(asked, "pg-2")).len(), 1);
}

/// Somebody edits the Cluster just before the request arrives.
fn edited() -> Fault {
    Fault::Meanwhile(Box::new(|model: &mut Model| {
        model.edit_cluster(&"pg".into(), |cluster| cluster.spec.enable_pdb = false);
    }))
}

#[tokio::test(start_paused = true)]
async fn a_surge_for_an_old_version_is_a_conflict_and_is_sent_again_after_a_read() {
    let world = World::of(roomy(2));
    world.server.next("PATCH", "/clusters/pg/scale", edited());
    let _operator = world.operator("one");
    world.until_shrunk("1Gi").await;
    let surge = |code: u16| move |asked: &Asked| is_scale(asked) && asked.status == code;
    in_order(
        &world.asked(|_| true),
        &[("conflict", &surge(409)), ("read", &is_read), ("surge", &|asked: &Asked| scales_to(asked, 3))],
    );
    assert_eq!(world.asked(surge(409)).len(), 1);
    assert_eq!(world.asked(surge(200)).len(), 2, "once up, once down");
}

#[tokio::test(start_paused = true)]
async fn a_surge_whose_answer_is_cut_is_not_sent_twice() {
    let world = World::of(roomy(2));
    let before = claims(&world);
    world.server.next("PATCH", "/clusters/pg/scale", Fault::Cut);
    let _operator = world.operator("one");
    world.until_shrunk("1Gi").await;
    in_order(&world.asked(|_| true), &[("surge", &is_scale), ("read", &is_read)]);
    assert_eq!(world.asked(|asked| scales_to(asked, 3)).len(), 1);
    all_are_small(&world, &before, &["pg-1", "pg-2"]);
}

#[tokio::test(start_paused = true)]
async fn a_promotion_and_a_mark_for_old_versions_are_conflicts_and_are_sent_again_after_a_read() {
    let world = World::of(roomy(2));
    world.server.next("PATCH", "/clusters/pg/status", edited());
    world.server.next(
        "PATCH",
        "/pods/pg-2",
        Fault::Meanwhile(Box::new(|model: &mut Model| {
            model.annotate_pod("pg-2", "somebody.dev/note", "hello");
        })),
    );
    let _operator = world.operator("one");
    world.until_shrunk("1Gi").await;
    let calls = world.asked(|_| true);
    let mark = |code: u16| move |asked: &Asked| is_mark(asked, "pg-2") && asked.status == code;
    in_order(&calls, &[("conflict", &mark(409)), ("read", &is_read), ("mark", &mark(200))]);
    let refused = |asked: &Asked| asked.target.contains("/clusters/pg/status?") && asked.status == 409;
    in_order(
        &calls,
        &[
            ("conflict", &refused),
            ("read", &is_read),
            ("promotion", &|asked: &Asked| promotes(asked, "pg-2")),
        ],
    );
}

#[tokio::test(start_paused = true)]
async fn a_marked_replica_that_is_elected_is_spared() {
    let world = World::of(roomy(2));
    let _operator = world.operator("one");
    world.until_asked("pg-2 is marked", |asked| is_mark(asked, "pg-2")).await;
    world.server.model(|model| model.force_delete_pod(&"pg-1".into()));
    world.until_shrunk("1Gi").await;
    in_order(
        &world.asked(|_| true),
        &[
            ("mark", &|asked: &Asked| is_mark(asked, "pg-2")),
            ("withdrawal", &|asked: &Asked| told(asked, "pg-2") == Some(&Value::Null) && asked.status == 200),
        ],
    );
}

/// What a survey finds: how it comes, how it goes, and the reason that is shown meanwhile.
struct Held {
    reason: &'static str,
    comes: fn(&mut Model),
    goes: fn(&mut Model),
}

const HELD: [Held; 3] = [
    Held {
        reason: "NodeCordoned",
        comes: |model| {
            let node = model.api().instance_pod("pg-2").and_then(|pod| pod.node.clone());
            model.cordon(&node.expect("it runs"));
        },
        goes: Model::uncordon_all,
    },
    Held {
        reason: "DisruptionForbidden",
        comes: |model| model.forbid_disruptions(true),
        goes: |model| model.forbid_disruptions(false),
    },
    // It ends by itself.
    Held { reason: "BackupRunning", comes: |model| model.start_backup(&"pg".into()), goes: |_| {} },
];

#[tokio::test(start_paused = true)]
async fn what_a_survey_finds_holds_a_shrink_by_its_name_until_it_is_gone() {
    for Held { reason, comes, goes } in &HELD {
        let mut model = roomy(2);
        model.edit_cluster(&"pg".into(), |cluster| cluster.spec.object_store = true);
        let world = World::of(model);
        let operator = world.operator("one");
        world.until_asked("a first survey", |asked| asked.target.contains("/jobs?")).await;
        world.server.model(comes);
        world
            .until(Resource::Storages, "pg", reason, |storage| {
                storage["status"]["storageSizing"]["data"]["reason"] == *reason
            })
            .await;
        assert_eq!(world.asked(is_scale), Vec::new(), "{reason}");
        world.server.model(goes);
        world.until_asked("the surge", is_scale).await;
        operator.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_right_that_is_missing_is_told_with_the_servers_words_until_it_is_given() {
    let world = World::of(roomy(2));
    let words = "clusters.postgresql.cnpg.io \"pg\" is forbidden: cannot patch resource clusters/scale";
    for _ in 0..8 {
        let message = words.to_owned();
        world.server.next(
            "PATCH",
            "/clusters/pg/scale",
            Fault::Refuse { code: 403, message, retry_after_s: None },
        );
    }
    let _operator = world.operator("one");
    let stalled = |storage: &Value| {
        let conditions = storage["status"]["conditions"].as_array()?;
        conditions.iter().find(|one| one["type"] == "Stalled" && one["status"] == "True").cloned()
    };
    let storage = world
        .until(Resource::Storages, "pg", "the refusal is told", |storage| stalled(storage).is_some())
        .await;
    let told = stalled(&storage).expect("it was told");
    assert_eq!(told["reason"], "Forbidden");
    let message = told["message"].as_str().unwrap_or_default();
    assert!(message.contains(words) && message.contains("deploy/shrink"), "{message}");
    let storage = world.until_shrunk("1Gi").await;
    assert_eq!(stalled(&storage), None);
}
