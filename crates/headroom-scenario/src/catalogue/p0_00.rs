//! `p0_00_*`: the plain path of each growth rule (design §5), without a disturbance.
//!
//! Sizes. Claims of 1Gi carry an XFS file system of 960 MiB, and claim − 64 MiB at every later size (experiments G1), so a
//! wanted file system is converted by 1024 ÷ 960. Sizes are whole 64Mi because `limit` is below 8Gi.
//!
//! - 84 % of 960 MiB is 806 MiB. Buffer 20 + 2 points: 806 ÷ 0.78 × 1024 ÷ 960 = 1103 MiB; + 10 %: 1126.4 MiB; rounded up:
//!   **1152Mi**, up to 87.7 % used. Afterwards 806 of 1088 MiB are used: 26 % free. On a real server WAL and preallocated
//!   file ends come on top of what was filled (54 MiB seen): up to 97 % used the target is at most **1280Mi**.
//! - An emergency adds max(25 %, 1Gi, what restores the buffer): **2Gi** whatever a 960 MiB file system holds.
//! - 88 % of 960 MiB is 845 MiB: at `limit` 1088Mi 17.5 % of 1024 MiB stay free, still below the buffer.

use headroom_core::{Bytes, names::VolumeName};

use crate::{
    Act, Fixture, Level, Scenario, Step, Topology,
    expect::{Data, Expect, Functional, all},
    fixture::{PolicyFixture, WindowFixture},
    scenario::{Cell, Pace},
};

mod full;
mod held;
mod planned;

/// The scenarios of this family.
pub const FAMILY: [fn(Topology) -> Cell; 10] = [
    planned::in_window,
    held::outside_window,
    full::emergency_under_inserts,
    full::already_full,
    held::at_the_limit,
    held::out_of_budget,
    planned::tablespace,
    full::tablespace,
    full::data_beside_wal,
    planned::smaller_member,
];

/// Rows a second of the writer: enough to notice a gap, too little to move any threshold.
const ROWS_PER_SECOND: u32 = 5;

const MI_1088: Bytes = Bytes::mebi(1088);
const MI_1152: Bytes = Bytes::mebi(1152);
const MI_1280: Bytes = Bytes::mebi(1280);
const GI_1: Bytes = Bytes::gibi(1);
const GI_2: Bytes = Bytes::gibi(2);
const GI_4: Bytes = Bytes::gibi(4);

fn idx() -> VolumeName {
    VolumeName::Tablespace("idx".into())
}

/// One data volume of 1Gi, `limit` 4Gi, buffer 20 %, critical at 95 %, four actions a day of which one is reserved.
fn plain(topology: Topology, window: WindowFixture) -> Fixture {
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
        policy: PolicyFixture {
            limit: GI_4,
            target_buffer: 20,
            critical_threshold: 95,
            emergency_limit: None,
            budget: (4, 1),
            window,
        },
    }
}

/// The same with the volume already at `used_percent` when the DynamicStorage is created.
fn filled(fixture: Fixture, volume: VolumeName, used_percent: u8) -> Fixture {
    Fixture { filled: Some((volume, used_percent)), ..fixture }
}

fn write() -> Step {
    Step::Do(Act::StartWriter { rows_per_second: ROWS_PER_SECOND })
}

fn cell(id: &'static str, title: &'static str, fixture: Fixture, script: Vec<Step>, expect: Expect) -> Cell {
    Cell::Scenario(Box::new(Scenario {
        id,
        title,
        level: Level::P0,
        pace: Pace::Medium,
        simulator_only: None,
        fixture,
        moment: None,
        script,
        expect,
    }))
}

/// What every scenario of the family expects of the rows.
fn data() -> Vec<Data> {
    all([Data::EveryAcknowledgedWriteReadable, Data::SentinelUnchanged, Data::AmcheckClean])
}

/// Healthy, the same primary, and nothing was restarted.
fn undisturbed() -> Vec<Functional> {
    all([Functional::Healthy, Functional::Promotions(0), Functional::NoServerRestart])
}
