//! What a refusal means.

use headroom_core::{names::Text, observation::ObstacleCause};
use headroom_engine::{Refusal, Response};
use kube::core::Status;

/// How many characters of the server's words are kept: a refused object may be quoted whole.
const WORDS: usize = 400;

/// What an answer outside 200..300 means. Told apart by code and, where the code says too little, by the message: all
/// refusals of a growth by quota, LimitRange, class and RBAC are 403 with nothing but a name in `details`
/// (experiments G6).
pub(super) fn refused(code: u16, retry_after_s: Option<u32>, body: &[u8]) -> Response {
    let status = serde_json::from_slice::<Status>(body).ok();
    let message = match &status {
        Some(status) if !status.message.is_empty() => status.message.clone(),
        Some(_) | None => String::from_utf8_lossy(body).trim().to_owned(),
    };
    let retry_after_s = retry_after_s.or_else(|| {
        let seconds = status.as_ref()?.details.as_ref()?.retry_after_seconds;
        (seconds > 0).then_some(seconds)
    });
    let because =
        |cause| Response::Refused(Refusal::Because { cause, words: words(&message, code), retry_after_s });
    match code {
        404 | 410 => Response::Refused(Refusal::Gone),
        409 => Response::Refused(Refusal::Conflict),
        422 => unprocessable(status.as_ref(), &message, because),
        401 => because(ObstacleCause::Forbidden),
        403 => because(forbidden(&message)),
        429 => because(ObstacleCause::Throttled),
        503 => because(ObstacleCause::Unavailable),
        // An admission webhook that does not answer refuses before anything is stored.
        500 if message.contains("failed calling webhook") => because(ObstacleCause::Unavailable),
        // 500 covers a write that etcd did not confirm in time, 502 and 504 a reply that was lost on the way.
        408 | 500 | 502 | 504 => Response::Unknown,
        400 | 405 | 406 | 413 | 415 => because(ObstacleCause::Invalid),
        _ => because(ObstacleCause::Unknown),
    }
}

fn unprocessable(
    status: Option<&Status>,
    message: &str,
    because: impl Fn(ObstacleCause) -> Response,
) -> Response {
    let details = status.and_then(|status| status.details.as_ref());
    let causes = details.map_or(&[][..], |details| details.causes.as_slice());
    // A failed `test` of a JSON patch names nothing, not even the object (experiments G4).
    let nameless = details.is_none_or(|details| details.name.is_empty() && details.kind.is_empty());
    if causes.is_empty() && nameless && message.contains("due to an error in our request") {
        return Response::Refused(Refusal::Conflict);
    }
    if causes.iter().any(|cause| cause.field == "metadata.uid") {
        return Response::Refused(Refusal::Gone);
    }
    if message.contains("ValidatingAdmissionPolicy") || message.contains("denied the request") {
        return because(ObstacleCause::Forbidden);
    }
    let unbound = "spec is immutable after creation except resources.requests";
    if causes.iter().any(|cause| cause.field == "spec" && cause.message.contains(unbound)) {
        return because(ObstacleCause::NotBound);
    }
    because(ObstacleCause::Invalid)
}

fn forbidden(message: &str) -> ObstacleCause {
    if message.contains("exceeded quota") {
        ObstacleCause::Quota
    } else if message.contains("storage usage per PersistentVolumeClaim is") {
        ObstacleCause::LimitRange
    } else if message.contains("only dynamically provisioned pvc can be resized") {
        ObstacleCause::NotExpandable
    } else {
        ObstacleCause::Forbidden
    }
}

fn words(message: &str, code: u16) -> Text {
    if message.is_empty() {
        return Text::from(format!("HTTP {code} without words").as_str());
    }
    match message.char_indices().nth(WORDS) {
        None => Text::from(message),
        Some((end, _)) => Text::from(format!("{}…", message.get(..end).unwrap_or(message)).as_str()),
    }
}
