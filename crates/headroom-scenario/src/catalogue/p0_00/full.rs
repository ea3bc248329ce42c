//! Emergencies: nearly full, entirely full, and the ways in which PostgreSQL stops.

use headroom_core::{Bytes, ledger::Cause, names::VolumeName, report::State};

use crate::{
    Act, Cell, Fact, Fixture, Step, Topology, Wait,
    catalogue::common::{GI_1, GI_2, cell, data, idx, plain, undisturbed, write},
    expect::{Control, Expect, Functional, Storage, Timing, all},
    fixture::{PolicyFixture, WindowFixture},
};

/// What every emergency of the family ends with: one slot, one patch per claim.
fn healed(volume: &VolumeName, also: Vec<Control>) -> Vec<Control> {
    let mut control = all([
        Control::PassedThrough(volume.clone(), State::Emergency),
        Control::NeverShown(volume.clone(), State::Blocked),
        Control::LedgerEntries(volume.clone(), Cause::Emergency, 1),
        Control::LedgerEntries(volume.clone(), Cause::Planned, 0),
        Control::PatchesPerClaim(volume.clone(), 1),
        Control::EndsAs(volume.clone(), State::Balanced, "EnoughFree"),
        Control::NoDestructiveAct,
        Control::QuietAtTheEnd,
    ]);
    control.extend(also);
    control
}

/// 2Gi everywhere.
fn doubled(volume: &VolumeName) -> Vec<Storage> {
    all([
        Storage::EveryClaimRequests(volume.clone(), GI_2),
        Storage::NeverOutside(volume.clone(), GI_1, GI_2),
        Storage::FreeAtLeast(volume.clone(), 20),
    ])
}

/// The emergency is recorded, then all is grown, serving, settled and healthy.
fn recovers(volume: &VolumeName) -> [Step; 4] {
    let intent = Fact::IntentRecorded { volume: volume.clone(), cause: Cause::Emergency };
    [
        Step::Until(intent, Wait::Decision),
        Step::Until(Fact::EveryClaimHas(volume.clone(), GI_2), Wait::Growth),
        Step::Until(Fact::Serving, Wait::Recovery),
        Step::Until(Fact::All(vec![Fact::Settled, Fact::Healthy]), Wait::Recovery),
    ]
}

/// Inserts fill the volume under the eyes of the operator: it grows at once, long before the window.
pub(super) fn emergency_under_inserts(topology: Topology) -> Cell {
    let plain = plain(topology, WindowFixture::FarAway);
    let fixture =
        Fixture { policy: PolicyFixture { critical_threshold: 85, ..plain.policy.clone() }, ..plain };
    let mut script = vec![
        write(),
        Step::Until(Fact::StateIs(VolumeName::Data, State::Balanced), Wait::Decision),
        // Room is left for what a server adds to its own WAL afterwards: it must not stop.
        Step::Do(Act::Fill { volume: VolumeName::Data, used_percent: 89 }),
    ];
    script.extend(recovers(&VolumeName::Data));
    // 89 % of 960 MiB are 43 % of the 1984 MiB of a 2Gi claim: the fill has ended.
    script.push(Step::Until(Fact::UsedAtLeast(VolumeName::Data, 41), Wait::Fill));
    script.push(Step::Until(Fact::All(vec![Fact::Settled, Fact::Healthy]), Wait::Growth));
    let expect = Expect {
        functional: undisturbed(),
        storage: doubled(&VolumeName::Data),
        data: data(),
        control: healed(&VolumeName::Data, Vec::new()),
        timing: all([Timing::WithinSum(&[Wait::Fill, Wait::Decision, Wait::Growth])]),
    };
    let title = "A volume that inserts fill grows at once, outside the window, before the server stops";
    cell("p0_00_emergency_under_inserts", title, fixture, script, expect)
}

