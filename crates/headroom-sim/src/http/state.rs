//! The store behind the wire: what is served now, what watches can continue from, what was asked.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    fault::{Fault, Planned},
    resource::Resource,
    wire,
};
use crate::model::{
    Happened, Model,
    apiserver::{ApiServer, Object},
    queue::Millis,
};

/// One line of a watch.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) version: u64,
    /// `ADDED`, `MODIFIED` or `DELETED`.
    pub(super) kind: &'static str,
    pub(super) resource: Resource,
    pub(super) object: Value,
}

/// A call that was answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// When, in milliseconds of the model.
    pub at: Millis,
    /// Method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// JSON body, if any.
    pub body: Value,
    /// HTTP status of the answer; 0 where the connection broke.
    pub status: u16,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) model: Model,
    objects: BTreeMap<(Resource, String), Value>,
    pub(super) history: Vec<Entry>,
    /// Nothing up to this version can be continued from.
    pub(super) compacted: u64,
    /// How often all watches were closed.
    pub(super) cuts: u64,
    pub(super) bookmarks: bool,
    overlays: BTreeMap<(Resource, String), Value>,
    /// Leases and Events, by path.
    pub(super) others: BTreeMap<String, Value>,
    pub(super) faults: Vec<Planned>,
    pub(super) asked: Vec<Asked>,
}

impl State {
    pub(super) fn new(mut model: Model) -> Self {
        // What has happened before is history; everything that exists is shown from the store.
        model.take_happened();
        let mut state = Self {
            compacted: model.api().version(),
            model,
            objects: BTreeMap::new(),
            history: Vec::new(),
            cuts: 0,
            bookmarks: true,
            overlays: BTreeMap::new(),
            others: BTreeMap::new(),
            faults: Vec::new(),
            asked: Vec::new(),
        };
        for object in everything(state.model.api()) {
            let (resource, shown) = wire::object(&object, state.compacted);
            state.objects.insert((resource, name(&shown)), shown);
        }
        state
    }

    /// A number that grows with everything that somebody may wait for.
    pub(super) fn news(&self) -> (usize, usize, u64, u64) {
        (self.history.len(), self.asked.len(), self.compacted, self.cuts)
    }

    pub(super) fn version(&self) -> u64 {
        self.model.api().version()
    }

    /// Lets the model's time pass until `now`.
    pub(super) fn catch_up(&mut self, now: Millis) {
        while self.model.next_at().is_some_and(|at| at <= now) {
            self.model.step();
        }
        self.model.pass(now);
        self.absorb();
    }

    /// Takes in what has changed in the model.
    pub(super) fn absorb(&mut self) {
        for happened in self.model.take_happened() {
            let Happened::Changed(change) = happened else { continue };
            let (resource, shown) = wire::object(&change.object, change.version);
            self.publish(change.version, resource, shown, change.gone);
        }
    }

    fn publish(&mut self, version: u64, resource: Resource, mut object: Value, gone: bool) {
        let key = (resource, name(&object));
        if let Some(patch) = self.overlays.get(&key) {
            json_patch::merge(&mut object, patch);
        }
        object["metadata"]["resourceVersion"] = Value::from(version.to_string());
        let before = if gone { self.objects.remove(&key) } else { self.objects.insert(key, object.clone()) };
        let kind = match (gone, before) {
            (true, _) => "DELETED",
            (false, Some(_)) => "MODIFIED",
            (false, None) => "ADDED",
        };
        self.history.push(Entry { version, kind, resource, object });
    }

    pub(super) fn object(&self, resource: Resource, name: &str) -> Option<&Value> {
        self.objects.get(&(resource, name.to_owned()))
    }

    /// All of a kind, by name.
    pub(super) fn objects(&self, resource: Resource) -> impl Iterator<Item = &Value> {
        self.objects.iter().filter(move |((kind, _), _)| *kind == resource).map(|(_, object)| object)
    }

    pub(super) fn overlay(&mut self, resource: Resource, name: &str, patch: Value) {
        self.overlays.insert((resource, name.to_owned()), patch);
        let version = self.model.api.next_version();
        for object in everything(self.model.api()) {
            let (kind, shown) = wire::object(&object, version);
            if kind == resource && shown["metadata"]["name"] == name {
                self.publish(version, resource, shown, false);
            }
        }
    }

    pub(super) fn compact(&mut self) {
        self.compacted = self.model.api.next_version();
        self.history.clear();
        self.cuts += 1;
    }

    /// The fault that was planned for this call.
    pub(super) fn fault(&mut self, method: &str, target: &str) -> Option<Fault> {
        let found = self.faults.iter().position(|it| it.method == method && target.contains(&it.part))?;
        Some(self.faults.remove(found).fault)
    }
}

fn everything(api: &ApiServer) -> Vec<Object> {
    let mut all: Vec<Object> = api.customs().cloned().map(Object::Custom).collect();
    all.extend(api.clusters().cloned().map(Object::Cluster));
    all.extend(api.claims().cloned().map(Object::Claim));
    all.extend(api.pods().cloned().map(Object::Pod));
    all.extend(api.jobs().cloned().map(Object::Job));
    all.extend(api.classes().map(|(name, expandable)| Object::Class(name.clone(), expandable)));
    all
}

fn name(object: &Value) -> String {
    object["metadata"]["name"].as_str().unwrap_or_default().to_owned()
}
