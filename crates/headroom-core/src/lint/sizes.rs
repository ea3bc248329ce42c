//! Sizes in the Cluster's spec: upward, and to no more than what the claims have.

use super::Case;
use crate::{Action, policy::ClusterSizeSync};

pub(super) fn check(case: &mut Case<'_>) {
    let (seen, decision) = (case.seen, case.decision);
    for action in &decision.actions {
        let Action::RaiseClusterSizes(raise) = action else { continue };
        case.require(case.policy.sync != ClusterSizeSync::Never, "ClusterSizeUnwanted");
        case.require(raise.cluster == seen.cluster.id && !raise.sizes.is_empty(), "WrongCluster");
        for (volume, size) in &raise.sizes {
            let declared = seen.cluster.volumes.get(volume).and_then(|spec| spec.size);
            case.require(declared.is_some_and(|declared| declared < *size), "ClusterSizeLowered");
            let recorded = decision.record.volumes.get(volume).map(|record| record.effective);
            let has = seen
                .members
                .values()
                .filter_map(|member| member.claims.get(volume)?.capacity)
                .chain(recorded)
                .max();
            case.require(has.is_some_and(|has| *size <= has), "ClusterSizeAbove");
        }
    }
}
