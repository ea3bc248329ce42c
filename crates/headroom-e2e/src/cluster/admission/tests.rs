//! The webhook by itself, and before a real API server where one is given.

use std::path::PathBuf;
use std::time::Duration;

use headroom_scenario::Gate;
use k8s_openapi::api::core::v1::{Namespace, PersistentVolume, PersistentVolumeClaim};
use k8s_openapi::api::storage::v1::StorageClass;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api, Client, Config,
    api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::json;

use super::{review::Write, server::Gates, *};
use crate::cluster::{observe, operator};

mod steps;

const SHORT: Duration = Duration::from_millis(200);
const LONG: Duration = Duration::from_secs(20);

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

#[test]
fn a_held_write_waits_until_its_gate_is_released_or_its_namespace_forgotten() {
    let write = Write::Raise("pg-1".to_owned());
    runtime().block_on(async {
        let release = |gates: &Gates| assert!(gates.with("a", |holds| holds.release(Gate::BeforePatch)));
        let forget = |gates: &Gates| gates.forget("a");
        for end in [release, forget] {
            let gates = Gates::new();
            gates.with("a", |holds| holds.hold(Gate::BeforePatch));
            assert!(gates.pass("b", &write, LONG).await, "another namespace is not touched");
            assert!(!gates.pass("a", &write, SHORT).await, "held until patience ends");
            assert!(gates.reached("a", Gate::BeforePatch) && !gates.reached("b", Gate::BeforePatch));
            let waiting = tokio::spawn({
                let (gates, write) = (gates.clone(), write.clone());
                async move { gates.pass("a", &write, LONG).await }
            });
            end(&gates);
            assert!(waiting.await.expect("no panic"));
        }
    });
}

/// A client of the API tier as the lab's administrator, and one as headroom's account with every right.
struct Tier {
    lab: PathBuf,
    admin: Client,
    operator: Client,
}

/// `None`, said aloud, where there is no API server.
async fn tier() -> Option<Tier> {
    let Some(path) = std::env::var_os("HEADROOM_API_TIER_KUBECONFIG").map(PathBuf::from) else {
        assert!(std::env::var_os("CI").is_none(), "CI must set HEADROOM_API_TIER_KUBECONFIG");
        crate::talk(
            "skipped: HEADROOM_API_TIER_KUBECONFIG is not set; see `cargo lab up --control-plane-only`",
        );
        return None;
    };
    let file = Kubeconfig::read_from(&path).expect("a kubeconfig");
    let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await.expect("a config");
    let mut acting = config.clone();
    acting.auth_info.impersonate =
        Some(format!("system:serviceaccount:{}:{}", operator::NAMESPACE, operator::ACCOUNT));
    acting.auth_info.impersonate_groups = Some(vec!["system:masters".to_owned()]);
    let client = |config| Client::try_from(config).expect("a client");
    let lab = path.parent().expect("a directory").to_owned();
    Some(Tier { lab, admin: client(config), operator: client(acting) })
}

/// A namespace with the bound claim `pg-1` of 1Gi.
async fn make(client: &Client) -> String {
    let class = json!({
        "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "e2e-by-hand"},
        "provisioner": "by.hand", "allowVolumeExpansion": true,
    });
    let class: StorageClass = serde_json::from_value(class).expect("a class");
    match Api::all(client.clone()).create(&PostParams::default(), &class).await {
        Ok(_) => {}
        // Another test has made it.
        Err(kube::Error::Api(status)) if status.code == 409 => {}
        Err(error) => unreachable!("a class can be made: {error}"),
    }
    let name = json!({"metadata": {"generateName": "e2e-gate-"}});
    let made = Api::<Namespace>::all(client.clone())
        .create(&PostParams::default(), &serde_json::from_value(name).expect("a namespace"))
        .await
        .expect("a namespace");
    let namespace = made.metadata.name.expect("a name");
    let claims = Api::<PersistentVolumeClaim>::namespaced(client.clone(), &namespace);
    let claim = json!({
        "metadata": {"name": "pg-1"},
        "spec": {"storageClassName": "e2e-by-hand", "accessModes": ["ReadWriteOnce"], "volumeName": "by-hand",
            "resources": {"requests": {"storage": "1Gi"}}},
    });
    let claim: PersistentVolumeClaim = serde_json::from_value(claim).expect("a claim");
    claims.create(&PostParams::default(), &claim).await.expect("a claim");
    let bound = json!({"status": {"phase": "Bound", "capacity": {"storage": "1Gi"}}});
    claims.patch_status("pg-1", &PatchParams::default(), &Patch::Merge(bound)).await.expect("a bound claim");
    namespace
}

