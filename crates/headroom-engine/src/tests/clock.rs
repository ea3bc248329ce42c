//! A clock that is set back holds nothing up.

use alloc::vec::Vec;

use headroom_core::{Bytes, observation::ObstacleCause};

use super::{
    run::Run,
    world::{World, at},
};
use crate::{Refusal, Response};

const HOUR: i64 = 3600;

/// At rest for 100 s, then the clock is set back by so many seconds and the volume fills. When it was grown, by seconds
/// after that.
fn grown_after(back: i64) -> Vec<i64> {
    let mut run = Run::new(World::with(&["a"], 1, Bytes::gibi(5)));
    run.until(at(100));
    run.world.toy("a").used = Bytes::gibi(9);
    run.now = at(100 - back);
    run.sent.clear();
    run.polls.clear();
    run.until(at(400 - back));
    assert_eq!(run.world.sizes("a"), [Bytes::gibi(11)], "set back by {back} s");
    assert!(run.polls.len() >= 8, "{:?}", run.polls);
    let resizes = run.sent.iter().filter(|(_, request)| matches!(request, crate::Request::Do(..)));
    resizes.map(|(when, _)| when.unix() - at(100 - back).unix()).collect()
}

#[test]
fn a_clock_set_back_delays_neither_kubelets_nor_growth() {
    assert_eq!(grown_after(0), [20], "the kubelet is asked again 30 s after it was last");
    for back in [1, 5, 90, HOUR, 30 * HOUR] {
        let grown = grown_after(back);
        assert!(grown.len() == 1 && grown[0] <= 30, "set back by {back} s, grown after {grown:?}");
    }
}

#[test]
fn a_pause_after_a_failure_is_not_made_an_hour_long() {
    let mut run = Run::new(World::with(&["a"], 1, Bytes::gibi(5)));
    run.until(at(100));
    run.sent.clear();
    run.world.toy("a").used = Bytes::gibi(9);
    run.now = at(120);
    run.handle(crate::Event::Tick);
    while let Some((ticket, _)) = run.next_send() {
        let words = "slow down".into();
        let (cause, retry_after_s) = (ObstacleCause::Throttled, Some(40));
        run.answer(ticket, Response::Refused(Refusal::Because { cause, words, retry_after_s }));
    }
    assert_eq!(run.sent.len(), 1, "it pauses");
    assert_eq!(run.world.sizes("a"), [Bytes::gibi(10)]);
    run.now = at(120 - HOUR);
    run.handle(crate::Event::Tick);
    run.until(at(120 - HOUR + 120));
    assert_eq!(run.world.sizes("a"), [Bytes::gibi(11)], "{:?}", run.words());
}
