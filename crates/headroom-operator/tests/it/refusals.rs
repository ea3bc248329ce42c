//! Each refusal of a real API server is understood: the executor's own requests, with the rights of its account.

use headroom_core::{
    Action, Bytes, Record, Timestamp,
    action::Resize,
    names::{ClusterKey, InstanceName, ObjectId, ObjectName, Text, Uid, Version, VolumeName},
    observation::ObstacleCause,
    report::{Problem, Verdict},
};
use headroom_engine::{Refusal, Request, Response, Seen};
use headroom_kube::{connect, execute::Executor, known::Shared, wal::WalClient};
use serde_json::{Value, json};

use crate::tier::{ACCOUNT, OPERATORS, Tier, World, tier};

/// The executor as the operator uses it.
pub(crate) async fn executor(tier: &Tier) -> Executor {
    let config = tier.config_as(ACCOUNT).await;
    let instances = connect::instance_client().expect("a client");
    Executor::new(connect::api_client(config).expect("a client"), WalClient::new(instances), Shared::new())
}

pub(crate) fn key(world: &World) -> ClusterKey {
    ClusterKey { namespace: ObjectName::from(world.namespace.as_str()), name: ObjectName::from("pg") }
}

pub(crate) const NOW: Timestamp = Timestamp::from_unix(1_795_420_800);

/// A growth of the claim `pg-1` from what it requests now.
async fn growth(world: &World, to: Bytes) -> Resize {
    let claim = world.tier.get(&world.path("persistentvolumeclaims", "pg-1")).await;
    let text = |pointer: &str| claim.pointer(pointer).and_then(Value::as_str).expect("a text").to_owned();
    Resize {
        instance: InstanceName::from("pg-1"),
        volume: VolumeName::Data,
        claim: ObjectId { name: ObjectName::from("pg-1"), uid: Uid::from(text("/metadata/uid").as_str()) },
        from_text: Text::from(text("/spec/resources/requests/storage").as_str()),
        from: Bytes::gibi(1),
        to,
    }
}

async fn perform(executor: &Executor, world: &World, resize: Resize) -> Response {
    executor.execute(&Request::Do(key(world), Action::Resize(resize)), NOW).await
}

#[track_caller]
fn because(response: &Response, expected: ObstacleCause, words_hold: &str) {
    match response {
        Response::Refused(Refusal::Because { cause, words, .. }) => {
            assert_eq!(*cause, expected, "{words}");
            assert!(words.as_str().contains(words_hold), "{words}");
        }
        other => panic!("not refused for a reason: {other:?}"),
    }
}

#[tokio::test]
async fn a_stale_growth_is_a_conflict_and_a_fitting_one_is_done() {
    let Some(tier) = tier().await else { return };
    let world = World::new(&tier, "api-tier").await;
    let executor = executor(&tier).await;
    let fitting = growth(&world, Bytes::gibi(2)).await;
    let conflict = Response::Refused(Refusal::Conflict);
    let stale = Resize { from_text: Text::from("1024Mi"), ..fitting.clone() };
    assert_eq!(
        perform(&executor, &world, stale).await,
        conflict,
        "the same size in other letters is not what was read"
    );
    let other = ObjectId { uid: Uid::from("another"), ..fitting.claim.clone() };
    let stranger = Resize { claim: other, ..fitting.clone() };
    assert_eq!(perform(&executor, &world, stranger).await, conflict);
    let Response::Applied(seen) = perform(&executor, &world, fitting.clone()).await else {
        panic!("not applied")
    };
    assert!(matches!(&*seen, Seen::Claim { claim, .. } if claim.requested == Bytes::gibi(2)), "{seen:?}");
    assert_eq!(perform(&executor, &world, fitting.clone()).await, conflict, "twice is once");
    let gone =
        Resize { claim: ObjectId { name: ObjectName::from("pg-9"), ..fitting.claim.clone() }, ..fitting };
    assert_eq!(perform(&executor, &world, gone).await, Response::Refused(Refusal::Gone));
    let lower = growth(&world, Bytes::mebi(512)).await;
    because(&perform(&executor, &world, lower).await, ObstacleCause::Invalid, "less than status.capacity");
}

#[tokio::test]
async fn refusals_of_a_growth_are_told_apart() {
    let Some(tier) = tier().await else { return };
    let executor = executor(&tier).await;

    let fixed = World::new(&tier, "api-tier-fixed").await;
    let resize = growth(&fixed, Bytes::gibi(2)).await;
    because(
        &perform(&executor, &fixed, resize).await,
        ObstacleCause::NotExpandable,
        "only dynamically provisioned",
    );

    let world = World::new(&tier, "api-tier").await;
    let limits = json!({
        "apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "limits"},
        "spec": {"limits": [{"type": "PersistentVolumeClaim", "max": {"storage": "3Gi"}}]},
    });
    tier.create(&world.path("limitranges", ""), &limits).await;
    let resize = growth(&world, Bytes::gibi(4)).await;
    because(&perform(&executor, &world, resize).await, ObstacleCause::LimitRange, "3Gi");
    let quota = json!({
        "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "quota"},
        "spec": {"hard": {"requests.storage": "2Gi"}},
    });
    tier.create(&world.path("resourcequotas", ""), &quota).await;
    // A controller would count.
    let counted =
        json!({"status": {"hard": {"requests.storage": "2Gi"}, "used": {"requests.storage": "1Gi"}}});
    tier.patch(&(world.path("resourcequotas", "quota") + "/status"), &counted).await;
    let quota_refuses = async {
        // Admission keeps a list of quotas that follows by a watch.
        loop {
            let resize = growth(&world, Bytes::mebi(2560)).await;
            match perform(&executor, &world, resize).await {
                Response::Applied(_) => panic!("the quota does not hold"),
                Response::Refused(Refusal::Because { cause: ObstacleCause::Quota, words, .. }) => {
                    break words;
                }
                Response::Refused(_)
                | Response::Unknown
                | Response::Read(_)
                | Response::Wal(_)
                | Response::Survey(_)
                | Response::Done => {
                    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
                }
            }
        }
    };
    let words =
        tokio::time::timeout(std::time::Duration::from_secs(30), quota_refuses).await.expect("a refusal");
    assert!(words.as_str().contains("exceeded quota: quota"), "{words}");
}

