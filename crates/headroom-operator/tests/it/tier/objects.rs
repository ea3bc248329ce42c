//! Objects made by hand: what CNPG, the provisioner and the controllers would write.

use std::path::Path;

use serde_json::{Value, json};

use super::Tier;

/// Headroom's CRD and rights from `deploy/`, and a CRD for Clusters that takes anything.
pub(super) async fn install(tier: &Tier) {
    for file in [
        "crd/dynamicstorages.headroom.dev.yaml",
        "operator/namespace.yaml",
        "operator/serviceaccount.yaml",
        "operator/clusterrole.yaml",
        "operator/clusterrolebinding.yaml",
        "operator/role.yaml",
        "operator/rolebinding.yaml",
        "operator/sync.yaml",
        "operator/admission-policy.yaml",
    ] {
        for object in manifest(file) {
            tier.apply(&place(&object), &object).await;
        }
    }
    let crd = cluster_crd();
    tier.apply(&place(&crd), &crd).await;
    for name in ["dynamicstorages.headroom.dev", "clusters.postgresql.cnpg.io"] {
        let path = format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}");
        tier.until(&path, "the CRD is served", |crd| {
            let conditions = crd["status"]["conditions"].as_array();
            conditions.is_some_and(|list| {
                list.iter().any(|it| it["type"] == "Established" && it["status"] == "True")
            })
        })
        .await;
    }
    for (name, expandable) in [("api-tier", true), ("api-tier-fixed", false)] {
        let class = json!({
            "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name},
            "provisioner": "by.hand", "allowVolumeExpansion": expandable,
        });
        tier.apply(&place(&class), &class).await;
    }
}

/// The objects of a file in `deploy/`.
pub(crate) fn manifest(file: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(file);
    let text = std::fs::read_to_string(path).expect("a manifest");
    serde_saphyr::from_multiple::<Value>(&text).expect("YAML")
}

/// The path of an object of a manifest.
pub(crate) fn place(object: &Value) -> String {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or("").to_owned();
    let (version, kind, name) = (text("/apiVersion"), text("/kind"), text("/metadata/name"));
    let root = if version.contains('/') { format!("/apis/{version}") } else { format!("/api/{version}") };
    let plural = match kind.as_str() {
        "StorageClass" => "storageclasses".to_owned(),
        other => match other.to_lowercase().strip_suffix('y') {
            Some(stem) => format!("{stem}ies"),
            None => other.to_lowercase() + "s",
        },
    };
    match text("/metadata/namespace").as_str() {
        "" => format!("{root}/{plural}/{name}"),
        namespace => format!("{root}/namespaces/{namespace}/{plural}/{name}"),
    }
}

fn cluster_crd() -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "clusters.postgresql.cnpg.io"},
        "spec": {
            "group": "postgresql.cnpg.io", "scope": "Namespaced",
            "names": {"kind": "Cluster", "listKind": "ClusterList", "plural": "clusters", "singular": "cluster"},
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "subresources": {
                    "status": {},
                    "scale": {"specReplicasPath": ".spec.instances", "statusReplicasPath": ".status.instances"},
                },
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
            }],
        },
    })
}

/// One Cluster `pg` with one instance on node `n-NAMESPACE`, in a namespace of its own.
pub(crate) struct World {
    /// The tier.
    pub(crate) tier: Tier,
    /// The namespace.
    pub(crate) namespace: String,
    /// Uid of the instance pod.
    pub(crate) pod_uid: String,
}

impl World {
    /// Makes an empty namespace.
    pub(crate) async fn bare(tier: &Tier) -> Self {
        let namespace = tier.namespace("world").await;
        Self { tier: tier.clone(), namespace, pod_uid: String::new() }
    }

    /// Makes the Cluster, its claim of 1Gi (bound), its pod (ready) and its node.
    pub(crate) async fn new(tier: &Tier, class: &str) -> Self {
        let mut world = Self::bare(tier).await;
        world.cluster(json!({"instances": 1, "storage": {"size": "1Gi"}})).await;
        world.claim(class, true).await;
        world.pod().await;
        world
    }

    /// The path of an object in the namespace of this world.
    pub(crate) fn path(&self, kind: &str, name: &str) -> String {
        let group = match kind {
            "clusters" => "/apis/postgresql.cnpg.io/v1",
            "dynamicstorages" => "/apis/headroom.dev/v1alpha1",
            "events" => "/apis/events.k8s.io/v1",
            "jobs" => "/apis/batch/v1",
            _ => "/api/v1",
        };
        let tail = if name.is_empty() { String::new() } else { format!("/{name}") };
        format!("{group}/namespaces/{}/{kind}{tail}", self.namespace)
    }