async fn raise(client: &Client, namespace: &str, to: &str) -> kube::Result<PersistentVolumeClaim> {
    let patch = Patch::Merge(json!({"spec": {"resources": {"requests": {"storage": to}}}}));
    let claims = Api::<PersistentVolumeClaim>::namespaced(client.clone(), namespace);
    claims.patch("pg-1", &PatchParams::default(), &patch).await
}

#[test]
fn a_real_api_server_waits_for_the_gate_before_it_stores_a_raise_of_the_operator() {
    let runtime = runtime();
    let Some(tier) = runtime.block_on(tier()) else { return };
    let gates = WriteGates::open(&tier.lab, &runtime).expect("gates in the lab");
    runtime.block_on(async {
        let (held, free) = (make(&tier.admin).await, make(&tier.admin).await);
        gates.register(&tier.admin, &held, "pg-1").await.expect("the webhook is asked");
        raise(&tier.operator, &held, "1152Mi").await.expect("no gate is held yet");
        gates.hold(&held, Gate::BeforePatch);
        raise(&tier.operator, &free, "2Gi").await.expect("another namespace is not touched");
        raise(&tier.admin, &held, "1216Mi").await.expect("others than the operator are not touched");

        // The operator's client gives up: nothing is stored, also later.
        let given_up =
            tokio::time::timeout(Duration::from_secs(3), raise(&tier.operator, &held, "3Gi")).await;
        assert!(given_up.is_err(), "the answer is held");
        assert!(gates.reached(&held, Gate::BeforePatch));

        let (client, namespace) = (tier.operator.clone(), held.clone());
        let mut waiting = tokio::spawn(async move { raise(&client, &namespace, "2Gi").await });
        tokio::time::timeout(Duration::from_secs(2), &mut waiting).await.expect_err("the raise waits");
        assert!(gates.release(&held, Gate::BeforePatch));
        let stored = waiting.await.expect("no panic").expect("the raise passes");
        let request = stored.spec.and_then(|spec| spec.resources?.requests?.get("storage").cloned());
        assert_eq!(
            request.map(|quantity| quantity.0),
            Some("2Gi".to_owned()),
            "what was given up never came"
        );

        gates.unregister(&tier.admin, &held).await.expect("the webhook is removed");
        gates.hold(&held, Gate::BeforePatch);
        raise(&tier.operator, &held, "4Gi").await.expect("nobody is asked any more");
        let namespaces = Api::<Namespace>::all(tier.admin.clone());
        for namespace in [&held, &free] {
            namespaces.delete(namespace, &DeleteParams::default()).await.expect("the end");
        }
    });
}

/// A PersistentVolume for the claim `pg-1` of a namespace.
async fn provide(client: &Client, namespace: &str) -> kube::Result<PersistentVolume> {
    let volume = json!({
        "metadata": {"name": format!("pv-{namespace}")},
        "spec": {
            "storageClassName": "e2e-by-hand", "accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"},
            "csi": {"driver": "by.hand", "volumeHandle": namespace},
            "claimRef": {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": namespace, "name": "pg-1"},
        },
    });
    let volume: PersistentVolume = serde_json::from_value(volume).expect("a volume");
    Api::all(client.clone()).create(&PostParams::default(), &volume).await
}

#[test]
fn a_real_api_server_waits_for_the_gate_before_it_stores_a_new_volume_for_the_namespace() {
    let runtime = runtime();
    let Some(tier) = runtime.block_on(tier()) else { return };
    let gates = WriteGates::open(&tier.lab, &runtime).expect("gates in the lab");
    runtime.block_on(async {
        let (held, free) = (make(&tier.admin).await, make(&tier.admin).await);
        gates.register(&tier.admin, &held, "pg-1").await.expect("the webhook is asked");
        gates.hold(&held, Gate::Provision);
        provide(&tier.admin, &free).await.expect("volumes of another namespace are not touched");
        let (client, namespace) = (tier.admin.clone(), held.clone());
        let mut waiting = tokio::spawn(async move { provide(&client, &namespace).await });
        tokio::time::timeout(Duration::from_secs(2), &mut waiting).await.expect_err("the volume waits");
        assert!(gates.reached(&held, Gate::Provision) && gates.release(&held, Gate::Provision));
        waiting.await.expect("no panic").expect("the volume is made");
        gates.unregister(&tier.admin, &held).await.expect("the webhook is removed");
        let volumes = Api::<PersistentVolume>::all(tier.admin.clone());
        let namespaces = Api::<Namespace>::all(tier.admin.clone());
        for namespace in [&held, &free] {
            let volume = format!("pv-{namespace}");
            volumes.delete(&volume, &DeleteParams::default()).await.expect("the end");
            namespaces.delete(namespace, &DeleteParams::default()).await.expect("the end");
        }
    });
}

