//! From the wire to the engine's words.
//!
//! Every function is pure. An object that cannot be understood becomes [`Unclear`]: it names the Cluster that it
//! concerns, so that only that one is held up.

mod claim;
mod cluster;
mod pod;
mod storage;

use headroom_core::{
    Timestamp,
    names::{ClusterKey, ObjectId, ObjectName, Text, Uid, Version},
};
use headroom_engine::{Event, Kind, Seen};

pub use storage::Stored;

use crate::{
    known::Known,
    slim::{self, Head, Slim},
};

/// Label with the name of the Cluster that a claim or pod belongs to.
pub const CLUSTER_LABEL: &str = "cnpg.io/cluster";
/// Label with the name of the instance.
pub const INSTANCE_LABEL: &str = "cnpg.io/instanceName";
/// Label that every claim of CNPG carries: which volume it is.
pub const CLAIM_ROLE_LABEL: &str = "cnpg.io/pvcRole";
/// Label of CNPG on a Job: what it does.
pub const JOB_ROLE_LABEL: &str = "cnpg.io/jobRole";
/// Annotation of CNPG on a claim: whether an instance has run on it.
pub const CLAIM_STATUS_ANNOTATION: &str = "cnpg.io/pvcStatus";
/// Label that only instance pods carry, not the pods of jobs.
pub const POD_ROLE_LABEL: &str = "cnpg.io/podRole";
/// Label with the tablespace of a claim.
pub const TABLESPACE_LABEL: &str = "cnpg.io/tablespaceName";

/// Why an object was not understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unclear {
    /// The Cluster that it concerns; `None` when not even that is known.
    pub key: Option<ClusterKey>,
    /// What is wrong with it.
    pub words: Text,
}

/// A kind that the engine watches.
pub trait Translate: slim::Wire {
    /// Which kind.
    const WATCHED: Kind;

    /// The Cluster that an object belongs to; `None`: not one of ours.
    fn key(head: &Head) -> Option<ClusterKey>;

    /// The object in the engine's words.
    ///
    /// # Errors
    /// When a part that headroom needs is missing or malformed.
    fn translate(head: &Head, body: Self) -> Result<Seen, Unclear>;

    /// Keeps what a later request body will need.
    fn remember(_head: &Head, _body: &Self, _known: &mut Known) {}

    /// Drops what was kept.
    fn forget(_head: &Head, _known: &mut Known) {}
}

/// An object in the engine's words; what later bodies need is remembered.
///
/// # Errors
/// When it cannot be read.
pub fn read<T: Translate>(object: Slim<T>, known: &mut Known) -> Result<Seen, Unclear> {
    let (head, body) = object.into_parts();
    match body {
        Ok(body) => {
            T::remember(&head, &body, known);
            T::translate(&head, body)
        }
        Err(words) => Err(unclear::<T>(&head, &words)),
    }
}

/// What a watch says of an object that exists. `None`: it belongs to no Cluster.
pub fn seen<T: Translate>(object: Slim<T>, known: &mut Known) -> Option<Event> {
    match read(object, known) {
        Ok(seen) => Some(Event::Seen(seen)),
        Err(Unclear { key: Some(key), words }) => {
            tracing::warn!(cluster = %key, "an object cannot be read: {words}");
            Some(Event::Unreadable(T::WATCHED, key, words))
        }
        Err(Unclear { key: None, words }) => {
            tracing::warn!("an object that belongs to no Cluster cannot be read: {words}");
            None
        }
    }
}

/// What a watch says of an object that is gone. `None`: it belonged to no Cluster.
pub fn gone<T: Translate>(object: &Slim<T>, known: &mut Known) -> Option<Event> {
    let head = &object.head;
    T::forget(head, known);
    let key = T::key(head)?;
    let version = (!head.resource_version.is_empty()).then(|| Version::from(head.resource_version.as_str()));
    Some(Event::Gone(T::WATCHED, key, ObjectName::from(head.name.as_str()), version))
}

/// The key of an object that is named as its Cluster.
fn own_key(head: &Head) -> ClusterKey {
    ClusterKey {
        namespace: ObjectName::from(head.namespace.as_str()),
        name: ObjectName::from(head.name.as_str()),
    }
}

/// The key of an object that names its Cluster by label.
fn labelled_key(head: &Head) -> Option<ClusterKey> {
    Some(ClusterKey {
        namespace: ObjectName::from(head.namespace.as_str()),
        name: ObjectName::from(head.label(CLUSTER_LABEL)?),
    })
}

fn id(head: &Head) -> ObjectId {
    ObjectId { name: ObjectName::from(head.name.as_str()), uid: Uid::from(head.uid.as_str()) }
}

fn version(head: &Head) -> Version {
    Version::from(head.resource_version.as_str())
}

fn describe(kind: &str, head: &Head, words: &str) -> Text {
    Text::from(format!("{kind} {}: {words}", head.name).as_str())
}

fn unclear<T: Translate>(head: &Head, words: &str) -> Unclear {
    Unclear { key: T::key(head), words: describe(T::KIND, head, words) }
}

/// A time of the wire in whole seconds; fractions are cut off.
fn timestamp(text: &str) -> Option<Timestamp> {
    let time: jiff::Timestamp = text.parse().ok()?;
    Some(Timestamp::from_unix(time.as_second()))
}

impl Translate for slim::Class {
    const WATCHED: Kind = Kind::Class;

    /// StorageClasses belong to no Cluster; the empty key says so.
    fn key(_: &Head) -> Option<ClusterKey> {
        Some(ClusterKey { namespace: ObjectName::from(""), name: ObjectName::from("") })
    }

    fn translate(head: &Head, body: Self) -> Result<Seen, Unclear> {
        Ok(Seen::Class {
            name: ObjectName::from(head.name.as_str()),
            expandable: body.allow_volume_expansion.unwrap_or(false),
        })
    }
}

#[cfg(test)]
mod tests;
