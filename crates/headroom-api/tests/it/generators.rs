//! Arbitrary records and reports, every arm of every enumeration among them.

use std::collections::BTreeMap;

use headroom_core::{
    Bytes, Percent, Record, Report, Timestamp,
    ledger::{ActionId, Cause, Ledger, LedgerEntry, Outcome},
    names::{InstanceName, NodeName, TablespaceName, Text, Uid, VolumeName},
    observation::{ObstacleCause, SingleOnly, Suspension},
    record::{
        Calm, Condemned, Course, Growth, MemberRecord, Peak, Shrink, ShrinkSizes, Surging, TurnedBack,
        VolumeRecord,
    },
    report::{
        BudgetReport, ClusterVerdict, InTheWay, MemberReport, Notice, Reason, ShrinkReason, State, Unhealthy,
        VolumeReport, WalReport,
    },
    usage::Sample,
};
use proptest::{
    collection::btree_map, collection::btree_set, collection::vec, option, prelude::*, sample::select,
};

pub(crate) const STATES: [State; 12] = [
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

const CAUSES: [Cause; 4] = [Cause::Planned, Cause::Emergency, Cause::External, Cause::Shrink];

const SUSPENSIONS: [Suspension; 3] =
    [Suspension::Hibernated, Suspension::ClusterDeleting, Suspension::ReconciliationDisabled];

const OBSTACLES: [ObstacleCause; 9] = [
    ObstacleCause::Quota,
    ObstacleCause::LimitRange,
    ObstacleCause::NotExpandable,
    ObstacleCause::Forbidden,
    ObstacleCause::NotBound,
    ObstacleCause::Throttled,
    ObstacleCause::Unavailable,
    ObstacleCause::Invalid,
    ObstacleCause::Unknown,
];

/// One of each reason.
pub(crate) fn reasons() -> Vec<Reason> {
    let pg = || InstanceName::from("pg-1");
    let words = || Text::from("the driver's words");
    let mut all = vec![
        Reason::EnoughFree,
        Reason::Repairing(pg()),
        Reason::WaitingForBinding(pg()),
        Reason::OutsideWindow,
        Reason::NoWindowAhead,
        Reason::Confirming,
        Reason::PlannedBudgetSpent,
        Reason::BudgetSpent,
        Reason::WaitingForCanary(pg()),
        Reason::WaitingForStorage { instance: pg(), node_step: true },
        Reason::WaitingForStorage { instance: pg(), node_step: false },
        Reason::WaitingForMount(pg()),
        Reason::Infeasible { instance: pg(), words: words() },
        Reason::CanaryStuck(pg()),
        Reason::Critical(pg()),
        Reason::DiskFull(pg()),
        Reason::FullSoon(pg()),
        Reason::EmergencyDisabled,
        Reason::LimitReached,
        Reason::LimitBelowClusterSize { cluster_size: Bytes::gibi(20) },
        Reason::WalFault,
        Reason::NoUsage,
        Reason::StaleUsage,
        Reason::NotSizedByClaim(pg()),
        Reason::KubeletSilent(NodeName::from("node-1"), words()),
        Reason::StorageClassNotExpandable,
        Reason::OnlineResizeDisabled,
        Reason::StaticVolume,
        Reason::NoSuchVolume,
        Reason::NoBoundClaim,
        Reason::Paused,
        Reason::Releasing,
    ];
    all.extend(shrink_reasons().into_iter().map(Reason::Shrink));
    all.extend(OBSTACLES.map(|cause| Reason::Refused { instance: pg(), cause, words: words() }));
    all.extend(SUSPENSIONS.map(Reason::Suspended));
    all
}

/// One of each reason of a shrink.
fn shrink_reasons() -> Vec<ShrinkReason> {
    let pg = || InstanceName::from("pg-1");
    vec![
        ShrinkReason::Advised,
        ShrinkReason::WindowTooShort { minutes: 15 },
        ShrinkReason::Rests { until: Timestamp::from_unix(1_795_402_800) },
        ShrinkReason::Gathers { volume: VolumeName::Wal, until: Timestamp::from_unix(1_795_402_800) },
        ShrinkReason::NeedsSurge,
        ShrinkReason::NeedsConsent,
        ShrinkReason::PromoteByHand(pg()),
        ShrinkReason::NotHealthy(Unhealthy::Pod(pg())),
        ShrinkReason::Confirming,
        ShrinkReason::FactsUnknown,
        ShrinkReason::NodeCordoned(NodeName::from("node-1")),
        ShrinkReason::BackupRunning,
        ShrinkReason::ArchiverFailing,
        ShrinkReason::DisruptionForbidden("quorum".into()),
        ShrinkReason::OldPrimaryNotReady { instance: pg(), until: Timestamp::from_unix(1_795_402_800) },
        ShrinkReason::FromSnapshots,
        ShrinkReason::BornSmaller(VolumeName::Wal),
        ShrinkReason::SingleOnly(SingleOnly::WalLogHints),
        ShrinkReason::SingleOnly(SingleOnly::WalLevel),
        ShrinkReason::Behind(pg()),
        ShrinkReason::MeasuringWal,
        ShrinkReason::Busy,
        ShrinkReason::JobRunning(pg()),
        ShrinkReason::UsageUnknown(pg()),
        ShrinkReason::SurgeReverted { declared: 3 },
        ShrinkReason::AddingInstance,
        ShrinkReason::Replacing(pg()),
        ShrinkReason::Copying,
        ShrinkReason::SwitchingOver(pg()),
        ShrinkReason::RemovingInstance,
        ShrinkReason::TurningBack(TurnedBack::Emergency),
    ]
}

/// One of each notice.
pub(crate) fn notices() -> Vec<Notice> {
    let pg = || InstanceName::from("pg-1");
    vec![
        Notice::ShrinkPlan {
            to: Bytes::gibi(1),
            copies: 4,
            bytes: Bytes::gibi(12),
            minutes: 40,
            saving: Bytes::gibi(9),
        },
        Notice::MemberNeedsRebuild(pg()),
        Notice::ClusterSizeBehind { cluster_size: Bytes::gibi(10) },
        Notice::ClusterSizeIsFloor { cluster_size: Bytes::gibi(10) },
        Notice::ArchiverFailing { since: Timestamp::from_unix(1_795_402_800) },
        Notice::SlotRetainsWal { slot: Text::from("standby_1"), retained: Bytes::gibi(3) },
        Notice::MemberWithoutUsage(pg()),
        Notice::RequestLowered(pg()),
        Notice::CriticalAt(Percent::clamped(95)),
    ]
}

fn bytes() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        (0_u64..5_000).prop_map(Bytes::gibi),
        (0_u64..5_000_000).prop_map(Bytes::mebi),
        any::<u64>().prop_map(Bytes::new),
        Just(Bytes::ZERO),
        Just(Bytes::MAX),
    ]
}

