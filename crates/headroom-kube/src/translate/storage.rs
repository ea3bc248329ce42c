//! Our own object.

use std::collections::BTreeMap;

use headroom_api::{
    DynamicStorage, DynamicStorageSpec, DynamicStorageStatus, FINALIZER,
    names::{self, ReasonName},
    policy::{self, SpecError},
    status,
    time::span_from_text,
    v1alpha1::{Condition, MaintenanceWindow},
};
use headroom_core::{
    Policy,
    names::{ClusterKey, TablespaceName, Text, Uid, VolumeName},
    observation::StorageMeta,
    report::{Problem, State},
    window::WindowSpec,
};
use headroom_engine::{Kind, Published, Seen, StorageSeen};
use serde_json::value::RawValue;

use super::{Translate, Unclear, id, own_key, version};
use crate::{
    known::{Known, KnownStorage},
    slim::{Head, Storage},
};

/// What a next status keeps of the stored one: the conditions, for their transition times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    conditions: Vec<Condition>,
}

impl Stored {
    /// As the previous status of [`headroom_api::status::write`].
    pub fn previous(&self) -> DynamicStorageStatus {
        DynamicStorageStatus { conditions: self.conditions.clone(), ..DynamicStorageStatus::default() }
    }
}

impl Translate for Storage {
    const WATCHED: Kind = Kind::Storage;

    fn key(head: &Head) -> Option<ClusterKey> {
        Some(own_key(head))
    }

    fn translate(head: &Head, body: Self) -> Result<Seen, Unclear> {
        let generation = u64::try_from(head.generation).unwrap_or(0);
        let stored = stored_status(body.status.as_deref());
        let (policy, windows) = match spec(head, body.spec.as_deref()) {
            Ok((policy, windows)) => (Ok(policy), windows),
            Err(problem) => (Err(problem), BTreeMap::new()),
        };
        let record = match &stored {
            Ok(stored) => status::read(stored).map_err(|unreadable| {
                problem(ReasonName::UnreadableStatus, &unreadable.to_string(), unreadable.hint())
            }),
            Err(problem) => Err(problem.clone()),
        };
        Ok(Seen::Storage(Box::new(StorageSeen {
            key: own_key(head),
            meta: StorageMeta {
                id: id(head),
                version: version(head),
                deleting: head.deleting(),
                finalizer: head.finalizers.iter().any(|finalizer| finalizer == FINALIZER),
            },
            generation,
            policy,
            windows,
            record,
            // A status that cannot be read equals none that would be written.
            digest: stored.as_ref().map_or(0, status::stored_digest),
            published: stored.as_ref().map_or_else(|_| Published::nothing(), published),
        })))
    }

    fn remember(head: &Head, body: &Self, known: &mut Known) {
        let stored = stored_status(body.status.as_deref()).unwrap_or_default();
        let storage = KnownStorage {
            uid: Uid::from(head.uid.as_str()),
            version: version(head),
            generation: u64::try_from(head.generation).unwrap_or(0),
            foreign_finalizers: head
                .finalizers
                .iter()
                .filter(|finalizer| *finalizer != FINALIZER)
                .cloned()
                .collect(),
            stored: Stored { conditions: stored.conditions },
        };
        known.take_storage(own_key(head), storage);
    }

    fn forget(head: &Head, known: &mut Known) {
        known.drop_storage(&own_key(head), &head.uid);
    }
}

type Wishes = (Policy, BTreeMap<VolumeName, WindowSpec>);

/// The policy and the windows, or what is wrong with the spec.
fn spec(head: &Head, text: Option<&RawValue>) -> Result<Wishes, Problem> {
    let hint = "correct the spec; `kubectl explain dynamicstorage.spec` says what it may hold";
    let text = text.ok_or_else(|| problem(ReasonName::InvalidSpec, "spec is missing", hint))?;
    let spec: DynamicStorageSpec = serde_json::from_str(text.get())
        .map_err(|error| problem(ReasonName::InvalidSpec, &format!("spec cannot be read: {error}"), hint))?;
    let mut object = DynamicStorage::new(&head.name, spec);
    object.metadata.generation = Some(head.generation);
    let policy = policy::from_object(&object).map_err(|error| wrong(&error))?;
    Ok((policy, windows(&object.spec)))
}

/// The windows of a spec that was found valid.
fn windows(spec: &DynamicStorageSpec) -> BTreeMap<VolumeName, WindowSpec> {
    let data = (VolumeName::Data, spec.storage.maintenance_window.as_ref());
    let tablespaces = spec.tablespaces.iter().map(|tablespace| {
        let name = VolumeName::Tablespace(TablespaceName::from(tablespace.name.as_str()));
        (name, tablespace.volume.maintenance_window.as_ref())
    });
    std::iter::once(data)
        .chain(tablespaces)
        .filter_map(|(name, window)| Some((name, window_spec(window?)?)))
        .collect()
}

fn window_spec(window: &MaintenanceWindow) -> Option<WindowSpec> {
    Some(WindowSpec {
        schedule: Text::from(window.schedule.as_str()),
        duration: span_from_text(&window.duration)?,
        time_zone: Text::from(window.time_zone.as_str()),
    })
}

/// What a stored status tells people.
fn published(status: &DynamicStorageStatus) -> Published {
    let sizing = status.storage_sizing.as_ref();
    let data = sizing.and_then(|sizing| sizing.data.as_ref()).map(|volume| (VolumeName::Data, volume));
    let wal = sizing.and_then(|sizing| sizing.wal.as_ref()).map(|volume| (VolumeName::Wal, volume));
    let tablespaces = sizing.into_iter().flat_map(|sizing| &sizing.tablespaces).map(|tablespace| {
        (VolumeName::Tablespace(TablespaceName::from(tablespace.name.as_str())), &tablespace.volume)
    });
    let told = data
        .into_iter()
        .chain(wal)
        .chain(tablespaces)
        .filter_map(|(name, volume)| Some((name, state(volume.state.as_deref()?)?)))
        .collect();
    Published {
        generation: status.observed_generation.and_then(|generation| u64::try_from(generation).ok()),
        refused: status::is_refused(status),
        states: told,
    }
}

/// The state of a word.
fn state(word: &str) -> Option<State> {
    const ALL: [State; 12] = [
        State::Balanced,
        State::PendingGrowth,
        State::Growing,
        State::Emergency,
        State::AtLimit,
        State::BudgetExhausted,
        State::PendingShrink,
        State::Shrinking,
        State::WaitingForUsage,
        State::Blocked,
        State::Suspended,
        State::Paused,
    ];
    ALL.into_iter().find(|state| names::state(*state) == word)
}

fn stored_status(text: Option<&RawValue>) -> Result<DynamicStorageStatus, Problem> {
    match text {
        None => Ok(DynamicStorageStatus::default()),
        Some(text) => serde_json::from_str(text.get()).map_err(|error| {
            problem(
                ReasonName::UnreadableStatus,
                &format!("status cannot be read: {error}"),
                "run the version of headroom that wrote it, or undo the edit of the status",
            )
        }),
    }
}

fn wrong(error: &SpecError) -> Problem {
    problem(error.reason(), &error.to_string(), &error.hint())
}

fn problem(reason: ReasonName, message: &str, hint: &str) -> Problem {
    Problem { reason: reason.as_str(), message: Text::from(message), hint: Text::from(hint) }
}
