//! How fast a file system fills: least squares over the samples of the last ten minutes, in integers, without one burst.

use core::cmp::Ordering;

use super::{Sample, share};
use crate::{Bytes, Span};

/// Samples older than this, counted back from the newest one, say nothing about the present rate.
pub const LOOK_BACK: Span = Span::minutes(10);

/// Fewest samples that make a rate (design §5 rule 2): two can be a single burst.
pub const FEWEST_SAMPLES: usize = 3;

/// A rate of filling as an exact fraction of bytes per second, always above zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    bytes: u128,
    seconds: u128,
}

impl Rate {
    /// How long `amount` lasts at this rate, rounded down, at most what a [`Span`] holds.
    pub fn time_to_write(self, amount: Bytes) -> Span {
        let seconds = u128::from(amount.get())
            .saturating_mul(self.seconds)
            .checked_div(self.bytes)
            .unwrap_or(u128::MAX);
        Span::seconds(u32::try_from(seconds).unwrap_or(u32::MAX))
    }

    /// What is written in `span` at this rate, rounded up.
    pub fn written_in(self, span: Span) -> Bytes {
        let bytes = self.bytes.saturating_mul(u128::from(span.as_seconds()));
        let bytes =
            bytes.checked_add(self.seconds.saturating_sub(1)).and_then(|sum| sum.checked_div(self.seconds));
        Bytes::new(bytes.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(u64::MAX))
    }
}

/// The rate at which the file system fills; `None` with too few samples or when it does not fill.
///
/// Used bytes are fitted, not available ones, so that a growth between two samples is no jump. One burst is no rate: see
/// [`burst`].
pub fn rate(samples: &[Sample]) -> Option<Rate> {
    let newest = samples.last()?;
    let horizon = newest.at.minus(LOOK_BACK);
    let recent = samples.get(samples.iter().position(|sample| sample.at >= horizon)?..)?;
    if recent.len() < FEWEST_SAMPLES {
        return None;
    }
    let count = i128::try_from(recent.len()).ok()?;
    let (mut times, mut amounts, mut squares, mut products) = (0_i128, 0_i128, 0_i128, 0_i128);
    let (burst_at, excess) = burst(recent)?;
    for (at, sample) in recent.iter().enumerate() {
        let used = used(*sample).saturating_sub(if at > burst_at { excess } else { 0 });
        let t = i128::from(sample.at.since(horizon).as_seconds());
        times = times.saturating_add(t);
        amounts = amounts.saturating_add(used);
        squares = squares.saturating_add(t.saturating_mul(t));
        products = products.saturating_add(t.saturating_mul(used));
    }
    let rise = count.saturating_mul(products).saturating_sub(times.saturating_mul(amounts));
    let run = count.saturating_mul(squares).saturating_sub(times.saturating_mul(times));
    let bytes = u128::try_from(rise).ok().filter(|bytes| *bytes > 0)?;
    let seconds = u128::try_from(run).ok().filter(|seconds| *seconds > 0)?;
    Some(Rate { bytes, seconds })
}

/// What changed between two samples, and in how many seconds.
#[derive(Clone, Copy)]
struct Change {
    bytes: i128,
    seconds: i128,
}

impl Change {
    /// Orders by pace.
    fn pace(self, other: Self) -> Ordering {
        self.bytes.saturating_mul(other.seconds).cmp(&other.bytes.saturating_mul(self.seconds))
    }
}

/// After which sample the quickest rise came, and by how much it was quicker than the second quickest: a new WAL segment
/// after a promotion or the end of a bulk load fills nothing by itself, and seen once says nothing of what follows.
fn burst(samples: &[Sample]) -> Option<(usize, i128)> {
    let change = |pair: &[Sample]| {
        let [before, after] = pair else { return None };
        let seconds = i128::from(after.at.since(before.at).as_seconds()).max(1);
        Some(Change { bytes: used(*after).saturating_sub(used(*before)), seconds })
    };
    let changes = || samples.windows(2).filter_map(change).enumerate();
    let (at, quickest) = changes().max_by(|(_, one), (_, other)| one.pace(*other))?;
    let others = changes().filter(|(other, _)| *other != at).map(|(_, change)| change);
    let second = others.max_by(|one, other| one.pace(*other))?;
    let alike = second.bytes.saturating_mul(quickest.seconds).checked_div(second.seconds)?;
    Some((at, quickest.bytes.saturating_sub(alike.max(0)).max(0)))
}

fn used(sample: Sample) -> i128 {
    i128::from(share::used(sample).get())
}

/// Time from the newest sample until nothing is available, at the present rate.
pub fn time_to_full(samples: &[Sample]) -> Option<Span> {
    let newest = samples.last()?;
    rate(samples).map(|rate| rate.time_to_write(newest.available))
}
