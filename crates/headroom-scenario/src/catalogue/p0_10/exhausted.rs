//! All slots are spent, the reserve too, and the volume is in emergency.

use headroom_core::{Bytes, ledger::Cause, names::VolumeName, report::State};

use super::slots::A_DAY;
use crate::{
    Act, Cell, Fact, Fixture, Pace, Scenario, Step, Topology, Wait, Who,
    catalogue::common::{GI_1, MI_1088, data, intent, plain, rest, scenario, undisturbed, until, write},
    expect::{Control, Expect, Storage, Timing, all},
    fixture::{FILL_TOLERANCE, PolicyFixture, WindowFixture},
    script::PolicyChange,
};

const MI_2112: Bytes = Bytes::mebi(2112);
const MI_3136: Bytes = Bytes::mebi(3136);

/// One action a day, and somebody's growth by hand has used it: then an emergency comes.
fn begin() -> Vec<Step> {
    vec![
        write(),
        until(Fact::StateIs(VolumeName::Data, State::Balanced), Wait::Decision),
        Step::Do(Act::PatchClaim { who: Who::Primary, volume: VolumeName::Data, to: MI_1088 }),
        intent(&VolumeName::Data, Cause::External),
        until(Fact::EveryClaimHas(VolumeName::Data, MI_1088), Wait::Growth),
        rest(Wait::Growth),
        // A rate that has been seen would lead to another size.
        Step::Do(Act::StopOperator),
        Step::Do(Act::Fill { volume: VolumeName::Data, used_percent: 88 }),
        until(Fact::EveryMemberUsedAtLeast(VolumeName::Data, 88 - FILL_TOLERANCE), Wait::Fill),
        Step::Do(Act::StartOperator),
        until(Fact::ReasonIs(VolumeName::Data, "BudgetSpent"), Wait::Decision),
        rest(Wait::Growth),
    ]
}

fn fixture(topology: Topology) -> Fixture {
    let plain = plain(topology, WindowFixture::Absent);
    let policy = PolicyFixture { budget: (1, 1), critical_threshold: 85, ..plain.policy.clone() };
    Fixture { policy, ..plain }
}

fn expect(control: Vec<Control>, timing: &'static [Wait]) -> Expect {
    let mut control = control;
    control.extend([
        Control::PassedThroughAs(VolumeName::Data, State::BudgetExhausted, "BudgetSpent"),
        Control::PassedThrough(VolumeName::Data, State::Emergency),
        Control::LedgerEntries(VolumeName::Data, Cause::Emergency, 1),
        Control::LedgerEntries(VolumeName::Data, Cause::Planned, 0),
        Control::EndsAs(VolumeName::Data, State::Balanced, "EnoughFree"),
        Control::NoDestructiveAct,
        Control::QuietAtTheEnd,
    ]);
    Expect {
        functional: undisturbed(),
        storage: all([
            Storage::EveryClaimBetween(VolumeName::Data, MI_2112, MI_3136),
            Storage::NeverOutside(VolumeName::Data, GI_1, MI_3136),
            Storage::FreeAtLeast(VolumeName::Data, 20),
        ]),
        data: data(),
        control,
        timing: all([Timing::WithinSum(timing)]),
    }
}

fn heals() -> [Step; 3] {
    [
        until(Fact::EveryClaimHas(VolumeName::Data, MI_2112), Wait::Growth),
        until(Fact::Serving, Wait::Recovery),
        rest(Wait::Growth),
    ]
}

/// It says so, and what a person can do helps: one action more a day.
pub(in crate::catalogue) fn raised(topology: Topology) -> Cell {
    let mut script = begin();
    script.push(Step::Do(Act::SetPolicy(PolicyChange::Budget(2, 1))));
    script.push(intent(&VolumeName::Data, Cause::Emergency));
    script.extend(heals());
    let expect = expect(
        all([Control::LedgerEntries(VolumeName::Data, Cause::External, 1)]),
        &[Wait::Decision, Wait::Growth],
    );
    let title = "In an emergency without a slot the status says so, and a larger budget is used at once";
    Cell::Scenario(Box::new(scenario("p0_10_exhausted", title, fixture(topology), script, expect)))
}

/// Nobody comes: the slot that returns after 24 hours is used at once.
pub(in crate::catalogue) fn emergency_returns(topology: Topology) -> Cell {
    let mut script = begin();
    script
        .push(until(Fact::IntentRecorded { volume: VolumeName::Data, cause: Cause::Emergency }, Wait::Slot));
    script.extend(heals());
    let expect = expect(
        all([Control::LedgerEntries(VolumeName::Data, Cause::External, 0)]),
        &[Wait::Slot, Wait::Decision, Wait::Growth],
    );
    let title = "An emergency that waits for a slot takes it when it returns after 24 hours";
    let plain = scenario("p0_10_emergency_slot_returns", title, fixture(topology), script, expect);
    let rests_on_memory =
        Some("the last slot goes to what the rate of a whole day asks for, or further where none is known");
    Cell::Scenario(Box::new(Scenario {
        pace: Pace::Slow,
        simulator_only: Some(A_DAY),
        rests_on_memory,
        ..plain
    }))
}
