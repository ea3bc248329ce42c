//! Subsets of Kubernetes objects.
//!
//! A [`Slim`] object keeps the metadata that headroom reads and a `Result` for the rest: the API server guarantees the
//! shape of metadata, but not that of a foreign custom resource. So an object that cannot be read is an event of its
//! own ([`headroom_engine::Event::Unreadable`]) and the watch goes on; a decoding error inside a list or a watch would
//! otherwise stop the whole kind.

mod claim;
mod class;
mod cluster;
mod job;
mod meta;
mod node;
mod pod;
mod quantity;
mod storage;

pub use claim::Claim;
pub use class::Class;
pub use cluster::{
    Cluster, Manager as ClusterManager, Status as ClusterStatus, StorageConfiguration, Tablespace,
};
pub use job::{Backup, Job};
pub use meta::Head;
pub use node::Node;
pub use pod::{Container, ContainerState, Pod, Terminated};
pub use quantity::QuantityText;
pub use storage::Storage;

use std::{borrow::Cow, fmt::Debug};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::value::RawValue;

/// A kind that headroom reads, and its place in the API.
pub trait Wire: DeserializeOwned + Clone + Debug + Send + Sync + 'static {
    /// API group; empty for the core group.
    const GROUP: &'static str;
    /// API version.
    const VERSION: &'static str;
    /// Kind.
    const KIND: &'static str;
    /// Plural name, as in the path.
    const PLURAL: &'static str;
}

/// The path of a collection (`name` is `None`) or of one object of kind `T`.
pub fn path<T: Wire>(namespace: &str, name: Option<&str>) -> String {
    let mut path = Slim::<T>::url_path(&(), (!namespace.is_empty()).then_some(namespace));
    if let Some(name) = name {
        path.push('/');
        path.push_str(name);
    }
    path
}

/// An object of kind `T`: its metadata, and the rest if it could be read.
#[derive(Clone, Debug)]
pub struct Slim<T> {
    /// Name, namespace, uid and version, as the watch runtime wants them.
    meta: ObjectMeta,
    /// All metadata that headroom reads.
    pub head: Head,
    /// The rest, or the decoder's words.
    pub body: Result<T, String>,
}

impl<T> Slim<T> {
    /// The parts.
    pub fn into_parts(self) -> (Head, Result<T, String>) {
        (self.head, self.body)
    }
}

#[derive(Deserialize)]
struct OnlyMetadata {
    metadata: Head,
}

impl<'de, T: Wire> Deserialize<'de> for Slim<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The text is kept until both parts are read, then dropped: one object at a time, not one page. It is there as
        // text because the API server writes `type` before `object`.
        let text = Box::<RawValue>::deserialize(deserializer)?;
        let OnlyMetadata { metadata: head } =
            serde_json::from_str(text.get()).map_err(serde::de::Error::custom)?;
        let body = serde_json::from_str(text.get()).map_err(|error| error.to_string());
        Ok(Self { meta: head.object_meta(), head, body })
    }
}

impl<T: Wire> Resource for Slim<T> {
    type DynamicType = ();
    type Scope = kube::core::DynamicResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        T::KIND.into()
    }

    fn group((): &()) -> Cow<'_, str> {
        T::GROUP.into()
    }

    fn version((): &()) -> Cow<'_, str> {
        T::VERSION.into()
    }

    fn plural((): &()) -> Cow<'_, str> {
        T::PLURAL.into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.meta
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.meta
    }
}

/// A list as a plain read gives it.
#[derive(Deserialize)]
#[serde(bound = "T: Wire")]
pub struct SlimList<T> {
    /// The objects.
    #[serde(default = "Vec::new", deserialize_with = "null_as_empty")]
    pub items: Vec<Slim<T>>,
}

/// Go writes an empty slice as `null`.
fn null_as_empty<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    Ok(Option::<Vec<T>>::deserialize(deserializer)?.unwrap_or_else(Vec::new))
}

#[cfg(test)]
mod tests;
