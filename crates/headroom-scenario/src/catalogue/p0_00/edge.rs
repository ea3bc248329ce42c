//! Emergencies that meet something else: a canary that hangs, a back-off that is older than the cure, a silent kubelet.

use headroom_core::{Bytes, ledger::Cause, names::VolumeName, report::State};

use crate::{
    Act, Cell, Fact, Fixture, Gate, Scenario, Step, Strike, Topology, Wait, Who,
    catalogue::common::{
        GI_1, GI_2, blank, data, filled, intent, plain, rest, scenario, undisturbed, until, write,
    },
    expect::{Control, Expect, Functional, Storage, Timing, all},
    fixture::{FILL_TOLERANCE, PolicyFixture, WindowFixture},
};

/// From the 1152Mi that a planned growth is on its way to: 1152 + 1024.
const MI_2176: Bytes = Bytes::mebi(2176);
/// From up to 1280Mi on a real server: 1280 + 1024.
const MI_2304: Bytes = Bytes::mebi(2304);

/// A planned growth waits for its canary, whose node step hangs; then inserts make it an emergency: the others do not
/// wait for the canary any longer, and one slot more is spent.
pub(super) fn canary_hangs(topology: Topology) -> Cell {
    const ID: &str = "p0_00_emergency_while_canary_hangs";
    if topology == Topology::T1 {
        return blank(ID, topology, "one instance has no canary");
    }
    let plain = plain(topology, WindowFixture::Absent);
    let policy = PolicyFixture { critical_threshold: 90, ..plain.policy.clone() };
    let fixture = filled(Fixture { policy, ..plain }, VolumeName::Data, 84);
    let fill = |used_percent| Act::Fill { volume: VolumeName::Data, used_percent };
    let script = vec![
        Step::Hold(Gate::NodeStep),
        write(),
        intent(&VolumeName::Data, Cause::Planned),
        until(Fact::Held(Gate::NodeStep), Wait::Strike),
        Step::Strike(Strike::Change(fill(88))),
        // One rise is a burst; the second makes a rate.
        until(Fact::EveryMemberUsedAtLeast(VolumeName::Data, 88 - FILL_TOLERANCE), Wait::Decision),
        Step::Do(fill(92)),
        intent(&VolumeName::Data, Cause::Emergency),
        until(Fact::EveryClaimRequests(VolumeName::Data, MI_2176), Wait::Decision),
        Step::Release(Gate::NodeStep),
        until(Fact::EveryClaimHas(VolumeName::Data, MI_2176), Wait::Growth),
        until(Fact::Serving, Wait::Recovery),
        rest(Wait::Recovery),
    ];
    let expect = Expect {
        functional: undisturbed(),
        storage: all([
            Storage::EveryClaimBetween(VolumeName::Data, MI_2176, MI_2304),
            Storage::NeverOutside(VolumeName::Data, GI_1, MI_2304),
            Storage::FreeAtLeast(VolumeName::Data, 20),
        ]),
        data: data(),
        control: all([
            Control::PassedThrough(VolumeName::Data, State::Growing),
            Control::PassedThrough(VolumeName::Data, State::Emergency),
            Control::LedgerEntries(VolumeName::Data, Cause::Planned, 1),
            Control::LedgerEntries(VolumeName::Data, Cause::Emergency, 1),
            Control::PatchesPerClaimAtMost(VolumeName::Data, 2),
            Control::EndsAs(VolumeName::Data, State::Balanced, "EnoughFree"),
            Control::NoDestructiveAct,
            Control::QuietAtTheEnd,
        ]),
        timing: all([Timing::WithinSum(&[Wait::Fill, Wait::Decision, Wait::Growth])]),
    };
    let title = "An emergency does not wait for a canary that hangs: every claim is raised at once";
    let plain = scenario(ID, title, fixture, script, expect);
    // 92 % of 960 MiB are 81 % of 1088 MiB: the growth that runs is enough for a process that has not seen the rate.
    let rests_on_memory = Some("only the rate at which it fills makes the growth that runs too small");
    Cell::Scenario(Box::new(Scenario { moment: Some(Gate::NodeStep), rests_on_memory, ..plain }))
}

