//! What the API server asks: which write of the operator an AdmissionReview is about, and what can be answered.

use std::cmp::Ordering;

use headroom_core::{Bytes, quantity};
use serde_json::{Value, json};

use crate::cluster::written::UNRECOVERABLE;

/// A write that waits for a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Review {
    /// Names the question in the answer.
    pub(crate) uid: String,
    /// Nothing will be stored: a probe of ours.
    pub(crate) dry_run: bool,
    /// What would be stored.
    pub(crate) write: Write,
}

/// A write, as far as a gate can stand before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Write {
    /// The request of this claim is raised.
    Raise(String),
    /// The status of a DynamicStorage ends a running action as completed.
    Completion,
    /// A new volume for a claim of this namespace.
    Volume,
    /// The number of instances of the Cluster is raised.
    Surge,
    /// CloudNativePG is told to make an instance anew.
    Replacement,
    /// Another instance is to become primary.
    Promotion,
    /// The number of instances of the Cluster is lowered.
    Lowering,
    /// Anything else; no gate stands before it.
    Other,
}

/// Reads an AdmissionReview; `None` when it is none.
pub(crate) fn read(review: &Value) -> Option<Review> {
    let request = review.get("request")?;
    let text = |pointer: &str| request.pointer(pointer).and_then(Value::as_str);
    let write = match (text("/resource/resource")?, text("/subResource").unwrap_or("")) {
        ("persistentvolumeclaims", "") if raises(request) => Write::Raise(text("/name")?.to_owned()),
        ("dynamicstorages", "status") if completes(request) => Write::Completion,
        ("persistentvolumes", "") => Write::Volume,
        ("pods", "") if condemns(request) => Write::Replacement,
        ("clusters", "status") if promotes(request) => Write::Promotion,
        ("clusters", "scale") => scales(request),
        _ => Write::Other,
    };
    let dry_run = request.get("dryRun").and_then(Value::as_bool).unwrap_or(false);
    Some(Review { uid: text("/uid")?.to_owned(), dry_run, write })
}

fn raises(request: &Value) -> bool {
    let size = |of: &str| -> Option<Bytes> {
        let text = request.pointer(&format!("/{of}/spec/resources/requests/storage"))?.as_str()?;
        quantity::parse(text).ok()
    };
    matches!((size("oldObject"), size("object")), (Some(before), Some(now)) if before < now)
}

/// What is at this place of the object, before and now.
fn both<'a>(request: &'a Value, pointer: &str) -> [Option<&'a Value>; 2] {
    ["oldObject", "object"].map(|of| request.pointer(&format!("/{of}{pointer}")))
}

/// Whether an instance that was to stay is to be made anew.
fn condemns(request: &Value) -> bool {
    let [before, now] = both(request, UNRECOVERABLE).map(|word| word.and_then(Value::as_str) == Some("true"));
    !before && now
}

fn promotes(request: &Value) -> bool {
    let [before, now] = both(request, "/status/targetPrimary");
    now.is_some() && before != now
}

/// The subresource speaks of a `Scale` of `autoscaling/v1`, which leaves a zero out.
fn scales(request: &Value) -> Write {
    let [before, now] =
        both(request, "/spec/replicas").map(|count| count.and_then(Value::as_u64).unwrap_or(0));
    match now.cmp(&before) {
        Ordering::Greater => Write::Surge,
        Ordering::Less => Write::Lowering,
        Ordering::Equal => Write::Other,
    }
}

/// Whether an action that ran is completed by this write. An action that others made (`External`) is born completed and
/// ends nothing.
fn completes(request: &Value) -> bool {
    let before = actions(request, "oldObject");
    let ran = |volume: &str, id: &Value| {
        before
            .iter()
            .any(|(of, action)| *of == volume && action.get("id") == Some(id) && result(action) == "Running")
    };
    actions(request, "object").iter().any(|(volume, action)| {
        result(action) == "Completed" && action.get("id").is_some_and(|id| ran(volume, id))
    })
}