fn time() -> impl Strategy<Value = Timestamp> {
    prop_oneof![1_790_000_000_i64..1_800_000_000, 0_i64..253_402_207_200].prop_map(Timestamp::from_unix)
}

fn instance() -> impl Strategy<Value = InstanceName> {
    "[a-z]{1,8}-[0-9]{1,3}".prop_map(|name| InstanceName::from(name.as_str()))
}

pub(crate) fn volume_name() -> impl Strategy<Value = VolumeName> {
    prop_oneof![
        3 => Just(VolumeName::Data),
        2 => "[a-z_]{1,12}".prop_map(|name| VolumeName::Tablespace(TablespaceName::from(name.as_str()))),
        1 => Just(VolumeName::Wal),
    ]
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        Just(Outcome::Running),
        time().prop_map(|at| Outcome::Completed { at }),
        time().prop_map(|at| Outcome::Refunded { at }),
        time().prop_map(|at| Outcome::Superseded { at }),
    ]
}

/// Entries with ids of their own, as the sequence gives them.
fn ledger() -> impl Strategy<Value = Ledger> {
    vec((select(&CAUSES[..]), bytes(), bytes(), time(), outcome(), 1_u32..1_000), 0..6).prop_map(|entries| {
        let mut next = 0;
        let entries = entries.into_iter().map(|(cause, from, to, started, outcome, step)| {
            next += step;
            LedgerEntry { id: ActionId(next), cause, from, to, started, outcome }
        });
        Ledger { entries: entries.collect() }
    })
}

