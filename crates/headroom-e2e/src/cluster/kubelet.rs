//! The kubelets' own samples of the fixture's volumes, by way of the API server.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;
use std::time::Duration;

use headroom_core::{
    Bytes,
    names::{InstanceName, VolumeName},
};
use headroom_scenario::What;
use kube::Client;
use serde_json::Value;

use super::{observe::Newest, parse, recorder::Recorder, wait};

/// How often the summaries are read: half of the lab's own sampling period.
const PERIOD: Duration = Duration::from_secs(5);

/// Appends a usage entry for each new sample, for ever.
pub(crate) async fn follow(client: Client, namespace: String, recorder: Recorder, newest: Newest) {
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    loop {
        for node in nodes(&newest) {
            let path = format!("/api/v1/nodes/{node}/proxy/stats/summary");
            let Ok(request) = http::Request::get(path).body(Vec::new()) else { continue };
            // A kubelet that does not answer is no news here: the product reports it, and a wait times out by name.
            if let Ok(summary) = client.request::<Value>(request).await {
                record(&summary, &namespace, &recorder, &newest, &mut seen);
            }
        }
        wait::pause(PERIOD).await;
    }
}

fn nodes(newest: &Newest) -> BTreeSet<String> {
    let objects = newest.lock().unwrap_or_else(PoisonError::into_inner);
    objects
        .iter()
        .filter(|((kind, _), _)| *kind == "Pod")
        .filter_map(|(_, pod)| pod.pointer("/spec/nodeName").and_then(Value::as_str).map(str::to_owned))
        .collect()
}

fn claim_of(newest: &Newest, name: &str) -> Option<(InstanceName, VolumeName)> {
    let objects = newest.lock().unwrap_or_else(PoisonError::into_inner);
    objects.get(&("PersistentVolumeClaim", name.to_owned())).and_then(parse::claim_identity)
}

fn record(
    summary: &Value,
    namespace: &str,
    recorder: &Recorder,
    newest: &Newest,
    seen: &mut BTreeMap<String, String>,
) {
    let list =
        |value: &Value, key: &str| value.get(key).and_then(Value::as_array).cloned().unwrap_or_else(Vec::new);
    for volume in list(summary, "pods").iter().flat_map(|pod| list(pod, "volume")) {
        let text = |pointer: &str| volume.pointer(pointer).and_then(Value::as_str);
        let amount = |key: &str| volume.get(key).and_then(Value::as_u64).map(Bytes::new);
        if text("/pvcRef/namespace") != Some(namespace) {
            continue;
        }
        let (Some(name), Some(time)) = (text("/pvcRef/name"), text("/time")) else { continue };
        let (Some(capacity), Some(available)) = (amount("capacityBytes"), amount("availableBytes")) else {
            continue;
        };
        let Some((instance, volume)) = claim_of(newest, name) else { continue };
        if seen.insert(name.to_owned(), time.to_owned()).as_deref() != Some(time) {
            recorder.push(What::Usage { instance, volume, capacity, available });
        }
    }
}
