//! What the families share: sizes, fixtures, steps.

use headroom_core::{Bytes, ledger::Cause, names::VolumeName};

use crate::{
    Act, Fact, Fixture, Level, Pace, Scenario, Step, Topology, Wait,
    expect::{Data, Expect, Functional, all},
    fixture::{FILL_TOLERANCE, PolicyFixture, WindowFixture},
    scenario::Cell,
};

/// Rows a second of the writer: enough to notice a gap, too little to move any threshold.
const ROWS_PER_SECOND: u32 = 5;

pub(super) const MI_1088: Bytes = Bytes::mebi(1088);
pub(super) const MI_1152: Bytes = Bytes::mebi(1152);
pub(super) const MI_1280: Bytes = Bytes::mebi(1280);
pub(super) const GI_1: Bytes = Bytes::gibi(1);
pub(super) const GI_2: Bytes = Bytes::gibi(2);
pub(super) const GI_4: Bytes = Bytes::gibi(4);

pub(super) fn idx() -> VolumeName {
    VolumeName::Tablespace("idx".into())
}

/// One data volume of 1Gi, `limit` 4Gi, buffer 20 %, critical at 95 %, four actions a day of which one is reserved.
pub(super) fn plain(topology: Topology, window: WindowFixture) -> Fixture {
    Fixture {
        topology,
        data: GI_1,
        wal: None,
        tablespace: None,
        synchronous: 0,
        filled: None,
        enable_pdb: true,
        supervised: false,
        backups: None,
        size_at_birth: false,
        policy: PolicyFixture {
            limit: GI_4,
            target_buffer: 20,
            critical_threshold: 95,
            emergency_limit: None,
            budget: (4, 1),
            window,
            shrink: None,
        },
    }
}

/// The same with the volume already at `used_percent` when the DynamicStorage is created.
pub(super) fn filled(fixture: Fixture, volume: VolumeName, used_percent: u8) -> Fixture {
    Fixture { filled: Some((volume, used_percent)), ..fixture }
}

pub(super) fn write() -> Step {
    Step::Do(Act::StartWriter { rows_per_second: ROWS_PER_SECOND })
}

/// A scenario of minutes that both worlds can run.
pub(super) fn scenario(
    id: &'static str,
    title: &'static str,
    fixture: Fixture,
    script: Vec<Step>,
    expect: Expect,
) -> Scenario {
    Scenario {
        id,
        title,
        level: Level::P0,
        pace: Pace::Medium,
        simulator_only: None,
        rests_on_memory: None,
        rests_on_pace: None,
        fixture,
        moment: None,
        script,
        expect,
    }
}

/// Its cell.
pub(super) fn cell(
    id: &'static str,
    title: &'static str,
    fixture: Fixture,
    script: Vec<Step>,
    expect: Expect,
) -> Cell {
    Cell::Scenario(Box::new(scenario(id, title, fixture, script, expect)))
}

/// A cell that this topology cannot have.
pub(super) const fn blank(id: &'static str, topology: Topology, why: &'static str) -> Cell {
    Cell::Blank { id, topology, moment: None, why }
}

/// Waits for a fact.
pub(super) fn until(fact: Fact, wait: Wait) -> Step {
    Step::Until(fact, wait)
}

/// Waits until the status has shown a growth of this volume with this cause.
pub(super) fn intent(volume: &VolumeName, cause: Cause) -> Step {
    until(Fact::IntentRecorded { volume: volume.clone(), cause }, Wait::Decision)
}

/// Waits until all is at rest.
pub(super) fn rest(wait: Wait) -> Step {
    until(Fact::All(vec![Fact::Settled, Fact::Healthy]), wait)
}

/// What every scenario expects of the rows.
pub(super) fn data() -> Vec<Data> {
    all([Data::EveryAcknowledgedWriteReadable, Data::SentinelUnchanged, Data::AmcheckClean])
}

/// Healthy, the same primary, and nothing was restarted.
pub(super) fn undisturbed() -> Vec<Functional> {
    all([Functional::Healthy, Functional::Promotions(0), Functional::NoServerRestart])
}

/// Fills while the operator is away: it would take so quick a fill for an emergency, or size one by its rate.
pub(super) fn fill_unseen(used_percent: u8) -> [Step; 4] {
    let least = used_percent.saturating_sub(FILL_TOLERANCE);
    [
        Step::Do(Act::StopOperator),
        Step::Do(Act::Fill { volume: VolumeName::Data, used_percent }),
        until(Fact::EveryMemberUsedAtLeast(VolumeName::Data, least), Wait::Fill),
        Step::Do(Act::StartOperator),
    ]
}
