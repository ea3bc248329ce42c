//! Shares of a file system in whole percents, by cross-multiplication: nothing is rounded before it is compared.

use super::Sample;
use crate::{Bytes, Percent};

/// Bytes in use: `capacity − available` (design §3: used % = 100 − free %).
pub const fn used(sample: Sample) -> Bytes {
    sample.capacity.minus_or_zero(sample.available)
}

/// Free share in permille, rounded down; 0 for a file system of no size.
pub fn free_permille(sample: Sample) -> u64 {
    let available = u128::from(sample.available.get().min(sample.capacity.get()));
    let permille = available.saturating_mul(1000).checked_div(u128::from(sample.capacity.get())).unwrap_or(0);
    u64::try_from(permille).unwrap_or(1000)
}

/// Whether less than `share` of the file system is free.
pub fn free_below(sample: Sample, share: Percent) -> bool {
    let free = u128::from(sample.available.get()).saturating_mul(100);
    free < u128::from(share.get()).saturating_mul(u128::from(sample.capacity.get()))
}

/// Whether at least `share` of the file system is used.
pub fn used_at_least(sample: Sample, share: Percent) -> bool {
    let in_use = u128::from(used(sample).get()).saturating_mul(100);
    in_use >= u128::from(share.get()).saturating_mul(u128::from(sample.capacity.get()))
}
