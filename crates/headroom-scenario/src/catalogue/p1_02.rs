//! `p1_02_*`: a rolling image upgrade while a growth runs. CloudNativePG replaces the replicas one by one, highest serial
//! first, then the primary's pod without promoting anybody (its defaults `unsupervised` and `restart`).

use super::{
    common::until,
    gated::Made,
    strike::{Kind, Struck, strike},
};
use crate::{
    Act, Fact, Fixture, Gate, Level, Scenario, Strike, Topology, Wait,
    expect::{Functional, Timing, all},
};

/// Neither starves the other: all instances run the new image, all claims grow once.
pub(super) fn rolling(topology: Topology, gate: Gate) -> Made {
    let title =
        "An image upgrade rolls through the instances while a growth runs: each pod once, each claim once";
    let kind = Kind::of(topology, gate, 1);
    let strikes = vec![strike(Strike::Change(Act::UpgradeImage))];
    let struck = Struck::new("p1_02_rolling_upgrade", title, kind, topology, strikes);
    let instances = topology.instances();
    let functional = all([
        Functional::Healthy,
        Functional::Promotions(0),
        Functional::PodsMade(instances, instances),
        Functional::Upgraded,
    ]);
    let after = vec![until(Fact::Upgraded, Wait::Upgrade)];
    Ok(slow(Struck { functional, after, timing: longer(), ..struck }.at(gate)))
}

/// `primaryUpdateStrategy: supervised`: a person promotes a replica, and only then is the old primary replaced.
pub(super) fn supervised(topology: Topology, gate: Gate) -> Made {
    if topology == Topology::T1 {
        return Err("one instance has nobody to switch over to");
    }
    let title = "A supervised image upgrade waits for a person while a growth ends, and then goes on";
    let kind = Kind::of(topology, gate, 2);
    let strikes = vec![strike(Strike::Change(Act::UpgradeImage))];
    let struck = Struck::new("p1_02_supervised_upgrade", title, kind, topology, strikes);
    let instances = topology.instances();
    let functional = all([
        Functional::Healthy,
        Functional::Promotions(1),
        Functional::PodsMade(instances, instances),
        Functional::Upgraded,
    ]);
    let after = vec![
        until(Fact::PhaseIs("Waiting for user action"), Wait::Upgrade),
        until(Fact::EveryClaimHas(struck.kind.volume(), struck.least), Wait::Growth),
        strike(Strike::SwitchOver),
        until(Fact::PrimaryChanged, Wait::Recovery),
        until(Fact::Upgraded, Wait::Upgrade),
    ];
    let fixture = Fixture { supervised: true, ..struck.fixture };
    Ok(slow(Struck { functional, after, fixture, timing: longer(), ..struck }.at(gate)))
}

fn longer() -> Vec<Timing> {
    all([Timing::WithinSum(&[Wait::Upgrade, Wait::Upgrade, Wait::Growth])])
}

fn slow(scenario: Scenario) -> Scenario {
    Scenario { level: Level::P1, pace: crate::Pace::Slow, ..scenario }
}
