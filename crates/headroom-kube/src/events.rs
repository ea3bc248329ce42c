//! Kubernetes Events for people: on the DynamicStorage and on its Cluster.
//!
//! They may be lost: a bounded queue stands before one sender, so a slow API server costs Events and nothing else.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use headroom_api::{
    FIELD_MANAGER,
    events::{self, EventText},
};
use headroom_core::names::ClusterKey;
use headroom_engine::note::{About, Note, NoteKind};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::{
    Client,
    execute::{Call, Method, Outcome, send},
    known::{Known, Shared},
};

/// Notes that wait for the sender.
const QUEUE: usize = 256;
/// The longest that a call may take.
const LIMIT: Duration = Duration::from_secs(5);
/// The same words about the same object, by its uid, are not said again for this long.
const REPEAT: Duration = Duration::from_mins(10);
/// How many words are remembered for that.
const REMEMBERED: usize = 4096;

/// Where notes go.
#[derive(Clone, Debug)]
pub struct Sink(mpsc::Sender<Note>);

impl Sink {
    /// Takes a note. Answers `false` when it is dropped because too many wait.
    pub fn tell(&self, note: Note) -> bool {
        self.0.try_send(note).is_ok()
    }
}

/// Makes a sink and its sender, which is to be spawned and ends when all sinks are gone. `instance` is this process's
/// name.
pub fn sink(client: Client, known: Shared, instance: String) -> (Sink, impl Future<Output = ()> + Send) {
    let (sender, receiver) = mpsc::channel(QUEUE);
    let reporter = Reporter { client, known, instance, said: BTreeMap::new() };
    (Sink(sender), reporter.run(receiver))
}

struct Reporter {
    client: Client,
    known: Shared,
    instance: String,
    said: BTreeMap<(String, String), Instant>,
}

impl Reporter {
    async fn run(mut self, mut notes: mpsc::Receiver<Note>) {
        while let Some(note) = notes.recv().await {
            let text = words(&note.what);
            let about = about(&note.what, &subjects(&note.key, &self.known.lock()));
            for (regarding, related) in about {
                let uid = regarding.get("uid").and_then(Value::as_str).unwrap_or_default();
                if self.said_lately(uid, &text.message) {
                    continue;
                }
                let body =
                    event(&note.key, &text, &regarding, related.as_ref(), &self.instance, Timestamp::now());
                let uri = format!(
                    "/apis/events.k8s.io/v1/namespaces/{}/events?fieldManager={FIELD_MANAGER}",
                    note.key.namespace
                );
                match send(&self.client, Call { method: Method::Post, uri, body: body.to_string() }, LIMIT)
                    .await
                {
                    Outcome::Answered { status: 200..=299, .. } => {}
                    Outcome::Answered { status, body, .. } => {
                        let words = String::from_utf8_lossy(&body);
                        tracing::debug!(cluster = %note.key, status, "an Event was refused: {words}");
                    }
                    Outcome::Lost(words) => {
                        tracing::debug!(cluster = %note.key, "an Event was lost: {words}");
                    }
                }
            }
        }
    }

    fn said_lately(&mut self, uid: &str, message: &str) -> bool {
        let now = Instant::now();
        if self.said.len() >= REMEMBERED {
            self.said.retain(|_, at| now.duration_since(*at) < REPEAT);
        }
        if self.said.len() >= REMEMBERED {
            self.said.clear();
        }
        let before = self.said.insert((uid.to_owned(), message.to_owned()), now);
        before.is_some_and(|at| now.duration_since(at) < REPEAT)
    }
}

/// A note as text.
pub fn words(note: &NoteKind) -> EventText {
    match note {
        NoteKind::GrowthStarted { volume, cause, from, to } => {
            events::growth_started(volume, *cause, *from, *to)
        }
        NoteKind::GrowthCompleted { volume, from, to } => events::growth_completed(volume, *from, *to),
        NoteKind::GrowthStopped { volume, reason } => events::growth_stopped(volume, reason),
        NoteKind::ShrinkCompleted { volume, from, to } => events::shrink_completed(volume, *from, *to),
        NoteKind::ShrinkTurnedBack { volume, from } => events::shrink_turned_back(volume, *from),
        NoteKind::Repairing { volume, instance, to } => events::repairing(volume, instance, *to),
        NoteKind::StateEntered { volume, state, reason } => events::state_entered(volume, *state, reason),
        NoteKind::PlanRefused(codes) => events::plan_refused(codes),
        NoteKind::Trapped { primary, by } => events::trapped(primary, by),
        NoteKind::Denied { cause, words } => events::denied(*cause, words),
        NoteKind::SessionExhausted => events::session_exhausted(),
        NoteKind::Quarantined(words) => events::quarantined(words.as_str()),
        NoteKind::Refused { reason, message } => events::refused(reason, message.as_str()),
    }
}

/// The objects of a key as references; those that were never seen are missing.
struct Subjects {
    storage: Option<Value>,
    cluster: Option<Value>,
}

fn subjects(key: &ClusterKey, known: &Known) -> Subjects {
    let reference = |version: &str, kind: &str, uid: &str| {
        json!({
            "apiVersion": version, "kind": kind, "name": key.name.as_str(),
            "namespace": key.namespace.as_str(), "uid": uid,
        })
    };
    Subjects {
        storage: known
            .storage(key)
            .map(|storage| reference("headroom.dev/v1alpha1", "DynamicStorage", storage.uid.as_str())),
        cluster: known
            .cluster(key)
            .map(|cluster| reference("postgresql.cnpg.io/v1", "Cluster", cluster.uid.as_str())),
    }
}

/// The objects that an Event is about, each with the other one as related.
fn about(note: &NoteKind, subjects: &Subjects) -> Vec<(Value, Option<Value>)> {
    let Subjects { storage, cluster } = subjects;
    let one = |first: &Option<Value>, second: &Option<Value>| match (first, second) {
        (Some(first), second) => vec![(first.clone(), second.clone())],
        (None, Some(second)) => vec![(second.clone(), None)],
        (None, None) => Vec::new(),
    };
    match note.about() {
        About::Storage => one(storage, cluster),
        About::Cluster => one(cluster, storage),
        About::Both => match (storage, cluster) {
            (Some(_), Some(_)) => [one(storage, cluster), one(cluster, storage)].concat(),
            (Some(_) | None, Some(_) | None) => one(storage, cluster),
        },
    }
}

fn event(
    key: &ClusterKey,
    text: &EventText,
    regarding: &Value,
    related: Option<&Value>,
    instance: &str,
    now: Timestamp,
) -> Value {
    let mut event = json!({
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"generateName": format!("{}-", key.name), "namespace": key.namespace.as_str()},
        "eventTime": format!("{now:.6}"),
        "reportingController": "headroom.dev/operator",
        "reportingInstance": instance,
        "action": text.reason,
        "reason": text.reason,
        "type": text.kind.as_str(),
        "note": text.message,
        "regarding": regarding,
    });
    if let (Some(related), Value::Object(fields)) = (related, &mut event) {
        fields.insert("related".to_owned(), related.clone());
    }
    event
}

#[cfg(test)]
mod tests;
