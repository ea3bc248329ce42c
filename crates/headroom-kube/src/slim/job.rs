//! Jobs that make instances, and Backups: what only a shrink reads.

use serde::Deserialize;

use super::Wire;

/// What headroom reads of a Job.
#[derive(Clone, Debug, Deserialize)]
pub struct Job {
    /// `status`.
    pub status: Option<JobStatus>,
}

/// `status` of a Job.
#[derive(Clone, Debug, Deserialize)]
pub struct JobStatus {
    /// `succeeded`.
    pub succeeded: Option<u32>,
    /// `conditions`.
    pub conditions: Option<Vec<Condition>>,
}

/// A condition.
#[derive(Clone, Debug, Deserialize)]
pub struct Condition {
    /// `type`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `status`.
    pub status: String,
}

impl Job {
    /// Whether this condition is True.
    pub fn is(&self, kind: &str) -> bool {
        let conditions = self.status.as_ref().and_then(|status| status.conditions.as_ref());
        conditions.is_some_and(|list| list.iter().any(|each| each.kind == kind && each.status == "True"))
    }

    /// Whether it has completed.
    pub fn completed(&self) -> bool {
        let succeeded = self.status.as_ref().and_then(|status| status.succeeded).unwrap_or(0);
        succeeded > 0 || self.is("Complete")
    }
}

impl Wire for Job {
    const GROUP: &'static str = "batch";
    const VERSION: &'static str = "v1";
    const KIND: &'static str = "Job";
    const PLURAL: &'static str = "jobs";
}

/// What headroom reads of a CNPG Backup.
#[derive(Clone, Debug, Deserialize)]
pub struct Backup {
    /// `spec`.
    pub spec: BackupSpec,
    /// `status`.
    pub status: Option<BackupStatus>,
}

/// `spec` of a Backup.
#[derive(Clone, Debug, Deserialize)]
pub struct BackupSpec {
    /// `cluster`.
    pub cluster: Option<BackupCluster>,
}

/// `spec.cluster` of a Backup.
#[derive(Clone, Debug, Deserialize)]
pub struct BackupCluster {
    /// `name`.
    pub name: String,
}

/// `status` of a Backup.
#[derive(Clone, Debug, Deserialize)]
pub struct BackupStatus {
    /// `phase`.
    pub phase: Option<String>,
}

impl Backup {
    /// Whether it is of this Cluster, and has neither completed nor failed.
    pub fn runs(&self, cluster: &str) -> bool {
        let phase = self.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or("");
        let of = self.spec.cluster.as_ref().is_some_and(|of| of.name == cluster);
        of && !["completed", "failed", "walArchivingFailing"].contains(&phase)
    }
}

impl Wire for Backup {
    const GROUP: &'static str = "postgresql.cnpg.io";
    const VERSION: &'static str = "v1";
    const KIND: &'static str = "Backup";
    const PLURAL: &'static str = "backups";
}
