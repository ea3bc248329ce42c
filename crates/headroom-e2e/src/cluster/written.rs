//! What the operator has written to objects that others write, too: told by what it leaves on them.

use headroom_scenario::trace::Written;
use serde_json::Value;

/// The field manager under which headroom writes.
pub(crate) const MANAGER: &str = "headroom";

/// CloudNativePG is told to make the instance anew.
pub(crate) const UNRECOVERABLE: &str = "/metadata/annotations/alpha.cnpg.io~1unrecoverable";
/// It was headroom that told it.
const REPLACED_BY: &str = "/metadata/annotations/headroom.dev~1replaced-by";

/// What headroom did to an instance's pod: condemned it, or spared it.
pub(crate) fn on_pod(before: Option<&Value>, now: &Value) -> Option<Written> {
    let instance = text(now, "/metadata/labels/cnpg.io~1instanceName")?;
    let marked = |pod: &Value| text(pod, UNRECOVERABLE) == Some("true") && text(pod, REPLACED_BY).is_some();
    let same = |pod: &&Value| text(pod, "/metadata/uid") == text(now, "/metadata/uid");
    match (before.filter(same).is_some_and(marked), marked(now)) {
        (false, true) => Some(Written::Deleted(format!("instance {instance}"))),
        (true, false) => Some(Written::Other(format!("spared {instance}"))),
        (false, false) | (true, true) => None,
    }
}

/// What headroom did to the Cluster: another number of instances, another primary.
pub(crate) fn on_cluster(before: &Value, now: &Value) -> Vec<Written> {
    let changed = |pointer: &str| now.pointer(pointer).filter(|value| before.pointer(pointer) != Some(value));
    let scaled = changed("/spec/instances").filter(|_| is_ours(now, "scale", "/f:spec/f:instances"));
    let promoted = changed("/status/targetPrimary").and_then(Value::as_str);
    let promoted = promoted.filter(|_| is_ours(now, "status", "/f:status/f:targetPrimary"));
    let scaled = scaled.map(|count| Written::Other(format!("instances {count}")));
    scaled.into_iter().chain(promoted.map(|to| Written::Other(format!("promoted {to}")))).collect()
}

/// Whether the present value of a field is (also) headroom's.
fn is_ours(object: &Value, subresource: &str, field: &str) -> bool {
    let managers = object.pointer("/metadata/managedFields").and_then(Value::as_array);
    managers.into_iter().flatten().any(|manager| {
        text(manager, "/manager") == Some(MANAGER)
            && text(manager, "/subresource") == Some(subresource)
            && manager.pointer(&format!("/fieldsV1{field}")).is_some()
    })
}

fn text<'a>(object: &'a Value, pointer: &str) -> Option<&'a str> {
    object.pointer(pointer).and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(uid: &str, annotations: &Value) -> Value {
        json!({"metadata": {"uid": uid, "labels": {"cnpg.io/instanceName": "pg-2"}, "annotations": annotations}})
    }

    #[test]
    fn a_mark_of_ours_condemns_once_and_taking_it_off_spares() {
        let plain = pod("a", &json!({}));
        let marked =
            pod("a", &json!({"alpha.cnpg.io/unrecoverable": "true", "headroom.dev/replaced-by": "3"}));
        let by_others = pod("a", &json!({"alpha.cnpg.io/unrecoverable": "true"}));
        let condemned = Some(Written::Deleted("instance pg-2".to_owned()));
        assert_eq!(on_pod(Some(&plain), &marked), condemned);
        assert_eq!(on_pod(None, &marked), condemned, "a watch that began late");
        assert_eq!(on_pod(Some(&marked), &marked), None);
        assert_eq!(on_pod(Some(&marked), &plain), Some(Written::Other("spared pg-2".to_owned())));
        assert_eq!(on_pod(Some(&marked), &pod("b", &json!({}))), None, "its successor was never marked");
        assert_eq!(on_pod(Some(&plain), &by_others), None);
    }

    #[test]
    fn number_and_primary_are_ours_where_the_field_is() {
        let cluster = |instances: u32, target: &str, manager: &str| {
            let fields = |subresource: &str, fields: Value| json!({"manager": manager, "subresource": subresource, "fieldsV1": fields});
            json!({
                "metadata": {"managedFields": [
                    fields("scale", json!({"f:spec": {"f:instances": {}}})),
                    fields("status", json!({"f:status": {"f:targetPrimary": {}}})),
                ]},
                "spec": {"instances": instances}, "status": {"targetPrimary": target},
            })
        };
        let before = cluster(2, "pg-1", "headroom");
        let said = |words: &str| vec![Written::Other(words.to_owned())];
        assert_eq!(on_cluster(&before, &cluster(3, "pg-1", "headroom")), said("instances 3"));
        assert_eq!(on_cluster(&before, &cluster(2, "pg-2", "headroom")), said("promoted pg-2"));
        assert_eq!(on_cluster(&before, &cluster(2, "pg-1", "headroom")), []);
        assert_eq!(on_cluster(&before, &cluster(3, "pg-2", "manager")), []);
    }
}
