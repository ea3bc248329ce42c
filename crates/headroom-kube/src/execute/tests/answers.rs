//! Each outcome is exactly this response. Bodies are those of a real API server (experiments G4, G6).

use headroom_core::observation::ObstacleCause;
use headroom_engine::{Refusal, Request, Response, Seen};

use super::{
    super::{Expects, Outcome, Plan, answer, plan},
    *,
};

fn answered(status: u16, body: Value) -> Outcome {
    Outcome::Answered { status, retry_after_s: None, body: body.to_string().into_bytes() }
}

fn status(code: u16, reason: &str, message: &str, details: Value) -> Outcome {
    answered(
        code,
        json!({"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": message, "details": details}),
    )
}

/// A growth whose call had this outcome.
fn growth(outcome: Outcome) -> Response {
    let shared = shared();
    let expects = Expects::Claim {
        key: key(),
        instance: InstanceName::from("pg-1"),
        volume: VolumeName::Data,
        uid: Uid::from("claim-uid"),
    };
    answer(&expects, &[outcome], &mut shared.lock())
}

#[track_caller]
fn refused(outcome: Outcome, expected: ObstacleCause) {
    match growth(outcome) {
        Response::Refused(Refusal::Because { cause, .. }) => assert_eq!(cause, expected),
        other => panic!("not refused for a reason: {other:?}"),
    }
}

/// A 403 as the API server gives it: nothing but the message says why.
#[track_caller]
fn forbidden(message: &str, expected: ObstacleCause) {
    let message = format!("persistentvolumeclaims \"pg-1\" is forbidden: {message}");
    refused(
        status(403, "Forbidden", &message, json!({"name": "pg-1", "kind": "persistentvolumeclaims"})),
        expected,
    );
}

#[test]
fn refusals_with_403_are_told_apart_by_their_words() {
    forbidden(
        "exceeded quota: q, requested: requests.storage=136Mi, used: requests.storage=64Mi, limited: requests.storage=100Mi",
        ObstacleCause::Quota,
    );
    forbidden(
        "maximum storage usage per PersistentVolumeClaim is 100Mi, but request is 200Mi",
        ObstacleCause::LimitRange,
    );
    forbidden(
        "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize",
        ObstacleCause::NotExpandable,
    );
    forbidden(
        "User \"system:serviceaccount:headroom-system:headroom\" cannot patch resource \"persistentvolumeclaims\" in API group \"\" in the namespace \"ns\"",
        ObstacleCause::Forbidden,
    );
    forbidden("ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no", ObstacleCause::Forbidden);
}

#[test]
fn a_failed_test_is_a_conflict() {
    let outcome =
        status(422, "Invalid", "the server rejected our request due to an error in our request", json!({}));
    assert_eq!(growth(outcome), Response::Refused(Refusal::Conflict));
    let old_version =
        status(409, "Conflict", "Operation cannot be fulfilled on ...", json!({"name": "pg-1"}));
    assert_eq!(growth(old_version), Response::Refused(Refusal::Conflict));
}

#[test]
fn refusals_with_422_and_causes_are_no_conflicts() {
    let because = |message: &str, cause: Value| {
        status(
            422,
            "Invalid",
            message,
            json!({"name": "pg-1", "kind": "PersistentVolumeClaim", "causes": [cause]}),
        )
    };
    let words = "Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims";
    refused(
        because(
            &format!("PersistentVolumeClaim \"pg-1\" is invalid: spec: {words}"),
            json!({"reason": "FieldValueForbidden", "message": words, "field": "spec"}),
        ),
        ObstacleCause::NotBound,
    );
    refused(
        because(
            "…",
            json!({"message": "Forbidden: field can not be less than status.capacity", "field": "spec.resources.requests.storage"}),
        ),
        ObstacleCause::Invalid,
    );
    refused(
        because(
            "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no",
            json!({"message": "no"}),
        ),
        ObstacleCause::Forbidden,
    );
    let other_uid = because(
        "…",
        json!({"reason": "FieldValueInvalid", "message": "field is immutable", "field": "metadata.uid"}),
    );
    assert_eq!(growth(other_uid), Response::Refused(Refusal::Gone));
    // A bad quantity: no name, no causes, but the whole object in the message.
    refused(
        status(422, "Invalid", "quantities must match the regular expression", json!({})),
        ObstacleCause::Invalid,
    );
}

#[test]
fn other_codes_have_one_meaning_each() {
    let plain = |code| status(code, "", "words", json!({}));
    for (code, cause) in [
        (400, ObstacleCause::Invalid),
        (401, ObstacleCause::Forbidden),
        (413, ObstacleCause::Invalid),
        (415, ObstacleCause::Invalid),
        (418, ObstacleCause::Unknown),
        (429, ObstacleCause::Throttled),
        (503, ObstacleCause::Unavailable),
    ] {
        refused(plain(code), cause);
    }
    for code in [404, 410] {
        assert_eq!(growth(plain(code)), Response::Refused(Refusal::Gone), "{code}");
    }
    for code in [408, 500, 502, 504] {
        assert_eq!(growth(plain(code)), Response::Unknown, "{code}");
    }
    let webhook = "Internal error occurred: failed calling webhook \"v.example.com\": no endpoints";
    refused(status(500, "InternalError", webhook, json!({})), ObstacleCause::Unavailable);
}

