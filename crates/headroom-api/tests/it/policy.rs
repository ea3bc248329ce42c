//! Spec → policy.

use headroom_api::{
    DynamicStorage, DynamicStorageSpec,
    policy::{SpecError, from_object, from_spec, schedules},
};
use headroom_core::{
    Bytes, Percent, Span,
    names::{TablespaceName, VolumeName},
    policy::{Budget, ClusterSizeSync, EmergencyPolicy, Mode, ShrinkPolicy, Surge, VolumePolicy},
};

fn spec(storage: &str) -> DynamicStorageSpec {
    serde_saphyr::from_str(&format!("clusterRef: {{name: pg}}\nstorage: {storage}\n")).unwrap()
}

#[track_caller]
fn refused(storage: &str, reason: &str, message: &str, hint: &str) {
    let error = from_spec(&spec(storage), 1).expect_err(storage);
    assert_eq!(
        (error.reason().as_str(), error.to_string().as_str(), error.hint().as_str()),
        (reason, message, hint),
        "{storage}"
    );
    assert!(error.reason().is_refusal(), "{storage}");
}

#[test]
fn a_limit_is_enough_and_the_rest_has_defaults() {
    let policy = from_spec(&spec("{limit: 100Gi}"), 7).unwrap();
    assert_eq!((policy.generation, policy.mode, policy.sync), (7, Mode::Apply, ClusterSizeSync::OnRelease));
    let expected = VolumePolicy {
        request: None,
        limit: Bytes::gibi(100),
        buffer: Percent::clamped(20),
        unit: Bytes::gibi(1),
        budget: Budget { per_day: 4, reserved: 1 },
        emergency: EmergencyPolicy {
            enabled: true,
            critical: Percent::clamped(95),
            minimum_free: None,
            limit: None,
        },
        shrink: ShrinkPolicy {
            enabled: false,
            stabilization: Span::hours(24),
            minimum_saving: Percent::clamped(20),
            surge: Surge::Auto,
            allow_switchover_on_single_instance: false,
        },
        acknowledge_wal_risk: false,
    };
    assert_eq!(policy.volumes.into_iter().collect::<Vec<_>>(), [(VolumeName::Data, expected)]);
}

#[test]
fn every_field_arrives() {
    let spec: DynamicStorageSpec = serde_saphyr::from_str(
        "clusterRef: {name: pg}
mode: Advise
syncClusterSize: Follow
storage:
  request: 10Gi
  limit: 7516192768000m
  targetBuffer: 25
  emergencyGrow: {enabled: false, criticalThreshold: 90, criticalMinimumFree: 512Mi, emergencyLimit: 120Gi}
  budget: {actionsPerDay: 6, reservedForEmergency: 2}
  shrink: {enabled: true, stabilization: 36h, minimumSaving: 30%, surge: Never, allowSwitchoverOnSingleInstance: true}
  acknowledgeWALRisk: true
tablespaces: [{name: idx, limit: 50Gi}]
",
    )
    .unwrap();
    // 7,516,192,768,000 thousandths of a byte are 7 GiB, below the request: sizes are compared, not texts.
    assert!(
        matches!(from_spec(&spec, 1), Err(SpecError::RequestAboveLimit { limit, .. }) if limit == Bytes::gibi(7))
    );
    let mut spec = spec;
    spec.storage.limit = "100Gi".into();
    let policy = from_spec(&spec, 1).unwrap();
    assert_eq!((policy.mode, policy.sync), (Mode::Advise, ClusterSizeSync::Follow));
    let data = &policy.volumes[&VolumeName::Data];
    assert_eq!(
        (data.request, data.buffer.get(), data.acknowledge_wal_risk),
        (Some(Bytes::gibi(10)), 25, true)
    );
    assert_eq!(data.budget, Budget { per_day: 6, reserved: 2 });
    assert_eq!(
        data.emergency,
        EmergencyPolicy {
            enabled: false,
            critical: Percent::clamped(90),
            minimum_free: Some(Bytes::mebi(512)),
            limit: Some(Bytes::gibi(120)),
        }
    );
    assert_eq!((data.shrink.enabled, data.shrink.stabilization), (true, Span::hours(36)));
    assert_eq!((data.shrink.minimum_saving.get(), data.shrink.surge), (30, Surge::Never));
    assert!(data.shrink.allow_switchover_on_single_instance);
    let tablespace = VolumeName::Tablespace(TablespaceName::from("idx"));
    assert_eq!(policy.volumes[&tablespace].limit, Bytes::gibi(50));
    assert_eq!(schedules(&spec).unwrap().len(), 2);
}

