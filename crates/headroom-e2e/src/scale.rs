//! Sizes of scenarios where disks come in coarse steps.
//!
//! Sizes in scenarios are small literals. A provider that makes disks in steps of 1Gi would round 1152Mi up to 2Gi, and
//! another scenario would run than the one that was written. There a scenario runs at sixteen times its sizes: the 64Mi
//! to which headroom rounds below 8Gi become the 1Gi to which it rounds above. The trace tells the scenario's own sizes.

use headroom_core::{Bytes, ledger::Cause};
use headroom_scenario::{
    Act, Cell, Fact, Fixture, Scenario, Step, What,
    expect::{Control, Storage},
    script::PolicyChange,
    trace::{ClaimState, StorageState, VolumeState, Written},
};

use crate::profile::Profile;

/// The factor between the two steps to which headroom rounds: 64Mi and 1Gi.
const COARSE: u64 = 16;

/// By what the sizes of a scenario are multiplied in a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale(u64);

/// The scenario's own sizes.
pub const NONE: Scale = Scale(1);

impl Scale {
    /// The scale at which a scenario can run with these disks, if there is one.
    ///
    /// # Errors
    /// Why there is none.
    pub fn of(scenario: &Scenario, profile: Profile) -> Result<Self, &'static str> {
        let (step, least) = profile.disks();
        let sizes = sizes(scenario);
        let fits = |scale: u64| {
            let made = |size: &Bytes| size.get().saturating_mul(scale);
            let fixture = &scenario.fixture;
            let disks = [Some(fixture.data), fixture.wal, fixture.tablespace];
            sizes.iter().all(|size| made(size) % step.get() == 0)
                && disks.iter().flatten().all(|disk| made(disk) >= least.get())
        };
        if fits(1) {
            return Ok(NONE);
        }
        if has_emergency(scenario) {
            return Err(
                "an emergency grows by at least 1Gi whatever the size, and this provider has no disks of the \
                        scenario's own sizes",
            );
        }
        if fits(COARSE) {
            return Ok(Self(COARSE));
        }
        Err("this provider has no disks of the scenario's sizes, nor of sixteen times these")
    }

    /// Whether sizes differ from the scenario's.
    pub fn is_coarse(self) -> bool {
        self != NONE
    }

    /// A size of the scenario as it is in the world.
    pub const fn up(self, size: Bytes) -> Bytes {
        Bytes::new(size.get().saturating_mul(self.0))
    }

    /// A size of the world as the scenario knows it.
    pub const fn down(self, size: Bytes) -> Bytes {
        match size.get().checked_div(self.0) {
            Some(size) => Bytes::new(size),
            None => size,
        }
    }

    /// The fixture as it is made in the world.
    pub fn fixture(self, fixture: &Fixture) -> Fixture {
        let mut made = fixture.clone();
        made.data = self.up(made.data);
        made.wal = made.wal.map(|size| self.up(size));
        made.tablespace = made.tablespace.map(|size| self.up(size));
        made.policy.limit = self.up(made.policy.limit);
        made.policy.emergency_limit = made.policy.emergency_limit.map(|size| self.up(size));
        made
    }

    /// What was seen in the world as the scenario knows it.
    #[expect(clippy::wildcard_enum_match_arm, reason = "all else holds no sizes of the world")]
    pub fn told(self, what: What) -> What {
        match what {
            What::Claim(claim) => What::Claim(ClaimState {
                requested: self.down(claim.requested),
                capacity: claim.capacity.map(|size| self.down(size)),
                ..claim
            }),
            What::Usage { instance, volume, capacity, available } => What::Usage {
                instance,
                volume,
                capacity: self.down(capacity),
                available: self.down(available),
            },
            What::OperatorWrote(Written::Claim { instance, volume, to }) => {
                What::OperatorWrote(Written::Claim { instance, volume, to: self.down(to) })
            }
            What::Storage(status) => {
                let volumes = status.volumes.into_iter().map(|volume| self.volume(volume)).collect();
                What::Storage(StorageState { volumes, ..status })
            }
            other => other,
        }
    }

    fn volume(self, volume: VolumeState) -> VolumeState {
        let ledger =
            volume.ledger.into_iter().map(|(cause, to, done)| (cause, self.down(to), done)).collect();
        VolumeState {
            effective: volume.effective.map(|size| self.down(size)),
            target: volume.target.map(|size| self.down(size)),
            ledger,
            ..volume
        }
    }
}

/// A cell as it can run with the disks of a profile: where it cannot, a blank that says why.
pub fn on_profile(cell: Cell, profile: Profile) -> Cell {
    match cell {
        Cell::Scenario(scenario) => match Scale::of(&scenario, profile) {
            Ok(_) => Cell::Scenario(scenario),
            Err(why) => Cell::Blank {
                id: scenario.id,
                topology: scenario.fixture.topology,
                moment: scenario.moment,
                why,
            },
        },
        Cell::Blank { .. } => cell,
    }
}

