//! Nodes: cordoned, drained and given back, as `kubectl` does it.

use std::time::{Duration, Instant};

use headroom_scenario::{What, WorldError};
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::{
    Api, Client, ResourceExt as _,
    api::{EvictParams, ListParams, Patch, PatchParams},
};
use serde_json::json;

use super::{connect::failed, lanes, leftover, recorder::Recorder, wait};

/// How often a refused eviction is tried again (`kubectl drain`).
const EVICT_AGAIN: Duration = Duration::from_secs(5);
/// How often a drain looks whether a pod is gone.
const LOOK: Duration = Duration::from_millis(500);

/// Names of all nodes, or of those of a lane.
pub(crate) async fn names(client: &Client, lane: Option<&str>) -> Result<Vec<String>, WorldError> {
    let all = ListParams::default();
    let wanted = match lane {
        Some(lane) => all.labels(&format!("{}={lane}", lanes::LABEL)),
        None => all,
    };
    let nodes = Api::<Node>::all(client.clone()).list(&wanted).await;
    Ok(nodes.map_err(|error| failed("list the nodes", &error))?.iter().map(Node::name_any).collect())
}

/// No new pod finds a place on the node any more. The mark tells a later run that it was a run of the matrix.
pub(crate) async fn cordon(client: &Client, node: &str) -> Result<(), WorldError> {
    set(client, node, json!(true), json!(leftover::mark())).await
}

/// The node takes pods again.
pub(crate) async fn uncordon(client: &Client, node: &str) -> Result<(), WorldError> {
    set(client, node, json!(null), json!(null)).await
}

async fn set(
    client: &Client,
    node: &str,
    unschedulable: serde_json::Value,
    mark: serde_json::Value,
) -> Result<(), WorldError> {
    let patch = json!({
        "metadata": {"annotations": {leftover::PROCESS: mark}},
        "spec": {"unschedulable": unschedulable},
    });
    let set =
        Api::<Node>::all(client.clone()).patch(node, &PatchParams::default(), &Patch::Merge(patch)).await;
    set.map(drop).map_err(|error| failed(&format!("cordon or uncordon {node}"), &error))
}

/// Gives back nodes that a run left cordoned that was killed.
pub(crate) async fn remove_leftovers(client: &Client) -> Result<(), WorldError> {
    let nodes = Api::<Node>::all(client.clone()).list(&ListParams::default()).await;
    for node in nodes.map_err(|error| failed("list the nodes", &error))? {
        let mark = node.annotations().get(leftover::PROCESS);
        if mark.is_some() && leftover::is_over(mark) {
            crate::talk(&format!("uncordon {}, which an earlier run left cordoned", node.name_any()));
            uncordon(client, &node.name_any()).await?;
        }
    }
    Ok(())
}

/// A pod that a drain is to move.
#[derive(Clone, Debug)]
pub(crate) struct Victim {
    pub(crate) instance: String,
    pub(crate) uid: String,
}

/// Evicts the pods until none of them is there any more, and tells of each refusal and of the end.
pub(crate) async fn drain(pods: Api<Pod>, node: String, victims: Vec<Victim>, recorder: Recorder) {
    let mut left: Vec<(Victim, Option<Instant>)> = victims.into_iter().map(|victim| (victim, None)).collect();
    loop {
        let mut still = Vec::new();
        for (victim, asked) in left {
            let pod = match pods.get_opt(&victim.instance).await {
                Ok(Some(pod)) if pod.metadata.uid.as_deref() == Some(&victim.uid) => pod,
                Ok(_) => continue,
                // Whether it is gone will show at the next look.
                Err(_) => {
                    still.push((victim, asked));
                    continue;
                }
            };
            let due = pod.metadata.deletion_timestamp.is_none()
                && asked.is_none_or(|at: Instant| at.elapsed() >= EVICT_AGAIN);
            if !due {
                still.push((victim, asked));
                continue;
            }
            let evicted = pods.evict(&victim.instance, &EvictParams::default()).await;
            if matches!(&evicted, Err(kube::Error::Api(status)) if status.code == 429) {
                recorder.push(What::EvictionRefused(victim.instance.as_str().into()));
            }
            still.push((victim, Some(Instant::now())));
        }
        if still.is_empty() {
            recorder.push(What::Drained(node));
            return;
        }
        left = still;
        wait::pause(LOOK).await;
    }
}
