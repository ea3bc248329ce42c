//! What the model's API server answers to the requests of a shrink when they come from nobody who has read: the rules that
//! the conversations rest on.

use headroom_sim::{
    http::{Asked, Resource},
    model::Model,
};
use serde_json::{Value, json};

use crate::world::{World, filled};

const CLAIM: &str = "/api/v1/namespaces/sim/persistentvolumeclaims/pg-1";
const POD: &str = "/api/v1/namespaces/sim/pods/pg-1";
const CLUSTER: &str = "/apis/postgresql.cnpg.io/v1/namespaces/sim/clusters/pg";

fn meta(world: &World, resource: Resource, name: &str) -> Value {
    world.server.object(resource, name).expect("it is there")["metadata"].clone()
}

fn options(uid: &Value, version: &Value) -> Value {
    json!({"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {"uid": uid, "resourceVersion": version}})
}

/// A call, and what is refused of it: code, and a part of the words.
#[track_caller]
fn is_refused((code, answer): (u16, Value), expected: u16, words: &str) {
    let message = answer["message"].as_str().unwrap_or("").to_owned();
    assert_eq!(code, expected, "{answer:#}");
    assert!(message.contains(words), "{message}");
}

#[tokio::test(start_paused = true)]
async fn a_deletion_is_refused_for_another_uid_and_for_an_old_version_and_done_once() {
    let world = World::filled(1, 50);
    let claim = meta(&world, Resource::Claims, "pg-1");
    let (uid, version) = (&claim["uid"], &claim["resourceVersion"]);
    let absent = CLAIM.replace("pg-1", "pg-9");
    is_refused(world.ask("DELETE", &absent, &options(uid, version)).await, 404, "\"pg-9\" not found");
    let other = options(&json!("uid-0"), version);
    is_refused(world.ask("DELETE", CLAIM, &other).await, 409, "the UID in the precondition (uid-0)");
    let old = options(uid, &json!("7"));
    is_refused(world.ask("DELETE", CLAIM, &old).await, 409, "the ResourceVersion in the precondition (7)");
    let (code, marked) = world.ask("DELETE", CLAIM, &options(uid, version)).await;
    assert_eq!(code, 200);
    assert!(marked["metadata"]["deletionTimestamp"].is_string(), "its pod keeps it: {marked:#}");
    let newer = &marked["metadata"]["resourceVersion"];
    let (code, again) = world.ask("DELETE", CLAIM, &options(uid, newer)).await;
    assert_eq!((code, &again["metadata"]["resourceVersion"]), (200, newer), "a second one changes nothing");
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_a_node_has_taken_is_not_deleted_by_the_operators_account() {
    let world = World::filled(1, 50);
    let pod = meta(&world, Resource::Pods, "pg-1");
    let exact = options(&pod["uid"], &pod["resourceVersion"]);
    let words = "denied request: headroom may delete no pod that a node has taken";
    is_refused(world.ask("DELETE", POD, &exact).await, 403, words);
    // The preconditions come first, as in the API server.
    is_refused(
        world.ask("DELETE", POD, &options(&pod["uid"], &json!("7"))).await,
        409,
        "the ResourceVersion",
    );
    is_refused(world.ask("DELETE", CLUSTER, &json!({})).await, 405, "DELETE");
}

#[tokio::test(start_paused = true)]
async fn the_scale_asks_for_the_version_alone_and_answers_with_itself() {
    let world = World::filled(1, 50);
    let path = format!("{CLUSTER}/scale");
    let cluster = meta(&world, Resource::Clusters, "pg");
    let body = |version: &Value| json!({"metadata": {"uid": "uid-0", "resourceVersion": version}, "spec": {"replicas": 2}});
    is_refused(world.ask("PATCH", &path, &body(&json!("7"))).await, 409, "the object has been modified");
    is_refused(world.ask("PATCH", &path, &json!({"spec": {"replicas": -1}})).await, 422, "spec.replicas");
    let (code, scale) = world.ask("PATCH", &path, &body(&cluster["resourceVersion"])).await;
    assert_eq!((code, &scale["kind"], &scale["spec"]["replicas"]), (200, &json!("Scale"), &json!(2)));
    world.until_cluster("there are two", |cluster| cluster["status"]["readyInstances"] == json!(2)).await;
}

#[tokio::test(start_paused = true)]
async fn a_promotion_is_known_by_its_four_fields_and_a_mark_changes_annotations_alone() {
    let world = World::of(filled(2, 50));
    let path = format!("{CLUSTER}/status");
    let whole = json!({
        "targetPrimary": "pg-2", "targetPrimaryTimestamp": "2026-11-23T08:00:00.000000Z",
        "phase": "Switchover in progress", "phaseReason": "Switching over to pg-2",
    });
    for field in ["targetPrimary", "targetPrimaryTimestamp", "phase", "phaseReason"] {
        let mut part = whole.clone();
        part.as_object_mut().expect("fields").remove(field);
        is_refused(world.ask("PATCH", &path, &json!({"status": part})).await, 422, "promotions only");
    }
    let mut more = whole.clone();
    more["readyInstances"] = json!(7);
    is_refused(world.ask("PATCH", &path, &json!({"status": more})).await, 422, "promotions only");
    let labels = json!({"metadata": {"labels": {"a": "b"}}});
    is_refused(world.ask("PATCH", POD, &labels).await, 422, "only annotations");
    world.patch(POD, &json!({"metadata": {"annotations": {"a": "b", "c": "d"}}})).await;
    let pod = world.patch(POD, &json!({"metadata": {"annotations": {"a": null}}})).await;
    assert_eq!(pod["metadata"]["annotations"], json!({"c": "d"}));
    world.patch(&path, &json!({"status": whole})).await;
    world.until_cluster("pg-2 is primary", |cluster| cluster["status"]["currentPrimary"] == "pg-2").await;
}

#[tokio::test(start_paused = true)]
async fn nodes_are_listed_by_the_field_that_is_asked_for_and_no_other() {
    let world = World::filled(1, 50);
    world.server.model(|model: &mut Model| model.cordon(&"n2".into()));
    let names = |list: &Value| -> Vec<String> {
        let items = list["items"].as_array().cloned().unwrap_or_default();
        items.iter().filter_map(|node| node["metadata"]["name"].as_str().map(str::to_owned)).collect()
    };
    let (_, all) = world.ask("GET", "/api/v1/nodes", &Value::Null).await;
    assert_eq!(names(&all), ["n1", "n2", "n3"]);
    let (_, cordoned) =
        world.ask("GET", "/api/v1/nodes?fieldSelector=spec.unschedulable%3Dtrue", &Value::Null).await;
    assert_eq!(names(&cordoned), ["n2"]);
    let other = world.ask("GET", "/api/v1/nodes?fieldSelector=spec.podCIDR%3Dx", &Value::Null).await;
    is_refused(other, 400, "field label not supported");
    let (_, budgets) =
        world.ask("GET", "/apis/policy/v1/namespaces/sim/poddisruptionbudgets", &Value::Null).await;
    assert_eq!(names(&budgets), ["pg-primary"], "CNPG's own is there, and headroom must leave it out");
    assert_eq!(world.asked(|asked: &Asked| asked.status == 0), Vec::new());
}
