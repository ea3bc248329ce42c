//! The DynamicStorage: made from a fixture, read and written through `headroom-api` as the operator's shell does.

use std::{collections::BTreeMap, sync::Arc};

use headroom_api::{
    DynamicStorage, DynamicStorageSpec, DynamicStorageStatus,
    names::{self, ConditionType, ReasonName},
    policy,
    schema::prune_status,
    status::{self, Refusal},
    time::span_from_text,
    v1alpha1::{
        Budget, ClusterReference, ClusterSizeSync, EmergencyGrow, MaintenanceWindow, Mode, Shrink, Surge,
        TablespaceSpec, VolumeSpec, VolumeStatus,
    },
    windows::WindowSchedule,
};
use headroom_core::{
    Bytes, Record, Timestamp,
    names::{TablespaceName, Text, VolumeName},
    observation::StorageMeta,
    quantity,
    report::{Problem, State, Verdict},
    window::{WindowSpec, Windows},
};
use headroom_engine::{Published, StorageSeen};
use headroom_scenario::{
    Fixture, Kubelets,
    fixture::{PolicyFixture, WindowFixture},
    script::PolicyChange,
    trace::{Conditions, StorageState, VolumeState},
};

use super::{
    calendar::Calendar,
    translate::{id, key, version},
};
use crate::model::custom::Custom;

/// The tablespace of the fixtures.
pub(super) const TABLESPACE: &str = "idx";

/// The spec of a fixture whose DynamicStorage is created at `now`.
pub(super) fn spec(
    fixture: &Fixture,
    name: &str,
    now: Timestamp,
    (kubelets, calendar): (Kubelets, Calendar),
) -> DynamicStorageSpec {
    let block = || volume_spec(&fixture.policy, now, (kubelets, calendar));
    let tablespace = || TablespaceSpec { name: TABLESPACE.to_owned(), volume: block() };
    DynamicStorageSpec {
        cluster_ref: ClusterReference { name: name.to_owned() },
        mode: Mode::Apply,
        sync_cluster_size: ClusterSizeSync::OnRelease,
        storage: block(),
        tablespaces: fixture.tablespace.iter().map(|_| tablespace()).collect(),
    }
}

fn volume_spec(
    policy: &PolicyFixture,
    now: Timestamp,
    (kubelets, calendar): (Kubelets, Calendar),
) -> VolumeSpec {
    VolumeSpec {
        request: None,
        limit: policy.limit.into(),
        target_buffer: i32::from(policy.target_buffer),
        maintenance_window: window(policy.window, now.unix(), calendar),
        emergency_grow: EmergencyGrow {
            critical_threshold: i32::from(policy.critical_threshold),
            emergency_limit: policy.emergency_limit.map(Into::into),
            ..EmergencyGrow::default()
        },
        budget: Budget {
            actions_per_day: i32::from(policy.budget.0),
            reserved_for_emergency: i32::from(policy.budget.1),
        },
        shrink: policy.shrink.map_or_else(Shrink::default, |shrink| Shrink {
            enabled: true,
            stabilization: format!("{}m", shrink.stabilization.minutes(kubelets)),
            surge: if shrink.surge { Surge::Auto } else { Surge::Never },
            allow_switchover_on_single_instance: shrink.allow_switchover,
            ..Shrink::default()
        }),
        acknowledge_wal_risk: false,
    }
}

fn window(window: WindowFixture, now: i64, calendar: Calendar) -> Option<MaintenanceWindow> {
    let (start, duration) = match window {
        WindowFixture::Absent => return None,
        WindowFixture::OpenNow => (now - 60, "6h"),
        // Rounded up to a whole minute: never earlier than asked for.
        WindowFixture::OpensInMinutes(minutes) => (now + i64::from(minutes) * 60 + 59, "1h"),
        WindowFixture::FarAway => (now + 12 * 3600, "1h"),
    };
    let shown = start + calendar.ahead(start);
    let (minute, hour) = (shown.rem_euclid(3600) / 60, shown.rem_euclid(86_400) / 3600);
    Some(MaintenanceWindow {
        schedule: format!("0 {minute} {hour} * * *"),
        duration: duration.to_owned(),
        time_zone: calendar.zone().to_owned(),
    })
}