/// The server has crashed often, and stays in its back-off with exit code 4 after the volume has grown.
pub(super) fn stale_back_off(topology: Topology) -> Cell {
    let fixture = plain(topology, WindowFixture::FarAway);
    let script = vec![
        write(),
        until(Fact::StateIs(VolumeName::Data, State::Balanced), Wait::Decision),
        Step::Do(Act::StopOperator),
        Step::Do(Act::FillUntilRefused { volume: VolumeName::Data, stop_at: GI_2 }),
        until(Fact::ServerStopped { code: 4 }, Wait::Fill),
        // Back-offs of 10, 20 and 40 s: the next one lasts longer than the growth.
        until(Fact::PrimaryRestarts(4), Wait::Recovery),
        Step::Do(Act::StartOperator),
        intent(&VolumeName::Data, Cause::Emergency),
        until(Fact::EveryClaimHas(VolumeName::Data, GI_2), Wait::Growth),
        until(Fact::Serving, Wait::Recovery),
        rest(Wait::Recovery),
    ];
    let title =
        "Exit code 4 that is older than the growth asks for nothing more, however long the back-off lasts";
    Cell::Scenario(Box::new(stopped("p0_00_stale_back_off", title, fixture, script)))
}

/// Nothing is known of the usage of the member that is full: its exit code is enough.
pub(super) fn silent_kubelet(topology: Topology) -> Cell {
    let fixture = plain(topology, WindowFixture::FarAway);
    let script = vec![
        write(),
        until(Fact::StateIs(VolumeName::Data, State::Balanced), Wait::Decision),
        Step::Do(Act::SilenceKubelet(Some(Who::Primary))),
        Step::Do(Act::FillUntilRefused { volume: VolumeName::Data, stop_at: GI_2 }),
        intent(&VolumeName::Data, Cause::Emergency),
        until(Fact::EveryClaimHas(VolumeName::Data, GI_2), Wait::Growth),
        until(Fact::Serving, Wait::Recovery),
        Step::Do(Act::SilenceKubelet(None)),
        rest(Wait::Recovery),
    ];
    let title = "A volume whose kubelet is silent grows when its server stops with exit code 4";
    let plain = stopped("p0_00_silent_kubelet_of_full_member", title, fixture, script);
    let why = "a real kubelet cannot be silenced for one reader alone";
    Cell::Scenario(Box::new(Scenario { simulator_only: Some(why), ..plain }))
}

/// One emergency slot, 2Gi, one patch per claim.
fn stopped(id: &'static str, title: &'static str, fixture: Fixture, script: Vec<Step>) -> Scenario {
    let expect = Expect {
        functional: all([
            Functional::Healthy,
            Functional::Promotions(0),
            Functional::ServerStopped(4),
            Functional::ServerRestarts(1, 20),
            Functional::PodsMade(0, 0),
        ]),
        storage: all([
            Storage::EveryClaimRequests(VolumeName::Data, GI_2),
            Storage::NeverOutside(VolumeName::Data, GI_1, GI_2),
            Storage::FreeAtLeast(VolumeName::Data, 20),
        ]),
        data: data(),
        control: all([
            Control::PassedThrough(VolumeName::Data, State::Emergency),
            Control::NeverShown(VolumeName::Data, State::Blocked),
            Control::LedgerEntries(VolumeName::Data, Cause::Emergency, 1),
            Control::LedgerEntries(VolumeName::Data, Cause::Planned, 0),
            Control::PatchesPerClaim(VolumeName::Data, 1),
            Control::EndsAs(VolumeName::Data, State::Balanced, "EnoughFree"),
            Control::NoDestructiveAct,
            Control::QuietAtTheEnd,
        ]),
        timing: all([Timing::WithinSum(&[Wait::Fill, Wait::Decision, Wait::Growth, Wait::Recovery])]),
    };
    scenario(id, title, fixture, script, expect)
}
