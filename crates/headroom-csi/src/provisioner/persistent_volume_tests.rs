#![allow(clippy::unwrap_used)]

use super::*;

fn made(bytes: i64) -> PersistentVolume {
    let claim = json!({
        "metadata": {"namespace": "default", "name": "pg-1", "uid": "u-1", "resourceVersion": "7"},
        "spec": {"accessModes": ["ReadWriteOnce"]},
    });
    let class = json!({
        "metadata": {"name": "headroom-lab"},
        "provisioner": DRIVER_NAME,
        "reclaimPolicy": "Retain",
        "mountOptions": ["noatime"],
    });
    let volume = Volume { capacity_bytes: bytes, volume_id: "pvc-u-1".into(), ..Default::default() };
    of(&serde_json::from_value(claim).unwrap(), &serde_json::from_value(class).unwrap(), &volume)
}

#[test]
fn a_persistent_volume_points_to_its_claim_and_its_volume_and_to_no_node() {
    let expected = json!({
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {
            "name": "pvc-u-1",
            "annotations": {"pv.kubernetes.io/provisioned-by": DRIVER_NAME},
            "finalizers": ["external-provisioner.volume.kubernetes.io/finalizer"],
        },
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "capacity": {"storage": "1Gi"},
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "namespace": "default",
                "name": "pg-1",
                "uid": "u-1",
                "resourceVersion": "7",
            },
            "csi": {"driver": DRIVER_NAME, "volumeHandle": "pvc-u-1", "fsType": "xfs"},
            "mountOptions": ["noatime"],
            "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": "headroom-lab",
            "volumeMode": "Filesystem",
        },
    });
    assert_eq!(serde_json::to_value(made(1 << 30)).unwrap(), expected);
}

#[test]
fn sizes_are_written_exactly() {
    for (bytes, text) in
        [(10 << 30, "10Gi"), (1536 << 20, "1536Mi"), ((1 << 30) + 4096, "1048580Ki"), (5, "5")]
    {
        assert_eq!(made(bytes).spec.unwrap().capacity.unwrap()["storage"].0, text);
    }
}

#[test]
fn only_volumes_that_this_driver_provisioned_are_ours() {
    assert_eq!(handle_if_ours(&made(1)), Some("pvc-u-1"));
    let mut by_hand = made(1);
    by_hand.metadata.annotations = None;
    assert_eq!(handle_if_ours(&by_hand), None);
    let mut other = made(1);
    other.spec.as_mut().unwrap().csi.as_mut().unwrap().driver = "other".into();
    assert_eq!(handle_if_ours(&other), None);
}

#[track_caller]
fn check(phase: &str, policy: &str, condemned: bool, expected: Ending) {
    let mut volume = made(1);
    volume.status = serde_json::from_value(json!({ "phase": phase })).unwrap();
    volume.spec.as_mut().unwrap().persistent_volume_reclaim_policy = Some(policy.into());
    if condemned {
        volume.metadata.deletion_timestamp = serde_json::from_value(json!("2026-01-01T00:00:00Z")).unwrap();
    }
    assert_eq!(ending(&volume), expected, "{phase} {policy} {condemned}");
}

#[test]
fn a_released_volume_ends_as_its_policy_says() {
    check("Released", "Delete", false, Ending::WithVolume);
    check("Released", "Retain", false, Ending::No);
    for phase in ["Pending", "Available", "Bound", "Failed"] {
        check(phase, "Delete", false, Ending::No);
    }
}

#[test]
fn a_volume_deleted_by_hand_ends_when_no_claim_uses_it() {
    for phase in ["Pending", "Bound", ""] {
        check(phase, "Delete", true, Ending::No);
    }
    for phase in ["Available", "Released", "Failed"] {
        check(phase, "Delete", true, Ending::WithVolume);
        check(phase, "Retain", true, Ending::WithoutVolume);
    }
}

#[test]
fn the_finalizer_is_taken_off_and_others_stay() {
    let mut volume = made(1);
    volume.metadata.finalizers.as_mut().unwrap().push("kubernetes.io/pv-protection".into());
    volume.metadata.resource_version = Some("9".into());
    let patch = json!({"metadata": {"finalizers": ["kubernetes.io/pv-protection"], "resourceVersion": "9"}});
    assert_eq!(without_finalizer(&volume), Some(patch));
    volume.metadata.finalizers = None;
    assert_eq!(without_finalizer(&volume), None);
}
