//! The objects that the stand-in makes, as JSON: names, labels, annotations and owners as recorded of CNPG 1.30
//! (experiments on growth, G11), the stand-in's own name where CNPG would put its own.

mod pod;
mod shared;

use headroom_sim::model::object::{Claim, Volume, serial_of};
use serde_json::{Value, json};

use crate::cluster::{Cluster, Storage};
use crate::names;

pub use pod::{instance_pod, job};
pub use shared::{Wanted, disruption_budgets, rights, secrets, services};

/// What a build of the stand-in puts into pods.
#[derive(Clone, Debug)]
pub struct Build {
    /// Image that holds this program.
    pub image: String,
    /// Image of PostgreSQL for Clusters that name none.
    pub postgres: String,
}

/// Metadata of an object of a Cluster.
fn meta(cluster: &Cluster, name: &str, labels: &[(&str, &str)], blocks: bool) -> Value {
    let mut all = json!({
        names::CLUSTER: cluster.metadata.name,
        "app.kubernetes.io/component": "database",
        "app.kubernetes.io/managed-by": names::STAND_IN,
        "app.kubernetes.io/name": "postgresql",
    });
    for (label, value) in labels {
        all[*label] = json!(value);
    }
    let mut owner = json!({
        "apiVersion": format!("{}/{}", names::GROUP, names::VERSION),
        "kind": "Cluster",
        "name": cluster.metadata.name,
        "uid": cluster.metadata.uid,
        "controller": true,
    });
    if blocks {
        owner["blockOwnerDeletion"] = json!(true);
    }
    json!({
        "name": name,
        "namespace": cluster.metadata.namespace,
        "labels": all,
        "annotations": {names::OPERATOR_VERSION: version()},
        "ownerReferences": [owner],
    })
}

/// What the stand-in says of itself in annotations.
pub fn version() -> String {
    format!("{}-{}", names::STAND_IN, env!("CARGO_PKG_VERSION"))
}

/// A claim of a new instance.
pub fn claim(cluster: &Cluster, born: &Claim) -> Value {
    let (role, tablespace) = match &born.volume {
        Volume::Data => ("PG_DATA", None),
        Volume::Wal => ("PG_WAL", None),
        Volume::Tablespace(name) => ("PG_TABLESPACE", Some(name)),
    };
    let mut labels = vec![(names::INSTANCE, &*born.instance), (names::PVC_ROLE, role)];
    labels.extend(tablespace.map(|name| (names::TABLESPACE, &**name)));
    let mut metadata = meta(cluster, &born.meta.name, &labels, false);
    metadata["annotations"][names::SERIAL] = json!(serial_of(&born.instance).to_string());
    metadata["annotations"][names::PVC_STATUS] = json!(if born.ready { "ready" } else { "initializing" });
    let mut spec = json!({
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": &*born.requested_text}},
    });
    if let Some(class) = storage_of(cluster, &born.volume).and_then(|storage| storage.storage_class.as_ref())
    {
        spec["storageClassName"] = json!(class);
    }
    json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec})
}

/// A volume in the spec.
pub fn storage_of<'a>(cluster: &'a Cluster, volume: &Volume) -> Option<&'a Storage> {
    match volume {
        Volume::Data => Some(&cluster.spec.storage),
        Volume::Wal => cluster.spec.wal_storage.as_ref(),
        Volume::Tablespace(name) => {
            let found = cluster.spec.tablespaces.iter().find(|tablespace| *tablespace.name == **name);
            found.map(|tablespace| &tablespace.storage)
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use headroom_sim::model::cnpg::born;
    use headroom_sim::model::object::Name;

    use crate::controller::read;

    pub(crate) fn cluster(spec: &Value) -> Cluster {
        let text = json!({
            "apiVersion": "postgresql.cnpg.io/v1", "kind": "Cluster",
            "metadata": {"name": "pg", "namespace": "ns", "uid": "u-1"},
            "spec": spec,
        });
        serde_json::from_value(text).unwrap()
    }

    pub(crate) fn build() -> Build {
        Build { image: "stand-in:1".to_owned(), postgres: "postgresql:15".to_owned() }
    }

    #[test]
    fn claims_carry_the_recorded_names_labels_and_states() {
        let cluster = cluster(&json!({
            "storage": {"size": "1Gi", "storageClass": "x"}, "walStorage": {"size": "512Mi"},
            "tablespaces": [{"name": "hot", "storage": {"size": "2Gi"}}],
        }));
        let (name, instance): (Name, Name) = ("pg".into(), "pg-2".into());
        let spec = read::spec(&cluster, "pg").unwrap();
        let seen: Vec<String> = born(&name, &instance, &spec)
            .iter()
            .map(|born| {
                let claim = claim(&cluster, born);
                let text =
                    |pointer: &str| claim.pointer(pointer).and_then(Value::as_str).unwrap_or("-").to_owned();
                [
                    "/metadata/name",
                    "/metadata/labels/cnpg.io~1pvcRole",
                    "/metadata/labels/cnpg.io~1tablespaceName",
                    "/metadata/annotations/cnpg.io~1pvcStatus",
                    "/metadata/annotations/cnpg.io~1nodeSerial",
                    "/spec/resources/requests/storage",
                    "/spec/storageClassName",
                ]
                .map(text)
                .join(" ")
            })
            .collect();
        assert_eq!(
            seen,
            [
                "pg-2 PG_DATA - initializing 2 1Gi x",
                "pg-2-tbs-hot PG_TABLESPACE hot ready 2 2Gi -",
                "pg-2-wal PG_WAL - ready 2 512Mi -"
            ]
        );
    }

    #[test]
    fn nothing_that_the_stand_in_makes_says_that_cloudnativepg_made_it() {
        let cluster = cluster(&json!({"storage": {"size": "1Gi"}}));
        let mut all = vec![instance_pod(&cluster, &build(), "pg-1"), job(&cluster, &build(), "pg-1", true)];
        all.extend(services(&cluster));
        all.extend(rights(&cluster));
        for object in all {
            let text = object.to_string().to_lowercase();
            assert!(!text.contains("cloudnative") && text.contains("headroom-standin"), "{text}");
        }
    }
}
