//! A month after a shrink in which usage goes up and down every day: nothing more is done.
//!
//! 30 % of 4032Mi are 1210Mi, which comes to 1792Mi or 2Gi. Of their file systems 67 % leave 33 % free: more than the
//! buffer, and less than the buffer and 15 points, so that each day's peak ends the calm that a further shrink needs a day
//! of. At night a fifth is used, and the writer adds 0.1 MiB a minute in a month of 43,200: some 310Mi.

use std::time::Duration;

use headroom_core::{Bytes, names::VolumeName, report::State};

use super::shape::{SHRINKS, begun, fuller, replaced, with};
use crate::{
    Act, Cell, Fact, Level, Pace, Scenario, Step, Topology, Wait,
    catalogue::common::{GI_1, GI_2, GI_4, data, rest, scenario, until},
    expect::{Control, Expect, Functional, Storage, Timing, all},
    fixture::{ShrinkFixture, Stabilization},
};

const A_MONTH: &str = "a cluster has no month to spare for it";
const DAYS: usize = 30;

fn pass(hours: u64) -> Step {
    Step::Do(Act::PassTime(Duration::from_hours(hours)))
}

/// One shrink in a month, and no growth.
pub(in crate::catalogue) fn calm(topology: Topology) -> Cell {
    let mut script = fuller(Step::Do(Act::StartWriter { rows_per_second: 1 }));
    script.extend([pass(26), begun(), until(Fact::InstancesAre(topology.instances()), Wait::Shrink)]);
    script.push(rest(Wait::Shrink));
    let day = || {
        [
            Step::Do(Act::Truncate { volume: VolumeName::Data }),
            pass(12),
            Step::Do(Act::Fill { volume: VolumeName::Data, used_percent: 67 }),
            pass(12),
        ]
    };
    script.extend((0..DAYS).flat_map(|_| day()));
    script.push(rest(Wait::Decision));
    let expect = Expect {
        functional: all([
            Functional::Healthy,
            Functional::Promotions(1),
            Functional::Instances(topology.instances()),
            Functional::ReadyAtLeast(topology.instances()),
        ]),
        storage: all([
            Storage::EveryClaimBetween(VolumeName::Data, Bytes::mebi(1792), GI_2),
            Storage::NeverOutside(VolumeName::Data, GI_1, GI_4),
            Storage::FreeAtLeast(VolumeName::Data, 30),
        ]),
        data: data(),
        control: all([
            Control::PassedThrough(VolumeName::Data, State::Shrinking),
            Control::NeverShown(VolumeName::Data, State::Emergency),
            // By others to 4Gi, and its successor to the target.
            Control::PatchesPerClaimAtMost(VolumeName::Data, 2),
            Control::InstancesReplaced(replaced(topology)),
            Control::EndsAs(VolumeName::Data, State::Balanced, "EnoughFree"),
            Control::QuietAtTheEnd,
        ]),
        timing: all([Timing::WithinSum(&[Wait::Shrink, Wait::Recovery])]),
    };
    let fixture = with(topology, ShrinkFixture { stabilization: Stabilization::Minutes(24 * 60), ..SHRINKS });
    let title = "A month of daily swings after a shrink: no growth, and no further shrink";
    let plain = scenario("shrink_calm_month", title, fixture, script, expect);
    let (level, pace) = (Level::P1, Pace::Slow);
    Cell::Scenario(Box::new(Scenario { level, pace, simulator_only: Some(A_MONTH), ..plain }))
}
