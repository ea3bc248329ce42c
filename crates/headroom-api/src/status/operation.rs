//! The running shrink: record ⇄ status. Every part is taken apart by name, so that a new field cannot be forgotten.

use std::collections::{BTreeMap, BTreeSet};

use headroom_core::{
    ledger::ActionId,
    names::{InstanceName, TablespaceName, Uid, VolumeName},
    record::{Condemned, Course, Shrink, ShrinkSizes, Surging, TurnedBack},
};

use super::{
    read::{Unreadable, number, size, when},
    signed,
};
use crate::{
    time::to_text,
    v1alpha1::{OperationStatus, OperationVolume, OriginalInstance, VictimStatus},
};

/// The kind of operation that this version knows.
const SHRINK: &str = "Shrink";

/// The smaller size that new claims of a volume get while it shrinks.
pub(super) fn size_at_birth(shrink: &Shrink, volume: &VolumeName) -> Option<String> {
    let sizes = shrink.volumes.get(volume).filter(|_| shrink.course == Course::Smaller)?;
    Some(sizes.to.to_string())
}

/// The status of a running shrink.
pub(super) fn render(shrink: &Shrink) -> OperationStatus {
    let Shrink {
        id: ActionId(id),
        generation,
        started,
        volumes,
        declared,
        surge,
        originals,
        condemned,
        course,
    } = shrink;
    let volume = |(name, sizes): (&VolumeName, &ShrinkSizes)| {
        let ShrinkSizes { from, to } = sizes;
        OperationVolume { name: name.to_string(), from: from.to_string(), to: to.to_string() }
    };
    let original = |(instance, uid): (&InstanceName, &Uid)| OriginalInstance {
        instance: instance.to_string(),
        claim_uid: uid.to_string(),
    };
    let (course, turned_back) = match course {
        Course::Smaller => (SMALLER, None),
        Course::Back(why) => (BACK, Some(turned(*why).to_owned())),
        Course::Tidy => (TIDY, None),
    };
    OperationStatus {
        id: i64::from(*id),
        kind: SHRINK.to_owned(),
        generation: signed(*generation),
        started_at: to_text(*started),
        volumes: volumes.iter().map(volume).collect(),
        instances_before: Some(i64::from(*declared)),
        surge: surging(*surge).to_owned(),
        originals: originals.iter().map(original).collect(),
        victim: condemned.as_ref().map(|condemned| {
            let Condemned { instance, pod, claims } = condemned;
            VictimStatus {
                instance: instance.to_string(),
                pod_uid: pod.to_string(),
                claim_uids: claims.iter().map(ToString::to_string).collect(),
            }
        }),
        course: course.to_owned(),
        turned_back,
    }
}

/// The shrink of a status.
pub(super) fn read(status: &OperationStatus) -> Result<Shrink, Unreadable> {
    let OperationStatus {
        id,
        kind,
        generation,
        started_at,
        volumes,
        instances_before,
        surge,
        originals,
        victim,
        course,
        turned_back,
    } = status;
    if kind != SHRINK {
        return Err(Unreadable::Operation { kind: kind.clone() });
    }
    let path = |field: &str| format!("status.operation.{field}");
    let word = |field: &str, word: &str| Unreadable::Word { path: path(field), word: word.to_owned() };
    let declared = instances_before.ok_or_else(|| Unreadable::Missing { path: path("instancesBefore") })?;
    let mut sizes = BTreeMap::new();
    for OperationVolume { name, from, to } in volumes {
        let volume = volume_name(name).ok_or_else(|| word("volumes.name", name))?;
        let from = size(&path(&format!("volumes[{name}].from")), from)?;
        let to = size(&path(&format!("volumes[{name}].to")), to)?;
        if sizes.insert(volume, ShrinkSizes { from, to }).is_some() {
            return Err(Unreadable::Twice { path: path(&format!("volumes[{name}]")) });
        }
    }
    let mut uids = BTreeMap::new();
    for OriginalInstance { instance, claim_uid } in originals {
        if uids.insert(InstanceName::from(instance.as_str()), Uid::from(claim_uid.as_str())).is_some() {
            return Err(Unreadable::Twice { path: path(&format!("originals[{instance}]")) });
        }
    }
    let condemned = victim.as_ref().map(|VictimStatus { instance, pod_uid, claim_uids }| Condemned {
        instance: InstanceName::from(instance.as_str()),
        pod: Uid::from(pod_uid.as_str()),
        claims: claim_uids.iter().map(|uid| Uid::from(uid.as_str())).collect::<BTreeSet<_>>(),
    });
    Ok(Shrink {
        id: ActionId(number(&path("id"), *id)?),
        generation: u64::try_from(*generation)
            .map_err(|_| Unreadable::Number { path: path("generation"), number: *generation })?,
        started: when(&path("startedAt"), started_at)?,
        volumes: sizes,
        declared: number(&path("instancesBefore"), declared)?,
        surge: SURGES.into_iter().find(|each| surging(*each) == surge).ok_or_else(|| word("surge", surge))?,
        originals: uids,
        condemned,
        course: course_of(course, turned_back.as_deref()).ok_or_else(|| word("course", course))?,
    })
}

fn volume_name(text: &str) -> Option<VolumeName> {
    if text == "data" {
        return Some(VolumeName::Data);
    }
    text.strip_prefix("tablespace/").map(|name| VolumeName::Tablespace(TablespaceName::from(name)))
}

const SMALLER: &str = "Smaller";
const BACK: &str = "Back";
const TIDY: &str = "Tidy";

fn course_of(word: &str, why: Option<&str>) -> Option<Course> {
    match (word, why) {
        (SMALLER, None) => Some(Course::Smaller),
        (TIDY, None) => Some(Course::Tidy),
        (BACK, Some(why)) => TURNED.into_iter().find(|each| turned(*each) == why).map(Course::Back),
        _ => None,
    }
}

const SURGES: [Surging; 4] = [Surging::No, Surging::Wanted, Surging::Seen, Surging::Returning];

const fn surging(surge: Surging) -> &'static str {
    match surge {
        Surging::No => "No",
        Surging::Wanted => "Wanted",
        Surging::Seen => "Seen",
        Surging::Returning => "Returning",
    }
}

const TURNED: [TurnedBack; 5] = [
    TurnedBack::Emergency,
    TurnedBack::TooSmall,
    TurnedBack::SpecChanged,
    TurnedBack::Released,
    TurnedBack::External,
];

const fn turned(why: TurnedBack) -> &'static str {
    match why {
        TurnedBack::Emergency => "Emergency",
        TurnedBack::TooSmall => "TooSmall",
        TurnedBack::SpecChanged => "SpecChanged",
        TurnedBack::Released => "Released",
        TurnedBack::External => "External",
    }
}