/// The spec after a change by the user: data volume and tablespace have the same policy.
pub(super) fn changed(spec: &DynamicStorageSpec, change: PolicyChange) -> DynamicStorageSpec {
    let mut spec = spec.clone();
    let tablespaces = spec.tablespaces.iter_mut().map(|tablespace| &mut tablespace.volume);
    for volume in std::iter::once(&mut spec.storage).chain(tablespaces) {
        match change {
            PolicyChange::Limit(limit) => volume.limit = limit.into(),
            PolicyChange::TargetBuffer(percent) => volume.target_buffer = i32::from(percent),
            PolicyChange::Budget(per_day, reserved) => {
                volume.budget = Budget {
                    actions_per_day: i32::from(per_day),
                    reserved_for_emergency: i32::from(reserved),
                };
            }
            PolicyChange::EmergencyLimit(limit) => {
                volume.emergency_grow.emergency_limit = Some(limit.into());
            }
            PolicyChange::Request(request) => volume.request = Some(request.into()),
            PolicyChange::Shrink(enabled) => volume.shrink.enabled = enabled,
            PolicyChange::Paused(paused) => spec.mode = if paused { Mode::Paused } else { Mode::Apply },
        }
    }
    spec
}

/// Our object as the engine sees it.
pub(super) fn seen(custom: &Custom) -> StorageSeen {
    let name = &*custom.meta.name;
    let mut object = DynamicStorage::new(name, DynamicStorageSpec::clone(&custom.spec));
    object.metadata.generation = i64::try_from(custom.generation).ok();
    let policy = policy::from_object(&object).map_err(|error| Problem {
        reason: error.reason().as_str(),
        message: Text::from(error.to_string().as_str()),
        hint: Text::from(error.hint().as_str()),
    });
    let windows = if policy.is_ok() { windows(&custom.spec) } else { BTreeMap::new() };
    let stored = custom.status.as_deref().cloned().unwrap_or_default();
    StorageSeen {
        key: key(name),
        meta: StorageMeta {
            id: id(&custom.meta),
            version: version(custom.meta.version),
            deleting: custom.meta.deleting,
            finalizer: custom.finalizer,
        },
        generation: custom.generation,
        policy,
        windows,
        record: status::read(&stored).map_err(|unreadable| Problem {
            reason: ReasonName::UnreadableStatus.as_str(),
            message: Text::from(unreadable.to_string().as_str()),
            hint: Text::from(unreadable.hint()),
        }),
        digest: status::stored_digest(&stored),
        published: published(&stored),
    }
}

fn windows(spec: &DynamicStorageSpec) -> BTreeMap<VolumeName, WindowSpec> {
    let data = (VolumeName::Data, spec.storage.maintenance_window.as_ref());
    let tablespaces = spec.tablespaces.iter().map(|tablespace| {
        let name = VolumeName::Tablespace(TablespaceName::from(tablespace.name.as_str()));
        (name, tablespace.volume.maintenance_window.as_ref())
    });
    std::iter::once(data)
        .chain(tablespaces)
        .filter_map(|(name, window)| {
            let window = window?;
            let spec = WindowSpec {
                schedule: Text::from(window.schedule.as_str()),
                duration: span_from_text(&window.duration)?,
                time_zone: Text::from(window.time_zone.as_str()),
            };
            Some((name, spec))
        })
        .collect()
}

fn published(status: &DynamicStorageStatus) -> Published {
    let shown =
        each_volume(status).filter_map(|(name, volume)| Some((name, state(volume.state.as_deref()?)?)));
    Published {
        generation: status.observed_generation.and_then(|generation| u64::try_from(generation).ok()),
        refused: status::is_refused(status),
        states: shown.collect(),
    }
}

fn condition(status: &DynamicStorageStatus, wanted: ConditionType) -> bool {
    let found = |condition: &&headroom_api::v1alpha1::Condition| condition.type_ == wanted.as_str();
    status.conditions.iter().find(found).is_some_and(|condition| condition.status == "True")
}

