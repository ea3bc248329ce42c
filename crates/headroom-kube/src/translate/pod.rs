//! Instance pods.

use headroom_api::{REPLACED_BY, UNRECOVERABLE};
use headroom_core::{
    names::{ClusterKey, InstanceName, NodeName, Text},
    observation::{ContainerExit, ContainerSeen, Mark, PodSeen},
};
use headroom_engine::{Kind, Seen};

use super::{INSTANCE_LABEL, Translate, Unclear, id, labelled_key, timestamp, unclear, version};
use crate::slim::{Container, ContainerState, Head, Pod};

/// The container of PostgreSQL in an instance pod.
const POSTGRES: &str = "postgres";

impl Translate for Pod {
    const WATCHED: Kind = Kind::Pod;

    fn key(head: &Head) -> Option<ClusterKey> {
        labelled_key(head)
    }

    fn translate(head: &Head, body: Self) -> Result<Seen, Unclear> {
        let key =
            labelled_key(head).ok_or_else(|| unclear::<Self>(head, "it has no label cnpg.io/cluster"))?;
        let instance = head
            .label(INSTANCE_LABEL)
            .ok_or_else(|| unclear::<Self>(head, "it has no label cnpg.io/instanceName"))?;
        let status = body.status.as_ref();
        let postgres = status
            .and_then(|status| status.container_statuses.as_ref())
            .and_then(|list| list.iter().find(|container| container.name == POSTGRES));
        let ready = status
            .and_then(|status| status.conditions.as_ref())
            .and_then(|list| list.iter().find(|each| each.kind == "Ready"));
        let since = ready.filter(|each| each.status != "True").and_then(|each| each.since.as_deref());
        let text = |value: Option<&String>| value.filter(|text| !text.is_empty()).cloned();
        let pod = PodSeen {
            id: id(head),
            node: text(body.spec.node_name.as_ref()).map(|name| NodeName::from(name.as_str())),
            address: text(status.and_then(|status| status.pod_ip.as_ref())).map(|ip| Text::from(ip.as_str())),
            ready: ready.is_some_and(|each| each.status == "True"),
            unready_since: since.and_then(timestamp),
            pending: status.and_then(|status| status.phase.as_deref()) == Some("Pending"),
            terminating: head.deleting(),
            container: container(postgres),
            last_exit: postgres.and_then(last_exit),
            version: version(head),
            mark: mark(head),
        };
        Ok(Seen::Pod(key, InstanceName::from(instance), version(head), Box::new(pod)))
    }
}

/// CNPG acts on the value `true` alone.
fn mark(head: &Head) -> Mark {
    let told = head.annotations.get(UNRECOVERABLE).is_some_and(|value| value == "true");
    match (told, head.annotations.contains_key(REPLACED_BY)) {
        (false, _) => Mark::None,
        (true, true) => Mark::Ours,
        (true, false) => Mark::Foreign,
    }
}

fn container(postgres: Option<&Container>) -> ContainerSeen {
    let Some(state) = postgres.and_then(|container| container.state.as_ref()) else {
        return ContainerSeen::Unknown;
    };
    match &state.running {
        Some(running) => match running.started_at.as_deref().and_then(timestamp) {
            Some(since) => ContainerSeen::Running { since },
            None => ContainerSeen::Unknown,
        },
        None => ContainerSeen::NotRunning,
    }
}

/// The newest end of the container: of `state` while it has ended, else of `lastState`.
fn last_exit(postgres: &Container) -> Option<ContainerExit> {
    let ended = |state: &Option<ContainerState>| {
        let terminated = state.as_ref()?.terminated.as_ref()?;
        let at = terminated.finished_at.as_deref().and_then(timestamp)?;
        Some(ContainerExit { code: terminated.exit_code, at })
    };
    ended(&postgres.state).or_else(|| ended(&postgres.last_state))
}
