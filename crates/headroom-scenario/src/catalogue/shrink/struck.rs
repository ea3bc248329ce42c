//! A shrink that is struck at its steps, and comes to its end all the same.

use std::time::Duration;

use headroom_core::{Bytes, names::VolumeName, report::State};

use super::shape::{ALONE, AT_MOST, balanced, begun, done, ended, fixture, large_with, replaced, served};
use crate::{
    Act, Fact, Fixture, Gate, Scenario, Step, Strike, Topology, Wait, Who,
    catalogue::{
        common::{GI_1, GI_2, GI_4, data, rest, scenario, until, write},
        gated::Made,
    },
    expect::{Control, Expect, Functional, Storage, Timing, all},
    script::PolicyChange,
};

/// A shrink that is struck at a gate and ends as planned.
pub(super) struct Struck {
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    pub(super) fixture: Fixture,
    /// What the user does before the volume is filled.
    pub(super) before: Option<Act>,
    /// What happens while the gate is held.
    pub(super) strikes: Vec<Step>,
    /// What happens once it is let go.
    pub(super) after: Vec<Step>,
    /// How many instances there are at the end.
    pub(super) instances: u32,
    /// What every claim comes to have, at least and at most.
    pub(super) size: (Bytes, Bytes),
    /// Fewest and most promotions.
    pub(super) promotions: (u32, u32),
    /// No server is struck: as many are ready all the time as are declared, and writes wait for the switchover alone.
    pub(super) serves: bool,
    pub(super) control: Vec<Control>,
}

impl Struck {
    pub(super) fn new(
        id: &'static str,
        title: &'static str,
        topology: Topology,
        strikes: Vec<Step>,
        promotions: (u32, u32),
    ) -> Self {
        let control = ended(Control::InstancesReplacedBetween(0, replaced(topology)));
        let instances = topology.instances();
        let after = vec![done()];
        let (fixture, size) = (fixture(topology), (GI_1, AT_MOST));
        let serves = true;
        Self {
            id,
            title,
            fixture,
            before: None,
            strikes,
            after,
            instances,
            size,
            promotions,
            serves,
            control,
        }
    }

    /// The scenario at this gate.
    pub(super) fn at(self, gate: Gate) -> Scenario {
        let mut script = vec![Step::Hold(gate)];
        script.extend(large_with(write(), self.before));
        script.extend([
            begun(),
            until(Fact::Held(gate), Wait::Shrink),
            until(Fact::Held(gate), Wait::Strike),
        ]);
        script.extend(self.strikes);
        script.push(Step::Release(gate));
        script.extend(self.after);
        script.extend([
            until(Fact::InstancesAre(self.instances), Wait::Shrink),
            until(Fact::Serving, Wait::Recovery),
            rest(Wait::Shrink),
        ]);
        // An operator that has just come back says last how it ended.
        let balances = Control::EndsAs(VolumeName::Data, State::Balanced, "EnoughFree");
        script.extend(self.control.contains(&balances).then(|| balanced(VolumeName::Data)));
        let (least, most) = self.promotions;
        let ready = self.fixture.topology.instances().min(self.instances);
        let mut functional = all([
            Functional::Healthy,
            Functional::PromotionsBetween(least, most),
            Functional::Instances(self.instances),
        ]);
        functional.extend(self.serves.then_some(Functional::ReadyAtLeast(ready)));
        let expect = Expect {
            functional,
            storage: all([
                Storage::EveryClaimBetween(VolumeName::Data, self.size.0, self.size.1),
                Storage::NeverOutside(VolumeName::Data, GI_1, GI_4),
            ]),
            data: if self.serves { served() } else { data() },
            control: self.control,
            timing: all([Timing::WithinSum(&[Wait::Shrink, Wait::Recovery])]),
        };
        let plain = scenario(self.id, self.title, self.fixture, script, expect);
        Scenario { moment: Some(gate), ..plain }
    }
}

pub(super) const fn strike(strike: Strike) -> Step {
    Step::Strike(strike)
}

pub(super) const fn change(act: Act) -> Step {
    Step::Strike(Strike::Change(act))
}

/// A change of what is wanted, and until no step is on its way that was decided before it.
pub(super) fn wanted(act: Act) -> Vec<Step> {
    vec![change(act), until(Fact::Calm(Duration::from_secs(40)), Wait::Decision)]
}

