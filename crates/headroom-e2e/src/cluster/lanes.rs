//! Lanes: groups of nodes, so that scenarios which cordon and drain nodes can run side by side, each in a group of its own.
//! A cluster with fewer than two groups has none, and such scenarios run one after the other on all nodes.

use std::sync::{Arc, Mutex, PoisonError};

use headroom_scenario::WorldError;
use k8s_openapi::api::core::v1::Node;
use kube::{
    Api, Client, ResourceExt as _,
    api::{ListParams, Patch, PatchParams},
};
use serde_json::{Value, json};

use super::connect::failed;

/// The nodes of a lane have this label; its value is the lane.
pub(crate) const LABEL: &str = "e2e.headroom.dev/lane";
/// A scenario has three instances at most, each on a node of its own.
const NODES: usize = 3;

/// All lanes, and which of them are free.
#[derive(Clone, Default)]
pub(crate) struct Lanes {
    all: usize,
    free: Arc<Mutex<Vec<String>>>,
}

/// A lane, until it is dropped.
pub(crate) struct Lane {
    name: String,
    free: Arc<Mutex<Vec<String>>>,
}

impl Lanes {
    /// Labels the schedulable nodes.
    pub(crate) async fn mark(client: &Client) -> Result<Self, WorldError> {
        let nodes = Api::<Node>::all(client.clone()).list(&ListParams::default()).await;
        let nodes = nodes.map_err(|error| failed("list the nodes", &error))?;
        let schedulable =
            |node: &&Node| node.spec.as_ref().is_none_or(|spec| spec.unschedulable != Some(true));
        let mut names: Vec<String> = nodes.iter().filter(schedulable).map(Node::name_any).collect();
        names.sort_unstable();
        let lanes = grouped(&names);
        for (at, group) in lanes.iter().enumerate() {
            for node in *group {
                label(client, node, json!(at.to_string())).await?;
            }
        }
        let free = (0..lanes.len()).map(|at| at.to_string()).collect();
        Ok(Self { all: lanes.len(), free: Arc::new(Mutex::new(free)) })
    }

    /// Takes the labels off again.
    pub(crate) async fn unmark(client: &Client) -> Result<(), WorldError> {
        let marked = Api::<Node>::all(client.clone()).list(&ListParams::default().labels(LABEL)).await;
        for node in marked.map_err(|error| failed("list the nodes", &error))? {
            label(client, &node.name_any(), Value::Null).await?;
        }
        Ok(())
    }

    /// How many scenarios can drain nodes at once.
    pub(crate) fn count(&self) -> usize {
        self.all.max(1)
    }

    /// A free lane; `None` where there are none.
    pub(crate) fn take(&self) -> Option<Lane> {
        let name = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
        Some(Lane { name, free: self.free.clone() })
    }
}

impl Lane {
    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        let name = std::mem::take(&mut self.name);
        self.free.lock().unwrap_or_else(PoisonError::into_inner).push(name);
    }
}

/// Groups of at least [`NODES`]; none where there would be one only.
fn grouped(names: &[String]) -> Vec<&[String]> {
    let groups = names.len() / NODES;
    if groups < 2 {
        return Vec::new();
    }
    names.chunks_exact(NODES).take(groups).collect()
}

async fn label(client: &Client, node: &str, value: Value) -> Result<(), WorldError> {
    let patch = json!({"metadata": {"labels": {LABEL: value}}});
    let nodes = Api::<Node>::all(client.clone());
    let set = nodes.patch(node, &PatchParams::default(), &Patch::Merge(patch)).await;
    set.map(drop).map_err(|error| failed(&format!("label {node}"), &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_has_three_nodes_and_a_cluster_with_one_has_none() {
        let sizes = |count: usize| -> Vec<usize> {
            let names: Vec<String> = (0..count).map(|at| format!("n{at}")).collect();
            grouped(&names).iter().map(|group| group.len()).collect()
        };
        assert_eq!(sizes(3), Vec::<usize>::new());
        assert_eq!(sizes(5), Vec::<usize>::new());
        assert_eq!(sizes(6), [3, 3]);
        assert_eq!(sizes(10), [3, 3, 3]);
    }

    #[test]
    fn a_lane_is_free_again_when_its_scenario_is_over() {
        let free = Vec::from(["0".to_owned(), "1".to_owned()]);
        let lanes = Lanes { all: 2, free: Arc::new(Mutex::new(free)) };
        assert_eq!((lanes.count(), Lanes::default().count()), (2, 1));
        let (one, other) = (lanes.take(), lanes.take());
        assert!(one.is_some() && other.is_some() && lanes.take().is_none());
        let name = one.map(|lane| lane.name().to_owned());
        assert_eq!(lanes.take().map(|lane| lane.name().to_owned()), name);
    }
}
