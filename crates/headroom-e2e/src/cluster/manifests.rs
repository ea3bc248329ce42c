//! The objects of a fixture.

use headroom_scenario::{
    Fixture, Kubelets,
    fixture::{BackupMode, PolicyFixture},
};
use serde_json::{Value, json};

use super::{lanes, window};

/// The Cluster and its DynamicStorage carry this name.
pub(crate) const NAME: &str = "pg";
/// The pod from which applications write.
pub(crate) const CLIENT: &str = "client";
/// The application's login. It is the fixture's, not the Cluster's: a restored Cluster keeps it.
const LOGIN: &str = "app-login";
/// The tablespace of fixtures that have one.
pub(crate) const TABLESPACE: &str = "idx";

/// What the cluster offers a fixture.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offer<'a> {
    /// The StorageClass.
    pub(crate) class: &'a str,
    /// `spec.imageName`; `None` leaves it to CloudNativePG.
    pub(crate) image: Option<&'a str>,
    /// The VolumeSnapshotClass, where there is one.
    pub(crate) snapshots: Option<&'a str>,
    /// The lane of nodes, where the scenario keeps to one.
    pub(crate) lane: Option<&'a str>,
}

/// The Secret with the application's login.
pub(crate) fn login() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": LOGIN},
        "type": "kubernetes.io/basic-auth",
        "stringData": {"username": "app", "password": "of-a-scenario"},
    })
}