#[test]
fn steps_are_64mi_where_the_limit_is_below_8gi() {
    for (limit, unit) in [("8191Mi", Bytes::mebi(64)), ("8Gi", Bytes::gibi(1)), ("64Mi", Bytes::mebi(64))] {
        let policy = from_spec(&spec(&format!("{{limit: {limit}}}")), 1).unwrap();
        assert_eq!(policy.volumes[&VolumeName::Data].unit, unit, "{limit}");
    }
}

#[test]
fn wrong_sizes_say_which_and_why() {
    refused("{limit: 63Mi}", "InvalidSpec", "spec.storage.limit is 63Mi, which is below 64Mi", "raise limit");
    refused(
        "{limit: 10Gi, request: 11Gi}",
        "InvalidSpec",
        "spec.storage.request (11Gi) is above its limit (10Gi)",
        "lower request or raise limit",
    );
    refused(
        "{limit: 10Gi, emergencyGrow: {emergencyLimit: 10Gi}}",
        "InvalidSpec",
        "spec.storage.emergencyGrow.emergencyLimit (10Gi) is not above limit (10Gi)",
        "raise emergencyLimit, or leave it out so that limit holds in an emergency too",
    );
    refused(
        "{limit: 10Gi, emergencyGrow: {criticalMinimumFree: 10Gi}}",
        "InvalidSpec",
        "spec.storage.emergencyGrow.criticalMinimumFree (10Gi) is not below limit (10Gi)",
        "lower criticalMinimumFree, or leave it out",
    );
    for limit in ["ten", "-1Gi", "10 Gi", "10GiB"] {
        let error = from_spec(&spec(&format!("{{limit: {limit:?}}}")), 1).expect_err(limit);
        assert_eq!(error.reason().as_str(), "InvalidQuantity", "{limit}");
        assert!(error.to_string().starts_with(&format!("spec.storage.limit is {limit:?}: ")), "{error}");
    }
}

#[test]
fn wrong_numbers_say_which_and_why() {
    refused(
        "{limit: 10Gi, targetBuffer: 4}",
        "InvalidSpec",
        "spec.storage.targetBuffer is 4; it must be from 5 to 50",
        "choose a number from 5 to 50",
    );
    refused(
        "{limit: 10Gi, targetBuffer: 5}",
        "InvalidSpec",
        "spec.storage.emergencyGrow.criticalThreshold is 95; it must be at least 98, which is 100 - targetBuffer + 3",
        "raise criticalThreshold to 98, or targetBuffer to 8",
    );
    refused(
        "{limit: 10Gi, budget: {actionsPerDay: 2, reservedForEmergency: 3}}",
        "InvalidSpec",
        "spec.storage.budget.reservedForEmergency (3) is above actionsPerDay (2)",
        "lower reservedForEmergency: it is a part of actionsPerDay",
    );
    refused(
        "{limit: 10Gi, shrink: {minimumSaving: some}}",
        "InvalidSpec",
        "spec.storage.shrink.minimumSaving is \"some\", which is no percentage",
        "write a whole percentage such as 20%",
    );
    refused(
        "{limit: 10Gi, shrink: {stabilization: 1d}}",
        "InvalidDuration",
        "spec.storage.shrink.stabilization is \"1d\", which is no duration",
        "write hours, minutes and seconds such as 24h, 90m or 1h30m",
    );
}

