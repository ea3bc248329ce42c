//! Metadata.

use std::{collections::BTreeMap, fmt};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};

/// What headroom reads of `metadata`. Managed fields, foreign labels and foreign annotations are skipped unread.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Head {
    /// `name`.
    pub name: String,
    /// `namespace`; empty for cluster-scoped kinds.
    #[serde(default)]
    pub namespace: String,
    /// `uid`.
    #[serde(default)]
    pub uid: String,
    /// `resourceVersion`.
    #[serde(default)]
    pub resource_version: String,
    /// `generation`; zero where the kind has none.
    #[serde(default)]
    pub generation: i64,
    /// `deletionTimestamp`.
    #[serde(default)]
    deletion_timestamp: Option<IgnoredAny>,
    /// Labels of CNPG.
    #[serde(default = "BTreeMap::new", deserialize_with = "of_cnpg")]
    pub labels: BTreeMap<String, String>,
    /// Annotations of CNPG.
    #[serde(default = "BTreeMap::new", deserialize_with = "of_cnpg")]
    pub annotations: BTreeMap<String, String>,
    /// `finalizers`.
    #[serde(default = "Vec::new")]
    pub finalizers: Vec<String>,
}

impl Head {
    /// Whether it has a deletion timestamp.
    pub fn deleting(&self) -> bool {
        self.deletion_timestamp.is_some()
    }

    /// A label of CNPG that is not empty.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    pub(super) fn object_meta(&self) -> ObjectMeta {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        ObjectMeta {
            name: some(&self.name),
            namespace: some(&self.namespace),
            uid: some(&self.uid),
            resource_version: some(&self.resource_version),
            ..ObjectMeta::default()
        }
    }
}

/// Keeps the keys that begin with `cnpg.io/`, and the two by which an instance is made anew: `last-applied-configuration` alone may be as large as the object.
fn of_cnpg<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    struct OfCnpg;

    impl<'de> Visitor<'de> for OfCnpg {
        type Value = BTreeMap<String, String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a map of strings")
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(BTreeMap::new())
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut kept = BTreeMap::new();
            while let Some(key) = map.next_key::<String>()? {
                let marks = [headroom_api::UNRECOVERABLE, headroom_api::REPLACED_BY];
                if key.starts_with("cnpg.io/") || marks.contains(&key.as_str()) {
                    kept.insert(key, map.next_value()?);
                } else {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            Ok(kept)
        }
    }

    deserializer.deserialize_any(OfCnpg)
}
