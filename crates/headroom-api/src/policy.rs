//! Spec → policy. What the schema's rules can hold is checked again here, because an object may be older than its
//! rules; what they cannot (cron, time zones) is checked here alone.

mod error;

use std::collections::BTreeMap;

use headroom_core::{
    Bytes, Percent, Policy, Span,
    names::{TablespaceName, VolumeName},
    policy::{Budget, ClusterSizeSync, EmergencyPolicy, Mode, ShrinkPolicy, Surge, VolumePolicy},
    quantity,
};

pub use error::SpecError;

use crate::{
    time::span_from_text,
    v1alpha1::{self, DynamicStorage, DynamicStorageSpec, Quantity, VolumeSpec},
    windows::WindowSchedule,
};

/// Least distance in percent points between the buffer and the critical threshold (design §4).
const CRITICAL_DISTANCE: i32 = 3;

/// The policy of a DynamicStorage.
///
/// # Errors
/// The first thing that is wrong with the spec, in the order of its fields.
pub fn from_object(object: &DynamicStorage) -> Result<Policy, SpecError> {
    let name = object.metadata.name.as_deref().unwrap_or("");
    let cluster = object.spec.cluster_ref.name.as_str();
    if name != cluster {
        return Err(SpecError::NameMismatch { name: name.to_owned(), cluster: cluster.to_owned() });
    }
    let generation = object.metadata.generation.unwrap_or(0);
    from_spec(&object.spec, u64::try_from(generation).unwrap_or(0))
}

/// The policy of a spec of this `metadata.generation`.
///
/// # Errors
/// The first thing that is wrong with the spec, in the order of its fields.
pub fn from_spec(spec: &DynamicStorageSpec, generation: u64) -> Result<Policy, SpecError> {
    let DynamicStorageSpec { cluster_ref: _, mode, sync_cluster_size, storage: _, tablespaces: _ } = spec;
    let mut volumes = BTreeMap::new();
    for (name, path, volume) in each_volume(spec) {
        let policy = volume_policy(&path, volume)?;
        if volumes.insert(name, policy).is_some() {
            return Err(SpecError::DuplicateTablespace { path });
        }
    }
    Ok(Policy {
        generation,
        mode: match mode {
            v1alpha1::Mode::Apply => Mode::Apply,
            v1alpha1::Mode::Advise => Mode::Advise,
            v1alpha1::Mode::Paused => Mode::Paused,
        },
        sync: match sync_cluster_size {
            v1alpha1::ClusterSizeSync::Never => ClusterSizeSync::Never,
            v1alpha1::ClusterSizeSync::OnRelease => ClusterSizeSync::OnRelease,
            v1alpha1::ClusterSizeSync::Follow => ClusterSizeSync::Follow,
        },
        volumes,
    })
}

/// The parsed schedules of a spec, one per volume.
///
/// # Errors
/// The first schedule, duration or time zone that cannot be used.
pub fn schedules(spec: &DynamicStorageSpec) -> Result<BTreeMap<VolumeName, WindowSchedule>, SpecError> {
    each_volume(spec).map(|(name, path, volume)| Ok((name, schedule(&path, volume)?))).collect()
}

/// Every volume of the spec with the path by which messages name it.
fn each_volume(spec: &DynamicStorageSpec) -> impl Iterator<Item = (VolumeName, String, &VolumeSpec)> {
    let data = (VolumeName::Data, "spec.storage".to_owned(), &spec.storage);
    let tablespaces = spec.tablespaces.iter().map(|tablespace| {
        let name = VolumeName::Tablespace(TablespaceName::from(tablespace.name.as_str()));
        (name, format!("spec.tablespaces[{}]", tablespace.name), &tablespace.volume)
    });
    std::iter::once(data).chain(tablespaces)
}

fn schedule(path: &str, volume: &VolumeSpec) -> Result<WindowSchedule, SpecError> {
    match &volume.maintenance_window {
        None => Ok(WindowSchedule::always()),
        Some(window) => WindowSchedule::parse(&window.schedule, &window.duration, &window.time_zone)
            .map_err(|source| SpecError::Window { path: format!("{path}.maintenanceWindow"), source }),
    }
}

fn volume_policy(path: &str, volume: &VolumeSpec) -> Result<VolumePolicy, SpecError> {
    let VolumeSpec {
        request,
        limit,
        target_buffer,
        maintenance_window: _,
        emergency_grow,
        budget,
        shrink,
        acknowledge_wal_risk,
    } = volume;
    let limit = size(path, "limit", limit)?;
    if limit < Bytes::mebi(64) {
        return Err(SpecError::LimitTooSmall { path: path.to_owned(), limit });
    }
    let request = request.as_ref().map(|request| size(path, "request", request)).transpose()?;
    if let Some(request) = request.filter(|request| *request > limit) {
        return Err(SpecError::RequestAboveLimit { path: path.to_owned(), request, limit });
    }
    let buffer = percent(path, "targetBuffer", *target_buffer, 5, 50)?;
    schedule(path, volume)?;
    Ok(VolumePolicy {
        request,
        limit,
        buffer,
        unit: unit(limit),
        budget: budget_policy(path, budget)?,
        emergency: emergency_policy(path, emergency_grow, limit, buffer)?,
        shrink: shrink_policy(path, shrink)?,
        acknowledge_wal_risk: *acknowledge_wal_risk,
    })
}