#[track_caller]
fn refused_window(schedule: &str, duration: &str, zone: &str, reason: &str, message: &str, hint: &str) {
    let storage = format!(
        "{{limit: 10Gi, maintenanceWindow: {{schedule: {schedule:?}, duration: {duration:?}, timeZone: {zone:?}}}}}"
    );
    refused(&storage, reason, &format!("spec.storage.maintenanceWindow: {message}"), hint);
}

#[test]
fn wrong_windows_say_which_and_why() {
    refused_window(
        "0 3 * * *",
        "2h",
        "UTC",
        "InvalidSchedule",
        "schedule \"0 3 * * *\" has 5 fields, and six are needed",
        "six fields, seconds first; did you mean `0 0 3 * * *`?",
    );
    refused_window(
        "@daily",
        "2h",
        "UTC",
        "InvalidSchedule",
        "schedule \"@daily\" has 1 fields, and six are needed",
        "six fields, seconds first; did you mean `0 0 0 * * *`?",
    );
    let six =
        "six fields: second minute hour day-of-month month day-of-week; `0 0 3 * * *` is every day at three";
    refused_window(
        "at three",
        "2h",
        "UTC",
        "InvalidSchedule",
        "schedule \"at three\" has 2 fields, and six are needed",
        six,
    );
    refused_window(
        "0 0 3 30 2 *",
        "2h",
        "UTC",
        "InvalidSchedule",
        "schedule \"0 0 3 30 2 *\" never fires",
        "choose a day that exists in some month",
    );
    refused_window(
        "0 0 * * * *",
        "1h",
        "UTC",
        "InvalidSchedule",
        "with schedule \"0 0 * * * *\" and duration 1h the window never closes",
        "shorten duration, or leave maintenanceWindow out to allow changes at any time",
    );
    refused_window(
        "0 0 3 * * *",
        "2 hours",
        "UTC",
        "InvalidDuration",
        "duration \"2 hours\" is no duration",
        "write hours, minutes and seconds such as 2h, 90m or 1h30m",
    );
    refused_window(
        "0 0 3 * * *",
        "59s",
        "UTC",
        "InvalidDuration",
        "duration 59s is not between 1m and 168h",
        "choose a duration from 1m to 168h; leave maintenanceWindow out to allow changes at any time",
    );
    refused_window(
        "0 0 3 * * *",
        "2h",
        "Europe/Berln",
        "UnknownTimeZone",
        "time zone \"Europe/Berln\" is not in the IANA database",
        "did you mean Europe/Berlin?",
    );
}

#[test]
fn a_cron_that_cannot_be_read_quotes_the_parser() {
    let error =
        from_spec(&spec("{limit: 10Gi, maintenanceWindow: {schedule: '0 0 25 * * *', duration: 2h}}"), 1)
            .expect_err("25 o'clock");
    assert_eq!(error.reason().as_str(), "InvalidSchedule");
    assert!(error.to_string().contains("is no cron expression: "), "{error}");
}

#[test]
fn the_object_must_be_named_as_its_cluster() {
    let mut object = DynamicStorage::new("other", spec("{limit: 10Gi}"));
    let error = from_object(&object).expect_err("another name");
    assert_eq!(error.to_string(), "the DynamicStorage is named \"other\" and spec.clusterRef.name is \"pg\"");
    object.metadata.name = Some("pg".to_owned());
    object.metadata.generation = Some(3);
    assert_eq!(from_object(&object).unwrap().generation, 3);
}

#[test]
fn a_tablespace_twice_is_refused() {
    let spec: DynamicStorageSpec = serde_saphyr::from_str(
        "{clusterRef: {name: pg}, storage: {limit: 1Gi}, tablespaces: [{name: a, limit: 1Gi}, {name: a, limit: 2Gi}]}",
    )
    .unwrap();
    assert_eq!(from_spec(&spec, 1).expect_err("twice").to_string(), "spec.tablespaces[a] is there twice");
}
