//! The rights that a shrink needs, which `deploy` does not give, and what confines them: `deploy/shrink`. They are those of
//! headroom's account, which a scenario's own operator has, too.

use headroom_scenario::WorldError;
use k8s_openapi::api::{
    admissionregistration::v1::{ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding},
    rbac::v1::{ClusterRole, ClusterRoleBinding},
};
use kube::{
    Api, Client, Resource, ResourceExt as _,
    api::{Patch, PatchParams},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::connect::failed;

const ROLE: &str = include_str!("../../../../deploy/shrink/role.yaml");
const POLICIES: [&str; 2] = [
    include_str!("../../../../deploy/shrink/pods-policy.yaml"),
    include_str!("../../../../deploy/shrink/jobs-policy.yaml"),
];
const DOING: &str = "give headroom the rights of a shrink";

/// The two objects of a manifest as they are shipped.
fn shipped<A: DeserializeOwned, B: DeserializeOwned>(manifest: &str) -> Result<(A, B), String> {
    let objects: Vec<Value> = serde_saphyr::from_multiple(manifest).map_err(|error| error.to_string())?;
    let [first, second]: [Value; 2] =
        objects.try_into().map_err(|_| "a file of deploy/shrink does not hold two objects".to_owned())?;
    let first = serde_json::from_value(first).map_err(|error| error.to_string())?;
    Ok((first, serde_json::from_value(second).map_err(|error| error.to_string())?))
}

/// Makes sure that headroom may shrink: in the lab it is given the rights, elsewhere somebody must have done so.
///
/// # Errors
/// When it may not; the message says what to do.
pub(crate) async fn ensure(client: &Client, is_lab: bool) -> Result<(), WorldError> {
    for policy in POLICIES {
        ensure_policy(client, is_lab, policy).await?;
    }
    let (role, binding): (ClusterRole, ClusterRoleBinding) =
        shipped(ROLE).map_err(|why| failed(DOING, &why))?;
    if is_lab {
        apply(client, &role).await?;
        return apply(client, &binding).await;
    }
    present::<ClusterRole>(client, &role.name_any()).await?;
    present::<ClusterRoleBinding>(client, &binding.name_any()).await
}

async fn ensure_policy(client: &Client, is_lab: bool, manifest: &str) -> Result<(), WorldError> {
    let (policy, binding): (ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding) =
        shipped(manifest).map_err(|why| failed(DOING, &why))?;
    let there = present::<ValidatingAdmissionPolicyBinding>(client, &binding.name_any()).await;
    // What the API server adds to a policy makes it another one for whoever applies it next: one that is there stays.
    if there.is_ok() || !is_lab {
        return there;
    }
    apply(client, &policy).await?;
    apply(client, &binding).await
}

async fn apply<K>(client: &Client, object: &K) -> Result<(), WorldError>
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::ClusterResourceScope>,
    K: Clone + std::fmt::Debug + Serialize + DeserializeOwned,
{
    // Where somebody installed them from another checkout, the refusal names whose and which rights differ.
    let params = PatchParams::apply("headroom-e2e");
    let applied =
        Api::<K>::all(client.clone()).patch(&object.name_any(), &params, &Patch::Apply(object)).await;
    applied.map(drop).map_err(|error| failed(DOING, &error))
}

async fn present<K>(client: &Client, name: &str) -> Result<(), WorldError>
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::ClusterResourceScope>,
    K: Clone + std::fmt::Debug + DeserializeOwned,
{
    match Api::<K>::all(client.clone()).get_opt(name).await {
        Ok(Some(_)) => Ok(()),
        Ok(None) => {
            let kind = K::kind(&());
            let why = format!("there is no {kind} {name}; `kubectl apply --server-side -k deploy/shrink`");
            Err(failed(DOING, &why))
        }
        Err(error) => Err(failed(DOING, &error)),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::cluster::operator;

    #[test]
    fn the_shipped_rights_are_those_of_the_account_that_every_operator_of_a_run_has() {
        let (role, binding): (ClusterRole, ClusterRoleBinding) = shipped(ROLE).unwrap();
        assert_eq!(
            (binding.role_ref.kind, binding.role_ref.name),
            ("ClusterRole".to_owned(), role.name_any())
        );
        let [subject] = <[_; 1]>::try_from(binding.subjects.unwrap()).unwrap();
        let whose = (subject.namespace.as_deref(), subject.name.as_str());
        assert_eq!(whose, (Some(operator::NAMESPACE), operator::ACCOUNT));
        assert!(role.rules.is_some_and(|rules| !rules.is_empty()));
    }
}
