//! A provider that refuses for a limit of its own.

use headroom_core::{ledger::Cause, names::VolumeName, report::State};

use crate::{
    Act, Cell, Fact, Pace, Scenario, Step, Topology, Wait,
    catalogue::common::{
        GI_1, MI_1152, MI_1280, data, filled, intent, plain, rest, scenario, undisturbed, until, write,
    },
    expect::{Control, Expect, Storage, Timing, all},
    fixture::WindowFixture,
};

/// The driver answers `RESOURCE_EXHAUSTED`: the canary is given up on after five minutes, nothing else is touched, the
/// slot comes back and the status says so. When the provider grants the growth after all, the others follow.
pub(in crate::catalogue) fn refuses(topology: Topology) -> Cell {
    let fixture = filled(plain(topology, WindowFixture::Absent), VolumeName::Data, 84);
    let script = vec![
        Step::Do(Act::ProviderLimit { on: true }),
        write(),
        intent(&VolumeName::Data, Cause::Planned),
        until(Fact::StateIs(VolumeName::Data, State::Blocked), Wait::Stall),
        Step::Do(Act::ProviderLimit { on: false }),
        until(Fact::EveryClaimHas(VolumeName::Data, MI_1152), Wait::Recovery),
        until(Fact::StateIs(VolumeName::Data, State::Balanced), Wait::Recovery),
        rest(Wait::Recovery),
    ];
    let control = all([
        Control::PassedThrough(VolumeName::Data, State::Growing),
        Control::PassedThroughAs(VolumeName::Data, State::Blocked, "CanaryStuck"),
        Control::NeverShown(VolumeName::Data, State::Emergency),
        Control::LedgerEntries(VolumeName::Data, Cause::Planned, 1),
        Control::LedgerEntries(VolumeName::Data, Cause::Emergency, 0),
        Control::PatchesPerClaim(VolumeName::Data, 1),
        Control::EndsAs(VolumeName::Data, State::Balanced, "EnoughFree"),
        Control::NoDestructiveAct,
        Control::QuietAtTheEnd,
    ]);
    let expect = Expect {
        functional: undisturbed(),
        storage: all([
            Storage::EveryClaimBetween(VolumeName::Data, MI_1152, MI_1280),
            Storage::NeverOutside(VolumeName::Data, GI_1, MI_1280),
            Storage::FreeAtLeast(VolumeName::Data, 20),
        ]),
        data: data(),
        control,
        timing: all([Timing::WithinSum(&[Wait::Recovery, Wait::Growth])]),
    };
    let title =
        "A provider's own limit stops a growth at its first claim and is named; granted later, all grow";
    let plain = scenario("p0_10_provider_refuses", title, fixture, script, expect);
    Cell::Scenario(Box::new(Scenario { pace: Pace::Slow, ..plain }))
}
