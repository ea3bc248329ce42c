//! What the API server does with a request that names the object it means: the preconditions, and the deletions of a
//! shrink. The simulated world and the model behind HTTP both ask here.

use super::{
    Model,
    object::{Cluster, Meta, PodPhase},
};

/// What must be true of the object; what is not said is not asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// Its uid.
    pub uid: Option<u64>,
    /// Its version.
    pub version: Option<u64>,
}

/// Why a request is not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// There is no such object.
    Absent,
    /// Another one has its name.
    Remade {
        /// The uid of that one.
        uid: u64,
    },
    /// It has changed.
    Changed {
        /// The version that it has now.
        version: u64,
    },
    /// An admission policy forbids it, in these words.
    Forbidden(&'static str),
}

/// What a deletion came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// The object goes.
    Begun,
    /// It was on its way out: nothing changes.
    Needless,
}

/// The words of the admission policy of `deploy/shrink`.
const TAKEN: &str = "headroom may delete no pod that a node has taken";

impl Expected {
    /// Whether it is true of this object.
    ///
    /// # Errors
    /// What is otherwise; the uid is looked at first, as the API server does.
    pub fn of(self, meta: Option<&Meta>) -> Result<&Meta, Denied> {
        let meta = meta.ok_or(Denied::Absent)?;
        if self.uid.is_some_and(|uid| uid != meta.uid) {
            return Err(Denied::Remade { uid: meta.uid });
        }
        if self.version.is_some_and(|version| version != meta.version) {
            return Err(Denied::Changed { version: meta.version });
        }
        Ok(meta)
    }

    /// The same for a deletion: what is on its way out is not deleted twice.
    fn of_removed(self, meta: Option<&Meta>) -> Result<Removal, Denied> {
        let meta = self.of(meta)?;
        Ok(if meta.deleting { Removal::Needless } else { Removal::Begun })
    }
}

impl Model {
    /// Deletes the object of this `meta` by `delete`, if it is the one that was meant and not on its way out.
    fn remove(
        &mut self,
        meta: Option<&Meta>,
        expected: Expected,
        delete: impl FnOnce(&mut Self),
    ) -> Result<Removal, Denied> {
        let removal = expected.of_removed(meta)?;
        if removal == Removal::Begun {
            self.change(delete);
        }
        Ok(removal)
    }

    /// A Job is deleted, with its pods in the foreground.
    ///
    /// # Errors
    /// When it is not the one that was meant.
    pub fn remove_job(&mut self, name: &str, expected: Expected) -> Result<Removal, Denied> {
        let meta = self.api.job(name).map(|job| job.meta.clone());
        self.remove(meta.as_ref(), expected, |model| model.delete_job(&name.into()))
    }

    /// The operator deletes a pod, which the admission policy of `deploy/shrink` confines.
    ///
    /// # Errors
    /// When it is not the one that was meant, or a node has taken it.
    pub fn remove_pod(&mut self, name: &str, expected: Expected) -> Result<Removal, Denied> {
        let pod = self.api.pod(name).cloned();
        let removal = expected.of_removed(pod.as_ref().map(|pod| &pod.meta))?;
        if removal == Removal::Needless {
            return Ok(removal);
        }
        if pod.is_some_and(|pod| pod.phase != PodPhase::Pending || pod.node.is_some()) {
            return Err(Denied::Forbidden(TAKEN));
        }
        self.change(|model| model.delete_pod(&name.into()));
        Ok(removal)
    }

    /// A claim is deleted; it goes when no pod uses it.
    ///
    /// # Errors
    /// When it is not the one that was meant.
    pub fn remove_claim(&mut self, name: &str, expected: Expected) -> Result<Removal, Denied> {
        let meta = self.api.claim(name).map(|claim| claim.meta.clone());
        self.remove(meta.as_ref(), expected, |model| model.api.delete_claim(name))
    }

    /// The number of instances is set by the scale subresource.
    ///
    /// # Errors
    /// When the Cluster is not the one that was meant.
    pub fn scale(&mut self, name: &str, expected: Expected, to: u32) -> Result<(), Denied> {
        let cluster = self.api.cluster(name).cloned();
        expected.of(cluster.as_ref().map(|cluster| &cluster.meta))?;
        let edit = |cluster: &mut Cluster| {
            cluster.rescaled |= cluster.spec.instances != to;
            cluster.spec.instances = to;
        };
        self.change(|model| model.api.update_cluster(name, edit));
        Ok(())
    }
}
