//! What the API server refuses that no volume tells of: requests about the Cluster, our own object, pods and Jobs.

use alloc::collections::BTreeSet;

use super::backoff::refuses;
use crate::{
    Observation, Span, Timestamp,
    names::Uid,
    observation::{Obstacle, ObstacleCause},
    report::ClusterVerdict,
};

/// What is still wanted is tried again after a minute at most: what was refused longer ago is wanted no more.
const TRIED_WITHIN: Span = Span::seconds(90);

/// The newest refusal that stands, and until when it is told. What the API server only puts off is not told, and of claims
/// that are to grow their volumes tell.
pub(super) fn refused(seen: &Observation, now: Timestamp) -> Option<(ClusterVerdict, Timestamp)> {
    let facts = seen.evidence.facts();
    let jobs = facts.into_iter().flat_map(|facts| &facts.jobs).map(|job| &job.id.uid);
    let pods = seen.members.values().filter_map(|member| member.pod.as_ref()).map(|pod| &pod.id.uid);
    let known: BTreeSet<&Uid> =
        [&seen.cluster.id.uid, &seen.storage.id.uid].into_iter().chain(pods).chain(jobs).collect();
    let stands = |obstacle: &&Obstacle| {
        let unclear = obstacle.cause == ObstacleCause::Unknown;
        (refuses(obstacle.cause) || unclear) && obstacle.at.plus(TRIED_WITHIN) > now
    };
    let obstacles = seen.evidence.obstacles.iter().filter(|(uid, _)| known.contains(uid));
    let newest = obstacles.map(|(_, obstacle)| obstacle).filter(stands).max_by_key(|obstacle| obstacle.at)?;
    let verdict = ClusterVerdict::Refused { cause: newest.cause, words: newest.words.clone() };
    Some((verdict, newest.at.plus(TRIED_WITHIN)))
}
