//! What an outcome means.

use headroom_core::{
    names::{ClusterKey, Text},
    observation::ObstacleCause,
};
use headroom_engine::{Refusal, Response, Seen};

use super::{call::Outcome, plan::Expects, refusal};
use crate::{
    known::Known,
    slim::{Claim, Cluster, Pod, Slim, SlimList, Storage},
    translate::{self, Translate, Unclear},
};

/// The response that the outcomes of a plan amount to. What is read on the way is remembered in `known`.
pub fn answer(expects: &Expects, outcomes: &[Outcome], known: &mut Known) -> Response {
    match expects {
        Expects::Everything(key) => everything(key, outcomes, known),
        Expects::Claim { key, instance, volume, uid } => match applied::<Claim>(outcomes, known) {
            // Another program may have put another claim of this name there; then ours is gone.
            Response::Applied(seen) => match &*seen {
                Seen::Claim { key: of, instance: whose, volume: which, class: _, claim }
                    if of == key && whose == instance && which == volume && claim.id.uid == *uid =>
                {
                    Response::Applied(seen)
                }
                Seen::Claim { .. }
                | Seen::Storage(_)
                | Seen::Cluster(..)
                | Seen::Pod(..)
                | Seen::Class { .. } => Response::Refused(Refusal::Gone),
            },
            other @ (Response::Read(_)
            | Response::Wal(_)
            | Response::Survey(_)
            | Response::Done
            | Response::Refused(_)
            | Response::Unknown) => other,
        },
        Expects::Cluster => applied::<Cluster>(outcomes, known),
        Expects::Storage => applied::<Storage>(outcomes, known),
        Expects::Pod => applied::<Pod>(outcomes, known),
        Expects::Nothing => done(outcomes),
    }
}

/// A write: done with the object as it is now, refused, or unknown. An object that cannot be read after a success
/// leaves unknown what is there now.
fn applied<T: Translate>(outcomes: &[Outcome], known: &mut Known) -> Response {
    let [Outcome::Answered { status, retry_after_s, body }] = outcomes else {
        return lost(outcomes);
    };
    if !(200..300).contains(status) {
        return refusal::refused(*status, *retry_after_s, body);
    }
    match serde_json::from_slice::<Slim<T>>(body)
        .map_err(|error| error.to_string())
        .and_then(|object| read(object, known))
    {
        Ok(seen) => Response::Applied(Box::new(seen)),
        Err(words) => {
            tracing::warn!("a write succeeded, but its answer cannot be read: {words}");
            Response::Unknown
        }
    }
}

/// A write whose answer does not hold an object that headroom reads.
fn done(outcomes: &[Outcome]) -> Response {
    let [Outcome::Answered { status, retry_after_s, body }] = outcomes else {
        return lost(outcomes);
    };
    if (200..300).contains(status) { Response::Done } else { refusal::refused(*status, *retry_after_s, body) }
}

fn everything(key: &ClusterKey, outcomes: &[Outcome], known: &mut Known) -> Response {
    let [cluster, storage, claims, pods] = outcomes else {
        return lost(outcomes);
    };
    let mut all = Vec::new();
    let result = one::<Cluster>(cluster, known, &mut all)
        .and_then(|()| one::<Storage>(storage, known, &mut all))
        .and_then(|()| many::<Claim>(claims, known, &mut all))
        .and_then(|()| many::<Pod>(pods, known, &mut all));
    match result {
        Ok(()) => Response::Read(all),
        Err(response) => {
            tracing::debug!(cluster = %key, ?response, "a quorum read failed");
            response
        }
    }
}

/// An object that may be absent.
fn one<T: Translate>(outcome: &Outcome, known: &mut Known, all: &mut Vec<Seen>) -> Result<(), Response> {
    match ok(outcome) {
        Ok(body) => {
            let object =
                serde_json::from_slice::<Slim<T>>(body).map_err(|error| unreadable(&error.to_string()))?;
            all.push(read(object, known).map_err(|words| unreadable(&words))?);
            Ok(())
        }
        Err(Response::Refused(Refusal::Gone)) => Ok(()),
        Err(other) => Err(other),
    }
}

fn many<T: Translate>(outcome: &Outcome, known: &mut Known, all: &mut Vec<Seen>) -> Result<(), Response> {
    let list = serde_json::from_slice::<SlimList<T>>(ok(outcome)?)
        .map_err(|error| unreadable(&error.to_string()))?;
    for object in list.items {
        all.push(read(object, known).map_err(|words| unreadable(&words))?);
    }
    Ok(())
}

fn ok(outcome: &Outcome) -> Result<&[u8], Response> {
    match outcome {
        Outcome::Answered { status, body, retry_after_s: _ } if (200..300).contains(status) => Ok(body),
        Outcome::Answered { status, retry_after_s, body } => {
            Err(refusal::refused(*status, *retry_after_s, body))
        }
        Outcome::Lost(words) => {
            tracing::debug!("a call was lost: {words}");
            Err(Response::Unknown)
        }
    }
}

fn lost(outcomes: &[Outcome]) -> Response {
    for outcome in outcomes {
        if let Outcome::Lost(words) = outcome {
            tracing::warn!("the outcome of a call is unknown: {words}");
        }
    }
    Response::Unknown
}

fn read<T: Translate>(object: Slim<T>, known: &mut Known) -> Result<Seen, String> {
    translate::read(object, known).map_err(|Unclear { key: _, words }| words.as_str().to_owned())
}

fn unreadable(words: &str) -> Response {
    Response::Refused(Refusal::Because {
        cause: ObstacleCause::Invalid,
        words: Text::from(words),
        retry_after_s: None,
    })
}