fn growth() -> impl Strategy<Value = Growth> {
    let generation = 0_u64..=u64::try_from(i64::MAX).unwrap();
    (any::<u32>(), select(&CAUSES[..]), generation, time(), bytes(), bytes(), option::of(instance()))
        .prop_map(|(id, cause, generation, started, from, to, canary)| Growth {
            id: ActionId(id),
            cause,
            generation,
            started,
            from,
            to,
            canary,
        })
}

fn member_record() -> impl Strategy<Value = MemberRecord> {
    let sample =
        (time(), bytes(), bytes()).prop_map(|(at, capacity, available)| Sample { at, capacity, available });
    ("[0-9a-f-]{1,36}", option::of(time()), option::of(sample)).prop_map(|(uid, grown_at, last_usage)| {
        MemberRecord { claim: Uid::from(uid.as_str()), grown_at, last_usage }
    })
}

fn calm() -> impl Strategy<Value = Calm> {
    (time(), time(), bytes(), bytes())
        .prop_map(|(since, turned, used, before)| Calm { since, peak: Peak { since: turned, used, before } })
}

fn volume_record() -> impl Strategy<Value = VolumeRecord> {
    (
        bytes(),
        ledger(),
        option::of(growth()),
        option::of(calm()),
        btree_map(instance(), member_record(), 0..5),
    )
        .prop_map(|(effective, ledger, growth, calm, members)| VolumeRecord {
            effective,
            ledger,
            growth,
            calm,
            members,
        })
}

/// Any record.
pub(crate) fn record() -> impl Strategy<Value = Record> {
    let volumes = btree_map(volume_name(), volume_record(), 0..4);
    (any::<u32>(), volumes, option::of(shrink()), option::of(time()))
        .prop_map(|(sequence, volumes, shrink, shrunk_at)| Record { sequence, volumes, shrink, shrunk_at })
}

fn uid() -> impl Strategy<Value = Uid> {
    "[0-9a-f-]{1,36}".prop_map(|uid| Uid::from(uid.as_str()))
}

fn shrink() -> impl Strategy<Value = Shrink> {
    const COURSES: [Course; 7] = [
        Course::Smaller,
        Course::Tidy,
        Course::Back(TurnedBack::Emergency),
        Course::Back(TurnedBack::TooSmall),
        Course::Back(TurnedBack::SpecChanged),
        Course::Back(TurnedBack::Released),
        Course::Back(TurnedBack::External),
    ];
    const SURGES: [Surging; 4] = [Surging::No, Surging::Wanted, Surging::Seen, Surging::Returning];
    let generation = 0_u64..=u64::try_from(i64::MAX).unwrap();
    let shrinking = volume_name().prop_filter("WAL is not resized", |name| *name != VolumeName::Wal);
    let sizes = (bytes(), bytes()).prop_map(|(from, to)| ShrinkSizes { from, to });
    let victim = (instance(), uid(), btree_set(uid(), 0..4)).prop_map(|(instance, pod, claims)| Condemned {
        instance,
        pod,
        claims,
    });
    let first = (any::<u32>(), generation, time(), btree_map(shrinking, sizes, 0..3), any::<u32>());
    let second =
        (select(&SURGES[..]), btree_map(instance(), uid(), 0..4), option::of(victim), select(&COURSES[..]));
    (first, second).prop_map(
        |((id, generation, started, volumes, declared), (surge, originals, condemned, course))| Shrink {
            id: ActionId(id),
            generation,
            started,
            volumes,
            declared,
            surge,
            originals,
            condemned,
            course,
        },
    )
}

