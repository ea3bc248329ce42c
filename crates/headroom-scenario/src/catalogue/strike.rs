//! A planned growth that something strikes while it is held at a gate: the shape of most P0 and P1 scenarios.
//!
//! Which volume grows follows from topology and gate, so that within a family each kind of fixture meets each kind of
//! strike, without the full product.

use headroom_core::{Bytes, ledger::Cause, names::VolumeName, report::State};

use super::common::{
    GI_1, GI_2, MI_1152, MI_1280, data, filled, idx, intent, plain, rest, scenario, until, write,
};
use crate::{
    Fact, Fixture, Gate, Scenario, Step, Strike, Topology, Wait,
    expect::{Control, Expect, Functional, Storage, Timing, all},
    fixture::WindowFixture,
};

/// Which volume grows, and what there is besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The data volume alone.
    Data,
    /// A tablespace volume beside a data volume that has room.
    Tablespace,
    /// The data volume beside a WAL volume.
    BesideWal,
}

impl Kind {
    /// The kind for a cell; families begin their turn at different kinds.
    pub(super) fn of(topology: Topology, gate: Gate, turn: usize) -> Self {
        let place = Gate::GROWTH.iter().position(|known| *known == gate).unwrap_or(0);
        match (topology.instances() as usize + place + turn) % 3 {
            0 => Self::Data,
            1 => Self::Tablespace,
            _ => Self::BesideWal,
        }
    }

    /// The volume that grows.
    pub(super) fn volume(self) -> VolumeName {
        match self {
            Self::Data | Self::BesideWal => VolumeName::Data,
            Self::Tablespace => idx(),
        }
    }

    /// The fixture: the volume is 84 % full, the window is always open.
    pub(super) fn fixture(self, topology: Topology) -> Fixture {
        let plain = plain(topology, WindowFixture::Absent);
        let fixture = match self {
            Self::Data => plain,
            Self::Tablespace => Fixture { data: GI_2, tablespace: Some(GI_1), ..plain },
            Self::BesideWal => Fixture { wal: Some(GI_2), ..plain },
        };
        filled(fixture, self.volume(), 84)
    }

    /// What must stay as it is.
    pub(super) fn untouched(self) -> Vec<Control> {
        match self {
            Self::Data => Vec::new(),
            Self::Tablespace => vec![Control::NoPatch(VolumeName::Data)],
            Self::BesideWal => vec![Control::NoPatch(VolumeName::Wal)],
        }
    }
}

/// A growth from 1Gi to 1152Mi (up to 1280Mi on a real server, see `p0_00`) that is struck at a gate.
pub(super) struct Struck {
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    pub(super) kind: Kind,
    pub(super) fixture: Fixture,
    /// What happens while the gate is held.
    pub(super) strikes: Vec<Step>,
    /// What is waited for and done once the gate is let go, before the end.
    pub(super) after: Vec<Step>,
    /// What every claim must come to have at least.
    pub(super) least: Bytes,
    pub(super) functional: Vec<Functional>,
    pub(super) storage: Vec<Storage>,
    pub(super) control: Vec<Control>,
    pub(super) timing: Vec<Timing>,
}

impl Struck {
    /// One slot, one patch per claim, no emergency: what a growth must come to, whatever strikes.
    pub(super) fn new(
        id: &'static str,
        title: &'static str,
        kind: Kind,
        topology: Topology,
        strikes: Vec<Step>,
    ) -> Self {
        let volume = kind.volume();
        Self {
            id,
            title,
            kind,
            fixture: kind.fixture(topology),
            strikes,
            after: Vec::new(),
            least: MI_1152,
            functional: all([Functional::Healthy, Functional::Promotions(0), Functional::PodsMade(0, 0)]),
            storage: sizes(&volume, MI_1152, MI_1280),
            control: once(&volume, kind),
            timing: all([Timing::WithinSum(&[Wait::Recovery, Wait::Growth])]),
        }
    }

    /// The scenario at this gate.
    pub(super) fn at(self, gate: Gate) -> Scenario {
        let volume = self.kind.volume();
        let mut script = vec![
            Step::Hold(gate),
            write(),
            intent(&volume, Cause::Planned),
            until(Fact::Held(gate), Wait::Strike),
        ];
        script.extend(self.strikes);
        script.push(Step::Release(gate));
        script.extend(self.after);
        script.push(until(Fact::EveryClaimHas(volume.clone(), self.least), Wait::Recovery));
        script.push(until(Fact::Serving, Wait::Recovery));
        script.push(rest(Wait::Recovery));
        let expect = Expect {
            functional: self.functional,
            storage: self.storage,
            data: data(),
            control: self.control,
            timing: self.timing,
        };
        let plain = scenario(self.id, self.title, self.fixture, script, expect);
        Scenario { moment: Some(gate), ..plain }
    }
}

/// A strike as a step.
pub(super) const fn strike(strike: Strike) -> Step {
    Step::Strike(strike)
}

/// All claims of the volume end alike between these sizes, never were outside, and the buffer is free.
pub(super) fn sizes(volume: &VolumeName, least: Bytes, most: Bytes) -> Vec<Storage> {
    all([
        Storage::EveryClaimBetween(volume.clone(), least, most),
        Storage::NeverOutside(volume.clone(), GI_1, most),
        Storage::FreeAtLeast(volume.clone(), 20),
    ])
}

/// One planned action, each claim raised once, no false alarm.
fn once(volume: &VolumeName, kind: Kind) -> Vec<Control> {
    let mut control = all([
        Control::PassedThrough(volume.clone(), State::Growing),
        Control::NeverShown(volume.clone(), State::Emergency),
        Control::LedgerEntries(volume.clone(), Cause::Planned, 1),
        Control::LedgerEntries(volume.clone(), Cause::Emergency, 0),
        Control::PatchesPerClaim(volume.clone(), 1),
    ]);
    control.extend(calm(volume, kind));
    control
}

/// What holds at the end of every one of these scenarios.
pub(super) fn calm(volume: &VolumeName, kind: Kind) -> Vec<Control> {
    let mut control = all([
        Control::EndsAs(volume.clone(), State::Balanced, "EnoughFree"),
        Control::NoDestructiveAct,
        Control::QuietAtTheEnd,
    ]);
    control.extend(kind.untouched());
    control
}
