//! What the rights of `deploy/shrink` let the account delete, and what the admission policies keep of it.

use serde_json::{Value, json};

use crate::tier::{ACCOUNT, Tier, World, manifest, place, tier};

/// A world in whose namespace, and nowhere else, the account may shrink.
async fn shrinking(tier: &Tier) -> World {
    let world = World::new(tier, "api-tier").await;
    let [role, _] = manifest("shrink/role.yaml").try_into().expect("a role and a binding");
    for object in manifest("shrink/admission-policy.yaml").iter().chain([&role]) {
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
    world
}

/// What is said to a deletion that is only tried, until it is `wanted`: rights and policies take a moment to hold.
#[track_caller]
fn answers(
    world: &World,
    account: &Tier,
    kind: &str,
    name: &str,
    wanted: (u16, &'static str),
) -> impl Future<Output = ()> {
    let place = std::panic::Location::caller();
    let path = world.path(kind, name) + "?dryRun=All";
    async move {
        let mut last = (0, String::new());
        for _ in 0..100 {
            let (code, body) = account.call("DELETE", &path, "application/json", &Value::Null).await;
            last = (code, body["message"].as_str().unwrap_or_default().to_owned());
            if last.0 == wanted.0 && last.1.contains(wanted.1) {
                return;
            }
            // The API server does not say when a policy has come into force.
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
        panic!("{wanted:?} at {place}: {last:?}");
    }
}

#[tokio::test]
async fn only_a_pod_of_an_instance_that_no_node_has_taken_may_be_deleted() {
    let Some(tier) = tier().await else { return };
    let world = shrinking(&tier).await;
    let account = tier.as_account().await;
    let refused = (403, "headroom-pods");
    let mut pod = tier.get(&world.path("pods", "pg-1")).await;
    // A node has it, whatever its phase.
    for phase in ["Running", "Pending"] {
        tier.patch(&(world.path("pods", "pg-1") + "/status"), &json!({"status": {"phase": phase}})).await;
        answers(&world, &account, "pods", "pg-1", refused).await;
    }
    let owner = world.owner().await;
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
        answers(&world, &account, "pods", name, wanted).await;
    }
    tier.patch(&(world.path("pods", "free") + "/status"), &json!({"status": {"phase": "Failed"}})).await;
    answers(&world, &account, "pods", "free", refused).await;
}

#[tokio::test]
async fn no_data_claim_of_an_instance_that_was_made_may_be_deleted() {
    let Some(tier) = tier().await else { return };
    let world = shrinking(&tier).await;
    let account = tier.as_account().await;
    let path = world.path("persistentvolumeclaims", "pg-1");
    let refused = (403, "headroom may not delete the data claim of an instance");
    for (status, wanted) in
        [(json!("ready"), refused), (Value::Null, refused), (json!("initializing"), (200, ""))]
    {
        tier.patch(&path, &json!({"metadata": {"annotations": {"cnpg.io/pvcStatus": status}}})).await;
        answers(&world, &account, "persistentvolumeclaims", "pg-1", wanted).await;
    }
}
