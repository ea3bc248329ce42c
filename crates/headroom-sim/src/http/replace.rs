//! The patches of a shrink: a pod's annotations, a Cluster's scale and its promotion.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    answer::{Answer, conflict, invalid, not_found},
    resource::Resource,
    state::State,
    write,
};
use crate::model::{
    object::{Name, phase},
    removal::{Denied, Expected},
};

/// The annotations of a pod, and nothing else of it.
pub(super) fn annotations(
    state: &mut State,
    name: &str,
    before: &Value,
    after: &Value,
) -> Result<(), Answer> {
    let plural = Resource::Pods.plural();
    let others = |pod: &Value| {
        let mut pod = pod.clone();
        pod["metadata"]["annotations"] = Value::Null;
        pod
    };
    if others(before) != others(after) {
        return Err(invalid(plural, name, "spec", "Forbidden: only annotations are changed here"));
    }
    let told = after["metadata"].get("annotations").and_then(Value::as_object);
    let text = |(name, value): (&String, &Value)| Some((Name::from(&**name), Name::from(value.as_str()?)));
    let told: Option<BTreeMap<Name, Name>> = told.into_iter().flatten().map(text).collect();
    let words = "Invalid value: annotations are strings";
    let told = told.ok_or_else(|| invalid(plural, name, "metadata.annotations", words))?;
    state.model.change(|model| model.api.update_pod(name, |pod| pod.annotations = told));
    Ok(())
}

/// The scale subresource. It takes the version over to the object below and drops the uid (S: `scaleUpdatedObjectInfo`
/// in the API server's `customresource/etcd.go`).
pub(super) fn scale(state: &mut State, name: &str, content_type: &str, body: &Value) -> Answer {
    let plural = Resource::Clusters.plural();
    let Some(before) = state.object(Resource::Clusters, name).map(shown_scale) else {
        return not_found(plural, name);
    };
    let after = match write::merged(&before, content_type, body) {
        Ok(after) => after,
        Err(answer) => return answer,
    };
    let version = after["metadata"]["resourceVersion"].as_str().map(|text| text.parse().unwrap_or(0));
    let replicas = after["spec"]["replicas"].as_u64().and_then(|count| u32::try_from(count).ok());
    let Some(to) = replicas else {
        let words = "Invalid value: must be greater than or equal to 0";
        return invalid(plural, name, "spec.replicas", words);
    };
    match state.model.scale(name, Expected { uid: None, version }, to) {
        Err(Denied::Absent | Denied::Remade { .. }) => return not_found(plural, name),
        Err(Denied::Changed { .. } | Denied::Forbidden(_)) => return conflict(plural, name),
        Ok(()) => state.absorb(),
    }
    let after = state.object(Resource::Clusters, name).map(shown_scale);
    Answer::Json(200, after.unwrap_or(before))
}

/// A Cluster as its scale shows it.
fn shown_scale(cluster: &Value) -> Value {
    let meta = &cluster["metadata"];
    json!({
        "apiVersion": "autoscaling/v1", "kind": "Scale",
        "metadata": {
            "name": meta["name"], "namespace": meta["namespace"], "uid": meta["uid"],
            "resourceVersion": meta["resourceVersion"],
        },
        "spec": {"replicas": cluster["spec"]["instances"]},
        "status": {"replicas": cluster["status"]["instances"].as_u64().unwrap_or(0)},
    })
}

/// The status of a Cluster as `kubectl cnpg promote` writes it, in all four fields: what else somebody may write there
/// the model does not know. What is not status is not looked at, as of every status subresource.
pub(super) fn promotion(state: &mut State, name: &str, before: &Value, after: &Value) -> Result<(), Answer> {
    let told = &after["status"];
    let fields = ["targetPrimary", "targetPrimaryTimestamp", "phase", "phaseReason"];
    let others = |status: &Value| {
        let mut status = status.clone();
        for field in fields {
            status[field] = Value::Null;
        }
        status
    };
    let to = told["targetPrimary"].as_str().unwrap_or_default();
    let whole = told["phase"] == phase::SWITCHOVER
        && told["phaseReason"] == format!("Switching over to {to}")
        && told["targetPrimaryTimestamp"].as_str().is_some_and(|time| time.ends_with(".000000Z"));
    if others(told) != others(&before["status"]) || to.is_empty() || !whole {
        let words = "Forbidden: the model knows promotions only";
        return Err(invalid(Resource::Clusters.plural(), name, "status", words));
    }
    state.model.change(|model| model.switch_over(&name.into(), &to.into()));
    Ok(())
}