fn member_report() -> impl Strategy<Value = MemberReport> {
    (bytes(), option::of(bytes())).prop_map(|(requested, capacity)| MemberReport { requested, capacity })
}

fn budget() -> impl Strategy<Value = BudgetReport> {
    (any::<u8>(), any::<u8>(), any::<u8>(), option::of(time()), option::of(time())).prop_map(
        |(used, planned, emergency, next_planned, next_emergency)| BudgetReport {
            used,
            planned,
            emergency,
            next_planned,
            next_emergency,
        },
    )
}

/// Any report of a volume.
pub(crate) fn volume_report() -> impl Strategy<Value = VolumeReport> {
    let first = (select(&STATES[..]), select(reasons()), option::of(bytes()), option::of(bytes()), bytes());
    let second = (
        btree_map(instance(), member_report(), 0..5),
        budget(),
        option::of((time(), time())),
        option::of((any::<u32>().prop_map(ActionId), select(&CAUSES[..]))),
        vec(select(notices()), 0..4),
    );
    (first, second).prop_map(
        |((state, reason, effective, target, ceiling), (members, budget, window, running, notices))| {
            VolumeReport {
                state,
                reason,
                effective,
                target,
                ceiling,
                members,
                budget,
                window,
                running,
                notices,
            }
        },
    )
}

fn verdict() -> impl Strategy<Value = ClusterVerdict> {
    prop_oneof![
        4 => Just(ClusterVerdict::Fine),
        1 => select(&SUSPENSIONS[..]).prop_map(ClusterVerdict::Suspended),
        1 => Just(ClusterVerdict::Paused),
        1 => Just(ClusterVerdict::Advising),
        1 => Just(ClusterVerdict::Releasing),
        1 => Just(ClusterVerdict::Trapped { primary: "pg-1".into(), by: InTheWay::Join("pg-2".into()) }),
        1 => Just(ClusterVerdict::Trapped { primary: "pg-1".into(), by: InTheWay::PendingPod("pg-2".into()) }),
        1 => Just(ClusterVerdict::Refused { cause: ObstacleCause::Forbidden, words: "no".into() }),
        1 => Just(ClusterVerdict::PlanRefused(vec!["TargetAboveCeiling", "NoIntent"])),
    ]
}

fn wal() -> impl Strategy<Value = WalReport> {
    (vec(instance(), 0..3), vec(instance(), 0..3), vec(select(notices()), 0..3))
        .prop_map(|(full, low, notices)| WalReport { full, low, notices })
}

/// Any report.
pub(crate) fn report() -> impl Strategy<Value = Report> {
    let generation = 0_u64..=u64::try_from(i64::MAX).unwrap();
    (generation, btree_map(volume_name(), volume_report(), 0..4), option::of(wal()), verdict())
        .prop_map(|(generation, volumes, wal, cluster)| Report { generation, volumes, wal, cluster })
}

/// A plain report of one volume.
pub(crate) fn plain(state: State, reason: Reason) -> VolumeReport {
    VolumeReport {
        state,
        reason,
        effective: Some(Bytes::gibi(10)),
        target: Some(Bytes::gibi(12)),
        ceiling: Bytes::gibi(100),
        members: BTreeMap::new(),
        budget: BudgetReport { used: 1, planned: 2, emergency: 3, next_planned: None, next_emergency: None },
        window: None,
        running: None,
        notices: Vec::new(),
    }
}

/// A report of the data volume alone.
pub(crate) fn of_data(volume: VolumeReport) -> Report {
    Report {
        generation: 3,
        volumes: BTreeMap::from([(VolumeName::Data, volume)]),
        wal: None,
        cluster: ClusterVerdict::Fine,
    }
}
