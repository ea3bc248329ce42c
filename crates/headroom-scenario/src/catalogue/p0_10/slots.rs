//! Planned slots and the reserve.

use std::time::Duration;

use headroom_core::{Bytes, ledger::Cause, names::VolumeName, report::State};

use crate::{
    Act, Cell, Fact, Fixture, Pace, Scenario, Step, Topology, Wait,
    catalogue::common::{
        GI_1, GI_4, MI_1152, MI_1280, data, fill_unseen, filled, intent, plain, rest, scenario, undisturbed,
        until, write,
    },
    expect::{Control, Expect, Storage, Timing, all},
    fixture::{PolicyFixture, WindowFixture},
};

/// Why a cluster cannot have a scenario in which a slot returns.
pub(super) const A_DAY: &str = "a slot returns after 24 hours, which a cluster would have to wait out";

const MI_1344: Bytes = Bytes::mebi(1344);
const MI_1600: Bytes = Bytes::mebi(1600);

fn fixture(topology: Topology, budget: (u8, u8)) -> Fixture {
    let plain = plain(topology, WindowFixture::Absent);
    let policy = PolicyFixture { budget, ..plain.policy.clone() };
    filled(Fixture { policy, ..plain }, VolumeName::Data, 84)
}

fn first_growth() -> Vec<Step> {
    vec![
        write(),
        intent(&VolumeName::Data, Cause::Planned),
        until(Fact::EveryClaimHas(VolumeName::Data, MI_1152), Wait::Growth),
        rest(Wait::Growth),
    ]
}

fn expect(storage: Vec<Storage>, mut control: Vec<Control>, timing: &'static [Wait]) -> Expect {
    control.extend([
        Control::NeverShown(VolumeName::Data, State::Blocked),
        Control::NoDestructiveAct,
        Control::QuietAtTheEnd,
    ]);
    Expect {
        functional: undisturbed(),
        storage,
        data: data(),
        control,
        timing: all([Timing::WithinSum(timing)]),
    }
}

/// Three a day, one reserved: two planned growths, and a third want waits.
///
/// From 1152Mi, 84 % of 1088 MiB are 914 MiB: + 10 % are 1267.2, what restores the buffer is 914 ÷ 0.78 × 1152 ÷ 1088 =
/// 1241; rounded up **1280Mi**. From 1280Mi on a real server, up to 97 % of 1216 MiB: 1180 ÷ 0.78 × 1280 ÷ 1216 = 1592,
/// rounded up **1600Mi**.
pub(in crate::catalogue) fn last_planned(topology: Topology) -> Cell {
    let mut script = first_growth();
    script.extend(fill_unseen(84));
    script.push(until(Fact::Completed(VolumeName::Data, Cause::Planned, 2), Wait::Growth));
    script.push(rest(Wait::Growth));
    script.extend(fill_unseen(84));
    script.push(until(Fact::StateIs(VolumeName::Data, State::BudgetExhausted), Wait::Decision));
    script.push(rest(Wait::Growth));
    let storage = all([
        Storage::EveryClaimBetween(VolumeName::Data, MI_1280, MI_1600),
        Storage::NeverOutside(VolumeName::Data, GI_1, MI_1600),
    ]);
    let control = all([
        Control::PassedThrough(VolumeName::Data, State::Growing),
        Control::LedgerEntries(VolumeName::Data, Cause::Planned, 2),
        Control::LedgerEntries(VolumeName::Data, Cause::Emergency, 0),
        Control::PatchesPerClaim(VolumeName::Data, 2),
        Control::EndsAs(VolumeName::Data, State::BudgetExhausted, "PlannedBudgetSpent"),
    ]);
    let title = "The last planned slot is used, the next want waits and leaves the reserve alone";
    let expect = expect(storage, control, &[Wait::Decision, Wait::Decision]);
    Cell::Scenario(Box::new(scenario(
        "p0_10_last_planned_slot",
        title,
        fixture(topology, (3, 1)),
        script,
        expect,
    )))
}

