//! Watches of one namespace, as lines of a recording.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client, ResourceExt as _};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::line::pruned;

/// Watched kinds: group, version, kind.
const KINDS: [(&str, &str, &str); 4] = [
    ("postgresql.cnpg.io", "v1", "Cluster"),
    ("", "v1", "PersistentVolumeClaim"),
    ("", "v1", "Pod"),
    ("batch", "v1", "Job"),
];

/// The API of a kind in a namespace.
pub(super) fn api(client: &Client, namespace: &str, kind: &str) -> Api<DynamicObject> {
    let (group, version, _) =
        KINDS.iter().find(|(_, _, known)| *known == kind).copied().unwrap_or(("", "v1", kind));
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
    Api::namespaced_with(client.clone(), namespace, &resource)
}

struct Content {
    lines: Vec<(Instant, Value)>,
    /// The newest of each object, whole.
    newest: BTreeMap<(String, String), Value>,
    /// What was last written of each object.
    written: BTreeMap<(String, String), Value>,
    first_act: Option<Instant>,
}

/// A running recording.
pub(super) struct Tape {
    content: Arc<Mutex<Content>>,
    changed: Arc<Notify>,
    watches: Vec<JoinHandle<()>>,
}

impl Drop for Tape {
    fn drop(&mut self) {
        self.watches.iter().for_each(JoinHandle::abort);
    }
}

impl Tape {
    /// Begins.
    pub(super) fn start(client: &Client, namespace: &str) -> Self {
        let content =
            Content { lines: Vec::new(), newest: BTreeMap::new(), written: BTreeMap::new(), first_act: None };
        let (content, changed) = (Arc::new(Mutex::new(content)), Arc::new(Notify::new()));
        let watch = |(_, _, kind): &(&str, &str, &'static str)| {
            let events = watcher(api(client, namespace, kind), watcher::Config::default());
            tokio::spawn(follow(kind, events.default_backoff().boxed(), content.clone(), changed.clone()))
        };
        let watches = KINDS.iter().map(watch).collect();
        Self { content, changed, watches }
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says what is done; the first one is where the recording's time begins.
    pub(super) fn act(&self, marker: &str) {
        let now = Instant::now();
        let mut content = self.content();
        content.first_act.get_or_insert(now);
        content.lines.push((now, json!({"marker": format!("trigger: {marker}")})));
    }

    /// Objects of a kind as they are now.
    pub(super) fn all(&self, kind: &str) -> Vec<Value> {
        let content = self.content();
        content.newest.iter().filter(|((of, _), _)| of == kind).map(|(_, object)| object.clone()).collect()
    }

    /// How long nothing was recorded.
    pub(super) fn quiet_for(&self) -> Duration {
        self.content().lines.last().map_or(Duration::ZERO, |(at, _)| at.elapsed())
    }

    /// Waits for a change, at most so long.
    pub(super) async fn next(&self, limit: Duration) {
        // Either way the caller looks again.
        let _ = tokio::time::timeout(limit, self.changed.notified()).await;
    }

    /// The lines, with times from the first act on.
    pub(super) fn text(&self) -> String {
        let content = self.content();
        let base = content.first_act.or_else(|| content.lines.first().map(|(at, _)| *at));
        let line = |(at, value): &(Instant, Value)| {
            let mut line = value.clone();
            let millis = |span: Duration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
            let base = base.unwrap_or(*at);
            let before = base.checked_duration_since(*at).map_or(0, millis);
            line["t_ms"] = json!(at.checked_duration_since(base).map_or(-before, millis));
            format!("{line}\n")
        };
        content.lines.iter().map(line).collect()
    }
}

async fn follow(
    kind: &'static str,
    mut events: futures::stream::BoxStream<'static, watcher::Result<watcher::Event<DynamicObject>>>,
    content: Arc<Mutex<Content>>,
    changed: Arc<Notify>,
) {
    while let Some(event) = events.next().await {
        let (object, gone) = match event {
            Ok(watcher::Event::Apply(object) | watcher::Event::InitApply(object)) => (object, false),
            Ok(watcher::Event::Delete(object)) => (object, true),
            Ok(watcher::Event::Init | watcher::Event::InitDone) => continue,
            Err(error) => {
                tracing::warn!("watching {kind}: {error}");
                continue;
            }
        };
        let Ok(value) = serde_json::to_value(&object) else { continue };
        let key = (kind.to_owned(), object.name_any());
        {
            let mut content = content.lock().unwrap_or_else(PoisonError::into_inner);
            put(&mut content, kind, &key, &value, gone);
        }
        changed.notify_one();
    }
}

fn put(content: &mut Content, kind: &str, key: &(String, String), object: &Value, gone: bool) {
    let kept = pruned(kind, object);
    let known = content.newest.contains_key(key);
    if gone {
        content.newest.remove(key);
        content.written.remove(key);
    } else {
        content.newest.insert(key.clone(), object.clone());
        if content.written.insert(key.clone(), kept.clone()).as_ref() == Some(&kept) {
            return;
        }
    }
    let how = match (gone, known) {
        (true, _) => "DELETED",
        (false, true) => "MODIFIED",
        (false, false) => "ADDED",
    };
    let line = json!({"kind": kind, "name": key.1, "type": how, "obj": kept});
    content.lines.push((Instant::now(), line));
}