/// The Cluster of a fixture.
pub(crate) fn cluster(fixture: &Fixture, offer: Offer<'_>) -> Value {
    let Offer { class, image, snapshots, lane } = offer;
    let volume = |size: headroom_core::Bytes| json!({"size": size.to_string(), "storageClass": class});
    let mut spec = json!({
        "instances": fixture.topology.instances(),
        "storage": volume(fixture.data),
        "bootstrap": {"initdb": {"database": "app", "owner": "app", "secret": {"name": LOGIN}, "dataChecksums": true}},
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
    if let Some(lane) = lane {
        spec["affinity"] = json!({"nodeSelector": {lanes::LABEL: lane}});
    }
    if let Some(size) = fixture.wal {
        spec["walStorage"] = volume(size);
        // A checkpoint on a full data volume stops the server: it comes when a scenario asks for it.
        spec["postgresql"]["parameters"]["max_wal_size"] = json!("1500MB");
        spec["postgresql"]["parameters"]["checkpoint_timeout"] = json!("30min");
    }
    if fixture.policy.shrink.is_some() {
        // Each copy waits for a checkpoint that is spread over nine tenths of this (docs/experiments-shrink.md).
        spec["postgresql"]["parameters"]["checkpoint_timeout"] = json!("30s");
    }
    if let Some(size) = fixture.tablespace {
        spec["tablespaces"] =
            json!([{"name": TABLESPACE, "owner": {"name": "app"}, "storage": volume(size)}]);
    }
    // A Backup to an object store needs one: the scenarios with one are the simulator's.
    if let Some(mode) = fixture.backups.filter(|mode| *mode != BackupMode::Store) {
        spec["backup"]["volumeSnapshot"] = json!({"online": mode == BackupMode::Online});
        if let Some(name) = snapshots {
            spec["backup"]["volumeSnapshot"]["className"] = json!(name);
        }
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

/// The Cluster of a fixture, recovered from the snapshots of a Backup (an object of CloudNativePG, completed).
pub(crate) fn restored(fixture: &Fixture, offer: Offer<'_>, backup: &Value) -> Value {
    let source =
        |name: &str| json!({"name": name, "kind": "VolumeSnapshot", "apiGroup": "snapshot.storage.k8s.io"});
    let elements = backup.pointer("/status/snapshotBackupStatus/elements").and_then(Value::as_array);
    let mut snapshots = json!({});
    for element in elements.into_iter().flatten() {
        let text = |key: &str| element.get(key).and_then(Value::as_str).unwrap_or("");
        match text("type") {
            "PG_DATA" => snapshots["storage"] = source(text("name")),
            "PG_WAL" => snapshots["walStorage"] = source(text("name")),
            "PG_TABLESPACE" => snapshots["tablespaceStorage"][text("tablespaceName")] = source(text("name")),
            _ => {}
        }
    }
    let mut cluster = cluster(fixture, offer);
    cluster["spec"]["bootstrap"] = json!({"recovery": {
        "volumeSnapshots": snapshots, "database": "app", "owner": "app", "secret": {"name": LOGIN},
    }});
    cluster
}

/// A Backup of the Cluster by volume snapshot.
pub(crate) fn backup(name: &str) -> Value {
    json!({
        "apiVersion": "postgresql.cnpg.io/v1",
        "kind": "Backup",
        "metadata": {"name": name},
        "spec": {"cluster": {"name": NAME}, "method": "volumeSnapshot"},
    })
}

/// The DynamicStorage of a fixture, made at `now` (Unix seconds) where kubelets measure so often.
pub(crate) fn dynamic_storage(fixture: &Fixture, now: i64, kubelets: Kubelets) -> Value {
    let block = || block(&fixture.policy, now, kubelets);
    let mut spec = json!({"clusterRef": {"name": NAME}, "storage": block()});
    if fixture.tablespace.is_some() {
        let mut tablespace = block();
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

fn block(policy: &PolicyFixture, now: i64, kubelets: Kubelets) -> Value {
    let mut block = json!({
        "limit": policy.limit.to_string(),
        "targetBuffer": policy.target_buffer,
        "emergencyGrow": {"enabled": true, "criticalThreshold": policy.critical_threshold},
        "budget": {"actionsPerDay": policy.budget.0, "reservedForEmergency": policy.budget.1},
    });
    if let Some(limit) = policy.emergency_limit {
        block["emergencyGrow"]["emergencyLimit"] = json!(limit.to_string());
    }
    if let Some(shrink) = policy.shrink {
        block["shrink"] = json!({
            "enabled": true,
            "stabilization": format!("{}m", shrink.stabilization.minutes(kubelets)),
            "surge": if shrink.surge { "Auto" } else { "Never" },
            "allowSwitchoverOnSingleInstance": shrink.allow_switchover,
        });
    }
    if let Some(window) = window::block(policy.window, now) {
        block["maintenanceWindow"] = window;
    }
    block
}

/// The pod from which applications write: the Cluster's own image, the application's login.
pub(crate) fn client(image: &str, lane: Option<&str>) -> Value {
    let nodes = lane.map_or(json!({}), |lane| json!({lanes::LABEL: lane}));
    let variable = |name: &str, key: &str| json!({"name": name, "valueFrom": {"secretKeyRef": {"name": LOGIN, "key": key}}});
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": CLIENT},
        "spec": {
            "restartPolicy": "Always",
            "nodeSelector": nodes,
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
                    {"name": "PGDATABASE", "value": "app"},
                ],
            }],
        },
    })
}

#[cfg(test)]
mod tests {
    use headroom_scenario::{Cell, Topology, catalogue};

    use super::*;

    const OFFER: Offer<'_> = Offer { class: "fast", image: None, snapshots: Some("snap"), lane: None };

    fn fixture(backups: Option<BackupMode>) -> Fixture {
        let cells = catalogue::select("p0_00_tablespace*", &[Topology::T2]);
        let Some(Cell::Scenario(scenario)) = cells.into_iter().next() else {
            unreachable!("the catalogue has a tablespace at T2")
        };
        Fixture { backups, ..scenario.fixture }
    }

    #[test]
    fn a_cluster_without_backups_has_no_backup_section_and_one_with_them_names_the_class() {
        assert_eq!(cluster(&fixture(None), OFFER)["spec"].get("backup"), None);
        let spec = &cluster(&fixture(Some(BackupMode::Offline)), OFFER)["spec"];
        assert_eq!(spec["backup"]["volumeSnapshot"], json!({"online": false, "className": "snap"}));
        assert_eq!(spec["storage"]["storageClass"], "fast");
    }

    #[test]
    fn a_scenario_in_a_lane_keeps_to_its_nodes() {
        let selector = json!({lanes::LABEL: "1"});
        let offer = Offer { lane: Some("1"), ..OFFER };
        assert_eq!(cluster(&fixture(None), offer)["spec"]["affinity"]["nodeSelector"], selector);
        assert_eq!(cluster(&fixture(None), OFFER)["spec"].get("affinity"), None);
        assert_eq!(client("image", Some("1"))["spec"]["nodeSelector"], selector);
        assert_eq!(client("image", None)["spec"]["nodeSelector"], json!({}));
    }

    #[test]
    fn a_restored_cluster_names_the_snapshot_of_each_volume_and_keeps_the_rest() {
        let backup = json!({"status": {"snapshotBackupStatus": {"elements": [
            {"name": "b-1", "type": "PG_DATA"},
            {"name": "b-1-tbs", "type": "PG_TABLESPACE", "tablespaceName": "idx"},
        ]}}});
        let fixture = fixture(None);
        let (plain, restored) = (cluster(&fixture, OFFER), restored(&fixture, OFFER, &backup));
        let recovery = &restored["spec"]["bootstrap"]["recovery"];
        assert_eq!(recovery["volumeSnapshots"]["storage"]["name"], "b-1");
        assert_eq!(recovery["volumeSnapshots"]["tablespaceStorage"]["idx"]["name"], "b-1-tbs");
        assert_eq!(recovery["volumeSnapshots"].get("walStorage"), None);
        assert_eq!(restored["spec"]["tablespaces"], plain["spec"]["tablespaces"]);
        assert_eq!(restored["spec"]["bootstrap"].get("initdb"), None);
    }
}