#[test]
fn the_server_says_how_long_to_wait() {
    let waits = |outcome| match growth(outcome) {
        Response::Refused(Refusal::Because { retry_after_s, .. }) => retry_after_s,
        other => panic!("not refused for a reason: {other:?}"),
    };
    let header = Outcome::Answered { status: 429, retry_after_s: Some(7), body: Vec::new() };
    assert_eq!(waits(header), Some(7));
    assert_eq!(waits(status(429, "TooManyRequests", "", json!({"retryAfterSeconds": 3}))), Some(3));
    assert_eq!(waits(status(503, "", "", json!({}))), None);
}

#[test]
fn words_are_kept_but_not_whole_objects() {
    let said = |message: &str| match growth(status(403, "Forbidden", message, json!({}))) {
        Response::Refused(Refusal::Because { words, .. }) => words.as_str().to_owned(),
        other => panic!("not refused for a reason: {other:?}"),
    };
    assert_eq!(said("no"), "no");
    let long = said(&"ä".repeat(5000));
    assert_eq!(long.chars().count(), 401);
    let silent = Outcome::Answered { status: 403, retry_after_s: None, body: Vec::new() };
    let Response::Refused(Refusal::Because { words, .. }) = growth(silent) else { panic!("not refused") };
    assert_eq!(words.as_str(), "HTTP 403 without words");
}

#[test]
fn no_answer_is_unknown() {
    assert_eq!(growth(Outcome::Lost("no answer in 10 s".to_owned())), Response::Unknown);
}

fn claim(uid: &str) -> Value {
    json!({
        "metadata": {"name": "pg-1", "namespace": "ns", "uid": uid, "resourceVersion": "9",
            "labels": {"cnpg.io/cluster": "pg", "cnpg.io/instanceName": "pg-1", "cnpg.io/pvcRole": "PG_DATA"}},
        "spec": {"storageClassName": "fast", "resources": {"requests": {"storage": "2Gi"}}},
        "status": {"phase": "Bound", "capacity": {"storage": "1Gi"}},
    })
}

#[test]
fn a_success_is_the_object_as_it_is_now() {
    let Response::Applied(seen) = growth(answered(200, claim("claim-uid"))) else { panic!("not applied") };
    let Seen::Claim { claim, .. } = *seen else { panic!("not a claim") };
    assert_eq!((claim.requested, claim.version.as_str()), (Bytes::gibi(2), "9"));
}

#[test]
fn a_success_on_another_incarnation_is_of_an_object_that_is_gone() {
    assert_eq!(growth(answered(200, claim("another-uid"))), Response::Refused(Refusal::Gone));
}

#[test]
fn a_success_whose_object_cannot_be_read_is_unknown() {
    assert_eq!(growth(answered(200, json!("ok"))), Response::Unknown);
    let mut odd = claim("claim-uid");
    odd["spec"] = json!([]);
    assert_eq!(growth(answered(200, odd)), Response::Unknown);
}

/// A quorum read whose four calls had these outcomes.
fn read(outcomes: &[Outcome; 4]) -> Response {
    let shared = shared();
    let mut known = shared.lock();
    let Plan::Read(_, expects) =
        plan(&Request::ReadCluster(key()), &known, headroom_core::Timestamp::from_unix(0))
    else {
        panic!("not a read")
    };
    answer(&expects, outcomes, &mut known)
}

fn cluster() -> Value {
    json!({"metadata": {"name": "pg", "namespace": "ns", "uid": "cluster-uid", "resourceVersion": "6"}, "spec": {"instances": 1}})
}

fn list(items: &[Value]) -> Outcome {
    answered(200, json!({"kind": "List", "metadata": {"resourceVersion": "9"}, "items": items}))
}

#[test]
fn a_quorum_read_gives_all_that_there_is() {
    let absent = || status(404, "NotFound", "not found", json!({}));
    let everything =
        [answered(200, cluster()), answered(200, storage_object()), list(&[claim("u")]), list(&[])];
    let Response::Read(seen) = read(&everything) else { panic!("not read") };
    assert!(matches!(seen.as_slice(), [Seen::Cluster(..), Seen::Storage(_), Seen::Claim { .. }]), "{seen:?}");
    let nothing = [absent(), absent(), list(&[]), list(&[])];
    assert_eq!(read(&nothing), Response::Read(Vec::new()), "what is gone is simply not there");
}

#[test]
fn a_quorum_read_is_whole_or_nothing() {
    let rest = || [answered(200, cluster()), answered(200, storage_object()), list(&[]), list(&[])];
    let mut outcomes = rest();
    outcomes[2] = status(403, "Forbidden", "cannot list", json!({}));
    assert!(matches!(
        read(&outcomes),
        Response::Refused(Refusal::Because { cause: ObstacleCause::Forbidden, .. })
    ));
    let mut outcomes = rest();
    outcomes[3] = Outcome::Lost("cut".to_owned());
    assert_eq!(read(&outcomes), Response::Unknown);
    let mut outcomes = rest();
    outcomes[2] = list(&[json!({"metadata": {"name": "x", "namespace": "ns"}, "spec": 1})]);
    assert!(matches!(
        read(&outcomes),
        Response::Refused(Refusal::Because { cause: ObstacleCause::Invalid, .. })
    ));
}