/// Sizes are whole Gi, or multiples of 64Mi where a Gi would be a coarse step (design §5 rule 3).
fn unit(limit: Bytes) -> Bytes {
    if limit < Bytes::gibi(8) { Bytes::mebi(64) } else { Bytes::gibi(1) }
}

fn budget_policy(path: &str, budget: &v1alpha1::Budget) -> Result<Budget, SpecError> {
    let v1alpha1::Budget { actions_per_day, reserved_for_emergency } = budget;
    let per_day = number(path, "budget.actionsPerDay", *actions_per_day, 1, 24)?;
    let reserved = number(path, "budget.reservedForEmergency", *reserved_for_emergency, 0, 24)?;
    if reserved > per_day {
        return Err(SpecError::ReserveAboveBudget { path: path.to_owned(), reserved, per_day });
    }
    Ok(Budget { per_day, reserved })
}

fn emergency_policy(
    path: &str,
    emergency: &v1alpha1::EmergencyGrow,
    limit: Bytes,
    buffer: Percent,
) -> Result<EmergencyPolicy, SpecError> {
    let v1alpha1::EmergencyGrow { enabled, critical_threshold, critical_minimum_free, emergency_limit } =
        emergency;
    let critical = percent(path, "emergencyGrow.criticalThreshold", *critical_threshold, 80, 99)?;
    let least = i32::from(buffer.complement().get()) + CRITICAL_DISTANCE;
    if *critical_threshold < least {
        return Err(SpecError::CriticalTooLow {
            path: path.to_owned(),
            critical: *critical_threshold,
            least,
        });
    }
    let optional =
        |field, value: &Option<Quantity>| value.as_ref().map(|value| size(path, field, value)).transpose();
    let minimum_free = optional("emergencyGrow.criticalMinimumFree", critical_minimum_free)?;
    if let Some(minimum) = minimum_free.filter(|minimum| *minimum >= limit) {
        return Err(SpecError::AlwaysCritical { path: path.to_owned(), minimum, limit });
    }
    let ceiling = optional("emergencyGrow.emergencyLimit", emergency_limit)?;
    if let Some(ceiling) = ceiling.filter(|ceiling| *ceiling <= limit) {
        return Err(SpecError::EmergencyLimitNotAbove { path: path.to_owned(), ceiling, limit });
    }
    Ok(EmergencyPolicy { enabled: *enabled, critical, minimum_free, limit: ceiling })
}

fn shrink_policy(path: &str, shrink: &v1alpha1::Shrink) -> Result<ShrinkPolicy, SpecError> {
    let v1alpha1::Shrink {
        enabled,
        stabilization,
        minimum_saving,
        surge,
        allow_switchover_on_single_instance,
    } = shrink;
    Ok(ShrinkPolicy {
        enabled: *enabled,
        stabilization: span(path, "shrink.stabilization", stabilization)?,
        minimum_saving: minimum_saving
            .strip_suffix('%')
            .and_then(|digits| digits.parse::<i32>().ok())
            .ok_or_else(|| SpecError::Percentage {
                path: format!("{path}.shrink.minimumSaving"),
                text: minimum_saving.clone(),
            })
            .and_then(|value| percent(path, "shrink.minimumSaving", value, 1, 99))?,
        surge: match surge {
            v1alpha1::Surge::Auto => Surge::Auto,
            v1alpha1::Surge::Always => Surge::Always,
            v1alpha1::Surge::Never => Surge::Never,
        },
        allow_switchover_on_single_instance: *allow_switchover_on_single_instance,
    })
}

fn size(path: &str, field: &str, value: &Quantity) -> Result<Bytes, SpecError> {
    quantity::parse(&value.to_string()).map_err(|source| SpecError::Quantity {
        path: format!("{path}.{field}"),
        text: value.to_string(),
        source,
    })
}

fn span(path: &str, field: &str, text: &str) -> Result<Span, SpecError> {
    span_from_text(text)
        .ok_or_else(|| SpecError::Duration { path: format!("{path}.{field}"), text: text.to_owned() })
}

fn percent(path: &str, field: &str, value: i32, least: u8, most: u8) -> Result<Percent, SpecError> {
    number(path, field, value, least, most).map(Percent::clamped)
}

fn number(path: &str, field: &str, value: i32, least: u8, most: u8) -> Result<u8, SpecError> {
    u8::try_from(value)
        .ok()
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| SpecError::OutOfRange { path: format!("{path}.{field}"), value, least, most })
}
