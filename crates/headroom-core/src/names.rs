//! Names and identities. Cheap to clone: each is a shared string.

use alloc::sync::Arc;
use core::fmt;

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The text as the API server knows it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(Arc::from(text))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// The name of a CNPG instance: its pod and its data claim carry the same name (`pg-1`).
    InstanceName
);
name!(
    /// The name of a Kubernetes node.
    NodeName
);
name!(
    /// The name of a PostgreSQL tablespace.
    TablespaceName
);
name!(
    /// The name of an object within its namespace.
    ObjectName
);
name!(
    /// `metadata.uid`.
    Uid
);
name!(
    /// `metadata.resourceVersion`; opaque but for [`Version::number`].
    Version
);
name!(
    /// Foreign text that is shown to people and never decided on (a driver's words, a phase).
    Text
);

impl Version {
    /// The version as a number: comparable on Kubernetes ≥ 1.35 (KEP-5504); `None` when it is not one.
    pub fn number(&self) -> Option<u64> {
        self.0.parse().ok()
    }
}

/// Which object, and which incarnation of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId {
    /// `metadata.name`.
    pub name: ObjectName,
    /// `metadata.uid`.
    pub uid: Uid,
}

/// A Cluster and the DynamicStorage of the same name: the key of all work.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClusterKey {
    /// The namespace of both objects.
    pub namespace: ObjectName,
    /// The name of both objects.
    pub name: ObjectName,
}

impl fmt::Display for ClusterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// A logical volume of a Cluster; every instance has one claim of each.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VolumeName {
    /// `PGDATA` (`cnpg.io/pvcRole: PG_DATA`).
    Data,
    /// A tablespace (`cnpg.io/pvcRole: PG_TABLESPACE`).
    Tablespace(TablespaceName),
    /// `pg_wal`, when the Cluster has `walStorage` (`cnpg.io/pvcRole: PG_WAL`). Observed, never resized in v1alpha1.
    Wal,
}

impl fmt::Display for VolumeName {
    /// Writes `data`, `wal` or `tablespace/NAME`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data => f.write_str("data"),
            Self::Wal => f.write_str("wal"),
            Self::Tablespace(name) => write!(f, "tablespace/{name}"),
        }
    }
}