/// The server has stopped with exit code 4 and crash-loops; then headroom comes.
pub(super) fn already_full(topology: Topology) -> Cell {
    let fixture = plain(topology, WindowFixture::FarAway);
    let mut script = vec![
        write(),
        Step::Until(Fact::StateIs(VolumeName::Data, State::Balanced), Wait::Decision),
        Step::Do(Act::StopOperator),
        Step::Do(Act::FillUntilRefused { volume: VolumeName::Data, stop_at: GI_2 }),
        Step::Until(Fact::ServerStopped { code: 4 }, Wait::Fill),
        Step::Do(Act::StartOperator),
    ];
    script.extend(recovers(&VolumeName::Data));
    let expect = Expect {
        functional: all([
            Functional::Healthy,
            Functional::Promotions(0),
            Functional::ServerStopped(4),
            Functional::ServerRestarts(1, 20),
        ]),
        storage: doubled(&VolumeName::Data),
        data: data(),
        control: healed(&VolumeName::Data, Vec::new()),
        timing: all([Timing::WithinSum(&[Wait::Decision, Wait::Growth, Wait::Recovery])]),
    };
    let title = "A full volume whose server has stopped (exit code 4) heals with no human step and one slot";
    cell("p0_00_volume_already_full", title, fixture, script, expect)
}

/// A full tablespace stops nothing and shows in usage alone.
pub(super) fn tablespace(topology: Topology) -> Cell {
    let plain = plain(topology, WindowFixture::FarAway);
    let fixture = Fixture { data: GI_2, tablespace: Some(GI_1), ..plain };
    let mut script = vec![
        write(),
        Step::Until(Fact::StateIs(idx(), State::Balanced), Wait::Decision),
        Step::Do(Act::StopOperator),
        Step::Do(Act::FillUntilRefused { volume: idx(), stop_at: GI_2 }),
        Step::Until(Fact::InsertRefused, Wait::Fill),
        Step::Do(Act::StartOperator),
    ];
    script.extend(recovers(&idx()));
    // A replica that replays the last bytes may run out of room a moment before its primary does.
    let functional = match topology {
        Topology::T1 => undisturbed(),
        Topology::T2 | Topology::T3 => {
            all([Functional::Healthy, Functional::Promotions(0), Functional::ServerRestarts(0, 20)])
        }
    };
    let expect = Expect {
        functional,
        storage: doubled(&idx()),
        data: data(),
        control: healed(&idx(), vec![Control::NoPatch(VolumeName::Data)]),
        timing: all([Timing::WithinSum(&[Wait::Decision, Wait::Growth, Wait::Recovery])]),
    };
    let title = "A full tablespace, which only usage shows, grows and takes inserts again";
    cell("p0_00_tablespace_full", title, fixture, script, expect)
}

/// A data volume full beside a WAL volume. Alone, the server stops with exit code 0 at its next checkpoint and comes back
/// when the claim has grown. With replicas CNPG would fail over nine seconds after such a stop and the old primary may
/// need a rebuild (experiments G2 b), so there the growth must come before the checkpoint does.
pub(super) fn data_beside_wal(topology: Topology) -> Cell {
    let fixture = Fixture { wal: Some(GI_2), ..plain(topology, WindowFixture::FarAway) };
    let fill = Step::Do(Act::FillUntilRefused { volume: VolumeName::Data, stop_at: Bytes::mebi(1900) });
    let mut script =
        vec![write(), Step::Until(Fact::StateIs(VolumeName::Data, State::Balanced), Wait::Decision)];
    script.extend(match topology {
        Topology::T1 => vec![
            Step::Do(Act::StopOperator),
            fill,
            Step::Until(Fact::InsertRefused, Wait::Fill),
            Step::Until(Fact::ServerStopped { code: 0 }, Wait::Fill),
            Step::Do(Act::StartOperator),
        ],
        Topology::T2 | Topology::T3 => vec![fill],
    });
    script.extend(recovers(&VolumeName::Data));
    let functional = match topology {
        Topology::T1 => all([
            Functional::Healthy,
            Functional::Promotions(0),
            Functional::ServerStopped(0),
            Functional::ServerRestarts(1, 20),
        ]),
        // A replica that replays the last bytes may run out of room before its file system has grown.
        Topology::T2 | Topology::T3 => {
            all([Functional::Healthy, Functional::Promotions(0), Functional::ServerRestarts(0, 20)])
        }
    };
    let expect = Expect {
        functional,
        storage: doubled(&VolumeName::Data),
        data: data(),
        control: healed(&VolumeName::Data, vec![Control::NoPatch(VolumeName::Wal)]),
        timing: all([Timing::WithinSum(&[Wait::Fill, Wait::Decision, Wait::Growth, Wait::Recovery])]),
    };
    let title = "A data volume that is full beside a WAL volume (exit code 0, no disk phase) grows";
    cell("p0_00_data_full_beside_wal", title, fixture, script, expect)
}