/// headroom's kind, as `deploy/` has it, served.
async fn install_kind(client: &Client) {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/crd/dynamicstorages.headroom.dev.yaml");
    let text = std::fs::read_to_string(path).expect("the CRD");
    serve(client, &serde_saphyr::from_str(&text).expect("YAML")).await;
}

/// Makes a kind, unless it is there, and waits until it is served.
async fn serve(client: &Client, kind: &CustomResourceDefinition) {
    let name = kind.metadata.name.clone().expect("a name");
    let kinds = Api::<CustomResourceDefinition>::all(client.clone());
    match kinds.create(&PostParams::default(), kind).await {
        Ok(_) => {}
        Err(kube::Error::Api(status)) if status.code == 409 => {}
        Err(error) => unreachable!("a kind can be made: {error}"),
    }
    let served = wait::until(LONG, SHORT, || async {
        let kind = kinds.get(&name).await.ok()?;
        let conditions = kind.status?.conditions?;
        conditions.iter().any(|one| one.type_ == "Established" && one.status == "True").then_some(())
    });
    served.await.expect("the kind is served");
}

/// The status of a volume whose action 1 has this result.
fn ledger(result: &str) -> serde_json::Value {
    let action = json!({"id": 1, "kind": "Grow", "cause": "Planned", "from": "1Gi", "to": "1152Mi",
        "startedAt": "2026-01-01T00:00:00Z", "result": result});
    json!({"status": {"storageSizing": {"data": {"effectiveSize": "1Gi", "actions": [action]}}}})
}

#[test]
fn a_real_api_server_waits_for_the_gate_before_it_stores_the_completion_of_an_action() {
    let runtime = runtime();
    let Some(tier) = runtime.block_on(tier()) else { return };
    let gates = WriteGates::open(&tier.lab, &runtime).expect("gates in the lab");
    runtime.block_on(async {
        install_kind(&tier.admin).await;
        let held = make(&tier.admin).await;
        gates.register(&tier.admin, &held, "pg-1").await.expect("the webhook is asked");
        let as_admin = observe::api(&tier.admin, &held, "DynamicStorage").expect("a known kind");
        let object: DynamicObject = serde_json::from_value(json!({
            "apiVersion": "headroom.dev/v1alpha1", "kind": "DynamicStorage", "metadata": {"name": "pg"},
            "spec": {"clusterRef": {"name": "pg"}, "storage": {"limit": "4Gi"}},
        }))
        .expect("an object");
        as_admin.create(&PostParams::default(), &object).await.expect("created");
        let set = |result: &'static str| {
            let as_operator = observe::api(&tier.operator, &held, "DynamicStorage").expect("a known kind");
            async move {
                as_operator.patch_status("pg", &PatchParams::default(), &Patch::Merge(ledger(result))).await
            }
        };
        gates.hold(&held, Gate::BeforeCompletion);
        set("Running").await.expect("the intent passes");
        let mut waiting = tokio::spawn(set("Completed"));
        tokio::time::timeout(Duration::from_secs(2), &mut waiting).await.expect_err("the completion waits");
        assert!(gates.reached(&held, Gate::BeforeCompletion));
        assert!(gates.release(&held, Gate::BeforeCompletion));
        waiting.await.expect("no panic").expect("the completion passes");
        gates.unregister(&tier.admin, &held).await.expect("the webhook is removed");
        as_admin.delete("pg", &DeleteParams::default()).await.expect("the end");
        let namespaces = Api::<Namespace>::all(tier.admin.clone());
        namespaces.delete(&held, &DeleteParams::default()).await.expect("the end");
    });
}

#[test]
fn what_a_killed_run_left_registered_is_removed_and_what_a_live_one_has_stays() {
    let runtime = runtime();
    let Some(tier) = runtime.block_on(tier()) else { return };
    runtime.block_on(async {
        let all = configurations(&tier.admin);
        let made = |name: &str, process: &str| -> ValidatingWebhookConfiguration {
            let mut object = registration::object(name, 1, "");
            object["metadata"]["labels"][leftover::PROCESS] = json!(process);
            serde_json::from_value(object).expect("a configuration")
        };
        // No process has a number beyond 2^22.
        for object in [made("e2e-dead", "4999999"), made("e2e-alive", &std::process::id().to_string())] {
            let name = object.metadata.name.clone().expect("a name");
            let _ = all.delete(&name, &DeleteParams::default()).await;
            all.create(&PostParams::default(), &object).await.expect("created");
        }
        remove_leftovers(&tier.admin).await.expect("removed");
        let there = |name: &'static str| {
            let all = all.clone();
            async move { all.get_opt(&registration::name(name)).await.expect("an answer").is_some() }
        };
        assert_eq!((there("e2e-dead").await, there("e2e-alive").await), (false, true));
        all.delete(&registration::name("e2e-alive"), &DeleteParams::default()).await.expect("the end");
    });
}
