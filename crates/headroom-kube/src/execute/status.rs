//! The body of a status write.

use headroom_api::status::{self, Refusal};
use headroom_core::{
    Record, Timestamp,
    names::{ObjectId, Version},
    report::{Problem, Verdict},
};
use serde_json::{Value, json};

use super::{bodies, call::Method};
use crate::known::KnownStorage;

/// The patch that makes the status say `record` and `verdict`.
///
/// A decision replaces the status as a whole: a merge patch would leave behind whatever the new one does not name, such
/// as the target of a finished growth. A refusal changes nothing but the conditions.
///
/// # Errors
/// When the status cannot be written as JSON.
pub(super) fn patch(
    storage: &KnownStorage,
    of: &ObjectId,
    expect: &Version,
    record: Option<&Record>,
    verdict: &Verdict,
    now: Timestamp,
) -> Result<(Method, Value), serde_json::Error> {
    let previous = storage.stored.previous();
    match (record, verdict) {
        (Some(record), Verdict::Decided(report)) => {
            let status = serde_json::to_value(status::write(record, report, Some(&previous), now))?;
            let patch = json!([
                {"op": "test", "path": "/metadata/uid", "value": of.uid.as_str()},
                {"op": "test", "path": "/metadata/resourceVersion", "value": expect.as_str()},
                {"op": "add", "path": "/status", "value": status},
            ]);
            Ok((Method::JsonPatch, patch))
        }
        (_, Verdict::Refused(Problem { reason, message, hint })) => {
            let refusal = Refusal { reason, message: message.as_str(), hint: hint.as_str() };
            let status = status::write_refusal(&refusal, storage.generation, Some(&previous), now);
            Ok((Method::MergePatch, bodies::guarded(of, expect, "status", &serde_json::to_value(status)?)))
        }
        // A decision without a record is made of an unreadable status only, and then it is a refusal.
        (None, Verdict::Decided(report)) => {
            let empty = Record::empty();
            let conditions = status::write(&empty, report, Some(&previous), now).conditions;
            let value = json!({"conditions": serde_json::to_value(conditions)?});
            Ok((Method::MergePatch, bodies::guarded(of, expect, "status", &value)))
        }
    }
}
