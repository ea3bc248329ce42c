//! What the façade serves, and where.

use serde_json::Value;

/// A kind that can be listed and watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    /// DynamicStorages.
    Storages,
    /// Clusters.
    Clusters,
    /// Claims.
    Claims,
    /// Pods.
    Pods,
    /// StorageClasses.
    Classes,
    /// Jobs; headroom lists and deletes them.
    Jobs,
}

impl Resource {
    pub(super) const ALL: [Self; 6] =
        [Self::Storages, Self::Clusters, Self::Claims, Self::Pods, Self::Classes, Self::Jobs];

    /// Plural name, as in paths.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Storages => "dynamicstorages",
            Self::Clusters => "clusters",
            Self::Claims => "persistentvolumeclaims",
            Self::Pods => "pods",
            Self::Classes => "storageclasses",
            Self::Jobs => "jobs",
        }
    }

    /// `apiVersion` and `kind`.
    pub(super) fn kind(self) -> (&'static str, &'static str) {
        match self {
            Self::Storages => ("headroom.dev/v1alpha1", "DynamicStorage"),
            Self::Clusters => ("postgresql.cnpg.io/v1", "Cluster"),
            Self::Claims => ("v1", "PersistentVolumeClaim"),
            Self::Pods => ("v1", "Pod"),
            Self::Classes => ("storage.k8s.io/v1", "StorageClass"),
            Self::Jobs => ("batch/v1", "Job"),
        }
    }
}

/// A path of the API: `/api/v1/…` or `/apis/GROUP/VERSION/…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// `apiVersion`.
    pub(super) version: String,
    /// Namespace, where the path has one.
    pub(super) namespace: Option<String>,
    /// Plural.
    pub(super) plural: String,
    /// Name; `None` is the collection.
    pub(super) name: Option<String>,
    /// Subresource.
    pub(super) sub: Option<String>,
}

impl Place {
    /// The place of a path; `None` when it has no such form.
    pub(super) fn of(path: &str) -> Option<Self> {
        let mut steps = path.strip_prefix('/')?.split('/').peekable();
        let version = match steps.next()? {
            "api" => steps.next()?.to_owned(),
            "apis" => format!("{}/{}", steps.next()?, steps.next()?),
            _ => return None,
        };
        let namespace = if steps.peek() == Some(&"namespaces") {
            steps.next();
            Some(steps.next()?.to_owned())
        } else {
            None
        };
        let mut next = || steps.next().map(str::to_owned);
        let place = Self { version, namespace, plural: next()?, name: next(), sub: next() };
        next().is_none().then_some(place)
    }

    /// The listed kind that lives here.
    pub(super) fn resource(&self) -> Option<Resource> {
        Resource::ALL
            .into_iter()
            .find(|resource| resource.plural() == self.plural && resource.kind().0 == self.version)
    }
}

/// A label selector: `key=value` and `key`, joined by commas.
#[derive(Clone, Debug, Default)]
pub(super) struct Selector(Vec<(String, Option<String>)>);

impl Selector {
    pub(super) fn of(text: &str) -> Self {
        let terms = text.split(',').filter(|term| !term.is_empty());
        let term = |term: &str| match term.split_once('=') {
            Some((key, value)) => (key.to_owned(), Some(value.trim_start_matches('=').to_owned())),
            None => (term.to_owned(), None),
        };
        Self(terms.map(term).collect())
    }

    pub(super) fn takes(&self, object: &Value) -> bool {
        let labels = &object["metadata"]["labels"];
        self.0.iter().all(|(key, value)| match (labels.get(key).and_then(Value::as_str), value) {
            (Some(found), Some(wanted)) => found == wanted,
            (Some(_), None) => true,
            (None, _) => false,
        })
    }
}

/// The parameters of a query, decoded.
pub(super) fn query(text: Option<&str>) -> std::collections::BTreeMap<String, String> {
    form_urlencoded::parse(text.unwrap_or("").as_bytes()).into_owned().collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_are_taken_apart() {
        let place =
            Place::of("/apis/headroom.dev/v1alpha1/namespaces/sim/dynamicstorages/pg/status").unwrap();
        assert_eq!(place.resource(), Some(Resource::Storages));
        assert_eq!((place.name.as_deref(), place.sub.as_deref()), (Some("pg"), Some("status")));
        let place = Place::of("/api/v1/persistentvolumeclaims").unwrap();
        assert_eq!((place.resource(), place.namespace, place.name), (Some(Resource::Claims), None, None));
        assert_eq!(Place::of("/apis/other/v1/pods").unwrap().resource(), None);
        assert_eq!(Place::of("/version"), None);
        assert_eq!(Place::of("/api/v1/namespaces/sim/pods/pg-1/status/more"), None);
    }

    #[test]
    fn selectors_take_what_has_every_label() {
        let object =
            json!({"metadata": {"labels": {"cnpg.io/cluster": "pg", "cnpg.io/podRole": "instance"}}});
        for (text, takes) in [
            ("", true),
            ("cnpg.io/cluster", true),
            ("cnpg.io/cluster=pg,cnpg.io/podRole==instance", true),
            ("cnpg.io/cluster=pg,cnpg.io/pvcRole", false),
            ("cnpg.io/cluster=other", false),
        ] {
            assert_eq!(Selector::of(text).takes(&object), takes, "{text}");
        }
        assert!(!Selector::of("a").takes(&json!({})));
    }
}
