//! Patches: preconditions, pruning, and what of an object may be changed at all.

use std::sync::Arc;

use headroom_api::{FINALIZER, schema::prune_status};
use serde_json::{Value, json};

use super::{
    answer::{Answer, conflict, invalid, not_allowed, not_found, refusal, refuse, test_failed},
    replace,
    resource::{Place, Resource},
    state::State,
};
use crate::model::{object::Volume, size_of};

const JSON_PATCH: &str = "application/json-patch+json";
const MERGE_PATCH: &str = "application/merge-patch+json";

/// Patches one object of a listed kind.
pub(super) fn patch(
    state: &mut State,
    resource: Resource,
    place: &Place,
    content_type: &str,
    body: &Value,
) -> Answer {
    let name = place.name.as_deref().unwrap_or_default();
    if (resource, place.sub.as_deref()) == (Resource::Clusters, Some("scale")) {
        return replace::scale(state, name, content_type, body);
    }
    let Some(before) = state.object(resource, name).cloned() else {
        return not_found(resource.plural(), name);
    };
    let after = match patched(resource.plural(), name, &before, content_type, body) {
        Ok(after) => after,
        Err(answer) => return answer,
    };
    let done = match (resource, place.sub.as_deref()) {
        (Resource::Claims, None) => claim(state, name, &before, after),
        (Resource::Clusters, None) => cluster(state, name, &before, after),
        (Resource::Clusters, Some("status")) => replace::promotion(state, name, &before, &after),
        (Resource::Pods, None) => replace::annotations(state, name, &before, &after),
        (Resource::Storages, None) => finalizers(state, name, &before, &after),
        (Resource::Storages, Some("status")) => status(state, name, &after),
        (Resource::Claims | Resource::Clusters | Resource::Storages | Resource::Pods, Some(_))
        | (Resource::Classes | Resource::Jobs, _) => Err(not_allowed("PATCH")),
    };
    if let Err(answer) = done {
        return answer;
    }
    state.absorb();
    // What lost its last finalizer is gone, and is answered as it was.
    Answer::Json(200, state.object(resource, name).cloned().unwrap_or(before))
}

/// The object after the patch, its preconditions held.
pub(super) fn patched(
    plural: &str,
    name: &str,
    before: &Value,
    content_type: &str,
    body: &Value,
) -> Result<Value, Answer> {
    let after = merged(before, content_type, body)?;
    let same = |field: &str| before["metadata"][field] == after["metadata"][field];
    if !same("uid") {
        return Err(invalid(plural, name, "metadata.uid", "Invalid value: field is immutable"));
    }
    if !same("resourceVersion") {
        return Err(conflict(plural, name));
    }
    Ok(after)
}

/// The object after the patch.
pub(super) fn merged(before: &Value, content_type: &str, body: &Value) -> Result<Value, Answer> {
    let mut after = before.clone();
    match content_type {
        JSON_PATCH => {
            let patch: json_patch::Patch = serde_json::from_value(body.clone())
                .map_err(|error| refuse(400, "BadRequest", &error.to_string(), json!({})))?;
            json_patch::patch(&mut after, &patch).map_err(|_| test_failed())?;
        }
        MERGE_PATCH => json_patch::merge(&mut after, body),
        other => {
            let words = format!("the body of the request was in an unknown format: {other}");
            return Err(refuse(415, "UnsupportedMediaType", &words, json!({})));
        }
    }
    Ok(after)
}

/// Everything but `pointer` must be as before; what is there now is the answer.
fn only(plural: &str, name: &str, before: &Value, mut after: Value, pointer: &str) -> Result<Value, Answer> {
    let immutable = || invalid(plural, name, "spec", "Forbidden: spec is immutable here");
    let old = before.pointer(pointer).ok_or_else(immutable)?;
    let place = after.pointer_mut(pointer).ok_or_else(immutable)?;
    let new = std::mem::replace(place, old.clone());
    if after == *before { Ok(new) } else { Err(immutable()) }
}

/// The request of a claim: the model's API server decides.
fn claim(state: &mut State, name: &str, before: &Value, after: Value) -> Result<(), Answer> {
    let plural = Resource::Claims.plural();
    let new = only(plural, name, before, after, "/spec/resources/requests/storage")?;
    let to = new.as_str().and_then(size_of).ok_or_else(|| {
        refuse(400, "BadRequest", "quantities must match the regular expression", json!({}))
    })?;
    let done = state.model.change(|model| model.api.patch_claim(name, None, to));
    done.map(|_| ()).map_err(|error| refusal(plural, name, error))
}

/// The sizes of a Cluster.
fn cluster(state: &mut State, name: &str, before: &Value, after: Value) -> Result<(), Answer> {
    let plural = Resource::Clusters.plural();
    let spec = only(plural, name, before, after, "/spec")?;
    let bad = || invalid(plural, name, "spec", "Invalid value: a size that is none");
    let size = |storage: &Value| storage["size"].as_str().and_then(size_of).ok_or_else(bad);
    let mut sizes = vec![(Volume::Data, size(&spec["storage"])?)];
    if let Some(wal) = spec.get("walStorage") {
        sizes.push((Volume::Wal, size(wal)?));
    }
    for tablespace in spec["tablespaces"].as_array().into_iter().flatten() {
        let volume = Volume::Tablespace(tablespace["name"].as_str().ok_or_else(bad)?.into());
        sizes.push((volume, size(&tablespace["storage"])?));
    }
    state.model.change(|model| {
        model.api.update_cluster(name, |cluster| cluster.spec.sizes = sizes.into_iter().collect())
    });
    Ok(())
}

/// The finalizers of our object.
fn finalizers(state: &mut State, name: &str, before: &Value, after: &Value) -> Result<(), Answer> {
    let plural = Resource::Storages.plural();
    let mut unchanged = after.clone();
    unchanged["metadata"] = before["metadata"].clone();
    if unchanged != *before {
        return Err(invalid(plural, name, "spec", "Forbidden: only finalizers are changed here"));
    }
    let ours = after["metadata"]["finalizers"].as_array();
    let ours = ours.is_some_and(|list| list.iter().any(|each| each == FINALIZER));
    state.model.change(|model| {
        model.api.update_custom(name, |custom| custom.finalizer = ours);
        if !ours && model.api.custom(name).is_some_and(|custom| custom.meta.deleting) {
            model.api.remove_custom(name);
        }
    });
    Ok(())
}

/// The status of our object: unknown fields are pruned, what is of another type is refused.
fn status(state: &mut State, name: &str, after: &Value) -> Result<(), Answer> {
    let kept = after.get("status").map(prune_status);
    let parsed = kept.map(serde_json::from_value).transpose();
    let status = parsed.map_err(|error| {
        invalid(Resource::Storages.plural(), name, "status", &format!("Invalid value: {error}"))
    })?;
    state.model.change(|model| {
        model.api.update_custom(name, |custom| custom.status = status.map(Arc::new));
    });
    Ok(())
}
