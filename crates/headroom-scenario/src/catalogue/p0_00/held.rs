//! Growth that something holds: the window, the limit, the budget.

use std::time::Duration;

use headroom_core::{ledger::Cause, names::VolumeName, report::State};

use crate::{
    Act, Cell, Fact, Fixture, Step, Topology, Wait,
    catalogue::common::{GI_1, MI_1088, MI_1152, cell, data, filled, plain, undisturbed, write},
    expect::{Control, Expect, Storage, Timing, all},
    fixture::{FILL_TOLERANCE, PolicyFixture, WindowFixture},
};

/// The window opens three minutes after the DynamicStorage was created: the volume waits, says so, then grows.
pub(super) fn outside_window(topology: Topology) -> Cell {
    let fixture = filled(plain(topology, WindowFixture::OpensInMinutes(3)), VolumeName::Data, 84);
    let script = vec![
        write(),
        Step::Until(Fact::StateSeen(VolumeName::Data, State::PendingGrowth), Wait::Decision),
        Step::Until(Fact::IntentRecorded { volume: VolumeName::Data, cause: Cause::Planned }, Wait::Window),
        Step::Until(Fact::EveryClaimHas(VolumeName::Data, MI_1152), Wait::Growth),
        Step::Until(Fact::All(vec![Fact::Settled, Fact::Healthy]), Wait::Growth),
    ];
    let expect = Expect {
        functional: undisturbed(),
        storage: all([
            Storage::EveryClaimRequests(VolumeName::Data, MI_1152),
            Storage::NeverOutside(VolumeName::Data, GI_1, MI_1152),
        ]),
        data: data(),
        control: all([
            Control::PassedThrough(VolumeName::Data, State::PendingGrowth),
            Control::PassedThrough(VolumeName::Data, State::Growing),
            Control::NeverShown(VolumeName::Data, State::Blocked),
            // The fixture is ready some seconds after the DynamicStorage was created.
            Control::NoPatchWithin(VolumeName::Data, Duration::from_mins(2)),
            Control::LedgerEntries(VolumeName::Data, Cause::Planned, 1),
            Control::LedgerEntries(VolumeName::Data, Cause::Emergency, 0),
            Control::PatchesPerClaim(VolumeName::Data, 1),
            Control::EndsAs(VolumeName::Data, State::Balanced, "EnoughFree"),
            Control::NoDestructiveAct,
            Control::QuietAtTheEnd,
        ]),
        timing: all([Timing::WithinSum(&[Wait::Decision, Wait::Window, Wait::Growth])]),
    };
    let title = "Outside the maintenance window growth waits and says so; it begins when the window opens";
    cell("p0_00_growth_waits_for_window", title, fixture, script, expect)
}

/// `limit` lies below what the buffer needs: grow that far, then say that the limit is reached.
pub(super) fn at_the_limit(topology: Topology) -> Cell {
    let plain = plain(topology, WindowFixture::Absent);
    let policy = PolicyFixture { limit: MI_1088, critical_threshold: 99, ..plain.policy.clone() };
    let fixture = filled(Fixture { policy, ..plain }, VolumeName::Data, 88);
    let script = vec![
        write(),
        Step::Until(Fact::IntentRecorded { volume: VolumeName::Data, cause: Cause::Planned }, Wait::Decision),
        Step::Until(Fact::EveryClaimHas(VolumeName::Data, MI_1088), Wait::Growth),
        Step::Until(Fact::StateIs(VolumeName::Data, State::AtLimit), Wait::Decision),
        Step::Until(Fact::All(vec![Fact::Settled, Fact::Healthy]), Wait::Growth),
    ];
    let expect = Expect {
        functional: undisturbed(),
        storage: all([
            Storage::EveryClaimRequests(VolumeName::Data, MI_1088),
            Storage::NeverOutside(VolumeName::Data, GI_1, MI_1088),
        ]),
        data: data(),
        control: all([
            Control::PassedThrough(VolumeName::Data, State::Growing),
            Control::NeverShown(VolumeName::Data, State::Blocked),
            Control::LedgerEntries(VolumeName::Data, Cause::Planned, 1),
            Control::LedgerEntries(VolumeName::Data, Cause::Emergency, 0),
            Control::PatchesPerClaim(VolumeName::Data, 1),
            Control::EndsAs(VolumeName::Data, State::AtLimit, "LimitReached"),
            Control::NoDestructiveAct,
            Control::QuietAtTheEnd,
        ]),
        timing: all([Timing::WithinSum(&[Wait::Decision, Wait::Growth, Wait::Decision])]),
    };
    let title = "At the limit the volume grows no further and says so";
    cell("p0_00_at_the_limit", title, fixture, script, expect)
}

/// Two actions a day, one reserved: the first growth takes the only planned slot, the second want waits and says so.
pub(super) fn out_of_budget(topology: Topology) -> Cell {
    let plain = plain(topology, WindowFixture::Absent);
    let policy = PolicyFixture { budget: (2, 1), ..plain.policy.clone() };
    let fixture = filled(Fixture { policy, ..plain }, VolumeName::Data, 84);
    let script = vec![
        write(),
        Step::Until(Fact::IntentRecorded { volume: VolumeName::Data, cause: Cause::Planned }, Wait::Decision),
        Step::Until(Fact::EveryClaimHas(VolumeName::Data, MI_1152), Wait::Growth),
        Step::Until(Fact::All(vec![Fact::Settled, Fact::Healthy]), Wait::Growth),
        // A live operator would take so quick a fill for an emergency, and the reserve is there for that.
        Step::Do(Act::StopOperator),
        Step::Do(Act::Fill { volume: VolumeName::Data, used_percent: 84 }),
        Step::Until(Fact::EveryMemberUsedAtLeast(VolumeName::Data, 84 - FILL_TOLERANCE), Wait::Fill),
        Step::Do(Act::StartOperator),
        Step::Until(Fact::StateIs(VolumeName::Data, State::BudgetExhausted), Wait::Decision),
        Step::Until(Fact::All(vec![Fact::Settled, Fact::Healthy]), Wait::Growth),
    ];
    let expect = Expect {
        functional: undisturbed(),
        storage: all([
            Storage::EveryClaimRequests(VolumeName::Data, MI_1152),
            Storage::NeverOutside(VolumeName::Data, GI_1, MI_1152),
        ]),
        data: data(),
        control: all([
            Control::PassedThrough(VolumeName::Data, State::Growing),
            Control::NeverShown(VolumeName::Data, State::Blocked),
            Control::LedgerEntries(VolumeName::Data, Cause::Planned, 1),
            Control::LedgerEntries(VolumeName::Data, Cause::Emergency, 0),
            Control::PatchesPerClaim(VolumeName::Data, 1),
            Control::EndsAs(VolumeName::Data, State::BudgetExhausted, "PlannedBudgetSpent"),
            Control::NoDestructiveAct,
            Control::QuietAtTheEnd,
        ]),
        timing: all([Timing::WithinSum(&[Wait::Decision, Wait::Decision])]),
    };
    let title = "With the planned slots spent a volume waits, says so, and leaves the reserve alone";
    cell("p0_00_out_of_budget", title, fixture, script, expect)
}
