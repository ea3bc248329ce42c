//! `p1_04_*`: usage moves to and fro below and around the buffer for a week.
//!
//! 81 % of 960 MiB are 778 MiB: below the buffer. 778 ÷ 0.78 × 1024 ÷ 960 = 1064 MiB, + 10 % are 1126.4, rounded up
//! **1152Mi**. The writer adds 13 MiB in six hours, 1.2 % of its 1088 MiB: from 77 % that stays above the buffer.

use std::time::Duration;

use headroom_core::{ledger::Cause, names::VolumeName, report::State};

use super::common::{GI_1, MI_1152, data, filled, intent, plain, rest, scenario, undisturbed, until, write};
use crate::{
    Act, Cell, Fact, Fixture, Level, Pace, Scenario, Step, Topology, Wait,
    expect::{Control, Expect, Storage, Timing, all},
    fixture::{PolicyFixture, WindowFixture},
};

const A_WEEK: &str = "a cluster has no week to spare for it";

/// Twice a day for a week, as far as `up` percent and back.
fn week(up: u8) -> Vec<Step> {
    let half = || {
        [
            Step::Do(Act::PassTime(Duration::from_hours(6))),
            Step::Do(Act::Truncate { volume: VolumeName::Data }),
            Step::Do(Act::PassTime(Duration::from_hours(6))),
            Step::Do(Act::Fill { volume: VolumeName::Data, used_percent: up }),
        ]
    };
    (0..14).flat_map(|_| half()).collect()
}

fn cell(id: &'static str, title: &'static str, fixture: Fixture, script: Vec<Step>, expect: Expect) -> Cell {
    let plain = scenario(id, title, fixture, script, expect);
    let level = Level::P1;
    Cell::Scenario(Box::new(Scenario { level, pace: Pace::Slow, simulator_only: Some(A_WEEK), ..plain }))
}

/// After one growth usage swings below the buffer's mark: nothing more happens, nothing is written.
pub(super) fn below(topology: Topology) -> Cell {
    let fixture = filled(plain(topology, WindowFixture::Absent), VolumeName::Data, 81);
    let mut script = vec![
        write(),
        intent(&VolumeName::Data, Cause::Planned),
        until(Fact::EveryClaimHas(VolumeName::Data, MI_1152), Wait::Growth),
        rest(Wait::Growth),
    ];
    script.extend(week(77));
    script.push(rest(Wait::Decision));
    let expect = Expect {
        functional: undisturbed(),
        storage: all([
            Storage::EveryClaimRequests(VolumeName::Data, MI_1152),
            Storage::NeverOutside(VolumeName::Data, GI_1, MI_1152),
            Storage::FreeAtLeast(VolumeName::Data, 20),
        ]),
        data: data(),
        control: all([
            Control::PassedThrough(VolumeName::Data, State::Growing),
            Control::NeverShown(VolumeName::Data, State::Emergency),
            Control::NeverShown(VolumeName::Data, State::Blocked),
            Control::PatchesPerClaim(VolumeName::Data, 1),
            // Intent, end, finalizer, claims, the entry that leaves the ledger after a day, and what a slow kubelet or a
            // restart has told once more; nothing per swing, of which there are fourteen.
            Control::WritesAtMost(topology.instances() + 12),
            Control::EndsAs(VolumeName::Data, State::Balanced, "EnoughFree"),
            Control::NoDestructiveAct,
            Control::QuietAtTheEnd,
        ]),
        timing: all([Timing::WithinSum(&[Wait::Decision, Wait::Growth])]),
    };
    let title = "A week of swings that stay above the buffer: no action, no writes";
    cell("p1_04_swings_above_the_buffer", title, fixture, script, expect)
}

/// The volume is at its limit, and usage crosses the buffer twice a day: each crossing is told once.
pub(super) fn at_limit(topology: Topology) -> Cell {
    let plain = plain(topology, WindowFixture::Absent);
    let policy = PolicyFixture { limit: GI_1, ..plain.policy.clone() };
    let fixture = filled(Fixture { policy, ..plain }, VolumeName::Data, 81);
    let mut script = vec![write(), until(Fact::StateSeen(VolumeName::Data, State::AtLimit), Wait::Decision)];
    script.extend(week(81));
    script.push(until(Fact::StateIs(VolumeName::Data, State::AtLimit), Wait::Decision));
    script.push(rest(Wait::Decision));
    let expect = Expect {
        functional: undisturbed(),
        storage: all([
            Storage::EveryClaimRequests(VolumeName::Data, GI_1),
            Storage::NeverOutside(VolumeName::Data, GI_1, GI_1),
        ]),
        data: data(),
        control: all([
            Control::PassedThrough(VolumeName::Data, State::AtLimit),
            Control::PassedThrough(VolumeName::Data, State::Balanced),
            Control::NeverShown(VolumeName::Data, State::Emergency),
            Control::NoPatch(VolumeName::Data),
            // 28 crossings: the state, and what is kept of each member's usage; the rest as above.
            Control::WritesAtMost(28 * (topology.instances() + 1) + 12),
            Control::EndsAs(VolumeName::Data, State::AtLimit, "LimitReached"),
            Control::NoDestructiveAct,
            Control::QuietAtTheEnd,
        ]),
        timing: all([Timing::WithinSum(&[Wait::Decision, Wait::Growth])]),
    };
    let title = "A week of swings around the buffer at the limit: each crossing is told once, nothing flaps";
    cell("p1_04_swings_at_the_limit", title, fixture, script, expect)
}
