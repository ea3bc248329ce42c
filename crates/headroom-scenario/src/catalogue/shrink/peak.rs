//! A peak that the newest samples no longer show still has room after a shrink.
//!
//! 45 % of 4032Mi are 1815Mi, which with 30 % free come to 2593Mi: 2624Mi, or some more where WAL was written meanwhile.
//! Those who look at the newest samples alone, two hours after the rows are gone, shrink to 1Gi. Of 2624Mi 64 % are taken
//! when the peak comes back, and more than the buffer stays free.

use std::time::Duration;

use headroom_core::{Bytes, names::VolumeName};

use super::shape::{SHRINKS, begun, done, filled, functional, once, restored, with};
use crate::{
    Act, Cell, Level, Pace, Scenario, Step, Topology, Wait,
    catalogue::common::{GI_1, GI_4, data, rest, scenario, write},
    expect::{Expect, Storage, Timing, all},
    fixture::{ShrinkFixture, Stabilization},
};

const HOURS: &str = "a cluster has no hours to spare for it";

fn pass(minutes: u64) -> Step {
    Step::Do(Act::PassTime(Duration::from_mins(minutes)))
}

/// The peak lies two hours back when the shrink begins, and comes again an hour after it.
pub(in crate::catalogue) fn remembered(topology: Topology) -> Cell {
    let again = Act::Fill { volume: VolumeName::Data, used_percent: 64 };
    let mut script = filled(write(), None, 45);
    script.extend([
        pass(30),
        Step::Do(Act::Truncate { volume: VolumeName::Data }),
        pass(120),
        begun(),
        done(),
    ]);
    script.extend([restored(topology), rest(Wait::Shrink), pass(60), Step::Do(again), pass(60)]);
    script.push(rest(Wait::Decision));
    let expect = Expect {
        functional: functional(topology, topology.instances()),
        storage: all([
            Storage::EveryClaimBetween(VolumeName::Data, Bytes::mebi(2560), Bytes::mebi(2880)),
            Storage::NeverOutside(VolumeName::Data, GI_1, GI_4),
            Storage::FreeAtLeast(VolumeName::Data, 25),
        ]),
        data: data(),
        control: once(topology),
        timing: all([Timing::WithinSum(&[Wait::Shrink, Wait::Recovery])]),
    };
    let fixture = with(topology, ShrinkFixture { stabilization: Stabilization::Minutes(120), ..SHRINKS });
    let title = "A peak of hours ago still has room after a shrink: it comes back, and nothing grows";
    let plain = scenario("shrink_peak_remembered", title, fixture, script, expect);
    let (level, pace) = (Level::P1, Pace::Slow);
    let rests_on_pace = Some("the peak is what was seen of it, and WAL written meanwhile belongs to it");
    Cell::Scenario(Box::new(Scenario { level, pace, simulator_only: Some(HOURS), rests_on_pace, ..plain }))
}