/// The primary is lost without grace: with a ready replica CNPG fails over, else the pod comes back, which it does only
/// when no copy is unfinished (the join trap).
pub(in crate::catalogue) fn failover(topology: Topology, gate: Gate) -> Made {
    let title = "The primary is lost at a step of a shrink: nobody else is, and it ends as planned";
    let strikes = vec![strike(Strike::FailOver)];
    let struck = Struck::new("p0_07_failover_during_shrink", title, topology, strikes, (1, 3));
    Ok(Struck { serves: false, ..struck }.at(gate))
}

/// The primary's pod is deleted.
pub(in crate::catalogue) fn crash(topology: Topology, gate: Gate) -> Made {
    let title = "The primary's pod goes at a step of a shrink, and it ends as planned";
    let strikes = vec![strike(Strike::DeletePod(Who::Primary))];
    let struck = Struck::new("p0_07_primary_pod_during_shrink", title, topology, strikes, (1, 3));
    Ok(Struck { serves: false, ..struck }.at(gate))
}

/// Somebody promotes a replica.
pub(in crate::catalogue) fn switchover(topology: Topology, gate: Gate) -> Made {
    if topology == Topology::T1 && matches!(gate, Gate::BeforeSurge | Gate::Provision) {
        return Err("one instance has nobody to switch over to until the shrink itself adds one");
    }
    let title = "Somebody promotes a replica at a step of a shrink, and it ends as planned";
    let strikes = vec![strike(Strike::SwitchOver)];
    let struck = Struck::new("p0_07_switchover_during_shrink", title, topology, strikes, (1, 3));
    Ok(Struck { serves: false, ..struck }.at(gate))
}

/// `request` is raised above the target: that becomes the target, and what is small already grows in place.
pub(in crate::catalogue) fn raised(topology: Topology, gate: Gate) -> Made {
    let title = "request is raised at a step of a shrink: every claim ends there";
    let strikes = wanted(Act::SetPolicy(PolicyChange::Request(GI_2)));
    let struck = Struck::new("p0_08_request_raised_during_shrink", title, topology, strikes, (1, 1));
    Ok(Struck { size: (GI_2, GI_2), ..struck }.at(gate))
}

/// `request` is lowered again, within its bounds: the target of a shrink that runs never falls, and a further shrink to
/// what the new policy allows waits for its turn.
pub(in crate::catalogue) fn lowered(topology: Topology, gate: Gate) -> Made {
    let title = "request is lowered at a step of a shrink: that shrink ends where it was to end";
    let request = |size| Act::SetPolicy(PolicyChange::Request(size));
    let strikes = wanted(request(GI_1));
    let struck = Struck::new("p0_08_request_lowered_during_shrink", title, topology, strikes, (1, 1));
    let mut control = struck.control;
    // What it waits for then is waited for, and told of once more after a restart.
    control.retain(|expected| !matches!(expected, Control::EndsAs(..)));
    let rests = until(Fact::ReasonIs(VolumeName::Data, "ShrunkRecently"), Wait::Shrink);
    let (before, after, size) = (Some(request(GI_2)), vec![done(), rests], (GI_2, GI_2));
    Ok(Struck { before, after, size, control, ..struck }.at(gate))
}

/// The operator is killed.
pub(in crate::catalogue) fn killed(topology: Topology, gate: Gate) -> Made {
    let title = "The operator is killed at a step of a shrink, and its successor ends it";
    let strikes = vec![strike(Strike::KillOperator)];
    Ok(Struck::new("shrink_operator_killed", title, topology, strikes, (1, 1)).at(gate))
}

/// A minute without CNPG's operator: instance managers go on, and nobody makes, deletes or relabels instances.
pub(in crate::catalogue) fn cnpg_away(topology: Topology, gate: Gate) -> Made {
    let title =
        "CloudNativePG's operator is away at a step of a shrink, and the shrink goes on when it is back";
    let strikes = vec![strike(Strike::CnpgAway(Duration::from_mins(1)))];
    let struck = Struck::new("shrink_cnpg_away", title, topology, strikes, (1, 1));
    Ok(Struck { serves: false, ..struck }.at(gate))
}

