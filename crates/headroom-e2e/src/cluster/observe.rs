//! Watches of one namespace, appended to the trace.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures::StreamExt;
use headroom_core::Bytes;
use headroom_scenario::{What, trace::Written};
use kube::{
    Api, Client, ResourceExt,
    api::{ApiResource, DynamicObject, GroupVersionKind},
    runtime::{WatchStreamExt, watcher},
};
use serde_json::Value;
use tokio::task::JoinHandle;

use super::{
    manifests::NAME,
    parse,
    recorder::Recorder,
    written::{self, MANAGER},
};

/// Kinds that are watched: group, version, kind, plural.
const KINDS: [(&str, &str, &str, &str); 7] = [
    ("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims"),
    ("", "v1", "Pod", "pods"),
    ("batch", "v1", "Job", "jobs"),
    ("postgresql.cnpg.io", "v1", "Cluster", "clusters"),
    ("postgresql.cnpg.io", "v1", "Backup", "backups"),
    ("headroom.dev", "v1alpha1", "DynamicStorage", "dynamicstorages"),
    ("events.k8s.io", "v1", "Event", "events"),
];

/// The API of a kind in a namespace.
pub(crate) fn api(client: &Client, namespace: &str, kind: &str) -> Option<Api<DynamicObject>> {
    let (group, version, kind, plural) = KINDS.iter().find(|(_, _, name, _)| *name == kind)?;
    let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural);
    Some(Api::namespaced_with(client.clone(), namespace, &resource))
}

/// The newest object of each kind and name, for whoever needs more than the trace (who is primary, where a pod runs).
pub(crate) type Newest = Arc<Mutex<BTreeMap<(&'static str, String), Value>>>;

/// Starts a watch per kind; each ends when its handle is aborted.
pub(crate) fn start(
    client: &Client,
    namespace: &str,
    recorder: &Recorder,
    newest: &Newest,
) -> Vec<JoinHandle<()>> {
    KINDS
        .iter()
        .filter_map(|(_, _, kind, _)| {
            let api = api(client, namespace, kind)?;
            let observer = Observer { kind, recorder: recorder.clone(), newest: newest.clone() };
            Some(tokio::spawn(observer.run(api)))
        })
        .collect()
}

struct Observer {
    kind: &'static str,
    recorder: Recorder,
    newest: Newest,
}

impl Observer {
    async fn run(self, api: Api<DynamicObject>) {
        let mut events = watcher(api, watcher::Config::default()).default_backoff().boxed();
        while let Some(event) = events.next().await {
            match event {
                Ok(watcher::Event::Apply(object) | watcher::Event::InitApply(object)) => {
                    self.applied(&object);
                }
                Ok(watcher::Event::Delete(object)) => self.deleted(&object),
                Ok(watcher::Event::Init | watcher::Event::InitDone) => {}
                // The watcher backs off and lists again by itself; the trace says that it was blind.
                Err(error) => self.recorder.push(What::Note(format!("watch of {}: {error}", self.kind))),
            }
        }
    }

    fn applied(&self, object: &DynamicObject) {
        let Ok(value) = serde_json::to_value(object) else { return };
        let key = (self.kind, object.name_any());
        let before = self.newest.lock().unwrap_or_else(PoisonError::into_inner).insert(key, value.clone());
        let label = format!("{}/{}", self.kind, object.name_any());
        match self.kind {
            "PersistentVolumeClaim" => self.claim(&label, before.as_ref(), &value),
            "Pod" => {
                if let Some(pod) = parse::pod(&value) {
                    self.wrote(written::on_pod(before.as_ref(), &value));
                    self.recorder.push_object(&label, What::Pod(pod));
                }
            }
            "Cluster" if object.name_any() == NAME => {
                self.wrote(before.iter().flat_map(|before| written::on_cluster(before, &value)));
                self.recorder.push_object(&label, What::Cluster(parse::cluster(&value)));
            }
            "DynamicStorage" if object.name_any() == NAME => self.storage(&label, before.as_ref(), &value),
            "Backup" => {
                if let Some(backup) = parse::backup(&value) {
                    self.recorder.push_object(&label, What::Backup(backup));
                }
            }
            "Job" => {
                if let Some(instance) = parse::running_join(&value) {
                    self.recorder.push_object(&format!("{label}/runs"), What::JoinBegan(instance));
                }
                if let Some((instance, failed)) = parse::failed_join(&value) {
                    self.recorder.push_object(&label, What::JoinFailed(instance, failed));
                }
            }
            "Event" => self.event(&label, &value),
            _ => {}
        }
    }

    fn wrote(&self, writes: impl IntoIterator<Item = Written>) {
        writes.into_iter().for_each(|written| self.recorder.push(What::OperatorWrote(written)));
    }

    fn claim(&self, label: &str, before: Option<&Value>, now: &Value) {
        let Some(claim) = parse::claim(now) else { return };
        let raised = before
            .and_then(parse::claim)
            .is_some_and(|old| old.uid == claim.uid && old.requested < claim.requested);
        if raised && parse::request_manager(now) == Some(MANAGER) {
            let (instance, volume, to): (_, _, Bytes) =
                (claim.instance.clone(), claim.volume.clone(), claim.requested);
            self.recorder.push(What::OperatorWrote(Written::Claim { instance, volume, to }));
        }
        self.recorder.push_object(label, What::Claim(claim));
    }

    fn storage(&self, label: &str, before: Option<&Value>, now: &Value) {
        if before.is_some_and(|before| before.get("status") != now.get("status")) {
            self.recorder.push(What::OperatorWrote(Written::Status));
        }
        self.recorder.push_object(label, What::Storage(parse::storage(now)));
    }

    fn event(&self, label: &str, event: &Value) {
        let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or("").to_owned();
        let on = text("/regarding/kind");
        if !["DynamicStorage", "Cluster"].contains(&on.as_str()) {
            return;
        }
        let what = What::Event { kind: text("/type"), reason: text("/reason"), on, message: text("/note") };
        self.recorder.push_object(label, what);
    }

    fn deleted(&self, object: &DynamicObject) {
        let removed = self
            .newest
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&(self.kind, object.name_any()));
        let Some(value) = removed else { return };
        let label = format!("{}/{}", self.kind, object.name_any());
        match self.kind {
            "PersistentVolumeClaim" => {
                if let Some((instance, volume)) = parse::claim_identity(&value) {
                    self.recorder.push_object(&label, What::ClaimGone(instance, volume));
                }
            }
            "Pod" => {
                if let Some(pod) = parse::pod(&value) {
                    self.recorder.push_object(&label, What::PodGone(pod.instance));
                }
            }
            "Cluster" if object.name_any() == NAME => self.recorder.push_object(&label, What::ClusterGone),
            "DynamicStorage" if object.name_any() == NAME => {
                self.recorder.push_object(&label, What::StorageGone);
            }
            // A job of the same name counts from zero again.
            "Job" => {
                self.recorder.forget(&label);
                self.recorder.forget(&format!("{label}/runs"));
            }
            _ => {}
        }
    }
}
