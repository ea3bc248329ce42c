//! Size at birth for one scenario: the policy of `deploy/size-at-birth` under a name of its own and bound in the
//! scenario's namespace alone, so that scenarios with it and without it run side by side.

use headroom_scenario::WorldError;
use kube::{
    Api, Client,
    api::{ApiResource, DeleteParams, DynamicObject, GroupVersionKind, Patch, PatchParams},
};
use serde_json::{Value, json};

use super::connect::failed;

const MANIFEST: &str = include_str!("../../../../deploy/size-at-birth/admission-policy.yaml");
const KINDS: [(&str, &str); 2] = [
    ("MutatingAdmissionPolicy", "mutatingadmissionpolicies"),
    ("MutatingAdmissionPolicyBinding", "mutatingadmissionpolicybindings"),
];
/// The name in the manifest.
const SHIPPED: &str = "headroom-size-at-birth";

fn api(client: &Client, (kind, plural): (&str, &str)) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("admissionregistration.k8s.io", "v1", kind);
    Api::all_with(client.clone(), &ApiResource::from_gvk_with_plural(&kind, plural))
}

fn name(namespace: &str) -> String {
    format!("headroom-e2e-{namespace}")
}

/// Policy and binding for one namespace.
fn objects(namespace: &str) -> Result<[Value; 2], String> {
    let objects: Vec<Value> = serde_saphyr::from_multiple(MANIFEST).map_err(|error| error.to_string())?;
    let [mut policy, mut binding]: [Value; 2] =
        objects.try_into().map_err(|_| "deploy/size-at-birth is not a policy and a binding".to_owned())?;
    for object in [&mut policy, &mut binding] {
        object["metadata"] = json!({"name": name(namespace)});
    }
    binding["spec"]["policyName"] = json!(name(namespace));
    binding["spec"]["matchResources"] =
        json!({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}});
    Ok([policy, binding])
}

/// Installs the policy for `namespace`.
///
/// # Errors
/// When the cluster refuses it, as one before 1.36 does.
pub(crate) async fn bind(client: &Client, namespace: &str) -> Result<(), WorldError> {
    let doing = "install the policy that sizes claims at birth (Kubernetes 1.36 or later)";
    let objects = objects(namespace).map_err(|error| failed(doing, &error))?;
    for (object, kind) in objects.iter().zip(KINDS) {
        let params = PatchParams::apply("headroom-e2e");
        let applied = api(client, kind).patch(&name(namespace), &params, &Patch::Apply(object)).await;
        applied.map_err(|error| failed(doing, &error))?;
    }
    Ok(())
}

/// Removes it again.
///
/// # Errors
/// When the cluster refuses that.
pub(crate) async fn unbind(client: &Client, namespace: &str) -> Result<(), WorldError> {
    for kind in KINDS {
        let deleted = api(client, kind).delete(&name(namespace), &DeleteParams::default()).await;
        match deleted {
            Ok(_) => {}
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            Err(error) => return Err(failed("remove the policy that sizes claims at birth", &error)),
        }
    }
    Ok(())
}

/// A scenario without it must not find it installed for everybody.
///
/// # Errors
/// When it is, or when that cannot be known.
pub(crate) async fn absent(client: &Client) -> Result<(), WorldError> {
    let doing = "make a fixture in which claims are born at the Cluster's own size";
    match api(client, KINDS[1]).get(SHIPPED).await {
        Ok(_) => {
            Err(failed(doing, &"it is installed; remove it with `kubectl delete -k deploy/size-at-birth`"))
        }
        // Not there, or a cluster that has no such kind.
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        Err(error) => Err(failed(doing, &error)),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_is_the_shipped_one_bound_in_one_namespace() {
        let shipped: Vec<Value> = serde_saphyr::from_multiple(MANIFEST).unwrap();
        assert_eq!(shipped[0]["metadata"]["name"], SHIPPED);
        assert_eq!(shipped[1]["metadata"]["name"], SHIPPED);
        let [policy, binding] = objects("ns").unwrap();
        assert_eq!(policy["spec"], shipped[0]["spec"]);
        assert_eq!(binding["spec"]["policyName"], policy["metadata"]["name"]);
        assert_eq!(binding["spec"]["paramRef"], shipped[1]["spec"]["paramRef"]);
        let selector = &binding["spec"]["matchResources"]["namespaceSelector"]["matchLabels"];
        assert_eq!(*selector, json!({"kubernetes.io/metadata.name": "ns"}));
    }
}
