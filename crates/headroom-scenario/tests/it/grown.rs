//! A hand-made run: two instances, 84 % full, planned growth from 1Gi to 1152Mi, replica first.

use std::time::Duration;

use headroom_core::{Bytes, ledger::Cause, names::VolumeName, report::State};
use headroom_scenario::{
    Act, Cell, Scenario, Topology, Trace, Wait, What, catalogue,
    checkers::{self, Assertion},
    expect::{Control, Data, Expect, Functional, Storage, Timing, all},
    run::case,
    trace::{ClaimState, ClusterState, Conditions, PodState, StorageState, VolumeState, Written},
};

pub(crate) const BEFORE: Bytes = Bytes::gibi(1);
pub(crate) const AFTER: Bytes = Bytes::mebi(1152);
pub(crate) const QUIET: Duration = Duration::from_secs(30);

pub(crate) fn claim(instance: &str, requested: Bytes, capacity: Bytes) -> What {
    What::Claim(ClaimState {
        instance: instance.into(),
        volume: VolumeName::Data,
        uid: format!("uid-of-{instance}"),
        requested,
        capacity: Some(capacity),
        terminating: false,
        file_system_pending: false,
    })
}

pub(crate) fn pod(instance: &str, ready: bool, restarts: u32, last_exit: Option<i32>) -> What {
    let uid = format!("pod-{instance}");
    let image = "postgres:15".to_owned();
    What::Pod(PodState {
        primary: instance == "pg-1",
        instance: instance.into(),
        uid,
        ready,
        restarts,
        last_exit,
        terminating: false,
        image,
    })
}

pub(crate) fn cluster(phase: &str, ready: u32, primary: &str) -> What {
    let (phase, primary) = (phase.to_owned(), Some(primary.to_owned()));
    What::Cluster(ClusterState {
        phase,
        wanted: 2,
        instances: 2,
        ready,
        target_primary: primary.clone(),
        primary,
        image: "postgres:15".to_owned(),
    })
}

pub(crate) fn healthy() -> What {
    cluster("Cluster in healthy state", 2, "pg-1")
}

pub(crate) fn volume(state: State, reason: &str) -> VolumeState {
    VolumeState {
        volume: VolumeName::Data,
        state,
        reason: reason.to_owned(),
        effective: Some(BEFORE),
        target: None,
        running: None,
        ledger: Vec::new(),
    }
}

pub(crate) fn status(volume: VolumeState) -> What {
    What::Storage(storage(volume))
}

pub(crate) fn storage(volume: VolumeState) -> StorageState {
    let reconciling = volume.state == State::Growing;
    let conditions = Conditions { ready: !reconciling, reconciling, stalled: false };
    StorageState { observed_generation: 1, generation: 1, conditions, volumes: vec![volume] }
}

/// An Event of the operator on our object.
pub(crate) fn event(reason: &str) -> What {
    let (kind, on, reason) = ("Normal".to_owned(), "DynamicStorage".to_owned(), reason.to_owned());
    What::Event { kind, reason, on, message: "data".to_owned() }
}

pub(crate) fn growing() -> VolumeState {
    VolumeState {
        target: Some(AFTER),
        running: Some(Cause::Planned),
        ledger: vec![(Cause::Planned, AFTER, false)],
        ..volume(State::Growing, "WaitingForCanary")
    }
}

pub(crate) fn done() -> VolumeState {
    VolumeState {
        effective: Some(AFTER),
        ledger: vec![(Cause::Planned, AFTER, true)],
        ..volume(State::Balanced, "EnoughFree")
    }
}

pub(crate) fn usage(instance: &str, capacity: u64, used: u64) -> What {
    What::Usage {
        instance: instance.into(),
        volume: VolumeName::Data,
        capacity: Bytes::mebi(capacity),
        available: Bytes::mebi(capacity - used),
    }
}

pub(crate) fn raised(instance: &str, to: Bytes) -> What {
    What::OperatorWrote(Written::Claim { instance: instance.into(), volume: VolumeName::Data, to })
}

pub(crate) fn verified() -> What {
    What::Verified { acknowledged: 400, lost: 0, sentinel_ok: true, amcheck_clean: Some(true) }
}

fn wrote_status() -> What {
    What::OperatorWrote(Written::Status)
}

