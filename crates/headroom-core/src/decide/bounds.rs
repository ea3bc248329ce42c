//! Floor and ceiling of a volume (design §4).

use crate::{Bytes, observation::VolumeSpecSeen, policy::VolumePolicy};

/// `lo = max(request, Cluster size)`, `hi = max(limit, lo)`: never an inverted range, whatever the Cluster says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// The floor that the user asks for; the Cluster's own size is CNPG's to reach.
    pub(super) request: Option<Bytes>,
    /// No shrink goes below it: the larger of `request` and the Cluster's own size.
    pub(super) low: Bytes,
    /// Planned growth ends here.
    pub(super) high: Bytes,
    /// Emergency growth ends here.
    pub(super) emergency: Bytes,
    /// The Cluster's size when that is above `limit`: no planned growth by us, never a fight with CNPG.
    pub(super) cluster_above: Option<Bytes>,
}

/// The bounds of one volume.
pub(super) fn bounds(policy: &VolumePolicy, spec: &VolumeSpecSeen) -> Bounds {
    let low = policy.request.max(spec.size).unwrap_or(Bytes::ZERO);
    let high = policy.limit.max(low);
    let emergency =
        policy.emergency.limit.filter(|_| policy.emergency.enabled).map_or(high, |limit| limit.max(high));
    Bounds {
        request: policy.request,
        low,
        high,
        emergency,
        cluster_above: spec.size.filter(|size| *size > policy.limit),
    }
}