fn each_volume(status: &DynamicStorageStatus) -> impl Iterator<Item = (VolumeName, &VolumeStatus)> {
    let sizing = status.storage_sizing.as_ref();
    let data = sizing.and_then(|sizing| sizing.data.as_ref()).map(|volume| (VolumeName::Data, volume));
    let wal = sizing.and_then(|sizing| sizing.wal.as_ref()).map(|volume| (VolumeName::Wal, volume));
    let tablespaces = sizing.into_iter().flat_map(|sizing| &sizing.tablespaces).map(|tablespace| {
        (VolumeName::Tablespace(TablespaceName::from(tablespace.name.as_str())), &tablespace.volume)
    });
    data.into_iter().chain(tablespaces).chain(wal)
}

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

/// The status that a write of this record and verdict stores.
pub(super) fn written(
    custom: &Custom,
    record: Option<&Record>,
    verdict: &Verdict,
    now: Timestamp,
) -> DynamicStorageStatus {
    let previous = custom.status.as_deref();
    match verdict {
        Verdict::Decided(report) => {
            let stored = previous.and_then(|status| status::read(status).ok()).unwrap_or_else(nothing);
            status::write(record.unwrap_or(&stored), report, previous, now)
        }
        Verdict::Refused(problem) => {
            status::write_refusal(&refusal(problem), custom.generation, previous, now)
        }
    }
}

fn nothing() -> Record {
    Record::empty()
}

fn refusal(problem: &Problem) -> Refusal<'_> {
    Refusal { reason: problem.reason, message: problem.message.as_str(), hint: problem.hint.as_str() }
}

/// The status after JSON, the CRD's pruning, and back: what a real API server would have kept. One that cannot make
/// this way stays as it was, and the comparison with the next digest shows it.
pub(super) fn through_json(status: &DynamicStorageStatus) -> Arc<DynamicStorageStatus> {
    let kept = serde_json::to_value(status).ok().map(|value| prune_status(&value));
    let back = kept.and_then(|value| serde_json::from_value(value).ok());
    Arc::new(back.unwrap_or_else(|| status.clone()))
}

/// Digest for the engine.
pub(super) fn digest(record: Option<&Record>, verdict: &Verdict, generation: u64) -> u64 {
    match (record, verdict) {
        (Some(record), Verdict::Decided(report)) => status::digest(record, report),
        (None, Verdict::Decided(report)) => status::digest(&nothing(), report),
        (_, Verdict::Refused(problem)) => status::refusal_digest(&refusal(problem), generation),
    }
}

/// Windows for the engine.
pub(super) fn resolve(window: &WindowSpec, now: Timestamp) -> Windows {
    WindowSchedule::parse(window.schedule.as_str(), &window.duration.to_string(), window.time_zone.as_str())
        .map_or(Windows::Never, |schedule| schedule.resolve(now))
}

/// Our object as the trace shows it.
pub(super) fn shown(custom: &Custom) -> StorageState {
    let empty = DynamicStorageStatus::default();
    let status = custom.status.as_deref().unwrap_or(&empty);
    let volumes = each_volume(status).filter(|(name, _)| *name != VolumeName::Wal);
    StorageState {
        observed_generation: status
            .observed_generation
            .and_then(|generation| u64::try_from(generation).ok())
            .unwrap_or(0),
        generation: custom.generation,
        conditions: Conditions {
            ready: condition(status, ConditionType::Ready),
            reconciling: condition(status, ConditionType::Reconciling),
            stalled: condition(status, ConditionType::Stalled),
        },
        volumes: volumes.filter_map(|(name, volume)| volume_shown(name, volume)).collect(),
    }
}

fn volume_shown(name: VolumeName, volume: &VolumeStatus) -> Option<VolumeState> {
    let bytes = |text: &str| quantity::parse(text).ok();
    let ledger = volume.actions.iter().filter_map(|action| {
        let cause = names::cause_from_word(&action.cause)?;
        let kept = action.completed_at.is_some() && action.result != "Refunded";
        Some((cause, bytes(&action.to).unwrap_or(Bytes::ZERO), kept))
    });
    Some(VolumeState {
        volume: name,
        state: state(volume.state.as_deref()?)?,
        reason: volume.reason.clone().unwrap_or_default(),
        effective: volume.effective_size.as_deref().and_then(bytes),
        target: volume.target_size.as_deref().and_then(bytes),
        running: volume.growth.as_ref().and_then(|growth| names::cause_from_word(&growth.cause)),
        ledger: ledger.collect(),
    })
}
