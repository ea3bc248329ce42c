//! PersistentVolumes: how they are made and when they end.

use k8s_openapi::api::core::v1::{
    CSIPersistentVolumeSource, ObjectReference, PersistentVolume, PersistentVolumeClaim, PersistentVolumeSpec,
};
use k8s_openapi::api::storage::v1::StorageClass;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;
use serde_json::{Value, json};

use super::claim;
use crate::DRIVER_NAME;
use crate::generated::csi::Volume;

/// Names the provisioner of a PersistentVolume; kube-controller-manager leaves such volumes to it.
const PROVISIONED_BY: &str = "pv.kubernetes.io/provisioned-by";

/// Keeps the PersistentVolume until its volume is deleted, also when someone deletes the PersistentVolume first
/// (KEP-2644).
const FINALIZER: &str = "external-provisioner.volume.kubernetes.io/finalizer";

/// The PersistentVolume of a claim. Without node affinity: the volume can be used on every node.
pub(super) fn of(claim: &PersistentVolumeClaim, class: &StorageClass, volume: &Volume) -> PersistentVolume {
    let spec = claim.spec.clone().unwrap_or_default();
    let source = CSIPersistentVolumeSource {
        driver: DRIVER_NAME.to_owned(),
        volume_handle: volume.volume_id.clone(),
        fs_type: Some("xfs".to_owned()),
        ..Default::default()
    };
    PersistentVolume {
        metadata: ObjectMeta {
            name: claim::volume_name(claim),
            annotations: Some([(PROVISIONED_BY.to_owned(), DRIVER_NAME.to_owned())].into()),
            finalizers: Some(vec![FINALIZER.to_owned()]),
            ..Default::default()
        },
        spec: Some(PersistentVolumeSpec {
            access_modes: spec.access_modes,
            capacity: Some([("storage".to_owned(), quantity(volume.capacity_bytes))].into()),
            claim_ref: Some(ObjectReference {
                api_version: Some("v1".to_owned()),
                kind: Some("PersistentVolumeClaim".to_owned()),
                namespace: claim.namespace(),
                name: claim.metadata.name.clone(),
                uid: claim.metadata.uid.clone(),
                resource_version: claim.metadata.resource_version.clone(),
                ..Default::default()
            }),
            csi: Some(source),
            mount_options: class.mount_options.clone(),
            // The default of the StorageClass API.
            persistent_volume_reclaim_policy: class.reclaim_policy.clone().or(Some("Delete".to_owned())),
            storage_class_name: class.metadata.name.clone(),
            volume_mode: Some("Filesystem".to_owned()),
            ..Default::default()
        }),
        status: None,
    }
}

/// A size as people write it: `10Gi` where that is exact.
fn quantity(bytes: i64) -> Quantity {
    let units = [("Gi", 1_i64 << 30), ("Mi", 1 << 20), ("Ki", 1 << 10)];
    let exact = units.into_iter().find(|(_, unit)| bytes % unit == 0 && bytes > 0);
    Quantity(exact.map_or_else(|| bytes.to_string(), |(suffix, unit)| format!("{}{suffix}", bytes / unit)))
}

/// The volume handle of a PersistentVolume that this driver provisioned.
pub(super) fn handle_if_ours(volume: &PersistentVolume) -> Option<&str> {
    let ours = volume.annotations().get(PROVISIONED_BY).is_some_and(|by| by == DRIVER_NAME);
    let source = volume.spec.as_ref()?.csi.as_ref()?;
    Some(source.volume_handle.as_str()).filter(|_| ours && source.driver == DRIVER_NAME)
}

/// Whether and how a PersistentVolume ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// It stays.
    No,
    /// It goes and its volume goes before it.
    WithVolume,
    /// It goes and its volume stays (policy Retain).
    WithoutVolume,
}

/// What is to be done with a PersistentVolume of this driver.
pub(super) fn ending(volume: &PersistentVolume) -> Ending {
    let phase = volume.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default();
    let policy = volume.spec.as_ref().and_then(|spec| spec.persistent_volume_reclaim_policy.as_deref());
    let with_volume = policy == Some("Delete");
    let condemned = volume.metadata.deletion_timestamp.is_some();
    let unused = matches!(phase, "Released" | "Failed" | "Available");
    match (condemned, with_volume) {
        // A claim uses it, or nobody knows; its protection will end first.
        (true, _) if !unused => Ending::No,
        (true, true) => Ending::WithVolume,
        (true, false) => Ending::WithoutVolume,
        (false, true) if phase == "Released" => Ending::WithVolume,
        (false, _) => Ending::No,
    }
}

/// The merge patch that takes our finalizer off, if it is there. It holds only for the version that was seen.
pub(super) fn without_finalizer(volume: &PersistentVolume) -> Option<Value> {
    let finalizers = volume.finalizers();
    let rest: Vec<_> = finalizers.iter().filter(|finalizer| *finalizer != FINALIZER).collect();
    let version = &volume.metadata.resource_version;
    (rest.len() < finalizers.len())
        .then(|| json!({ "metadata": { "finalizers": rest, "resourceVersion": version } }))
}

#[cfg(test)]
#[path = "persistent_volume_tests.rs"]
mod tests;
