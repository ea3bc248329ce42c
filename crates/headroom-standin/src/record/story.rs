//! The stories, as data.

use anyhow::{Context as _, Result};
use headroom_sim::model::object::UNRECOVERABLE;

/// One thing that is asked of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// Creates the Cluster with so many instances.
    Create(u32),
    /// Changes the number of instances.
    Scale(u32),
    /// Raises the size in the spec from 1Gi to 2Gi.
    RaiseSpec,
    /// Raises these claims from 1Gi to 2Gi.
    RaiseClaims(&'static [&'static str]),
    /// Asks for a switchover, as `kubectl cnpg promote` does.
    Promote(&'static str),
    /// Deletes a pod.
    DeletePod(&'static str),
    /// Deletes the claims and the pod of an instance, as `kubectl cnpg destroy` does.
    Destroy(&'static str),
    /// Marks an instance as one to be made anew.
    Condemn(&'static str),
    /// Deletes the Job that joins an instance, and its pods with it.
    DeleteJoin(&'static str),
    /// Deletes a claim.
    DeleteClaim(&'static str),
    /// Fills the data volume of pg-1 until its server has stopped.
    Fill,
}

impl Act {
    /// What the recording says of it; the words that the replay on the model knows.
    pub(super) fn marker(self) -> String {
        match self {
            Self::Create(instances) => format!("create Cluster pg instances={instances} storage.size=1Gi"),
            Self::Scale(instances) => format!("patch Cluster spec.instances={instances}"),
            Self::RaiseSpec => "patch Cluster spec.storage.size 1Gi->2Gi".to_owned(),
            Self::RaiseClaims(claims) => format!("patch PVC {} request 1Gi->2Gi", claims.join(" and ")),
            Self::Promote(instance) => format!("kubectl cnpg promote pg {instance}"),
            Self::DeletePod(pod) => format!("delete Pod {pod}"),
            Self::Destroy(instance) => format!("kubectl cnpg destroy pg {instance}"),
            Self::Condemn(instance) => format!("annotate Pod {instance} {UNRECOVERABLE}=true"),
            Self::DeleteJoin(instance) => format!("kubectl delete job {instance}-join"),
            Self::DeleteClaim(claim) => format!("kubectl delete pvc {claim}"),
            Self::Fill => {
                "fill the data volume of primary pg-1 to 0 bytes free, then write WAL until the server stops"
                    .to_owned()
            }
        }
    }
}

/// A part of a story.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Do this.
    Do(Act),
    /// Wait until the Cluster is healthy and whole, nothing is being resized, and nothing changes any more.
    Settle,
    /// Wait until a server has stopped for want of space.
    Full,
    /// Wait until an instance's Job and claims are there.
    Joining(&'static str),
    /// Wait until nothing changes any more, whatever the Cluster says.
    Still,
}

/// A story: so many instances before it begins (0: none, it creates them), then its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Story {
    pub(super) before: u32,
    pub(super) parts: &'static [Part],
}

const fn story(before: u32, parts: &'static [Part]) -> Story {
    Story { before, parts }
}

use Part::{Do, Full, Joining, Settle, Still};

const STORIES: [(&str, Story); 16] = [
    ("create-t1", story(0, &[Do(Act::Create(1)), Settle])),
    ("create-t3", story(0, &[Do(Act::Create(3)), Settle])),
    ("scale-up", story(1, &[Do(Act::Scale(2)), Settle, Do(Act::Scale(3)), Settle])),
    ("scale-down", story(3, &[Do(Act::Scale(2)), Settle, Do(Act::Scale(1)), Settle])),
    ("claims-raised", story(2, &[Do(Act::RaiseClaims(&["pg-1", "pg-2"])), Settle])),
    ("spec-raised", story(2, &[Do(Act::RaiseSpec), Settle])),
    ("switchover", story(3, &[Do(Act::Promote("pg-2")), Settle])),
    ("primary-deleted-t1", story(1, &[Do(Act::DeletePod("pg-1")), Settle])),
    ("primary-deleted-t3", story(3, &[Do(Act::DeletePod("pg-1")), Settle])),
    ("replica-destroyed", story(2, &[Do(Act::Destroy("pg-2")), Settle])),
    // The steps of a shrink: a replica is made anew, the old primary, and a single instance moves to a further one.
    ("replica-condemned", story(3, &[Do(Act::Condemn("pg-3")), Settle])),
    (
        "old-primary-condemned",
        story(2, &[Do(Act::Promote("pg-2")), Settle, Do(Act::Condemn("pg-1")), Settle]),
    ),
    (
        "moved-to-a-further-instance",
        story(1, &[Do(Act::Scale(2)), Settle, Do(Act::Promote("pg-2")), Settle, Do(Act::Scale(1)), Settle]),
    ),
    // Somebody lowers the number again while the further instance joins.
    ("join-reverted", story(1, &[Do(Act::Scale(2)), Joining("pg-2"), Do(Act::Scale(1)), Settle])),
    // A copy that has lost its Job waits for ever, and is begun anew without its claim.
    ("join-deleted", story(1, LOST_JOIN)),
    ("volume-full", story(1, &[Do(Act::Fill), Full, Do(Act::RaiseClaims(&["pg-1"])), Settle])),
];

const LOST_JOIN: &[Part] = &[
    Do(Act::Scale(2)),
    Joining("pg-2"),
    Do(Act::DeleteJoin("pg-2")),
    Still,
    Do(Act::DeleteClaim("pg-2")),
    Settle,
];

/// Names of all stories.
pub fn names() -> impl Iterator<Item = &'static str> {
    STORIES.iter().map(|(name, _)| *name)
}

/// The story of a name.
pub(super) fn find(name: &str) -> Result<Story> {
    let found = STORIES.iter().find(|(known, _)| *known == name).map(|(_, story)| *story);
    found.with_context(|| format!("no story {name}; there are: {}", names().collect::<Vec<_>>().join(", ")))
}