/// The object is paused: what CNPG has not begun is taken back, and nothing is done until it is to go on.
pub(in crate::catalogue) fn paused(topology: Topology, gate: Gate) -> Made {
    let title = "mode is set to Paused at a step of a shrink, which goes on when it is set to Apply";
    let mut strikes = wanted(Act::SetPolicy(PolicyChange::Paused(true)));
    strikes.push(until(Fact::StateIs(VolumeName::Data, State::Paused), Wait::Decision));
    let struck = Struck::new("p0_08_paused_during_shrink", title, topology, strikes, (1, 1));
    let after = vec![Step::Do(Act::SetPolicy(PolicyChange::Paused(false))), done()];
    Ok(Struck { after, ..struck }.at(gate))
}

/// CNPG is told to leave the Cluster alone.
pub(in crate::catalogue) fn reconciliation_off(topology: Topology, gate: Gate) -> Made {
    let title =
        "Reconciliation is disabled at a step of a shrink: nothing is done before it is enabled again";
    let strikes = vec![
        change(Act::Reconciliation { enabled: false }),
        until(Fact::StateIs(VolumeName::Data, State::Suspended), Wait::Decision),
    ];
    let struck = Struck::new("shrink_reconciliation_disabled", title, topology, strikes, (1, 1));
    let after = vec![Step::Do(Act::Reconciliation { enabled: true }), done()];
    Ok(Struck { after, ..struck }.at(gate))
}

/// Somebody wants one instance more.
pub(in crate::catalogue) fn more(topology: Topology, gate: Gate) -> Made {
    let title = "Somebody adds instances at a step of a shrink: that is how many there are at the end";
    let instances = topology.instances() + 2;
    let strikes = wanted(Act::Scale { instances });
    let struck = Struck::new("p0_08_instances_raised_during_shrink", title, topology, strikes, (0, 1));
    let mut control = struck.control;
    control.retain(|expected| !matches!(expected, Control::InstancesReplacedBetween(..)));
    // What was a single instance is one of several now, and is made anew like them.
    control.push(Control::InstancesReplacedBetween(1, 3));
    Ok(Struck { instances, control, ..struck }.at(gate))
}

/// Somebody wants one instance less.
pub(in crate::catalogue) fn fewer(topology: Topology, gate: Gate) -> Made {
    if topology == Topology::T1 {
        return Err(ALONE);
    }
    let title =
        "Somebody takes an instance away at a step of a shrink: that is how many there are at the end";
    let instances = topology.instances() - 1;
    let strikes = wanted(Act::Scale { instances });
    let struck = Struck::new("p0_08_instances_lowered_during_shrink", title, topology, strikes, (0, 2));
    Ok(Struck { instances, ..struck }.at(gate))
}

/// GitOps sets the number of instances back: not fought, told, and tried again when the user changes something.
pub(in crate::catalogue) fn reverted(topology: Topology, gate: Gate) -> Made {
    let title = "Somebody reverts the surge: it is told, not fought";
    // What no process has recorded was never there: such a surge is made once more.
    let recorded = until(Fact::ReasonIs(VolumeName::Data, "CopyingInstance"), Wait::Decision);
    let mut strikes: Vec<Step> = (gate == Gate::Provision).then_some(recorded).into_iter().collect();
    strikes.extend([
        change(Act::Scale { instances: topology.instances() }),
        until(Fact::ReasonIs(VolumeName::Data, "SurgeReverted"), Wait::Shrink),
    ]);
    let struck = Struck::new("shrink_surge_reverted", title, topology, strikes, (1, 1));
    let after = vec![Step::Do(Act::SetPolicy(PolicyChange::Budget(5, 1))), done()];
    Ok(Struck { after, ..struck }.at(gate))
}

/// No node takes the copy of the further instance until there is room again.
pub(in crate::catalogue) fn unschedulable(topology: Topology, gate: Gate) -> Made {
    let title = "No node takes a copy for a while, and the shrink goes on when one does";
    let struck =
        Struck::new("shrink_unschedulable", title, topology, vec![strike(Strike::CordonAll)], (1, 2));
    let after = vec![
        until(Fact::ReasonIs(VolumeName::Data, "CopyingInstance"), Wait::Shrink),
        Step::Do(Act::Uncordon),
        done(),
    ];
    Ok(Struck { after, ..struck }.at(gate))
}
