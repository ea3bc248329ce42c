//! Lists and watches.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::{sync::watch::Receiver, time::Instant};

use super::{
    Server,
    answer::{Answer, status},
    resource::{Resource, Selector},
    state::State,
};

/// How often a quiet watch says that it stands, and how long before its end it does so once more (`nextBookmarkTime` in
/// the API server's `cache_watcher.go`).
const BOOKMARK: Duration = Duration::from_mins(1);
const BEFORE_END: Duration = Duration::from_secs(2);

/// The answer to a list.
pub(super) fn list(state: &State, resource: Resource, selector: &Selector) -> Answer {
    let (version, kind) = resource.kind();
    let items: Vec<Value> = state
        .objects(resource)
        .filter(|object| selector.takes(object))
        .map(|object| {
            let mut object = object.clone();
            // Items of built-in kinds say no kind in a list; those of custom resources do.
            if let Value::Object(fields) = &mut object
                && !matches!(resource, Resource::Storages | Resource::Clusters)
            {
                fields.remove("kind");
                fields.remove("apiVersion");
            }
            object
        })
        .collect();
    let body = json!({
        "kind": format!("{kind}List"), "apiVersion": version,
        "metadata": {"resourceVersion": state.version().to_string()}, "items": items,
    });
    Answer::Json(200, body)
}

/// What a watch was asked for.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) resource: Resource,
    pub(super) selector: Selector,
    /// Continue behind this version.
    pub(super) after: u64,
    pub(super) bookmarks: bool,
    pub(super) lasts: Duration,
}

/// A running watch.
pub(super) struct Stream {
    server: Server,
    wanted: Wanted,
    changed: Receiver<u64>,
    cuts: u64,
    bookmark_at: Instant,
    end: Instant,
    over: bool,
}

impl Stream {
    pub(super) fn new(server: &Server, state: &State, wanted: Wanted) -> Self {
        let now = Instant::now();
        Self {
            server: server.clone(),
            changed: server.changed.subscribe(),
            cuts: state.cuts,
            bookmark_at: next_bookmark(now, now + wanted.lasts),
            end: now + wanted.lasts,
            over: false,
            wanted,
        }
    }

    /// The next line; `None` at the end.
    pub(super) async fn next(&mut self) -> Option<Bytes> {
        loop {
            if self.over {
                return None;
            }
            self.changed.mark_unchanged();
            if let Some(line) = self.ready() {
                return Some(line);
            }
            let now = Instant::now();
            if now >= self.end || self.over {
                return None;
            }
            tokio::select! {
                news = self.changed.changed() => if news.is_err() { return None },
                () = tokio::time::sleep_until(self.bookmark_at.min(self.end)) => {}
            }
        }
    }

    /// A line that can be sent now.
    fn ready(&mut self) -> Option<Bytes> {
        let server = self.server.clone();
        let state = server.lock();
        let Wanted { resource, selector, after, bookmarks, lasts: _ } = &mut self.wanted;
        if state.cuts != self.cuts {
            self.over = true;
            return None;
        }
        if *after < state.compacted {
            self.over = true;
            let words = format!("too old resource version: {after} ({})", state.compacted);
            return Some(line("ERROR", &status(410, "Expired", &words, Value::Null)));
        }
        let news = state.history.iter().find(|entry| {
            entry.resource == *resource && entry.version > *after && selector.takes(&entry.object)
        });
        if let Some(entry) = news {
            *after = entry.version;
            return Some(line(entry.kind, &entry.object));
        }
        if Instant::now() < self.bookmark_at {
            return None;
        }
        self.bookmark_at = next_bookmark(self.bookmark_at, self.end);
        if !*bookmarks || !state.bookmarks {
            return None;
        }
        *after = state.version();
        let (version, kind) = resource.kind();
        let object = json!({
            "kind": kind, "apiVersion": version,
            "metadata": {"resourceVersion": after.to_string(), "creationTimestamp": null},
        });
        Some(line("BOOKMARK", &object))
    }
}

fn next_bookmark(now: Instant, end: Instant) -> Instant {
    let last = end.checked_sub(BEFORE_END).unwrap_or(end);
    let next = now + BOOKMARK;
    if now < last { next.min(last) } else { next }
}

/// One event, its type first, as the API server writes it.
fn line(kind: &str, object: &Value) -> Bytes {
    Bytes::from(format!("{{\"type\":\"{kind}\",\"object\":{object}}}\n"))
}
