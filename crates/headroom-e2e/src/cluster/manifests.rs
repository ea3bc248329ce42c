//! The objects of a fixture.

use headroom_scenario::{Fixture, fixture::PolicyFixture};
use serde_json::{Value, json};

use super::window;

/// The Cluster and its DynamicStorage carry this name.
pub(crate) const NAME: &str = "pg";
/// The pod from which applications write.
pub(crate) const CLIENT: &str = "client";
/// The tablespace of fixtures that have one.
pub(crate) const TABLESPACE: &str = "idx";

/// The Cluster of a fixture.
pub(crate) fn cluster(fixture: &Fixture, class: &str, image: Option<&str>) -> Value {
    let volume = |size: headroom_core::Bytes| json!({"size": size.to_string(), "storageClass": class});
    let mut spec = json!({
        "instances": fixture.topology.instances(),
        "storage": volume(fixture.data),
        "bootstrap": {"initdb": {"database": "app", "owner": "app", "dataChecksums": true}},
        "resources": {"requests": {"cpu": "20m", "memory": "100Mi"}},
        // A replica keeps WAL for the slots of its siblings until it has copied their positions: by default for 30 s,
        // in which a fill writes more than these volumes hold.
        "replicationSlots": {"updateInterval": 1},
        "postgresql": {"parameters": {
            // Volumes are small here: what WAL may keep must be small too, or it alone fills them.
            "max_wal_size": "96MB",
            "min_wal_size": "32MB",
            "wal_keep_size": "0",
            "archive_timeout": "0",
            "checkpoint_timeout": "5min",
            "shared_buffers": "32MB",
        }},
    });
    if let Some(image) = image {
        spec["imageName"] = json!(image);
    }
    if let Some(size) = fixture.wal {
        spec["walStorage"] = volume(size);
        // A checkpoint on a full data volume stops the server: it comes when a scenario asks for it.
        spec["postgresql"]["parameters"]["max_wal_size"] = json!("1500MB");
        spec["postgresql"]["parameters"]["checkpoint_timeout"] = json!("30min");
    }
    if let Some(size) = fixture.tablespace {
        spec["tablespaces"] =
            json!([{"name": TABLESPACE, "owner": {"name": "app"}, "storage": volume(size)}]);
    }
    if !fixture.enable_pdb {
        spec["enablePDB"] = json!(false);
    }
    if fixture.supervised {
        spec["primaryUpdateStrategy"] = json!("supervised");
    }
    if fixture.synchronous > 0 {
        spec["postgresql"]["synchronous"] =
            json!({"method": "any", "number": fixture.synchronous, "dataDurability": "required"});
    }
    json!({
        "apiVersion": "postgresql.cnpg.io/v1",
        "kind": "Cluster",
        "metadata": {"name": NAME},
        "spec": spec,
    })
}

/// The DynamicStorage of a fixture, made at `now` (Unix seconds).
pub(crate) fn dynamic_storage(fixture: &Fixture, now: i64) -> Value {
    let mut spec = json!({"clusterRef": {"name": NAME}, "storage": block(&fixture.policy, now)});
    if fixture.tablespace.is_some() {
        let mut tablespace = block(&fixture.policy, now);
        tablespace["name"] = json!(TABLESPACE);
        spec["tablespaces"] = json!([tablespace]);
    }
    json!({
        "apiVersion": "headroom.dev/v1alpha1",
        "kind": "DynamicStorage",
        "metadata": {"name": NAME},
        "spec": spec,
    })
}

fn block(policy: &PolicyFixture, now: i64) -> Value {
    let mut block = json!({
        "limit": policy.limit.to_string(),
        "targetBuffer": policy.target_buffer,
        "emergencyGrow": {"enabled": true, "criticalThreshold": policy.critical_threshold},
        "budget": {"actionsPerDay": policy.budget.0, "reservedForEmergency": policy.budget.1},
    });
    if let Some(limit) = policy.emergency_limit {
        block["emergencyGrow"]["emergencyLimit"] = json!(limit.to_string());
    }
    if let Some(window) = window::block(policy.window, now) {
        block["maintenanceWindow"] = window;
    }
    block
}

/// The pod from which applications write: the Cluster's own image, its application secret.
pub(crate) fn client(image: &str) -> Value {
    let variable = |name: &str, key: &str| json!({"name": name, "valueFrom": {"secretKeyRef": {"name": format!("{NAME}-app"), "key": key}}});
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": CLIENT},
        "spec": {
            "restartPolicy": "Always",
            "terminationGracePeriodSeconds": 0,
            "automountServiceAccountToken": false,
            "securityContext": {"runAsNonRoot": true, "runAsUser": 26, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{
                "name": CLIENT,
                "image": image,
                "imagePullPolicy": "IfNotPresent",
                "command": ["sleep", "infinity"],
                "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
                "env": [
                    {"name": "PGHOST", "value": format!("{NAME}-rw")},
                    {"name": "PGCONNECT_TIMEOUT", "value": "2"},
                    variable("PGUSER", "username"),
                    variable("PGPASSWORD", "password"),
                    variable("PGDATABASE", "dbname"),
                ],
            }],
        },
    })
}