#[tokio::test]
async fn a_claim_that_is_not_bound_cannot_grow() {
    let Some(tier) = tier().await else { return };
    let world = World::bare(&tier).await;
    world.cluster(json!({"instances": 1, "storage": {"size": "1Gi"}})).await;
    world.claim("api-tier", false).await;
    let resize = growth(&world, Bytes::gibi(2)).await;
    because(&perform(&executor(&tier).await, &world, resize).await, ObstacleCause::NotBound, "bound claims");
}

/// The version of our object and its uid, from a quorum read.
async fn read(executor: &Executor, world: &World) -> (ObjectId, Version) {
    let Response::Read(seen) = executor.execute(&Request::ReadCluster(key(world)), NOW).await else {
        panic!("not read")
    };
    let kinds: Vec<&str> = seen
        .iter()
        .map(|seen| match seen {
            Seen::Storage(_) => "storage",
            Seen::Cluster(..) => "cluster",
            Seen::Claim { .. } => "claim",
            Seen::Pod(..) => "pod",
            Seen::Class { .. } => "class",
        })
        .collect();
    assert_eq!(kinds, ["cluster", "storage", "claim", "pod"]);
    let storage = seen.into_iter().find_map(|seen| match seen {
        Seen::Storage(storage) => Some(storage.meta),
        Seen::Cluster(..) | Seen::Claim { .. } | Seen::Pod(..) | Seen::Class { .. } => None,
    });
    let meta = storage.expect("our object");
    (meta.id, meta.version)
}

fn write(world: &World, of: &ObjectId, expect: &Version, sequence: u32) -> Request {
    let report = headroom_core::Report {
        generation: 1,
        volumes: std::collections::BTreeMap::new(),
        wal: None,
        cluster: headroom_core::report::ClusterVerdict::Fine,
    };
    Request::WriteStatus {
        key: key(world),
        of: of.clone(),
        expect: expect.clone(),
        record: Some(Box::new(Record { sequence, ..Record::empty() })),
        verdict: Verdict::Decided(Box::new(report)),
    }
}

#[tokio::test]
async fn the_second_of_two_writers_is_refused() {
    let Some(tier) = tier().await else { return };
    let _undisturbed = OPERATORS.read().await;
    let world = World::new(&tier, "api-tier").await;
    world.storage(json!({"limit": "5Gi"})).await;
    let (one, other) = (executor(&tier).await, executor(&tier).await);
    let (id, version) = read(&one, &world).await;
    assert_eq!(read(&other, &world).await.1, version, "both have read the same");
    let Response::Applied(_) = one.execute(&write(&world, &id, &version, 1), NOW).await else {
        panic!("not applied")
    };
    let refused = other.execute(&write(&world, &id, &version, 2), NOW).await;
    assert_eq!(refused, Response::Refused(Refusal::Conflict));
    let problem = Problem { reason: "ClusterNotFound", message: Text::from("no"), hint: Text::from("yes") };
    let refusal = Request::WriteStatus {
        key: key(&world),
        of: id,
        expect: version,
        record: None,
        verdict: Verdict::Refused(problem),
    };
    assert_eq!(other.execute(&refusal, NOW).await, Response::Refused(Refusal::Conflict), "a merge patch too");
    let stored = tier.get(&world.path("dynamicstorages", "pg")).await;
    assert_eq!(stored["status"]["storageSizing"]["lastActionId"], 1);
}

#[tokio::test]
async fn a_refusal_leaves_the_record_alone() {
    let Some(tier) = tier().await else { return };
    let _undisturbed = OPERATORS.read().await;
    let world = World::new(&tier, "api-tier").await;
    world.storage(json!({"limit": "5Gi"})).await;
    let executor = executor(&tier).await;
    let (id, version) = read(&executor, &world).await;
    let Response::Applied(_) = executor.execute(&write(&world, &id, &version, 7), NOW).await else {
        panic!("not applied")
    };
    let (id, version) = read(&executor, &world).await;
    let problem = Problem { reason: "ClusterNotFound", message: Text::from("no"), hint: Text::from("yes") };
    let refusal = Request::WriteStatus {
        key: key(&world),
        of: id,
        expect: version,
        record: None,
        verdict: Verdict::Refused(problem),
    };
    let Response::Applied(_) = executor.execute(&refusal, NOW).await else { panic!("not applied") };
    let stored = tier.get(&world.path("dynamicstorages", "pg")).await;
    assert_eq!(stored["status"]["storageSizing"]["lastActionId"], 7);
    let conditions = stored["status"]["conditions"].as_array().expect("conditions");
    let ready = conditions.iter().find(|condition| condition["type"] == "Ready").expect("Ready");
    assert_eq!((&ready["status"], &ready["reason"]), (&json!("False"), &json!("ClusterNotFound")));
}
