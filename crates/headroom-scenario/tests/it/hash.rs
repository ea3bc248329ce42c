//! The trace hash sees every entry and is the same everywhere.

use headroom_scenario::{Trace, What};

use crate::grown;

#[test]
fn the_hash_of_a_known_trace_is_pinned() {
    assert_eq!(Trace::new().hash().to_string(), "cbf29ce484222325");
    let mut trace = Trace::new();
    trace.push(1, What::FixtureReady);
    // FNV-1a over eight bytes of time (little-endian) and one tag, computed by hand.
    let bytes = [1_u8, 0, 0, 0, 0, 0, 0, 0, 0];
    let by_hand = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    assert_eq!(trace.hash().0, by_hand);
}

#[test]
fn dropping_any_entry_or_moving_it_by_a_millisecond_changes_the_hash() {
    let trace = grown::trace();
    for at in 0..trace.entries.len() {
        let mut fewer = trace.clone();
        fewer.entries.remove(at);
        assert_ne!(fewer.hash(), trace.hash(), "entry {at} dropped");
        let mut later = trace.clone();
        later.entries[at].at_ms += 1;
        assert_ne!(later.hash(), trace.hash(), "entry {at} moved");
    }
    assert_eq!(trace.clone().hash(), trace.hash());
}

#[test]
fn texts_cannot_run_into_each_other() {
    let event = |kind: &str, reason: &str| {
        let mut trace = Trace::new();
        let (kind, reason) = (kind.to_owned(), reason.to_owned());
        trace.push(1, What::Event { kind, reason, on: String::new(), message: String::new() });
        trace.hash()
    };
    assert_ne!(event("ab", "c"), event("a", "bc"));
}
