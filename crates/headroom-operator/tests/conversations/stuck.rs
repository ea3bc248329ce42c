//! Copies of a shrink that hold everybody up: the deletions that end them, and what is refused of those.

use headroom_sim::{
    http::{Asked, Fault, Resource},
    model::{Model, gate::Held},
};
use serde_json::json;

use crate::world::{Operator, World, in_order, is_read, roomy};

fn deletes(asked: &Asked, part: &str) -> bool {
    asked.method == "DELETE" && asked.target.contains(part)
}

/// The codes of the deletions of these.
fn codes(world: &World, part: &str) -> Vec<u16> {
    world.asked(|asked| deletes(asked, part)).iter().map(|asked| asked.status).collect()
}

/// A shrink of two instances whose further one gets no volume, and whose primary is lost then: its pod waits for the Job
/// of the copy, the Job for the volume (the join trap). `fault` meets the first deletion of the Job.
async fn trapped(fault: Option<Fault>) -> (World, Operator) {
    let world = World::of(roomy(2));
    world.server.model(|model| model.hold(Held::Provision));
    if let Some(fault) = fault {
        world.server.next("DELETE", JOB, fault);
    }
    let operator = world.operator("one");
    world.until(Resource::Jobs, "pg-3-join", "the copy is wanted", |_| true).await;
    world.server.model(|model| model.force_delete_pod(&"pg-1".into()));
    world.until_asked("the Job is deleted", |asked| deletes(asked, JOB)).await;
    (world, operator)
}

const JOB: &str = "/jobs/pg-3-join";
const CLAIM: &str = "/persistentvolumeclaims/pg-3";

/// Everybody is back, and the shrink ends once there are volumes.
async fn ends(world: &World) {
    world
        .until_cluster("both instances are back", |cluster| {
            cluster["status"]["readyInstances"] == json!(2) && cluster["status"]["currentPrimary"] == "pg-2"
        })
        .await;
    world.server.model(|model| model.let_go(Held::Provision));
    world.until_shrunk("1Gi").await;
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_keeps_the_others_away_loses_its_job_and_then_its_claim() {
    let (world, _operator) = trapped(None).await;
    ends(&world).await;
    in_order(
        &world.asked(|_| true),
        &[
            ("Job", &|asked: &Asked| deletes(asked, JOB) && asked.status == 200),
            ("read", &is_read),
            ("claim", &|asked: &Asked| deletes(asked, CLAIM) && asked.status == 200),
        ],
    );
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_gone_already_is_not_found_and_what_it_left_is_cleared_away() {
    let gone = |model: &mut Model| model.delete_job(&"pg-3-join".into());
    let (world, _operator) = trapped(Some(Fault::Meanwhile(Box::new(gone)))).await;
    ends(&world).await;
    let gone = |asked: &Asked| deletes(asked, JOB) && asked.status == 404;
    let claim = |asked: &Asked| deletes(asked, CLAIM) && asked.status == 200;
    in_order(&world.asked(|_| true), &[("Job", &gone), ("read", &is_read), ("claim", &claim)]);
}

/// The copy is begun anew by somebody while the request is on its way: the Job of its name is another one.
fn made_anew(model: &mut Model) {
    let uid = |model: &Model| model.api().job("pg-3-join").map(|job| job.meta.uid);
    let before = uid(model);
    model.delete_job(&"pg-3-join".into());
    model.change(|model| model.delete_claim("pg-3"));
    while uid(model).is_none_or(|uid| Some(uid) == before) {
        model.step();
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_that_was_made_anew_meanwhile_is_not_deleted_for_the_one_before() {
    let (world, _operator) = trapped(Some(Fault::Meanwhile(Box::new(made_anew)))).await;
    let refused = world.asked(|asked| deletes(asked, JOB));
    let [refused] = refused.as_slice() else { panic!("one call: {refused:?}") };
    assert_eq!(refused.status, 409);
    let job = world.server.object(Resource::Jobs, "pg-3-join").expect("the new one stays");
    let meant = &refused.body["preconditions"]["uid"];
    assert_ne!(&job["metadata"]["uid"], meant);
    ends(&world).await;
    in_order(
        &world.asked(|_| true),
        &[("conflict", &|asked: &Asked| deletes(asked, JOB) && asked.status == 409), ("read", &is_read)],
    );
    let again = world.asked(|asked| deletes(asked, JOB) && asked.body["preconditions"]["uid"] == *meant);
    assert_eq!(again.len(), 1, "the one before is gone");
}

/// A shrink of a single instance whose copy is there, but no node takes its pod; then the primary is lost, whose pod
/// CNPG does not make as long as that one is Pending (docs/experiments-shrink.md, S8).
async fn placeless(fault: Option<Fault>) -> (World, Operator) {
    let world = World::of(roomy(1));
    if let Some(fault) = fault {
        world.server.next("DELETE", "/pods/pg-2", fault);
    }
    let operator = world.operator("one");
    world
        .until(Resource::Pods, "pg-2-join-1", "the copy runs", |pod| pod["status"]["phase"] == "Running")
        .await;
    world.server.model(Model::cordon_all);
    world.until(Resource::Pods, "pg-2", "the copy is there", |pod| pod["spec"]["nodeName"].is_null()).await;
    world.server.model(|model| model.force_delete_pod(&"pg-1".into()));
    world.until_asked("the pod is deleted", |asked| deletes(asked, "/pods/pg-2")).await;
    (world, operator)
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_no_node_takes_is_deleted_for_the_primarys() {
    let (world, _operator) = placeless(None).await;
    world.until(Resource::Pods, "pg-1", "the primary's pod is made", |_| true).await;
    world.server.model(Model::uncordon_all);
    world.until_shrunk("1Gi").await;
    assert_eq!(codes(&world, "/pods/"), [200]);
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_a_node_took_meanwhile_is_not_deleted() {
    let taken = |model: &mut Model| {
        model.uncordon_all();
        while model.api().instance_pod("pg-2").is_none_or(|pod| pod.node.is_none()) {
            model.step();
        }
    };
    let (world, _operator) = placeless(Some(Fault::Meanwhile(Box::new(taken)))).await;
    world.until_shrunk("1Gi").await;
    let refused = |asked: &Asked| deletes(asked, "/pods/pg-2") && asked.status == 409;
    in_order(&world.asked(|_| true), &[("conflict", &refused), ("read", &is_read)]);
    assert_eq!(codes(&world, "/pods/"), [409]);
}

#[tokio::test(start_paused = true)]
async fn a_deletion_of_a_pod_that_a_policy_refuses_is_tried_again_after_a_minute() {
    let message =
        "pods \"pg-2\" is forbidden: ValidatingAdmissionPolicy 'x' with binding 'x' denied request: no";
    let refuse = Fault::Refuse { code: 403, message: message.to_owned(), retry_after_s: None };
    let (world, _operator) = placeless(Some(refuse)).await;
    world.until(Resource::Pods, "pg-1", "the primary's pod is made", |_| true).await;
    let [refused, done] = world.asked(|asked| deletes(asked, "/pods/")).try_into().expect("two calls");
    assert_eq!((refused.status, done.status), (403, 200));
    assert!(done.at >= refused.at + 60_000, "{} ms later", done.at - refused.at);
}
