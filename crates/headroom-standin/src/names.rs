//! Names that the stand-in and its readers agree on: what CNPG 1.30 calls things (experiments on growth, G11), and what the
//! stand-in calls itself.

/// What the stand-in calls itself wherever CNPG would put its own name.
pub const STAND_IN: &str = "headroom-standin";
/// API group of `Cluster`.
pub const GROUP: &str = "postgresql.cnpg.io";
/// Its version.
pub const VERSION: &str = "v1";
/// Label of everything that belongs to a Cluster.
pub const CLUSTER: &str = "cnpg.io/cluster";
/// Label: the instance.
pub const INSTANCE: &str = "cnpg.io/instanceName";
/// Label of instance pods: `instance`.
pub const POD_ROLE: &str = "cnpg.io/podRole";
/// Label: primary, replica or unhealthy.
pub const INSTANCE_ROLE: &str = "cnpg.io/instanceRole";
/// The same under its older name.
pub const ROLE: &str = "role";
/// Label of claims: `PG_DATA`, `PG_WAL`, `PG_TABLESPACE`.
pub const PVC_ROLE: &str = "cnpg.io/pvcRole";
/// Label of a tablespace's claim.
pub const TABLESPACE: &str = "cnpg.io/tablespaceName";
/// Label of jobs and their pods: `initdb`, `join`.
pub const JOB_ROLE: &str = "cnpg.io/jobRole";
/// Annotation: number of the instance.
pub const SERIAL: &str = "cnpg.io/nodeSerial";
/// Annotation of claims: `initializing`, `ready`.
pub const PVC_STATUS: &str = "cnpg.io/pvcStatus";
/// Annotation: who made it.
pub const OPERATOR_VERSION: &str = "cnpg.io/operatorVersion";

/// Annotation: `disabled` leaves the Cluster alone.
pub const RECONCILIATION: &str = "cnpg.io/reconciliationLoop";

/// The user that replicas stream as.
pub const REPLICATION_USER: &str = "streaming_replica";
/// Port of an instance's status endpoint.
pub const STATUS_PORT: u16 = 8000;

/// PGDATA.
pub const PGDATA: &str = "/var/lib/postgresql/data/pgdata";
/// Mount of the data volume.
pub const DATA: &str = "/var/lib/postgresql/data";
/// Mount of the WAL volume.
pub const WAL: &str = "/var/lib/postgresql/wal";
/// pg_wal, where WAL has a volume of its own.
pub const PG_WAL: &str = "/var/lib/postgresql/wal/pg_wal";

/// Mount of a tablespace's volume.
pub fn tablespace_mount(name: &str) -> String {
    format!("/var/lib/postgresql/tablespaces/{name}")
}

/// Where the files of a tablespace are.
pub fn tablespace_location(name: &str) -> String {
    format!("{}/data", tablespace_mount(name))
}

/// The replication slot of an instance.
pub fn slot(instance: &str) -> String {
    format!("standin_{}", instance.replace(|c: char| !c.is_ascii_alphanumeric(), "_"))
}

/// The secret of the application's user.
pub fn application_secret(cluster: &str) -> String {
    format!("{cluster}-app")
}

/// The secret of the replication user.
pub fn replication_secret(cluster: &str) -> String {
    format!("{cluster}-replication")
}
