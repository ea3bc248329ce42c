//! The admission policy of `deploy/size-at-birth` as the API server runs it (experiments G10): it reads what our object's
//! status and spec *say*, and fails open.

use headroom_api::v1alpha1::{Mode, VolumeSpec};

use super::{
    custom::Custom,
    object::{Claim, Volume},
    size_of,
};

/// The size that one DynamicStorage gives to a claim about to be stored, where that is larger than what it requests.
pub(super) fn size(custom: &Custom, claim: &Claim) -> Option<u64> {
    if custom.meta.name != claim.cluster || custom.meta.deleting || custom.spec.mode != Mode::Apply {
        return None;
    }
    let sizing = custom.status.as_ref()?.storage_sizing.as_ref()?;
    let (recorded, rules) = match &claim.volume {
        Volume::Data => (sizing.data.as_ref()?, &custom.spec.storage),
        Volume::Tablespace(name) => {
            let recorded = sizing.tablespaces.iter().find(|tablespace| *tablespace.name == **name)?;
            let rules = custom.spec.tablespaces.iter().find(|tablespace| *tablespace.name == **name)?;
            (&recorded.volume, &rules.volume)
        }
        // Its objectSelector leaves WAL volumes out.
        Volume::Wal => return None,
    };
    let recorded = recorded.size_at_birth.as_deref().or(recorded.effective_size.as_deref());
    let effective = size_of(recorded?)?;
    Some(effective.min(ceiling(rules)?)).filter(|size| *size > claim.requested)
}

/// What the spec allows at most.
fn ceiling(rules: &VolumeSpec) -> Option<u64> {
    let emergency = rules.emergency_grow.emergency_limit.as_ref().filter(|_| rules.emergency_grow.enabled);
    size_of(&emergency.unwrap_or(&rules.limit).to_string())
}
