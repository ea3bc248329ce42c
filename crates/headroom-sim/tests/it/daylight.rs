//! Maintenance windows are written in local time: they open at their hour on days on which the clock changes.

use headroom_scenario::{Fixture, Topology, What, World, fixture::WindowFixture};
use headroom_sim::{SimWorld, model::Settings, world::Calendar};

use crate::determinism::fixture;

const HOUR: u64 = 3_600_000;

/// A volume that wants to grow and whose window opens after `wait`, across whatever the clock does meanwhile.
#[track_caller]
fn grows_when_the_window_opens(calendar: Calendar, window: WindowFixture, wait: u64) {
    let mut world = SimWorld::at(3, Settings::LAB, calendar);
    let plain = fixture(Topology::T1);
    let policy = headroom_scenario::fixture::PolicyFixture { window, ..plain.policy.clone() };
    world.prepare(&Fixture { policy, ..plain }).unwrap();
    // The DynamicStorage was created within the last half minute.
    let (least, most) = (world.now() + wait - 90_000, world.now() + wait + 90_000);
    world.run_for(wait + HOUR);
    let raises: Vec<u64> = world
        .trace()
        .entries
        .iter()
        .filter(|entry| entry.what.raise().is_some())
        .map(|entry| entry.at_ms)
        .collect();
    assert_eq!(raises.len(), 1, "{calendar:?}: one claim is raised once");
    assert!((least..=most).contains(&raises[0]), "{calendar:?}: {} is not in {least}..{most}", raises[0]);
    let refused = |what: &What| matches!(what, What::Event { kind, .. } if kind == "Warning");
    assert!(!world.trace().entries.iter().any(|entry| refused(&entry.what)));
}

#[test]
fn a_window_of_tomorrow_opens_at_its_hour_although_the_clock_changes_before() {
    // Twelve hours later: across the change in spring and in autumn, and without one.
    for calendar in [Calendar::Spring, Calendar::Eve, Calendar::Plain] {
        grows_when_the_window_opens(calendar, WindowFixture::FarAway, 12 * HOUR);
    }
}

#[test]
fn a_window_opens_minutes_later_although_the_clock_jumps_an_hour_meanwhile() {
    for calendar in Calendar::ALL {
        grows_when_the_window_opens(calendar, WindowFixture::OpensInMinutes(3), 180_000);
    }
}