fn result(action: &Value) -> &str {
    action.get("result").and_then(Value::as_str).unwrap_or("")
}

/// The ledger entries of all volumes, each with its volume.
fn actions<'a>(request: &'a Value, of: &str) -> Vec<(&'a str, &'a Value)> {
    let Some(sizing) = request.pointer(&format!("/{of}/status/storageSizing")) else { return Vec::new() };
    let list = |value: &'a Value, key: &str| {
        value.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default().iter()
    };
    let data = sizing.get("data").into_iter().map(|volume| ("", volume));
    let tablespaces = list(sizing, "tablespaces").map(|volume| {
        // The data volume has no name, and every tablespace has one.
        (volume.get("name").and_then(Value::as_str).unwrap_or("?"), volume)
    });
    data.chain(tablespaces)
        .flat_map(|(name, volume)| list(volume, "actions").map(move |action| (name, action)))
        .collect()
}

/// The answer that lets the write pass.
pub(crate) fn allowed(uid: &str) -> Value {
    answer(&json!({"uid": uid, "allowed": true}))
}

/// The answer of a server that was too slow: the writer does not learn more than from silence.
pub(crate) fn timed_out(uid: &str) -> Value {
    let status =
        json!({"code": 504, "reason": "Timeout", "message": "held at a gate of the acceptance matrix"});
    answer(&json!({"uid": uid, "allowed": false, "status": status}))
}

