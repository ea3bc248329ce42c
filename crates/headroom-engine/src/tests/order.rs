//! Who is served first.

use alloc::vec::Vec;

use headroom_core::{Span, decision::Lane};

use super::world::{at, key};
use crate::{
    Rate,
    agenda::{Agenda, Want, spread},
    limits::{Allowance, Limits},
};

fn want(lane: Lane, time_to_full: Option<u32>) -> Want {
    Want {
        lane,
        allowance: Allowance::Ordinary,
        follow_up: false,
        time_to_full: time_to_full.map(Span::seconds),
    }
}

#[track_caller]
fn served(wants: &[(&str, Want)], bound: u32) -> Vec<alloc::string::String> {
    let mut agenda = Agenda::new();
    for (name, want) in wants {
        agenda.want(&key(name), *want);
    }
    let mut served = Vec::new();
    while let Some(key) = agenda.next_served(|_| true, bound) {
        served.push(alloc::format!("{}", key.name));
    }
    served
}

#[test]
fn lanes_go_in_order_and_within_a_lane_the_one_that_is_full_first() {
    let wants = [
        ("look", want(Lane::Look, Some(1))),
        ("planned", want(Lane::Planned, Some(1))),
        ("running", want(Lane::Running, None)),
        ("late", want(Lane::Emergency, Some(60))),
        ("unknown", want(Lane::Emergency, None)),
        ("soon", want(Lane::Emergency, Some(3))),
        ("repair", want(Lane::RepairPrimary, None)),
    ];
    assert_eq!(served(&wants, 99), ["repair", "soon", "late", "unknown", "running", "planned", "look"]);
}

#[test]
fn the_worst_claims_of_all_go_before_further_claims_of_one() {
    let further = Want { follow_up: true, ..want(Lane::Emergency, Some(1)) };
    let wants = [("further", further), ("first", want(Lane::Emergency, Some(50)))];
    assert_eq!(served(&wants, 99), ["first", "further"]);
}

#[test]
fn a_lane_that_waits_is_served_after_so_many_others() {
    let mut wants = Vec::new();
    let names: Vec<_> = (0..9).map(|number| alloc::format!("e{number}")).collect();
    for (number, name) in (0_u32..).zip(&names) {
        wants.push((name.as_str(), want(Lane::Emergency, Some(number))));
    }
    wants.push(("planned", want(Lane::Planned, None)));
    wants.push(("look", want(Lane::Look, None)));
    assert_eq!(served(&wants, 3), ["e0", "e1", "e2", "planned", "look", "e3", "e4", "e5", "e6", "e7", "e8"]);
}

#[test]
fn a_place_is_given_up_when_the_cluster_has_to_be_looked_at() {
    let mut agenda = Agenda::new();
    agenda.want(&key("a"), want(Lane::Look, None));
    agenda.look(&key("a"));
    assert_eq!(agenda.next_served(|_| true, 8), None);
    assert_eq!((agenda.next_look(), agenda.next_look()), (Some(key("a")), None));
}

#[test]
fn a_lane_without_a_token_does_not_hold_up_another() {
    let mut agenda = Agenda::new();
    agenda.want(&key("write"), Want { allowance: Allowance::Urgent, ..want(Lane::Emergency, None) });
    agenda.want(&key("read"), Want { allowance: Allowance::Read, ..want(Lane::Look, None) });
    assert_eq!(agenda.next_served(|allowance| allowance == Allowance::Read, 8), Some(key("read")));
    assert_eq!(agenda.next_served(|allowance| allowance == Allowance::Read, 8), None);
}

#[test]
fn an_alarm_goes_off_at_its_time_and_only_an_earlier_one_replaces_it() {
    let mut agenda = Agenda::new();
    agenda.alarm_by(&key("a"), at(10));
    agenda.alarm_by(&key("a"), at(20));
    assert_eq!(agenda.first_alarm(), Some(at(10)));
    agenda.set_alarm(&key("a"), Some(at(30)));
    assert_eq!(
        (agenda.next_alarm(at(29)), agenda.next_alarm(at(30)), agenda.next_alarm(at(30))),
        (None, Some(key("a")), None)
    );
}

#[test]
fn tokens_come_by_the_second_up_to_the_burst_and_a_clock_set_back_gives_none() {
    let mut config = super::run::config();
    config.ordinary_writes = Rate { per_second: 2, burst: 3 };
    let mut limits = Limits::new(&config);
    let mut taken = |second: i64| {
        let mut count = 0;
        while limits.has(Allowance::Ordinary, at(second)) {
            limits.take(Allowance::Ordinary);
            count += 1;
        }
        count
    };
    assert_eq!(
        [taken(0), taken(0), taken(1), taken(2), taken(60), taken(50), taken(51)],
        [3, 0, 2, 2, 3, 0, 2]
    );
}

#[test]
fn the_spread_of_a_key_is_the_same_in_every_process() {
    assert_eq!(spread(&key("a")), 0x4a7c_7bba_48dd_8b1e);
}
