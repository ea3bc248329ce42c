//! Which uses of a volume are possible: XFS, mounted, by one node at a time.

use tonic::Status;

use crate::generated::csi::VolumeCapability;
use crate::generated::csi::volume_capability::access_mode::Mode;
use crate::generated::csi::volume_capability::{AccessMode, AccessType, MountVolume};

/// Checks one capability and gives its mount part.
///
/// # Errors
/// What is not possible, as one sentence. Which status code that makes depends on the call.
pub(crate) fn check(capability: &VolumeCapability) -> Result<&MountVolume, String> {
    let mode = capability.access_mode.as_ref().map_or(Mode::Unknown, AccessMode::mode);
    match mode {
        Mode::SingleNodeWriter
        | Mode::SingleNodeReaderOnly
        | Mode::SingleNodeSingleWriter
        | Mode::SingleNodeMultiWriter => {}
        Mode::MultiNodeReaderOnly | Mode::MultiNodeSingleWriter | Mode::MultiNodeMultiWriter => {
            return Err(format!("access mode {}: volumes are for one node at a time", mode.as_str_name()));
        }
        Mode::Unknown => return Err("the capability has no access mode".to_owned()),
    }
    match &capability.access_type {
        Some(AccessType::Mount(mount)) if matches!(mount.fs_type.as_str(), "" | "xfs") => Ok(mount),
        Some(AccessType::Mount(mount)) => Err(format!("file system {}: volumes hold XFS", mount.fs_type)),
        Some(AccessType::Block(_)) => Err("block access: volumes are mounted file systems".to_owned()),
        None => Err("the capability has no access type".to_owned()),
    }
}

/// The capability of a request that must have one.
///
/// # Errors
/// `INVALID_ARGUMENT`: it is missing or not possible.
pub(crate) fn require(capability: Option<&VolumeCapability>) -> Result<&MountVolume, Status> {
    let capability = capability.ok_or_else(|| Status::invalid_argument("volume_capability is missing"))?;
    check(capability).map_err(Status::invalid_argument)
}