/// With the planned slots spent an emergency takes the reserve, and all of it.
pub(in crate::catalogue) fn reserve(topology: Topology) -> Cell {
    let mut script = first_growth();
    script.extend(fill_unseen(84));
    script.push(until(Fact::StateIs(VolumeName::Data, State::BudgetExhausted), Wait::Decision));
    // 90 % with a threshold of 88: room is left for what a server adds to its own WAL.
    script.extend(fill_unseen(90));
    script.push(intent(&VolumeName::Data, Cause::Emergency));
    script.push(until(Fact::EveryClaimHas(VolumeName::Data, MI_2176), Wait::Growth));
    script.push(until(Fact::Serving, Wait::Recovery));
    script.push(rest(Wait::Growth));
    let plain = fixture(topology, (2, 1));
    let fixture =
        Fixture { policy: PolicyFixture { critical_threshold: 88, ..plain.policy.clone() }, ..plain };
    let storage = all([
        Storage::EveryClaimBetween(VolumeName::Data, MI_2176, GI_4),
        Storage::NeverOutside(VolumeName::Data, GI_1, GI_4),
        Storage::FreeAtLeast(VolumeName::Data, 20),
    ]);
    let control = all([
        Control::PassedThrough(VolumeName::Data, State::BudgetExhausted),
        Control::PassedThrough(VolumeName::Data, State::Emergency),
        Control::LedgerEntries(VolumeName::Data, Cause::Planned, 1),
        Control::LedgerEntries(VolumeName::Data, Cause::Emergency, 1),
        Control::PatchesPerClaim(VolumeName::Data, 2),
        Control::EndsAs(VolumeName::Data, State::Balanced, "EnoughFree"),
    ]);
    let title = "With the planned slots spent an emergency takes the reserve and goes straight to what lasts";
    let expect = expect(storage, control, &[Wait::Fill, Wait::Decision, Wait::Growth]);
    Cell::Scenario(Box::new(scenario("p0_10_reserve", title, fixture, script, expect)))
}

const MI_2176: Bytes = Bytes::mebi(2176);

/// 24 hours after the first action its slot is there again, and the want that waited grows.
pub(in crate::catalogue) fn planned_returns(topology: Topology) -> Cell {
    let mut script = first_growth();
    script.extend(fill_unseen(84));
    script.push(until(Fact::StateIs(VolumeName::Data, State::BudgetExhausted), Wait::Decision));
    // Twenty hours on nothing has changed.
    script.push(Step::Do(Act::PassTime(Duration::from_hours(20))));
    script.push(until(Fact::StateIs(VolumeName::Data, State::BudgetExhausted), Wait::Decision));
    script.push(until(Fact::EveryClaimHas(VolumeName::Data, MI_1280), Wait::Slot));
    script.push(rest(Wait::Growth));
    let storage = all([
        Storage::EveryClaimBetween(VolumeName::Data, MI_1280, MI_1344),
        Storage::NeverOutside(VolumeName::Data, GI_1, MI_1344),
        Storage::FreeAtLeast(VolumeName::Data, 20),
    ]);
    let control = all([
        Control::PassedThrough(VolumeName::Data, State::BudgetExhausted),
        Control::NeverShown(VolumeName::Data, State::Emergency),
        // The first entry is older than a day by now.
        Control::LedgerEntries(VolumeName::Data, Cause::Planned, 1),
        Control::PatchesPerClaim(VolumeName::Data, 2),
        Control::EndsAs(VolumeName::Data, State::Balanced, "EnoughFree"),
    ]);
    let title = "A planned slot returns 24 hours after its action, and the growth that waited begins";
    let expect = expect(storage, control, &[Wait::Slot, Wait::Growth]);
    let plain = scenario("p0_10_planned_slot_returns", title, fixture(topology, (2, 1)), script, expect);
    Cell::Scenario(Box::new(Scenario { pace: Pace::Slow, simulator_only: Some(A_DAY), ..plain }))
}
