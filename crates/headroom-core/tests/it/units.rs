//! Bytes, time, windows, samples and rates at their edges.

use headroom_core::{
    Bytes, Percent, Span, Timestamp,
    usage::{Sample, Samples, shape::Shape, share, slope},
    window::Windows,
};
use proptest::prelude::*;

use crate::world::{gi, mi};

fn sample(at: i64, capacity: u64, available: u64) -> Sample {
    Sample { at: Timestamp::from_unix(at), capacity: Bytes::new(capacity), available: Bytes::new(available) }
}

#[test]
fn bytes_end_at_the_largest_quantity() {
    assert_eq!(Bytes::new(u64::MAX), Bytes::MAX);
    assert_eq!(Bytes::MAX.plus(Bytes::new(1)), Bytes::MAX);
    assert_eq!(Bytes::gibi(u64::MAX), Bytes::MAX);
    assert_eq!(Bytes::new(3).minus_or_zero(Bytes::new(5)), Bytes::ZERO);
    assert_eq!(Bytes::MAX.scaled_up(u64::MAX, 1), Some(Bytes::MAX));
    assert_eq!(Bytes::new(7).scaled_up(1, 0), None);
    assert_eq!(Bytes::new(10).scaled_up(1, 3), Some(Bytes::new(4)));
    assert_eq!(Bytes::MAX.rounded_up_to(gi(1)), Bytes::MAX);
}

#[test]
fn rounding_is_to_whole_units_in_both_directions() {
    for (bytes, unit, up, down) in
        [(0, 5, 0, 0), (1, 5, 5, 0), (5, 5, 5, 5), (6, 5, 10, 5), (9, 0, 9, 9), (9, 1, 9, 9)]
    {
        assert_eq!(Bytes::new(bytes).rounded_up_to(Bytes::new(unit)).get(), up);
        assert_eq!(Bytes::new(bytes).rounded_down_to(Bytes::new(unit)).get(), down);
    }
}

#[test]
fn spans_are_never_negative() {
    let (early, late) = (Timestamp::from_unix(5), Timestamp::from_unix(9));
    assert_eq!(late.since(early), Span::seconds(4));
    assert_eq!(early.since(late), Span::ZERO);
    assert_eq!(Timestamp::from_unix(i64::MAX).since(Timestamp::from_unix(i64::MIN)), Span::seconds(u32::MAX));
    assert_eq!(Timestamp::from_unix(i64::MAX).plus(Span::DAY), Timestamp::from_unix(i64::MAX));
    for (span, text) in [
        (Span::ZERO, "0s"),
        (Span::seconds(45), "45s"),
        (Span::minutes(5), "5m"),
        (Span::seconds(5401), "1h30m1s"),
        (Span::hours(24), "24h"),
    ] {
        assert_eq!(span.to_string(), text);
    }
}

#[test]
fn a_window_opens_at_its_start_and_is_closed_at_its_end() {
    let window = Windows::Next { start: Timestamp::from_unix(10), end: Timestamp::from_unix(20) };
    for (now, open, edge) in [
        (9, false, Some(10)),
        (10, true, Some(20)),
        (19, true, Some(20)),
        (20, false, None),
        (21, false, None),
    ] {
        let now = Timestamp::from_unix(now);
        assert_eq!(window.open_at(now), open, "{now:?}");
        assert_eq!(window.next_edge(now), edge.map(Timestamp::from_unix), "{now:?}");
    }
    let now = Timestamp::from_unix(0);
    assert!(Windows::Always.open_at(now) && !Windows::Never.open_at(now));
    assert_eq!((Windows::Always.next_edge(now), Windows::Never.next_edge(now)), (None, None));
}

#[test]
fn samples_keep_the_newest_with_distinct_times() {
    let mut samples = Samples::none();
    for at in [5, 5, 4, 6, 7] {
        samples.push(sample(at, 10, 5));
    }
    let times: Vec<i64> = samples.as_slice().iter().map(|sample| sample.at.unix()).collect();
    assert_eq!(times, [5, 6, 7]);
    for at in 8..100 {
        samples.push(sample(at, 10, 5));
    }
    assert_eq!(samples.as_slice().len(), Samples::KEPT);
    assert_eq!(samples.newest(), Some(sample(99, 10, 5)));
}

#[test]
fn shares_are_compared_exactly() {
    let twenty = Percent::clamped(20);
    for (available, below) in [(199, true), (200, false), (201, false)] {
        assert_eq!(share::free_below(sample(0, 1000, available), twenty), below);
    }
    let critical = Percent::clamped(95);
    for (available, at_least) in [(49, true), (50, true), (51, false)] {
        assert_eq!(share::used_at_least(sample(0, 1000, available), critical), at_least);
    }
    assert_eq!(share::free_permille(sample(0, 3, 1)), 333);
    assert_eq!(share::free_permille(sample(0, 0, 0)), 0);
    assert_eq!(share::used(sample(0, 5, 9)), Bytes::ZERO, "more available than there is");
    let huge = i64::MAX as u64;
    assert!(share::free_below(sample(0, huge, huge / 100), Percent::clamped(2)));
    assert!(!share::used_at_least(sample(0, huge, huge / 10), critical));
}

