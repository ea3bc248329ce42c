//! Bodies of writes.

use headroom_api::FINALIZER;
use headroom_core::{
    action::{RaiseClusterSizes, Resize},
    names::{ObjectId, TablespaceName, Version, VolumeName},
};
use serde_json::{Value, json};

const REQUEST: &str = "/spec/resources/requests/storage";

/// Raises a claim, if it is still the one that was read and still asks for what was read. `test` compares text, so the
/// old request is given letter by letter; status writes of others do not disturb it (experiments G4).
pub(super) fn resize(resize: &Resize) -> Value {
    json!([
        {"op": "test", "path": "/metadata/uid", "value": resize.claim.uid.as_str()},
        {"op": "test", "path": REQUEST, "value": resize.from_text.as_str()},
        {"op": "replace", "path": REQUEST, "value": resize.to.to_string()},
    ])
}

/// A merge patch of `field` for the object as it was read.
pub(super) fn guarded(id: &ObjectId, version: &Version, field: &str, value: &Value) -> Value {
    json!({"metadata": {"uid": id.uid.as_str(), "resourceVersion": version.as_str()}, field: value})
}

/// The finalizers as they should be. A merge patch replaces the list, so those of others are named too.
pub(super) fn finalizers(id: &ObjectId, version: &Version, foreign: &[String], ours: bool) -> Value {
    let list: Vec<&str> = foreign.iter().map(String::as_str).chain(ours.then_some(FINALIZER)).collect();
    json!({"metadata": {"uid": id.uid.as_str(), "resourceVersion": version.as_str(), "finalizers": list}})
}

/// Raises sizes in the Cluster's spec. A JSON patch, because a merge patch would replace the whole list of tablespaces;
/// `add` also replaces, so a size that only the template named is met. `None`: a tablespace is not in the spec.
pub(super) fn raise_sizes(raise: &RaiseClusterSizes, tablespaces: &[TablespaceName]) -> Option<Value> {
    let mut patch = vec![
        json!({"op": "test", "path": "/metadata/uid", "value": raise.cluster.uid.as_str()}),
        json!({"op": "test", "path": "/metadata/resourceVersion", "value": raise.version.as_str()}),
    ];
    for (volume, size) in &raise.sizes {
        let size_at = match volume {
            VolumeName::Data => "/spec/storage/size".to_owned(),
            VolumeName::Wal => "/spec/walStorage/size".to_owned(),
            VolumeName::Tablespace(name) => {
                let place = tablespaces.iter().position(|each| each == name)?;
                patch.push(json!({
                    "op": "test", "path": format!("/spec/tablespaces/{place}/name"), "value": name.as_str()
                }));
                format!("/spec/tablespaces/{place}/storage/size")
            }
        };
        patch.push(json!({"op": "add", "path": size_at, "value": size.to_string()}));
    }
    Some(Value::Array(patch))
}