fn answer(response: &Value) -> Value {
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn review(resource: &str, sub: &str, before: &Value, now: &Value) -> Value {
        json!({
            "apiVersion": "admission.k8s.io/v1",
            "kind": "AdmissionReview",
            "request": {
                "uid": "u-1", "name": "pg-1", "operation": "UPDATE", "dryRun": false,
                "resource": {"group": "", "version": "v1", "resource": resource},
                "subResource": sub, "oldObject": before, "object": now,
            },
        })
    }

    fn claim(size: &str) -> Value {
        json!({"spec": {"resources": {"requests": {"storage": size}}}})
    }

    fn status(volume: &str, actions: &Value) -> Value {
        match volume {
            "data" => json!({"status": {"storageSizing": {"data": {"actions": actions}}}}),
            name => {
                json!({"status": {"storageSizing": {"tablespaces": [{"name": name, "actions": actions}]}}})
            }
        }
    }

    fn action(id: u64, result: &str) -> Value {
        json!({"id": id, "result": result})
    }

    #[track_caller]
    fn check(resource: &str, sub: &str, before: &Value, now: &Value, expected: &Write) {
        let found = read(&review(resource, sub, before, now)).map(|review| review.write);
        assert_eq!(found.as_ref(), Some(expected));
    }

    #[test]
    fn only_a_larger_request_is_a_raise_whatever_its_spelling() {
        let raise = Write::Raise("pg-1".to_owned());
        check("persistentvolumeclaims", "", &claim("1Gi"), &claim("1152Mi"), &raise);
        check("persistentvolumeclaims", "", &claim("1024Mi"), &claim("2Gi"), &raise);
        check("persistentvolumeclaims", "", &claim("1Gi"), &claim("1024Mi"), &Write::Other);
        check("persistentvolumeclaims", "", &claim("2Gi"), &claim("1Gi"), &Write::Other);
        check("persistentvolumeclaims", "", &claim("1Gi"), &json!({}), &Write::Other);
        check("persistentvolumeclaims", "status", &claim("1Gi"), &claim("2Gi"), &Write::Other);
    }

    #[test]
    fn a_new_volume_is_told_from_other_writes() {
        check("persistentvolumes", "", &json!(null), &json!({"spec": {}}), &Write::Volume);
        check("persistentvolumes", "status", &json!({}), &json!({}), &Write::Other);
    }

    #[test]
    fn only_a_new_mark_on_a_pod_has_an_instance_made_anew() {
        let pod = |mark: Value| json!({"metadata": {"annotations": {"a": "b", "alpha.cnpg.io/unrecoverable": mark}}});
        let (plain, marked) = (json!({"metadata": {}}), pod(json!("true")));
        check("pods", "", &plain, &marked, &Write::Replacement);
        check("pods", "", &pod(json!("false")), &marked, &Write::Replacement);
        check("pods", "", &marked, &marked, &Write::Other);
        check("pods", "", &marked, &plain, &Write::Other);
        check("pods", "", &plain, &pod(json!("false")), &Write::Other);
        check("pods", "status", &plain, &marked, &Write::Other);
    }

    #[test]
    fn another_target_primary_is_a_promotion() {
        let cluster = |target: &str| json!({"status": {"currentPrimary": "pg-1", "targetPrimary": target}});
        check("clusters", "status", &cluster("pg-1"), &cluster("pg-2"), &Write::Promotion);
        check("clusters", "status", &json!({}), &cluster("pg-2"), &Write::Promotion);
        check("clusters", "status", &cluster("pg-2"), &cluster("pg-2"), &Write::Other);
        check("clusters", "status", &cluster("pg-2"), &json!({}), &Write::Other);
        check("clusters", "", &cluster("pg-1"), &cluster("pg-2"), &Write::Other);
    }

    #[test]
    fn a_scale_is_a_surge_or_a_lowering() {
        let scale = |replicas: u32| json!({"kind": "Scale", "apiVersion": "autoscaling/v1", "spec": {"replicas": replicas}});
        check("clusters", "scale", &scale(1), &scale(2), &Write::Surge);
        check("clusters", "scale", &json!({"spec": {}}), &scale(1), &Write::Surge);
        check("clusters", "scale", &scale(4), &scale(3), &Write::Lowering);
        check("clusters", "scale", &scale(3), &scale(3), &Write::Other);
        check("clusters", "", &scale(1), &scale(2), &Write::Other);
    }

    #[test]
    fn a_completion_is_a_running_action_that_is_now_completed() {
        let dynamic = |before: Value, now: Value, expected| {
            check("dynamicstorages", "status", &before, &now, expected);
        };
        let one = |volume, result| status(volume, &json!([action(1, result)]));
        dynamic(one("data", "Running"), one("data", "Completed"), &Write::Completion);
        dynamic(one("idx", "Running"), one("idx", "Completed"), &Write::Completion);
        dynamic(one("data", "Running"), one("data", "Running"), &Write::Other);
        dynamic(one("data", "Running"), one("data", "Superseded"), &Write::Other);
        dynamic(one("data", "Completed"), one("data", "Completed"), &Write::Other);
        // Recorded by others, and complete at once.
        dynamic(status("data", &json!([])), one("data", "Completed"), &Write::Other);
        // Numbers are unique in the object, but never compare volumes with each other.
        dynamic(one("idx", "Running"), one("data", "Completed"), &Write::Other);
        let two = |last| status("data", &json!([action(1, "Completed"), action(2, last)]));
        dynamic(two("Running"), two("Completed"), &Write::Completion);
        check("dynamicstorages", "", &one("data", "Running"), &one("data", "Completed"), &Write::Other);
    }

    #[test]
    fn a_dry_run_is_told_from_a_write_and_nonsense_from_a_review() {
        let mut probe = review("persistentvolumeclaims", "", &claim("1Gi"), &claim("2Gi"));
        assert_eq!(read(&probe).map(|review| review.dry_run), Some(false));
        probe["request"]["dryRun"] = json!(true);
        assert_eq!(read(&probe).map(|review| review.dry_run), Some(true));
        assert_eq!(read(&json!({"kind": "AdmissionReview"})), None);
        assert_eq!(read(&json!("text")), None);
    }

    #[test]
    fn an_answer_names_the_question() {
        assert_eq!(allowed("u-1")["response"], json!({"uid": "u-1", "allowed": true}));
        let late = timed_out("u-1");
        assert_eq!(
            (&late["response"]["allowed"], &late["response"]["status"]["code"]),
            (&json!(false), &json!(504))
        );
    }
}