/// The run as it should be.
pub(crate) fn trace() -> Trace {
    let mut trace = Trace::new();
    let entries = [
        (1_000, cluster("Setting up primary", 0, "pg-1")),
        (2_000, claim("pg-1", BEFORE, BEFORE)),
        (8_000, pod("pg-1", true, 0, None)),
        (20_000, claim("pg-2", BEFORE, BEFORE)),
        (40_000, pod("pg-2", true, 0, None)),
        (42_000, healthy()),
        (50_000, usage("pg-1", 960, 806)),
        (52_000, usage("pg-2", 960, 806)),
        (56_000, wrote_status()),
        (58_000, status(volume(State::PendingGrowth, "Confirming"))),
        (60_000, What::FixtureReady),
        (62_000, What::Acted(Act::StartWriter { rows_per_second: 5 })),
        (66_000, What::Acknowledged(10)),
        (70_000, usage("pg-1", 960, 806)),
        (72_000, usage("pg-2", 960, 806)),
        (74_000, wrote_status()),
        (76_000, status(growing())),
        (76_500, event("GrowthStarted")),
        (78_000, raised("pg-2", AFTER)),
        (80_000, claim("pg-2", AFTER, BEFORE)),
        (90_000, claim("pg-2", AFTER, AFTER)),
        (92_000, raised("pg-1", AFTER)),
        (94_000, claim("pg-1", AFTER, BEFORE)),
        (99_000, claim("pg-1", AFTER, AFTER)),
        (101_000, usage("pg-1", 1088, 806)),
        (103_000, usage("pg-2", 1088, 806)),
        (105_000, wrote_status()),
        (107_000, status(done())),
        (107_500, event("GrowthCompleted")),
        (109_000, What::Acknowledged(200)),
        (112_000, What::Acted(Act::Verify)),
        (115_000, verified()),
        (150_000, usage("pg-1", 1088, 806)),
    ];
    for (at_ms, what) in entries {
        trace.push(at_ms, what);
    }
    trace
}

/// `p0_00_planned_growth_in_window@t2` with every kind of expectation that the run above meets.
pub(crate) fn scenario() -> Scenario {
    let cell = catalogue::select("p0_00_planned_growth_in_window", &[Topology::T2]).remove(0);
    let Cell::Scenario(scenario) = cell else { panic!("planned growth is blank in T2") };
    let data = || VolumeName::Data;
    let expect = Expect {
        functional: all([
            Functional::Healthy,
            Functional::Promotions(0),
            Functional::NoServerRestart,
            Functional::ServerRestarts(0, 0),
        ]),
        storage: all([
            Storage::EveryClaimRequests(data(), AFTER),
            Storage::EveryClaimBetween(data(), BEFORE, AFTER),
            Storage::NeverOutside(data(), BEFORE, AFTER),
            Storage::FreeAtLeast(data(), 20),
        ]),
        data: all([Data::EveryAcknowledgedWriteReadable, Data::SentinelUnchanged, Data::AmcheckClean]),
        control: all([
            Control::PassedThrough(data(), State::Growing),
            Control::NeverShown(data(), State::Blocked),
            Control::LedgerEntries(data(), Cause::Planned, 1),
            Control::PatchesPerClaim(data(), 1),
            Control::PatchesInAll(data(), 2),
            Control::NoPatch(VolumeName::Wal),
            Control::NoPatchWithin(data(), Duration::from_secs(10)),
            Control::NoDestructiveAct,
            Control::EndsAs(data(), State::Balanced, "EnoughFree"),
            Control::QuietAtTheEnd,
        ]),
        timing: all([Timing::Within(Wait::Growth)]),
    };
    Scenario { expect, ..*scenario }
}

pub(crate) fn limit(_: Wait) -> Duration {
    Duration::from_mins(1)
}

pub(crate) fn judge(scenario: &Scenario, trace: &Trace) -> Vec<Assertion> {
    checkers::judge(&case(scenario, trace, QUIET, &limit))
}

/// The texts of what did not hold.
pub(crate) fn failing(scenario: &Scenario, trace: &Trace) -> Vec<String> {
    judge(scenario, trace)
        .into_iter()
        .filter(|assertion| !assertion.held)
        .map(|assertion| assertion.text)
        .collect()
}

/// Puts an entry where its time belongs.
pub(crate) fn insert(trace: &mut Trace, at_ms: u64, what: What) {
    trace.push(at_ms, what);
    trace.entries.sort_by_key(|entry| entry.at_ms);
}

/// Replaces the entry of time `at_ms`.
pub(crate) fn replace(trace: &mut Trace, at_ms: u64, what: What) {
    let entry = trace.entries.iter_mut().find(|entry| entry.at_ms == at_ms).expect("an entry of that time");
    entry.what = what;
}

/// Removes the entry of time `at_ms`.
pub(crate) fn remove(trace: &mut Trace, at_ms: u64) {
    let before = trace.entries.len();
    trace.entries.retain(|entry| entry.at_ms != at_ms);
    assert_eq!(trace.entries.len() + 1, before, "one entry of that time");
}
