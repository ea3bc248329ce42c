#![allow(clippy::unwrap_used, clippy::panic)]

use serde_json::{Value, json};

use super::*;

fn claim(change: impl FnOnce(&mut Value)) -> PersistentVolumeClaim {
    let mut claim = json!({
        "metadata": {
            "namespace": "default",
            "name": "pg-1",
            "uid": "u-1",
            "annotations": {
                "volume.beta.kubernetes.io/storage-provisioner": DRIVER_NAME,
                "volume.kubernetes.io/storage-provisioner": DRIVER_NAME,
            },
        },
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
            "storageClassName": "headroom-lab",
            "volumeMode": "Filesystem",
        },
        "status": {"phase": "Pending"},
    });
    change(&mut claim);
    serde_json::from_value(claim).unwrap()
}

fn class(binding: &str) -> StorageClass {
    let class = json!({
        "metadata": {"name": "headroom-lab"},
        "provisioner": DRIVER_NAME,
        "volumeBindingMode": binding,
        "mountOptions": ["noatime"],
    });
    serde_json::from_value(class).unwrap()
}

#[track_caller]
fn check_ours(expected: Option<&str>, change: impl FnOnce(&mut Value)) {
    assert_eq!(class_if_ours(&claim(change)), expected);
}

#[test]
fn a_claim_is_ours_when_its_annotation_names_the_driver_and_it_waits() {
    check_ours(Some("headroom-lab"), |_| {});
    check_ours(Some("headroom-lab"), |claim| claim["spec"]["volumeName"] = "".into());
    check_ours(None, |claim| claim["spec"]["volumeName"] = "pvc-u-1".into());
    check_ours(None, |claim| claim["metadata"]["annotations"] = json!({}));
    check_ours(None, |claim| claim["metadata"]["annotations"][PROVISIONER] = "other".into());
    check_ours(None, |claim| claim["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into());
    check_ours(None, |claim| claim["spec"]["storageClassName"] = Value::Null);
}

/// What the claim is due for, after a change.
#[track_caller]
fn wanted(change: impl FnOnce(&mut Value)) -> Wanted {
    match due(&claim(change), &class("Immediate")) {
        Due::Yes(wanted) => *wanted,
        other @ (Due::No | Due::Never(_)) => panic!("{other:?}"),
    }
}

#[test]
fn a_snapshot_is_named_by_either_field() {
    let source = json!({"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": "s"});
    for fields in [&["dataSource"][..], &["dataSourceRef"], &["dataSource", "dataSourceRef"]] {
        let wanted = wanted(|claim| {
            for field in fields {
                claim["spec"][*field] = source.clone();
            }
        });
        assert_eq!(wanted.snapshot.as_deref(), Some("s"), "{fields:?}");
    }
    let here = json!({"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": "s", "namespace": "default"});
    assert_eq!(wanted(|claim| claim["spec"]["dataSourceRef"] = here).snapshot.as_deref(), Some("s"));
}

#[test]
fn the_request_names_size_claim_and_mount_options() {
    let limits = json!({"requests": {"storage": "1536Mi"}, "limits": {"storage": "2Gi"}});
    let Wanted { request, snapshot } = wanted(|claim| claim["spec"]["resources"] = limits);
    assert_eq!((snapshot, &request.volume_content_source), (None, &None));
    assert_eq!(request.name, "pvc-u-1");
    assert_eq!(request.capacity_range, Some(CapacityRange { required_bytes: 3 << 29, limit_bytes: 2 << 30 }));
    assert_eq!(request.parameters[CLAIM_NAMESPACE], "default");
    assert_eq!(request.parameters[CLAIM_NAME], "pg-1");
    let [capability] = request.volume_capabilities.as_slice() else { panic!("one access mode") };
    assert_eq!(
        crate::capability::check(capability).map(|mount| mount.mount_flags.as_slice()),
        Ok(["noatime".to_owned()].as_slice())
    );
}

#[test]
fn a_class_that_waits_for_its_first_consumer_is_due_with_a_node() {
    assert_eq!(due(&claim(|_| {}), &class("WaitForFirstConsumer")), Due::No);
    let selected = claim(|claim| claim["metadata"]["annotations"][SELECTED_NODE] = "n1".into());
    assert!(matches!(due(&selected, &class("WaitForFirstConsumer")), Due::Yes(_)));
}

#[track_caller]
fn check_never(why: &str, change: impl FnOnce(&mut Value)) {
    match due(&claim(change), &class("Immediate")) {
        Due::Never(said) => assert!(said.contains(why), "{said}"),
        other @ (Due::No | Due::Yes(_)) => panic!("{other:?}"),
    }
}

#[test]
fn what_a_volume_cannot_be_is_never_due() {
    check_never("data source is a PersistentVolumeClaim", |claim| {
        claim["spec"]["dataSource"] = json!({"kind": "PersistentVolumeClaim", "name": "s"});
    });
    check_never("data source is a Any", |claim| {
        claim["spec"]["dataSourceRef"] =
            json!({"apiGroup": "snapshot.storage.k8s.io", "kind": "Any", "name": "s"});
    });
    check_never("another namespace", |claim| {
        let source = json!({"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": "s", "namespace": "other"});
        claim["spec"]["dataSourceRef"] = source;
    });
    check_never("volumeMode Block", |claim| claim["spec"]["volumeMode"] = "Block".into());
    check_never("ReadWriteMany", |claim| claim["spec"]["accessModes"] = json!(["ReadWriteMany"]));
    check_never("requests no storage", |claim| claim["spec"]["resources"] = json!({}));
    check_never("is no size", |claim| claim["spec"]["resources"]["requests"]["storage"] = "16Ei".into());
}
