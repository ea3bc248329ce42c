//! The steps of a shrink before a real API server.

use std::{future::Future, pin::Pin};

use k8s_openapi::{
    api::core::v1::{Pod, ServiceAccount},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};

use super::*;

/// Enough of CloudNativePG's kind where nobody has installed it.
async fn install_clusters(client: &Client) {
    let open = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let kind = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "clusters.postgresql.cnpg.io"},
        "spec": {
            "group": "postgresql.cnpg.io", "scope": "Namespaced",
            "names": {"kind": "Cluster", "plural": "clusters", "singular": "cluster"},
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                    "spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": {
                        "instances": {"type": "integer"},
                    }},
                    "status": open,
                }}},
                "subresources": {"status": {}, "scale": {
                    "specReplicasPath": ".spec.instances", "statusReplicasPath": ".status.instances",
                }},
            }],
        },
    });
    serve(client, &serde_json::from_value(kind).expect("a kind")).await;
}

/// A Cluster of one instance whose primary is `pg-1`, and a pod `pg-2` that runs nowhere.
async fn populate(client: &Client, namespace: &str) {
    let clusters = observe::api(client, namespace, "Cluster").expect("a known kind");
    let cluster: DynamicObject = serde_json::from_value(json!({
        "apiVersion": "postgresql.cnpg.io/v1", "kind": "Cluster", "metadata": {"name": "pg"},
        "spec": {"instances": 1, "storage": {"size": "1Gi"}},
    }))
    .expect("an object");
    clusters.create(&PostParams::default(), &cluster).await.expect("a Cluster");
    promote(client, namespace, "pg-1").await.expect("a primary");
    let pod: Pod = serde_json::from_value(json!({
        "metadata": {"name": "pg-2"},
        "spec": {
            "containers": [{"name": "postgres", "image": "none"}],
            "automountServiceAccountToken": false,
            "nodeSelector": {"e2e.headroom.dev/none": "such"},
        },
    }))
    .expect("a pod");
    // A control plane without controllers makes no account for the namespace.
    let accounts = Api::<ServiceAccount>::namespaced(client.clone(), namespace);
    let account = ServiceAccount {
        metadata: ObjectMeta { name: Some("default".to_owned()), ..ObjectMeta::default() },
        ..ServiceAccount::default()
    };
    match accounts.create(&PostParams::default(), &account).await {
        Ok(_) => {}
        Err(kube::Error::Api(status)) if status.code == 409 => {}
        Err(error) => unreachable!("an account can be made: {error}"),
    }
    let pods = Api::<Pod>::namespaced(client.clone(), namespace);
    pods.create(&PostParams::default(), &pod).await.expect("a pod");
}

async fn scale(client: Client, namespace: String, instances: u32) -> kube::Result<()> {
    let clusters = observe::api(&client, &namespace, "Cluster").expect("a known kind");
    let patch = Patch::Merge(json!({"spec": {"replicas": instances}}));
    clusters.patch_scale("pg", &PatchParams::default(), &patch).await.map(drop)
}

async fn promote(client: &Client, namespace: &str, to: &str) -> kube::Result<()> {
    let clusters = observe::api(client, namespace, "Cluster").expect("a known kind");
    let patch = Patch::Merge(json!({"status": {"targetPrimary": to}}));
    clusters.patch_status("pg", &PatchParams::default(), &patch).await.map(drop)
}

async fn condemn(client: Client, namespace: String) -> kube::Result<()> {
    let pods = Api::<Pod>::namespaced(client, &namespace);
    let patch = Patch::Merge(json!({"metadata": {"annotations": {"alpha.cnpg.io/unrecoverable": "true"}}}));
    pods.patch("pg-2", &PatchParams::default(), &patch).await.map(drop)
}

type Step = Pin<Box<dyn Future<Output = kube::Result<()>> + Send>>;

/// What the operator writes at each gate of a shrink.
fn steps(client: &Client, namespace: &str) -> [(Gate, Step); 4] {
    let (client, namespace) = (client.clone(), namespace.to_owned());
    let promoter = (client.clone(), namespace.clone());
    [
        (Gate::BeforeSurge, Box::pin(scale(client.clone(), namespace.clone(), 2))),
        (Gate::BeforeReplace, Box::pin(condemn(client.clone(), namespace.clone()))),
        (Gate::BeforePromotion, Box::pin(async move { promote(&promoter.0, &promoter.1, "pg-2").await })),
        (Gate::BeforeLower, Box::pin(scale(client, namespace, 1))),
    ]
}

#[test]
fn a_real_api_server_waits_for_the_gate_before_it_stores_a_step_of_a_shrink() {
    let runtime = runtime();
    let Some(tier) = runtime.block_on(tier()) else { return };
    let gates = WriteGates::open(&tier.lab, &runtime).expect("gates in the lab");
    runtime.block_on(async {
        install_clusters(&tier.admin).await;
        let held = make(&tier.admin).await;
        populate(&tier.admin, &held).await;
        gates.register(&tier.admin, &held, "pg-1").await.expect("the webhook is asked");
        for (gate, step) in steps(&tier.operator, &held) {
            gates.hold(&held, gate);
            promote(&tier.admin, &held, "pg-3").await.expect("a promotion by another passes");
            let mut waiting = tokio::spawn(step);
            tokio::time::timeout(Duration::from_secs(2), &mut waiting).await.expect_err("the step waits");
            assert!(gates.reached(&held, gate), "{}", gate.name());
            assert!(gates.release(&held, gate));
            waiting.await.expect("no panic").expect("the step passes");
        }
        gates.unregister(&tier.admin, &held).await.expect("the webhook is removed");
        let namespaces = Api::<Namespace>::all(tier.admin.clone());
        namespaces.delete(&held, &DeleteParams::default()).await.expect("the end");
    });
}
