//! `p1_03_*`: snapshots are taken while a growth runs, and restored afterwards. The restored Cluster has a DynamicStorage
//! with an empty status: it adopts what the claims have and goes on from there.
//!
//! A claim made from a snapshot must not be smaller than the volume was: 1Gi as long as the storage has not grown it, up
//! to 1152Mi (1280Mi on a real server) after that. 84 % of 960 MiB are below the buffer again after a restore into 1Gi,
//! and 74 % used after one into 1280Mi (1216 MiB of file system) is not.

use headroom_core::{ledger::Cause, names::VolumeName, report::State};

use super::{
    common::{GI_1, MI_1152, MI_1280, data, filled, intent, plain, rest, scenario, until, write},
    gated::Made,
    strike::strike,
};
use crate::{
    Act, BackupMode, Fact, Fixture, Gate, Level, Pace, Scenario, Step, Strike, Topology, Wait,
    expect::{Control, Expect, Functional, Storage, Timing, all},
    fixture::WindowFixture,
};

/// Whether the storage may have grown a volume when this gate is reached.
const fn grown(gate: Gate) -> bool {
    match gate {
        Gate::BeforePatch
        | Gate::ControllerStep
        | Gate::Provision
        | Gate::BeforeSurge
        | Gate::BeforeReplace
        | Gate::BeforePromotion
        | Gate::BeforeLower => false,
        Gate::NodeStep | Gate::BetweenClaims | Gate::BeforeCompletion => true,
    }
}

/// Taken at the gate, restored once the growth has ended.
pub(super) fn restored(topology: Topology, gate: Gate) -> Made {
    let title = "A snapshot taken while a growth runs restores, and the restored Cluster has the right size";
    let plain = filled(plain(topology, WindowFixture::Absent), VolumeName::Data, 84);
    let fixture = Fixture { backups: Some(BackupMode::Offline), ..plain };
    let size = if grown(gate) { MI_1280 } else { GI_1 };
    let script = vec![
        Step::Hold(gate),
        write(),
        intent(&VolumeName::Data, Cause::Planned),
        until(Fact::Held(gate), Wait::Strike),
        strike(Strike::Change(Act::StartBackup)),
        until(Fact::BackupEnded, Wait::Backup),
        Step::Release(gate),
        until(Fact::EveryClaimHas(VolumeName::Data, MI_1152), Wait::Recovery),
        until(Fact::Serving, Wait::Recovery),
        rest(Wait::Recovery),
        Step::Do(Act::Restore { size }),
        until(Fact::All(vec![Fact::InstancesAre(topology.instances()), Fact::Healthy]), Wait::Restore),
        until(Fact::EveryClaimHas(VolumeName::Data, MI_1152), Wait::Growth),
        until(Fact::Serving, Wait::Recovery),
        rest(Wait::Recovery),
    ];
    let mut control = all([
        Control::PassedThrough(VolumeName::Data, State::Growing),
        Control::NeverShown(VolumeName::Data, State::Emergency),
        Control::LedgerEntries(VolumeName::Data, Cause::Emergency, 0),
        Control::LedgerEntries(VolumeName::Data, Cause::External, 0),
        Control::EndsAs(VolumeName::Data, State::Balanced, "EnoughFree"),
        Control::NoDestructiveAct,
        Control::QuietAtTheEnd,
    ]);
    // The new object's own ledger: the small Cluster grows again, the large one need not.
    control.push(Control::LedgerEntries(VolumeName::Data, Cause::Planned, u32::from(!grown(gate))));
    let expect = Expect {
        functional: all([
            Functional::Healthy,
            Functional::Promotions(0),
            Functional::BackupCompleted,
            Functional::Instances(topology.instances()),
        ]),
        storage: all([
            Storage::EveryClaimBetween(VolumeName::Data, MI_1152, MI_1280),
            Storage::NeverOutside(VolumeName::Data, GI_1, MI_1280),
            Storage::FreeAtLeast(VolumeName::Data, 20),
        ]),
        data: data(),
        control,
        timing: all([Timing::WithinSum(&[Wait::Restore, Wait::Recovery, Wait::Growth])]),
    };
    let scenario = scenario("p1_03_volume_snapshots", title, fixture, script, expect);
    Ok(Scenario { level: Level::P1, pace: Pace::Slow, moment: Some(gate), ..scenario })
}