#[test]
fn a_rate_needs_three_samples_within_ten_minutes_that_rise() {
    let list = |points: &[(i64, u64)]| -> Vec<Sample> {
        points.iter().map(|(at, used)| sample(*at, 1000, 1000 - used)).collect()
    };
    for (points, seconds) in [
        (&[(0, 100), (10, 200)][..], None),
        (&[(0, 100), (10, 200), (20, 300)], Some(70)),
        (&[(0, 300), (10, 200), (20, 100)], None),
        (&[(0, 100), (10, 100), (20, 100)], None),
        (&[(-601, 0), (0, 100), (10, 200)], None),
        (&[(-590, 0), (0, 590), (10, 600)], Some(400)),
        // One burst is no rate, at whatever moment; a second one makes a rate.
        (&[(0, 0), (10, 0), (20, 0), (30, 400)], None),
        (&[(0, 0), (10, 400), (20, 400), (30, 400)], None),
        (&[(0, 100), (10, 110), (20, 510), (30, 520)], Some(480)),
        (&[(0, 0), (10, 200), (20, 200), (30, 400)], Some(50)),
        (&[(0, 200), (10, 400), (20, 300), (30, 350)], None),
    ] {
        let samples = list(points);
        assert_eq!(slope::time_to_full(&samples), seconds.map(Span::seconds), "{points:?}");
    }
}

#[test]
fn a_growth_between_samples_is_no_negative_rate() {
    let samples = [sample(0, 1000, 100), sample(10, 2000, 1000), sample(20, 2000, 900)];
    assert_eq!(slope::time_to_full(&samples), Some(Span::seconds(90)));
}

#[test]
fn a_rate_tells_how_much_is_written_in_a_span() {
    let samples = [sample(0, 1000, 1000), sample(10, 1000, 990), sample(20, 1000, 980)];
    let rate = slope::rate(&samples).unwrap();
    assert_eq!(rate.written_in(Span::hours(1)), Bytes::new(3600));
    assert_eq!(rate.time_to_write(Bytes::new(3600)), Span::hours(1));
}

#[test]
fn a_claim_made_for_a_file_system_holds_it_on_xfs_and_ext4() {
    for claim in [mi(1024), gi(4), gi(10), gi(500)] {
        for (name, file_system_on) in [
            ("xfs", (|size: Bytes| size.minus_or_zero(mi(64))) as fn(Bytes) -> Bytes),
            ("ext4", |size: Bytes| size.scaled_up(949, 1000).unwrap()),
            ("whole", |size: Bytes| size),
        ] {
            let shape = Shape::measured(claim, file_system_on(claim));
            for wanted in [claim, claim.plus(gi(1)), claim.plus(claim)] {
                let device = shape.device_for(wanted);
                assert!(file_system_on(device) >= wanted, "{name} {claim} {wanted} {device}");
                assert!(device <= wanted.scaled_up(11, 10).unwrap(), "{name} wastes: {device}");
            }
        }
    }
}

proptest! {
    #[test]
    fn scaling_up_never_loses(bytes in 0..=i64::MAX as u64, numerator in 1..1000_u64, denominator in 1..1000_u64) {
        let scaled = Bytes::new(bytes).scaled_up(numerator, denominator).unwrap();
        let exact = (u128::from(bytes) * u128::from(numerator)).div_ceil(u128::from(denominator));
        prop_assert_eq!(u128::from(scaled.get()), exact.min(i64::MAX as u128));
    }

    #[test]
    fn below_and_at_least_are_each_others_opposite(capacity in 1..=i64::MAX as u64, free in 0..=1000_u64, percent in 1..100_u8) {
        let available = u64::try_from(u128::from(capacity) * u128::from(free) / 1000).unwrap();
        let sample = sample(0, capacity, available);
        // used > 100 − p  ⇔  free < p
        let above = share::used_at_least(sample, Percent::clamped(percent).complement());
        let equal = u128::from(available) * 100 == u128::from(percent) * u128::from(capacity);
        prop_assert_eq!(above, share::free_below(sample, Percent::clamped(percent)) || equal);
    }

    #[test]
    fn a_rate_never_panics(points in prop::collection::vec((any::<i64>(), any::<u64>(), any::<u64>()), 0..24)) {
        let mut samples = Samples::none();
        let mut points = points;
        points.sort_unstable();
        for (at, capacity, available) in points {
            samples.push(sample(at, capacity, available));
        }
        if let Some(rate) = slope::rate(samples.as_slice()) {
            prop_assert!(rate.written_in(Span::DAY) > Bytes::ZERO);
        }
    }
}