    /// Makes the Cluster with this spec; its server is primary.
    pub(crate) async fn cluster(&self, spec: Value) {
        let body = json!({
            "apiVersion": "postgresql.cnpg.io/v1", "kind": "Cluster", "metadata": {"name": "pg"}, "spec": spec,
        });
        self.tier.create(&self.path("clusters", ""), &body).await;
        let status = json!({"status": {
            "currentPrimary": "pg-1", "targetPrimary": "pg-1", "readyInstances": 1, "phase": "Cluster in healthy state",
        }});
        self.tier.patch(&(self.path("clusters", "pg") + "/status"), &status).await;
    }

    /// What an object of the Cluster's says of its owner.
    pub(crate) async fn owner(&self) -> Value {
        let cluster = self.tier.get(&self.path("clusters", "pg")).await;
        json!({
            "apiVersion": "postgresql.cnpg.io/v1", "kind": "Cluster", "name": "pg", "controller": true,
            "uid": cluster["metadata"]["uid"],
        })
    }

    /// Makes the claim `pg-1` of 1Gi, owned by the Cluster.
    pub(crate) async fn claim(&self, class: &str, bound: bool) {
        let owner = self.owner().await;
        let labels =
            json!({"cnpg.io/cluster": "pg", "cnpg.io/instanceName": "pg-1", "cnpg.io/pvcRole": "PG_DATA"});
        let body = json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "pg-1", "labels": labels, "ownerReferences": [owner]},
            "spec": {
                "storageClassName": class, "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "1Gi"}},
            },
        });
        self.tier.create(&self.path("persistentvolumeclaims", ""), &body).await;
        if bound {
            let volume = json!({"spec": {"volumeName": format!("pv-{}", self.namespace)}});
            self.tier.patch(&self.path("persistentvolumeclaims", "pg-1"), &volume).await;
            self.capacity("1Gi").await;
        }
    }

    /// The storage has made the claim this large.
    pub(crate) async fn capacity(&self, size: &str) {
        let status = json!({"status": {"phase": "Bound", "capacity": {"storage": size}}});
        self.tier.patch(&(self.path("persistentvolumeclaims", "pg-1") + "/status"), &status).await;
    }

    /// The node of this world.
    pub(crate) fn node(&self) -> String {
        format!("n-{}", self.namespace)
    }

    async fn pod(&mut self) {
        let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": self.node()}});
        self.tier.create("/api/v1/nodes", &node).await;
        let address = json!({"status": {"addresses": [{"type": "InternalIP", "address": "127.0.0.1"}]}});
        self.tier.patch(&format!("/api/v1/nodes/{}/status", self.node()), &address).await;
        // The admission of pods asks for the account that a controller would have made.
        let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}});
        self.tier.create(&self.path("serviceaccounts", ""), &account).await;
        let labels =
            json!({"cnpg.io/cluster": "pg", "cnpg.io/instanceName": "pg-1", "cnpg.io/podRole": "instance"});
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pg-1", "labels": labels},
            "spec": {
                "nodeName": self.node(), "automountServiceAccountToken": false,
                "containers": [{"name": "postgres", "image": "by.hand/postgres"}],
                "volumes": [{"name": "pgdata", "persistentVolumeClaim": {"claimName": "pg-1"}}],
            },
        });
        let pod = self.tier.create(&self.path("pods", ""), &pod).await;
        pod["metadata"]["uid"].as_str().expect("a uid").clone_into(&mut self.pod_uid);
        let status = json!({"status": {
            "phase": "Running", "podIP": "127.0.0.1",
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{
                "name": "postgres", "ready": true, "restartCount": 0, "image": "by.hand/postgres", "imageID": "",
                "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}},
            }],
        }});
        self.tier.patch(&(self.path("pods", "pg-1") + "/status"), &status).await;
    }

    /// Makes the DynamicStorage `pg` with this block for its data volume.
    pub(crate) async fn storage(&self, block: Value) {
        let body = json!({
            "apiVersion": "headroom.dev/v1alpha1", "kind": "DynamicStorage", "metadata": {"name": "pg"},
            "spec": {"clusterRef": {"name": "pg"}, "storage": block},
        });
        self.tier.create(&self.path("dynamicstorages", ""), &body).await;
    }
}
