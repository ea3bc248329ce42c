//! A Cluster is deleted, and made anew from the snapshots of a Backup.

use super::{
    Model,
    object::{ClusterSpec, Name},
    postgres::Database,
};

impl Model {
    /// A user deletes a Cluster: its claims, pods and jobs go with it (owner references).
    pub fn delete_cluster(&mut self, cluster: &Name) {
        self.controllers.remove(cluster);
        self.seen_specs.remove(cluster);
        self.api.remove_cluster(cluster);
        let jobs: Vec<Name> =
            self.api.jobs().filter(|job| job.cluster == *cluster).map(|job| job.meta.name.clone()).collect();
        for job in jobs {
            self.api.remove_job(&job);
        }
        let pods: Vec<Name> =
            self.api.pods().filter(|pod| pod.cluster == *cluster).map(|pod| pod.meta.name.clone()).collect();
        for pod in pods {
            self.delete_pod(&pod);
        }
        let claims: Vec<Name> = self
            .api
            .claims()
            .filter(|claim| claim.cluster == *cluster)
            .map(|claim| claim.meta.name.clone())
            .collect();
        for claim in claims {
            self.api.delete_claim(&claim);
        }
        self.settle_changes();
    }

    /// A user creates a Cluster that recovers from the snapshots of a Backup. Applications write on.
    pub fn recover_cluster(&mut self, name: &Name, backup: &Name, spec: ClusterSpec) {
        let writer = self.writer(name);
        self.create_cluster(name, ClusterSpec { recovery: Some(backup.clone()), ..spec });
        if let Some(snapshot) = self.snapshots.get(backup).cloned()
            && let Some(database) = self.databases.get_mut(name)
        {
            Database::restore(database, &snapshot, writer);
        }
    }
}
