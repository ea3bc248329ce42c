//! Deletions: preconditions, and what may be deleted at all. The rules are the model's ([`crate::model::removal`]).

use serde_json::{Value, json};

use super::{
    answer::{Answer, not_allowed, not_found, refuse},
    resource::Resource,
    state::State,
    wire,
};
use crate::model::removal::{Denied, Expected, Removal};

/// Deletes one object, if it is still the one that the `DeleteOptions` name.
pub(super) fn delete(state: &mut State, resource: Resource, name: &str, options: &Value) -> Answer {
    let Some(before) = state.object(resource, name).cloned() else {
        return not_found(resource.plural(), name);
    };
    let expected = expected(&options["preconditions"]);
    let removal = match resource {
        // In the background its pods would keep the claims for a while: nobody has recorded what CNPG does then.
        Resource::Jobs if options["propagationPolicy"] != "Foreground" => {
            let words = "the model deletes Jobs in the foreground only";
            return refuse(400, "BadRequest", words, json!({}));
        }
        Resource::Jobs => state.model.remove_job(name, expected),
        Resource::Pods => state.model.remove_pod(name, expected),
        Resource::Claims => state.model.remove_claim(name, expected),
        Resource::Storages | Resource::Clusters | Resource::Classes => return not_allowed("DELETE"),
    };
    state.absorb();
    match removal {
        // What is gone at once is answered as it was, what has a finalizer or a grace period as it is.
        Ok(Removal::Begun | Removal::Needless) => {
            Answer::Json(200, state.object(resource, name).cloned().unwrap_or(before))
        }
        Err(denied) => refused(resource, name, options, denied),
    }
}

/// Texts that are none of ours are true of nothing.
fn expected(preconditions: &Value) -> Expected {
    let number = |field: &str, prefix: &str| {
        let text = preconditions.get(field)?.as_str().unwrap_or_default();
        Some(text.strip_prefix(prefix).and_then(|digits| digits.parse().ok()).unwrap_or(0))
    };
    Expected { uid: number("uid", "uid-"), version: number("resourceVersion", "") }
}

/// In the words of `rest.BeforeDelete`, which calls a resource by its kind, and of the admission plugin.
fn refused(resource: Resource, name: &str, options: &Value, denied: Denied) -> Answer {
    let plural = resource.plural();
    let (_, kind) = resource.kind();
    let asked = |field: &str| options["preconditions"][field].as_str().unwrap_or_default().to_owned();
    let conflict = |words: &str| {
        let message = format!("Operation cannot be fulfilled on {kind} \"{name}\": {words}");
        refuse(409, "Conflict", &message, json!({"name": name, "kind": kind}))
    };
    match denied {
        Denied::Absent => not_found(plural, name),
        Denied::Remade { uid } => conflict(&format!(
            "the UID in the precondition ({}) does not match the UID in record ({}). The object might have been deleted \
             and then recreated",
            asked("uid"),
            wire::uid(uid),
        )),
        Denied::Changed { version } => conflict(&format!(
            "the ResourceVersion in the precondition ({}) does not match the ResourceVersion in record ({version}). The \
             object might have been modified",
            asked("resourceVersion"),
        )),
        Denied::Forbidden(words) => {
            let message = format!(
                "{plural} \"{name}\" is forbidden: ValidatingAdmissionPolicy 'headroom-pods' with binding \
                 'headroom-pods' denied request: {words}"
            );
            refuse(403, "Forbidden", &message, json!({"name": name, "kind": plural}))
        }
    }
}
