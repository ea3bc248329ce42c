//! Pod.

use serde::Deserialize;

use super::Wire;

/// What headroom reads of a pod.
#[derive(Clone, Debug, Deserialize)]
pub struct Pod {
    /// `spec`.
    pub spec: Spec,
    /// `status`.
    pub status: Option<Status>,
}

/// `spec`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Spec {
    /// `nodeName`.
    pub node_name: Option<String>,
}

/// `status`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// `phase`.
    pub phase: Option<String>,
    /// `podIP`.
    #[serde(rename = "podIP")]
    pub pod_ip: Option<String>,
    /// `conditions`.
    pub conditions: Option<Vec<Condition>>,
    /// `containerStatuses`.
    pub container_statuses: Option<Vec<Container>>,
}

/// A condition of a pod.
#[derive(Clone, Debug, Deserialize)]
pub struct Condition {
    /// `type`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `status`.
    pub status: String,
    /// `lastTransitionTime`.
    #[serde(rename = "lastTransitionTime")]
    pub since: Option<String>,
}

/// The status of a container.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Container {
    /// `name`.
    pub name: String,
    /// `state`.
    pub state: Option<ContainerState>,
    /// `lastState`.
    pub last_state: Option<ContainerState>,
}

/// What a container does; at most one of the three is set. `waiting` is what is left.
#[derive(Clone, Debug, Deserialize)]
pub struct ContainerState {
    /// `running`.
    pub running: Option<Running>,
    /// `terminated`.
    pub terminated: Option<Terminated>,
}

/// `running`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Running {
    /// `startedAt`.
    pub started_at: Option<String>,
}

/// `terminated`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Terminated {
    /// `exitCode`.
    pub exit_code: i32,
    /// `finishedAt`.
    pub finished_at: Option<String>,
}

impl Wire for Pod {
    const GROUP: &'static str = "";
    const VERSION: &'static str = "v1";
    const KIND: &'static str = "Pod";
    const PLURAL: &'static str = "pods";
}
