//! Answers: objects, lists, and refusals in Kubernetes' words.

use serde_json::{Value, json};

use super::watch::Stream;
use crate::model::apiserver::ApiError;

/// What is answered.
pub(super) enum Answer {
    /// JSON.
    Json(u16, Value),
    /// A refusal that says when to come again.
    Later(u16, Value, u32),
    /// A watch.
    Watch(Box<Stream>),
    /// Nobody is there: the connection breaks.
    Nobody,
}

impl Answer {
    pub(super) fn code(&self) -> u16 {
        match self {
            Self::Json(code, _) | Self::Later(code, ..) => *code,
            Self::Watch(_) => 200,
            Self::Nobody => 0,
        }
    }
}

/// A `Status` with these details.
pub(super) fn status(code: u16, reason: &str, message: &str, details: Value) -> Value {
    let mut status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message,
        "reason": reason, "code": code,
    });
    if !details.is_null() {
        status["details"] = details;
    }
    status
}

pub(super) fn refuse(code: u16, reason: &str, message: &str, details: Value) -> Answer {
    Answer::Json(code, status(code, reason, message, details))
}

pub(super) fn not_found(plural: &str, name: &str) -> Answer {
    let message = format!("{plural} \"{name}\" not found");
    refuse(404, "NotFound", &message, json!({"name": name, "kind": plural}))
}

pub(super) fn no_such_path() -> Answer {
    refuse(404, "NotFound", "the server could not find the requested resource", json!({}))
}

pub(super) fn not_allowed(method: &str) -> Answer {
    let message = format!("the server does not allow this method on the requested resource: {method}");
    refuse(405, "MethodNotAllowed", &message, json!({}))
}

pub(super) fn conflict(plural: &str, name: &str) -> Answer {
    let message = format!(
        "Operation cannot be fulfilled on {plural} \"{name}\": the object has been modified; please apply your changes \
         to the latest version and try again"
    );
    refuse(409, "Conflict", &message, json!({"name": name, "kind": plural}))
}

/// A JSON patch whose `test` failed: 422 with empty details (experiments G4).
pub(super) fn test_failed() -> Answer {
    let words = "the server rejected our request due to an error in our request";
    refuse(422, "Invalid", words, json!({}))
}

/// Validation refuses `field`.
pub(super) fn invalid(plural: &str, name: &str, field: &str, words: &str) -> Answer {
    let message = format!("{plural} \"{name}\" is invalid: {field}: {words}");
    let cause = json!({"reason": "FieldValueForbidden", "message": words, "field": field});
    refuse(422, "Invalid", &message, json!({"name": name, "kind": plural, "causes": [cause]}))
}

/// A refusal by the model's API server.
pub(super) fn refusal(plural: &str, name: &str, error: ApiError) -> Answer {
    match error {
        ApiError::NotFound => not_found(plural, name),
        ApiError::Conflict => conflict(plural, name),
        ApiError::TestFailed => test_failed(),
        ApiError::Forbidden(words) => refuse(403, "Forbidden", &words, json!({"name": name, "kind": plural})),
        ApiError::Invalid(words) => {
            // `PersistentVolumeClaim "pg-1" is invalid: FIELD: WORDS`
            let rest = words.split_once("is invalid: ").map_or(&*words, |(_, rest)| rest);
            let (field, why) = rest.split_once(": ").unwrap_or(("spec", rest));
            let cause = json!({"reason": "FieldValueForbidden", "message": why, "field": field});
            refuse(422, "Invalid", &words, json!({"name": name, "kind": plural, "causes": [cause]}))
        }
    }
}
