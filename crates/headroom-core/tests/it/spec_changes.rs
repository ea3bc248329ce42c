//! A newer spec while a planned growth runs: it is re-derived, and what is patched is kept.

use headroom_core::{
    Bytes, Percent, Span,
    ledger::Cause,
    policy::VolumePolicy,
    report::{Reason, State},
    window::Windows,
};

use crate::world::{World, gi, instance};

/// Three instances that want 13Gi; `patched`: the canary has been asked for it.
fn running(patched: bool) -> World {
    let mut world = World::new(3);
    world.set_used_all(94);
    world.rules().emergency.critical = Percent::clamped(99);
    if patched {
        assert_eq!(world.settle(), vec![(instance(2), gi(13))]);
    } else {
        world.step();
        assert_eq!(world.outcomes(), vec![(Cause::Planned, "running")]);
    }
    world
}

#[track_caller]
fn assert_becomes(
    patched: bool,
    change: fn(&mut VolumePolicy),
    target: Option<Bytes>,
    outcomes: &[(Cause, &'static str)],
) {
    let mut world = running(patched);
    change(world.rules());
    world.policy.generation += 1;
    world.settle();
    assert_eq!(world.volume_record().growth.as_ref().map(|growth| growth.to), target);
    assert_eq!(world.outcomes(), outcomes);
}

const RUNNING: &[(Cause, &str)] = &[(Cause::Planned, "running")];
const DROPPED: &[(Cause, &str)] = &[(Cause::Planned, "refunded")];

#[test]
fn an_unrelated_change_keeps_the_growth() {
    assert_becomes(true, |rules| rules.budget.per_day = 9, Some(gi(13)), RUNNING);
    assert_becomes(false, |rules| rules.budget.per_day = 9, Some(gi(13)), RUNNING);
}

#[test]
fn a_lower_limit_clamps_what_is_not_patched_yet() {
    assert_becomes(false, |rules| rules.limit = gi(12), Some(gi(12)), RUNNING);
    assert_becomes(true, |rules| rules.limit = gi(12), Some(gi(13)), RUNNING);
}

#[test]
fn a_higher_limit_or_buffer_never_raises_a_running_target() {
    assert_becomes(true, |rules| rules.limit = gi(500), Some(gi(13)), RUNNING);
    assert_becomes(true, |rules| rules.buffer = Percent::clamped(50), Some(gi(13)), RUNNING);
    assert_becomes(false, |rules| rules.buffer = Percent::clamped(50), Some(gi(13)), RUNNING);
}

#[test]
fn a_lower_buffer_that_wants_less_lowers_what_is_not_patched() {
    // 0.94 ÷ 0.88 of 10Gi is 10.7Gi.
    assert_becomes(false, |rules| rules.buffer = Percent::clamped(10), Some(gi(11)), RUNNING);
    assert_becomes(true, |rules| rules.buffer = Percent::clamped(10), Some(gi(13)), RUNNING);
}

#[test]
fn a_buffer_that_wants_nothing_drops_the_growth_unless_something_is_patched() {
    assert_becomes(false, |rules| rules.buffer = Percent::clamped(5), None, DROPPED);
    assert_becomes(true, |rules| rules.buffer = Percent::clamped(5), Some(gi(13)), RUNNING);
}

#[test]
fn what_was_patched_before_a_newer_spec_reaches_all_members() {
    let mut world = running(true);
    world.rules().buffer = Percent::clamped(5);
    world.policy.generation += 1;
    assert_eq!(world.finish(), vec![(instance(1), gi(13)), (instance(3), gi(13))]);
    assert_eq!(world.outcomes(), vec![(Cause::Planned, "completed")]);
}

#[test]
fn without_usage_a_newer_spec_holds_what_is_not_patched_yet() {
    let mut world = running(false);
    (1..=3).for_each(|number| world.forget_samples(number));
    world.policy.generation += 1;
    world.rules().buffer = Percent::clamped(5);
    assert_eq!(world.settle(), vec![]);
    world.assert_says(State::Growing, &Reason::NoUsage);
    assert_eq!(world.outcomes(), vec![(Cause::Planned, "running")]);
    world.set_used_all(88);
    assert_eq!(world.settle(), vec![]);
    assert_eq!(world.outcomes(), vec![(Cause::Planned, "refunded")]);
}

#[test]
fn without_usage_a_newer_spec_only_clamps_what_is_patched() {
    let mut world = running(true);
    (1..=3).for_each(|number| world.forget_samples(number));
    world.policy.generation += 1;
    world.rules().buffer = Percent::clamped(5);
    assert_eq!(world.finish(), vec![(instance(1), gi(13)), (instance(3), gi(13))]);
}

#[test]
fn a_closed_window_does_not_stop_what_is_re_derived() {
    let mut world = running(true);
    world.seen.windows.values_mut().for_each(|windows| *windows = Windows::Never);
    world.policy.generation += 1;
    assert_eq!(world.finish().len(), 2);
}

#[test]
fn a_lower_limit_clamps_an_emergency_too() {
    let mut world = World::new(1);
    world.set_used(1, 97);
    world.step();
    world.rules().limit = gi(12);
    world.policy.generation += 1;
    assert_eq!(world.settle(), vec![(instance(1), gi(12))]);
}

#[test]
fn a_raised_request_waits_for_the_window_like_any_plan() {
    let mut world = World::new(1);
    world.rules().request = Some(gi(15));
    let start = world.now.plus(Span::hours(1));
    let windows = Windows::Next { start, end: start.plus(Span::hours(1)) };
    world.seen.windows.values_mut().for_each(|known| *known = windows);
    assert_eq!(world.settle(), vec![]);
    world.seen.windows.values_mut().for_each(|known| *known = Windows::Always);
    assert_eq!(world.settle(), vec![(instance(1), gi(15))]);
}

#[test]
fn a_lowered_request_changes_nothing() {
    let mut world = World::new(1);
    world.rules().request = Some(gi(15));
    world.finish();
    world.rules().request = Some(gi(5));
    world.policy.generation += 1;
    assert_eq!(world.settle(), vec![]);
    assert_eq!(world.effective(), gi(15));
}