/// Every size that a scenario speaks of.
fn sizes(scenario: &Scenario) -> Vec<Bytes> {
    let fixture = &scenario.fixture;
    let policy = [Some(fixture.policy.limit), fixture.policy.emergency_limit];
    let disks = [Some(fixture.data), fixture.wal, fixture.tablespace];
    let mut all: Vec<Bytes> = disks.into_iter().chain(policy).flatten().collect();
    for step in &scenario.script {
        match step {
            Step::Do(_) | Step::Strike(_) => all.extend(step.act().and_then(of_act)),
            Step::Until(fact, _) => of_fact(fact, &mut all),
            Step::Hold(_) | Step::Release(_) => {}
        }
    }
    for expected in &scenario.expect.storage {
        match expected {
            Storage::EveryClaimRequests(_, size) | Storage::BornWith(_, size) => all.push(*size),
            Storage::EveryClaimBetween(_, least, most) | Storage::NeverOutside(_, least, most) => {
                all.extend([*least, *most]);
            }
            Storage::FreeAtLeast(..) => {}
        }
    }
    all
}

#[expect(clippy::wildcard_enum_match_arm, reason = "all other acts speak of no size")]
fn of_act(act: &Act) -> Option<Bytes> {
    match act {
        Act::FillUntilRefused { stop_at: size, .. }
        | Act::PatchClaim { to: size, .. }
        | Act::SetPolicy(
            PolicyChange::Limit(size) | PolicyChange::EmergencyLimit(size) | PolicyChange::Request(size),
        )
        | Act::SetClusterSize { size, .. }
        | Act::Restore { size } => Some(*size),
        _ => None,
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "all other facts speak of no size")]
fn of_fact(fact: &Fact, all: &mut Vec<Bytes>) {
    match fact {
        Fact::EveryClaimHas(_, size) | Fact::EveryClaimRequests(_, size) => all.push(*size),
        Fact::All(facts) => facts.iter().for_each(|fact| of_fact(fact, all)),
        _ => {}
    }
}

/// Whether the scenario is about an emergency.
fn has_emergency(scenario: &Scenario) -> bool {
    let expected = scenario.expect.control.iter().any(
        |control| matches!(control, Control::LedgerEntries(_, Cause::Emergency, entries) if *entries > 0),
    );
    let awaited = scenario.script.iter().any(|step| {
        matches!(step, Step::Until(Fact::IntentRecorded { cause: Cause::Emergency, .. }, _))
            || matches!(step, Step::Do(Act::FillUntilRefused { .. }))
    });
    expected || awaited
}

#[cfg(test)]
mod tests {
    use headroom_core::names::VolumeName;
    use headroom_scenario::{Topology, catalogue};

    use super::*;

    fn scenario(id: &str) -> Scenario {
        match catalogue::select(id, &[Topology::T2]).into_iter().next() {
            Some(Cell::Scenario(scenario)) => *scenario,
            other => unreachable!("{id} is a scenario at T2, not {other:?}"),
        }
    }

    #[track_caller]
    fn check(id: &str, profile: Profile, expected: Result<Scale, &str>) {
        match (Scale::of(&scenario(id), profile), expected) {
            (Err(why), Err(part)) => assert!(why.contains(part), "{why}"),
            (found, expected) => assert_eq!(found, expected),
        }
    }

    #[test]
    fn planned_growth_runs_at_sixteen_times_its_sizes_where_disks_come_in_whole_gibibytes() {
        check("p0_00_planned_growth_in_window", Profile::Lab, Ok(NONE));
        for profile in [Profile::Azure, Profile::Aws, Profile::Gcp] {
            check("p0_00_planned_growth_in_window", profile, Ok(Scale(16)));
        }
    }

    #[test]
    fn an_emergency_runs_at_its_own_sizes_or_not_at_all() {
        check("p0_00_volume_already_full", Profile::Aws, Ok(NONE));
        check("p0_00_volume_already_full", Profile::Gcp, Err("at least 1Gi whatever the size"));
        let cell = on_profile(Cell::Scenario(Box::new(scenario("p0_00_volume_already_full"))), Profile::Gcp);
        assert!(matches!(cell, Cell::Blank { topology: Topology::T2, .. }));
    }

    #[test]
    fn the_fixture_is_made_large_and_what_is_seen_of_it_is_told_small() {
        let scale = Scale(16);
        let fixture = scale.fixture(&scenario("p0_00_planned_growth_in_window").fixture);
        assert_eq!((fixture.data, fixture.policy.limit), (Bytes::gibi(16), Bytes::gibi(64)));
        let seen = What::Usage {
            instance: "pg-1".into(),
            volume: VolumeName::Data,
            capacity: Bytes::gibi(18),
            available: Bytes::gibi(2),
        };
        let What::Usage { capacity, available, .. } = scale.told(seen) else {
            unreachable!("a usage stays one")
        };
        assert_eq!((capacity, available), (Bytes::mebi(1152), Bytes::mebi(128)));
        assert_eq!(NONE.up(Bytes::gibi(1)), NONE.down(Bytes::gibi(1)));
    }
}
