//! The snapshot behind a claim's data source, found as external-provisioner finds it.

use kube::api::DynamicObject;
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Api, Client};
use serde_json::Value;

use crate::DRIVER_NAME;

/// API group of VolumeSnapshots.
pub(super) const GROUP: &str = "snapshot.storage.k8s.io";

/// The CSI snapshot id of a VolumeSnapshot; inside, why it is of no use yet.
///
/// # Errors
/// The cluster cannot be asked.
pub(super) async fn find(
    client: &Client,
    namespace: &str,
    name: &str,
) -> kube::Result<Result<String, String>> {
    let kind = |kind: &str| ApiResource::from_gvk(&GroupVersionKind::gvk(GROUP, "v1", kind));
    let snapshots = Api::<DynamicObject>::namespaced_with(client.clone(), namespace, &kind("VolumeSnapshot"));
    let Some(snapshot) = snapshots.get_opt(name).await? else {
        return Ok(Err(format!("snapshot {name} is not there")));
    };
    let Some(content) = content(&snapshot) else { return Ok(Err(format!("snapshot {name} is not bound"))) };
    let contents = Api::<DynamicObject>::all_with(client.clone(), &kind("VolumeSnapshotContent"));
    let content = contents.get_opt(content).await?;
    Ok(handle(&snapshot, content.as_ref()))
}

/// The VolumeSnapshotContent that a VolumeSnapshot is bound to.
fn content(snapshot: &DynamicObject) -> Option<&str> {
    text(&snapshot.data, "/status/boundVolumeSnapshotContentName")
}

/// The snapshot id, if both objects point to each other and the snapshot can be used.
fn handle(snapshot: &DynamicObject, content: Option<&DynamicObject>) -> Result<String, String> {
    let name = snapshot.metadata.name.as_deref().unwrap_or_default();
    if snapshot.metadata.deletion_timestamp.is_some() {
        return Err(format!("snapshot {name} is currently being deleted"));
    }
    let uid = snapshot.metadata.uid.as_deref();
    let bound = content.filter(|content| text(&content.data, "/spec/volumeSnapshotRef/uid") == uid);
    let Some(content) = bound else { return Err(format!("snapshot {name} is not bound")) };
    if text(&content.data, "/spec/driver") != Some(DRIVER_NAME) {
        return Err(format!("snapshot {name} is of another driver"));
    }
    if snapshot.data.pointer("/status/readyToUse") != Some(&Value::Bool(true)) {
        return Err(format!("snapshot {name} is not ready"));
    }
    let handle = text(&content.data, "/status/snapshotHandle").map(str::to_owned);
    handle.ok_or_else(|| format!("snapshot {name} has no handle"))
}

fn text<'a>(data: &'a Value, pointer: &str) -> Option<&'a str> {
    data.pointer(pointer)?.as_str()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    /// A snapshot that is ready, and its content, after a change.
    fn pair(change: impl FnOnce(&mut Value, &mut Value)) -> (DynamicObject, DynamicObject) {
        let mut snapshot = json!({
            "metadata": {"namespace": "default", "name": "s", "uid": "u-1"},
            "spec": {"source": {"persistentVolumeClaimName": "pg-1"}},
            "status": {"boundVolumeSnapshotContentName": "snapcontent-u-1", "readyToUse": true, "restoreSize": "1Gi"},
        });
        let mut content = json!({
            "metadata": {"name": "snapcontent-u-1"},
            "spec": {"driver": DRIVER_NAME, "volumeSnapshotRef": {"namespace": "default", "name": "s", "uid": "u-1"}},
            "status": {"snapshotHandle": "snapshot-u-1"},
        });
        change(&mut snapshot, &mut content);
        (serde_json::from_value(snapshot).unwrap(), serde_json::from_value(content).unwrap())
    }

    #[track_caller]
    fn check(expected: Result<&str, &str>, change: impl FnOnce(&mut Value, &mut Value)) {
        let (snapshot, content) = pair(change);
        let seen = handle(&snapshot, Some(&content));
        assert_eq!(seen.as_deref().map_err(String::as_str), expected);
    }

    #[test]
    fn a_snapshot_that_is_ready_and_bound_gives_its_handle() {
        check(Ok("snapshot-u-1"), |_, _| {});
        let (snapshot, _) = pair(|_, _| {});
        assert_eq!(content(&snapshot), Some("snapcontent-u-1"));
    }

    #[test]
    fn a_snapshot_of_no_use_says_why() {
        let (snapshot, _) = pair(|_, _| {});
        assert_eq!(handle(&snapshot, None), Err("snapshot s is not bound".to_owned()));
        check(Err("snapshot s is not bound"), |_, content| {
            content["spec"]["volumeSnapshotRef"]["uid"] = "u-2".into();
        });
        check(Err("snapshot s is of another driver"), |_, content| {
            content["spec"]["driver"] = "other".into();
        });
        check(Err("snapshot s is not ready"), |snapshot, _| snapshot["status"]["readyToUse"] = false.into());
        check(Err("snapshot s is not ready"), |snapshot, _| snapshot["status"]["readyToUse"] = Value::Null);
        check(Err("snapshot s has no handle"), |_, content| content["status"] = Value::Null);
        check(Err("snapshot s is currently being deleted"), |snapshot, _| {
            snapshot["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
        });
    }
}
