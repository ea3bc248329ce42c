//! Which claims are due for a volume, and what is asked for them.

use std::collections::HashMap;

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use k8s_openapi::api::storage::v1::StorageClass;
use kube::ResourceExt;

use super::{quantity, snapshot};
use crate::DRIVER_NAME;
use crate::controller::{CLAIM_NAME, CLAIM_NAMESPACE};
use crate::generated::csi::volume_capability::access_mode::Mode;
use crate::generated::csi::volume_capability::{AccessMode, AccessType, MountVolume};
use crate::generated::csi::{CapacityRange, CreateVolumeRequest, VolumeCapability};

/// Set by kube-controller-manager on a claim that a CSI driver shall provision. The beta name is set beside it.
const PROVISIONER: &str = "volume.kubernetes.io/storage-provisioner";

/// Set by the scheduler on a claim of a `WaitForFirstConsumer` class.
const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";

/// Whether a claim shall get a volume now.
#[derive(Debug, PartialEq)]
pub(super) enum Due {
    /// Not now; the claim will change first.
    No,
    /// Not as it is written, for this reason.
    Never(String),
    /// With this request.
    Yes(Box<Wanted>),
}

/// What is asked for a claim.
#[derive(Debug, PartialEq)]
pub(super) struct Wanted {
    /// The request, without a source.
    pub(super) request: CreateVolumeRequest,
    /// Name of the VolumeSnapshot, in the claim's namespace, that the volume starts from.
    pub(super) snapshot: Option<String>,
}

/// The StorageClass of a claim that waits for this driver.
pub(super) fn class_if_ours(claim: &PersistentVolumeClaim) -> Option<&str> {
    let spec = claim.spec.as_ref()?;
    let bound = spec.volume_name.as_ref().is_some_and(|name| !name.is_empty());
    let ours = claim.annotations().get(PROVISIONER).is_some_and(|driver| driver == DRIVER_NAME);
    let stays = claim.metadata.deletion_timestamp.is_none();
    spec.storage_class_name.as_deref().filter(|_| ours && stays && !bound)
}

/// What a claim of this class is due for.
pub(super) fn due(claim: &PersistentVolumeClaim, class: &StorageClass) -> Due {
    let waits = class.volume_binding_mode.as_deref() == Some("WaitForFirstConsumer");
    if waits && !claim.annotations().contains_key(SELECTED_NODE) {
        return Due::No;
    }
    match source(claim).and_then(|snapshot| Ok(Wanted { request: request(claim, class)?, snapshot })) {
        Ok(wanted) => Due::Yes(Box::new(wanted)),
        Err(why) => Due::Never(why),
    }
}

/// The VolumeSnapshot that a claim names as its source. The apiserver fills in `dataSourceRef` where only `dataSource` was
/// given.
fn source(claim: &PersistentVolumeClaim) -> Result<Option<String>, String> {
    let Some(spec) = &claim.spec else { return Ok(None) };
    let (group, kind, name) = match (&spec.data_source_ref, &spec.data_source) {
        (Some(source), _) if source.namespace.is_some() && source.namespace != claim.namespace() => {
            return Err("the claim's data source is in another namespace".to_owned());
        }
        (Some(source), _) => (source.api_group.as_deref(), &source.kind, &source.name),
        (None, Some(source)) => (source.api_group.as_deref(), &source.kind, &source.name),
        (None, None) => return Ok(None),
    };
    if group == Some(snapshot::GROUP) && kind == "VolumeSnapshot" {
        return Ok(Some(name.clone()));
    }
    Err(format!(
        "the claim's data source is a {kind}; volumes of this driver start empty or from a VolumeSnapshot"
    ))
}

fn request(claim: &PersistentVolumeClaim, class: &StorageClass) -> Result<CreateVolumeRequest, String> {
    let spec = claim.spec.as_ref().ok_or("the claim has no spec")?;
    if spec.volume_mode.as_deref() == Some("Block") {
        return Err("volumeMode Block: volumes of this driver are file systems".to_owned());
    }
    let resources = spec.resources.as_ref();
    let bytes = |quantity: Option<&k8s_openapi::apimachinery::pkg::api::resource::Quantity>| {
        quantity.map(|quantity| quantity::bytes(&quantity.0)).transpose()
    };
    let requests = resources.and_then(|resources| resources.requests.as_ref()?.get("storage"));
    let limits = resources.and_then(|resources| resources.limits.as_ref()?.get("storage"));
    let required_bytes = bytes(requests)?.ok_or("the claim requests no storage")?;
    let limit_bytes = bytes(limits)?.unwrap_or(0);

    let flags = class.mount_options.clone().unwrap_or_default();
    let modes = spec.access_modes.iter().flatten();
    let capabilities = modes.map(|mode| Ok(capability(access_mode(mode)?, &flags)));
    let mut parameters: HashMap<String, String> =
        class.parameters.clone().unwrap_or_default().into_iter().collect();
    parameters.insert(CLAIM_NAMESPACE.to_owned(), claim.namespace().unwrap_or_default());
    parameters.insert(CLAIM_NAME.to_owned(), claim.name_any());
    Ok(CreateVolumeRequest {
        name: volume_name(claim).ok_or("the claim has no uid")?,
        capacity_range: Some(CapacityRange { required_bytes, limit_bytes }),
        volume_capabilities: capabilities.collect::<Result<_, String>>()?,
        parameters,
        ..Default::default()
    })
}

/// The name of a claim's PersistentVolume, as external-provisioner gives it.
pub(super) fn volume_name(claim: &PersistentVolumeClaim) -> Option<String> {
    claim.metadata.uid.as_ref().map(|uid| format!("pvc-{uid}"))
}

fn access_mode(mode: &str) -> Result<Mode, String> {
    match mode {
        "ReadWriteOnce" => Ok(Mode::SingleNodeWriter),
        "ReadWriteOncePod" => Ok(Mode::SingleNodeSingleWriter),
        other => Err(format!("access mode {other}: volumes of this driver are for one node at a time")),
    }
}

fn capability(mode: Mode, mount_flags: &[String]) -> VolumeCapability {
    let mount = MountVolume {
        fs_type: "xfs".to_owned(),
        mount_flags: mount_flags.to_vec(),
        ..MountVolume::default()
    };
    VolumeCapability {
        access_mode: Some(AccessMode { mode: mode.into() }),
        access_type: Some(AccessType::Mount(mount)),
    }
}

#[cfg(test)]
#[path = "claim_tests.rs"]
mod tests;
