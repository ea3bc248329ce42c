//! Acts that cannot be undone, and the proof that they need: a read of the API server's quorum, made for this decision,
//! nothing written since. Their fields are private, so there is no other way to make one.

use crate::{
    Observation, Span, Timestamp,
    ledger::ActionId,
    names::{InstanceName, ObjectId, Version, VolumeName},
    observation::{ClaimPhase, Freshness, JobSeen, Mark, MemberSeen, Primary},
    record::Shrink,
};

/// A quorum read, and a survey where one is asked for, proves something for this long.
pub const PROVES_FOR: Span = Span::seconds(5);

/// Proof that `0` comes from a quorum read at most [`PROVES_FOR`] old with nothing written since.
#[derive(Clone, Copy, Debug)]
pub struct Quorum<'a>(&'a Observation);

impl Observation {
    /// The proof, if this observation carries it.
    pub fn quorum(&self, now: Timestamp) -> Option<Quorum<'_>> {
        match self.freshness {
            Freshness::Quorum { read_at } if now.since(read_at) <= PROVES_FOR => Some(Quorum(self)),
            Freshness::Quorum { .. } | Freshness::Cached => None,
        }
    }
}

macro_rules! acts {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)+ })+) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, PartialEq, Eq)]
            pub struct $name { $($field: $type,)+ }

            impl $name {
                $($(#[$field_doc])* pub const fn $field(&self) -> &$type { &self.$field })+
            }
        )+
    };
}

acts!(
    /// Tell CNPG to delete an instance with all its claims and to make it anew: the annotation
    /// `alpha.cnpg.io/unrecoverable` on its pod, with uid and version as preconditions.
    Destroy {
        /// Which instance.
        instance: InstanceName,
        /// Its pod.
        pod: ObjectId,
        /// The version that was read.
        version: Version,
        /// The shrink that wants it.
        id: ActionId,
    }
    /// Switch over, as `kubectl cnpg promote` does: a patch of the Cluster's status with uid and version.
    Promote {
        /// The Cluster.
        cluster: ObjectId,
        /// The version that was read.
        version: Version,
        /// The replica that becomes primary.
        to: InstanceName,
    }
    /// Set the number of instances by the `scale` subresource, with uid and version.
    SetInstances {
        /// The Cluster.
        cluster: ObjectId,
        /// The version that was read.
        version: Version,
        /// The number that was read.
        from: u32,
        /// The new number.
        to: u32,
    }
    /// Delete a Job that makes an instance, with its uid: it holds no data. Its claims stay, and CNPG 1.30 makes no Job
    /// again while they do (docs/experiments-shrink.md, S7).
    DeleteJob {
        /// The Job.
        job: ObjectId,
        /// The instance that it makes.
        instance: InstanceName,
    }
    /// Delete the pod of a replica that no node has taken, with its uid and version: nothing can run in it. Its claims stay,
    /// and CNPG makes it again after the primary's (docs/experiments-shrink.md, S8).
    DeletePod {
        /// The pod.
        pod: ObjectId,
        /// The version that was read.
        version: Version,
        /// The instance that it is of.
        instance: InstanceName,
    }
    /// Delete a claim in which no instance ever ran, with its uid and version: CNPG may take it over meanwhile.
    DiscardClaim {
        /// The claim.
        claim: ObjectId,
        /// The version that was read.
        version: Version,
        /// The instance that it was made for.
        instance: InstanceName,
    }
);

impl Quorum<'_> {
    /// Destroys the condemned instance. `None`: its pod is another one, on its way out or marked already, or it is or
    /// becomes primary, or who is primary is open.
    pub fn destroy(&self, shrink: &Shrink) -> Option<Destroy> {
        let condemned = shrink.condemned.as_ref()?;
        let pod = self.member(&condemned.instance)?.pod.as_ref()?;
        let same = pod.id.uid == condemned.pod && !pod.terminating && pod.mark == Mark::None;
        (same && self.is_replica(&condemned.instance)).then(|| Destroy {
            instance: condemned.instance.clone(),
            pod: pod.id.clone(),
            version: pod.version.clone(),
            id: shrink.id,
        })
    }

    /// Promotes a ready replica.
    pub fn promote(&self, to: &InstanceName) -> Option<Promote> {
        let pod = self.member(to)?.pod.as_ref()?;
        let fit = pod.ready && !pod.terminating && pod.mark == Mark::None && self.is_replica(to);
        let Self(Observation { cluster, .. }) = self;
        fit.then(|| Promote { cluster: cluster.id.clone(), version: cluster.version.clone(), to: to.clone() })
    }

    /// Sets the number of instances: one more than was declared, or what was declared.
    pub fn set_instances(&self, shrink: &Shrink, to: u32) -> Option<SetInstances> {
        let Self(Observation { cluster, .. }) = self;
        let ours = to == shrink.declared || Some(to) == shrink.declared.checked_add(1);
        (ours && to > 0 && to != cluster.instances).then(|| SetInstances {
            cluster: cluster.id.clone(),
            version: cluster.version.clone(),
            from: cluster.instances,
            to,
        })
    }

    /// Deletes a Job that joins an instance, has not completed, and whose instance has never run.
    pub fn delete_job(&self, job: &JobSeen) -> Option<DeleteJob> {
        let unborn = |member: &MemberSeen| member.pod.is_none() && !member.has_run();
        let idle = self.member(&job.instance).is_none_or(unborn);
        (idle && job.joins && !job.terminating)
            .then(|| DeleteJob { job: job.id.clone(), instance: job.instance.clone() })
    }

    /// Deletes the pod of a replica that no node has taken while the primary has none.
    pub fn delete_pod(&self, instance: &InstanceName) -> Option<DeletePod> {
        let pod = self.member(instance)?.pod.as_ref()?;
        let Primary::Known(primary) = &self.0.cluster.primary else { return None };
        let waits = primary != instance && self.member(primary).is_some_and(|member| member.pod.is_none());
        (waits && pod.pending && pod.node.is_none() && !pod.terminating).then(|| DeletePod {
            pod: pod.id.clone(),
            version: pod.version.clone(),
            instance: instance.clone(),
        })
    }

    /// Discards a claim of an instance that has no pod, is not primary, and has never run.
    pub fn discard(
        &self,
        shrink: &Shrink,
        instance: &InstanceName,
        claim: &ObjectId,
    ) -> Option<DiscardClaim> {
        let member = self.member(instance)?;
        let seen = member.claims.values().find(|seen| seen.id == *claim)?;
        let data = member.claims.get(&VolumeName::Data);
        let there_before = shrink.originals.get(instance);
        let original = there_before.is_some_and(|uid| data.is_none_or(|data| data.id.uid == *uid));
        let idle = member.pod.is_none() && !original && !member.has_run() && self.is_replica(instance);
        let there = !seen.terminating && seen.phase != ClaimPhase::Lost;
        (idle && there).then(|| DiscardClaim {
            claim: claim.clone(),
            version: seen.version.clone(),
            instance: instance.clone(),
        })
    }

    fn member(&self, instance: &InstanceName) -> Option<&MemberSeen> {
        self.0.members.get(instance)
    }

    fn is_replica(self, instance: &InstanceName) -> bool {
        match &self.0.cluster.primary {
            Primary::Known(primary) => primary != instance,
            Primary::Moving { .. } | Primary::Unknown => false,
        }
    }
}
