//! Claims.

use headroom_core::{
    names::{ClusterKey, InstanceName, ObjectName, TablespaceName, Text, VolumeName},
    observation::{ClaimPhase, ClaimSeen, Growable, ResizeStep, Resizing},
};
use headroom_engine::{Kind, Seen};

use super::{
    CLAIM_ROLE_LABEL, CLAIM_STATUS_ANNOTATION, INSTANCE_LABEL, TABLESPACE_LABEL, Translate, Unclear, id,
    labelled_key, unclear, version,
};
use crate::slim::{Claim, Head};

impl Translate for Claim {
    const WATCHED: Kind = Kind::Claim;

    fn key(head: &Head) -> Option<ClusterKey> {
        labelled_key(head)
    }

    fn translate(head: &Head, body: Self) -> Result<Seen, Unclear> {
        let key =
            labelled_key(head).ok_or_else(|| unclear::<Self>(head, "it has no label cnpg.io/cluster"))?;
        let instance = head
            .label(INSTANCE_LABEL)
            .ok_or_else(|| unclear::<Self>(head, "it has no label cnpg.io/instanceName"))?;
        let volume = volume(head)?;
        let requested_text = body.spec.resources.requests.storage.0.as_str();
        let requested = body.spec.resources.requests.storage.bytes().ok_or_else(|| {
            unclear::<Self>(head, &format!("its storage request {requested_text:?} is no quantity"))
        })?;
        let capacity = body.status.as_ref().and_then(|status| status.capacity.as_ref());
        let claim = ClaimSeen {
            id: id(head),
            version: version(head),
            requested,
            requested_text: Text::from(requested_text),
            capacity: capacity.and_then(|capacity| capacity.storage.bytes()),
            phase: phase(body.status.as_ref().and_then(|status| status.phase.as_deref())),
            resize: resizing(&body),
            initializing: head
                .annotations
                .get(CLAIM_STATUS_ANNOTATION)
                .is_some_and(|word| word == "initializing"),
            terminating: head.deleting(),
            growable: Growable::Unknown,
        };
        let class = body.spec.storage_class_name.filter(|class| !class.is_empty());
        Ok(Seen::Claim {
            key,
            instance: InstanceName::from(instance),
            volume,
            class: class.map(|class| ObjectName::from(class.as_str())),
            claim: Box::new(claim),
        })
    }
}

fn volume(head: &Head) -> Result<VolumeName, Unclear> {
    match head.label(CLAIM_ROLE_LABEL) {
        Some("PG_DATA") => Ok(VolumeName::Data),
        Some("PG_WAL") => Ok(VolumeName::Wal),
        Some("PG_TABLESPACE") => head
            .label(TABLESPACE_LABEL)
            .map(|name| VolumeName::Tablespace(TablespaceName::from(name)))
            .ok_or_else(|| {
                unclear::<Claim>(head, "it is of a tablespace but has no label cnpg.io/tablespaceName")
            }),
        Some(other) => Err(unclear::<Claim>(head, &format!("cnpg.io/pvcRole {other:?} is unknown"))),
        None => Err(unclear::<Claim>(head, "it has no label cnpg.io/pvcRole")),
    }
}

fn phase(word: Option<&str>) -> ClaimPhase {
    match word {
        // A claim that the API server has just stored has no status yet.
        None | Some("" | "Pending") => ClaimPhase::Pending,
        Some("Bound") => ClaimPhase::Bound,
        Some("Lost") => ClaimPhase::Lost,
        Some(other) => ClaimPhase::Other(Text::from(other)),
    }
}

fn resizing(claim: &Claim) -> Resizing {
    let Some(status) = &claim.status else { return Resizing::none() };
    let condition = |kind: &str| {
        status
            .conditions
            .iter()
            .flatten()
            .find(|condition| condition.kind == kind && condition.status == "True")
    };
    let error = condition("ControllerResizeError").or_else(|| condition("NodeResizeError"));
    let step = status.allocated_resource_statuses.as_ref().and_then(|statuses| statuses.storage.as_deref());
    Resizing {
        step: step.map_or(ResizeStep::None, step_of),
        file_system_pending: condition("FileSystemResizePending").is_some(),
        in_progress: condition("Resizing").is_some(),
        error: error
            .map(|condition| Text::from(condition.message.as_deref().unwrap_or(condition.kind.as_str()))),
    }
}

fn step_of(word: &str) -> ResizeStep {
    match word {
        "" => ResizeStep::None,
        "ControllerResizeInProgress" => ResizeStep::ControllerInProgress,
        "ControllerResizeInfeasible" => ResizeStep::ControllerInfeasible,
        "NodeResizePending" => ResizeStep::NodePending,
        "NodeResizeInProgress" => ResizeStep::NodeInProgress,
        "NodeResizeInfeasible" => ResizeStep::NodeInfeasible,
        other => ResizeStep::Other(Text::from(other)),
    }
}
