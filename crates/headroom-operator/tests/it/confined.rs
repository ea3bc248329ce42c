//! What the rights of `deploy/shrink` let the account do, and what the admission policies keep of it.

use headroom_core::observation::Scaler;
use headroom_engine::{Request, Response, Seen};
use serde_json::{Value, json};

use crate::{
    refusals::{NOW, executor, key},
    tier::{ACCOUNT, Tier, World, manifest, place, tier},
};

/// A world in whose namespace, and nowhere else, the account may shrink; and that account.
async fn shrinking(tier: &Tier) -> (World, Tier) {
    let world = World::new(tier, "api-tier").await;
    let [role, _] = manifest("shrink/role.yaml").try_into().expect("a role and a binding");
    let policies = ["shrink/pods-policy.yaml", "shrink/jobs-policy.yaml"].map(manifest);
    for object in policies.iter().flatten().chain([&role]) {
        tier.apply(&place(object), object).await;
    }
    let (_, account) = ACCOUNT.rsplit_once(':').expect("an account");
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": {"name": "headroom-shrink", "namespace": world.namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role["metadata"]["name"]},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": "headroom-system"}],
    });
    tier.apply(&place(&binding), &binding).await;
    (world, tier.as_account().await)
}

/// What is said to a deletion (or to a merge patch, where there is one) that is only tried, until it is `wanted`: rights
/// and policies take a moment to hold.
#[track_caller]
fn tried(
    world: &World,
    account: &Tier,
    (kind, name): (&str, &str),
    change: Value,
    wanted: (u16, &'static str),
) -> impl Future<Output = ()> {
    let place = std::panic::Location::caller();
    let path = world.path(kind, name) + "?dryRun=All";
    async move {
        let (method, content) = if change.is_null() {
            ("DELETE", "application/json")
        } else {
            ("PATCH", "application/merge-patch+json")
        };
        let mut last = (0, String::new());
        for _ in 0..100 {
            let (code, body) = account.call(method, &path, content, &change).await;
            last = (code, body["message"].as_str().unwrap_or_default().to_owned());
            if last.0 == wanted.0 && last.1.contains(wanted.1) {
                return;
            }
            // The API server does not say when a policy has come into force.
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
        panic!("{method} {change}: {wanted:?} at {place}: {last:?}");
    }
}

#[track_caller]
fn deleted(
    world: &World,
    account: &Tier,
    object: (&str, &str),
    wanted: (u16, &'static str),
) -> impl Future<Output = ()> {
    tried(world, account, object, Value::Null, wanted)
}

#[tokio::test]
async fn only_a_pod_of_an_instance_that_no_node_has_taken_may_be_deleted() {
    let Some(tier) = tier().await else { return };
    let (world, account) = shrinking(&tier).await;
    let refused = (403, "headroom-pods");
    let mut pod = tier.get(&world.path("pods", "pg-1")).await;
    let owner = world.owner().await;
    let with_owner = json!({"metadata": {"ownerReferences": [owner]}});
    tier.patch(&world.path("pods", "pg-1"), &with_owner).await;
    // A node has it, whatever its phase.
    for phase in ["Running", "Pending"] {
        tier.patch(&(world.path("pods", "pg-1") + "/status"), &json!({"status": {"phase": phase}})).await;
        deleted(&world, &account, ("pods", "pg-1"), refused).await;
    }
    pod["spec"]["nodeName"].take();
    let labels = pod["metadata"]["labels"].clone();
    for (name, labels, owners, wanted) in [
        ("free", &labels, json!([owner]), (200, "")),
        ("pooler", &json!({"cnpg.io/cluster": "pg", "cnpg.io/podRole": "pooler"}), json!([owner]), refused),
        ("foreign", &labels, json!([]), refused),
    ] {
        let metadata = json!({"name": name, "labels": labels, "ownerReferences": owners});
        let body =
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod["spec"].clone()});
        tier.create(&world.path("pods", ""), &body).await;
        deleted(&world, &account, ("pods", name), wanted).await;
    }
    tier.patch(&(world.path("pods", "free") + "/status"), &json!({"status": {"phase": "Failed"}})).await;
    deleted(&world, &account, ("pods", "free"), refused).await;
}

#[tokio::test]
async fn no_data_claim_of_an_instance_that_was_made_may_be_deleted() {
    let Some(tier) = tier().await else { return };
    let (world, account) = shrinking(&tier).await;
    let path = world.path("persistentvolumeclaims", "pg-1");
    let refused = (403, "headroom may not delete the data claim of an instance");
    for (status, wanted) in
        [(json!("ready"), refused), (Value::Null, refused), (json!("initializing"), (200, ""))]
    {
        tier.patch(&path, &json!({"metadata": {"annotations": {"cnpg.io/pvcStatus": status}}})).await;
        deleted(&world, &account, ("persistentvolumeclaims", "pg-1"), wanted).await;
    }
}

#[tokio::test]
async fn of_a_pod_two_annotations_of_an_instance_may_be_changed_and_nothing_else() {
    let Some(tier) = tier().await else { return };
    let (world, account) = shrinking(&tier).await;
    let (pod, refused) = (("pods", "pg-1"), (403, "headroom-pods"));
    let annotated = |key: &str, value: Value| json!({"metadata": {"annotations": {key: value}}});
    let marked = |value: &Value| {
        json!({"metadata": {"annotations": {
            "alpha.cnpg.io/unrecoverable": value, "headroom.dev/replaced-by": value,
        }}})
    };
    tried(&world, &account, pod, marked(&json!("true")), refused).await;
    let owner = world.owner().await;
    let with_owner = json!({"metadata": {"ownerReferences": [owner], "annotations": {"theirs": "1"}}});
    tier.patch(&world.path("pods", "pg-1"), &with_owner).await;
    tried(&world, &account, pod, marked(&json!("true")), (200, "")).await;
    tier.patch(&world.path("pods", "pg-1"), &marked(&json!("true"))).await;
    tried(&world, &account, pod, marked(&Value::Null), (200, "")).await;
    for other in [
        json!({"spec": {"containers": [{"name": "postgres", "image": "another"}]}}),
        json!({"metadata": {"labels": {"cnpg.io/podRole": "pooler"}}}),
        json!({"metadata": {"ownerReferences": []}}),
        json!({"metadata": {"finalizers": ["keep.example/it"]}}),
        annotated("new", json!("1")),
        annotated("theirs", json!("2")),
        annotated("theirs", Value::Null),
    ] {
        tried(&world, &account, pod, other, refused).await;
    }
    tier.patch(&world.path("pods", "pg-1"), &json!({"metadata": {"labels": {"cnpg.io/podRole": "pooler"}}}))
        .await;
    tried(&world, &account, pod, marked(&Value::Null), refused).await;
}

#[tokio::test]
async fn only_a_job_that_makes_a_further_instance_may_be_deleted() {
    let Some(tier) = tier().await else { return };
    let (world, account) = shrinking(&tier).await;
    let refused = (403, "headroom-jobs");
    let owner = world.owner().await;
    for (name, role, owners, wanted) in [
        ("pg-1-join", "join", json!([owner]), (200, "")),
        ("pg-2-snapshot-recovery", "snapshot-recovery", json!([owner]), (200, "")),
        ("pg-1-initdb", "initdb", json!([owner]), refused),
        ("pg-1-major-upgrade", "major-upgrade", json!([owner]), refused),
        ("foreign", "join", json!([]), refused),
    ] {
        let metadata = json!({"name": name, "labels": {"cnpg.io/jobRole": role}, "ownerReferences": owners});
        let containers = json!([{"name": "join", "image": "by.hand/postgres"}]);
        let template = json!({"spec": {"restartPolicy": "Never", "containers": containers}});
        let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": {"template": template}});
        tier.create(&world.path("jobs", ""), &job).await;
        deleted(&world, &account, ("jobs", name), wanted).await;
    }
}

/// Who set the number of instances, as the executor reads it.
async fn scaler(world: &World) -> Scaler {
    let request = Request::ReadCluster(key(world));
    let Response::Read(seen) = executor(&world.tier).await.execute(&request, NOW).await else {
        panic!("not read")
    };
    let cluster = seen.into_iter().find_map(|seen| match seen {
        Seen::Cluster(_, cluster) => Some(cluster.scaled_by),
        Seen::Storage(_) | Seen::Claim { .. } | Seen::Pod(..) | Seen::Class { .. } => None,
    });
    cluster.expect("a Cluster")
}

#[tokio::test]
async fn who_set_the_number_of_instances_is_known_from_the_api_server() {
    let Some(tier) = tier().await else { return };
    let (world, account) = shrinking(&tier).await;
    world.storage(json!({"limit": "5Gi"})).await;
    let cluster = world.path("clusters", "pg");
    let count = |count: u32| json!({"spec": {"instances": count}});
    assert_eq!(scaler(&world).await, Scaler::Others, "who made it");
    let scale = cluster.clone() + "/scale?fieldManager=headroom";
    let body = json!({"spec": {"replicas": 2}});
    // Rights take a moment to hold.
    let mut code = 0;
    for _ in 0..100 {
        code = account.call("PATCH", &scale, "application/merge-patch+json", &body).await.0;
        if code == 200 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    assert_eq!(code, 200);
    assert_eq!(scaler(&world).await, Scaler::Headroom);
    tier.patch(&cluster, &count(2)).await;
    tier.patch(&cluster, &json!({"metadata": {"labels": {"team": "a"}}})).await;
    assert_eq!(scaler(&world).await, Scaler::Headroom, "nobody changed the number");
    let applied = json!({"apiVersion": "postgresql.cnpg.io/v1", "kind": "Cluster", "spec": {"instances": 2}});
    tier.apply(&cluster, &applied).await;
    assert_eq!(scaler(&world).await, Scaler::Headroom, "the very number again: GitOps that copies it");
    assert_eq!(
        account
            .call("PATCH", &scale, "application/merge-patch+json", &json!({"spec": {"replicas": 3}}))
            .await
            .0,
        200
    );
    assert_eq!(scaler(&world).await, Scaler::Headroom, "what was applied is not the applier's any more");
    tier.patch(&cluster, &count(4)).await;
    assert_eq!(scaler(&world).await, Scaler::Others);
}
