//! An amount of storage in bytes.

use core::fmt;

/// An amount of storage in bytes.
///
/// There is deliberately no `Add`, `Sub` or `Mul`: a size that silently wraps or saturates is a wrong size, so each
/// operation says by its name what happens at the edge. Intermediate products are computed in `u128`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(u64);

impl Bytes {
    /// No bytes at all.
    pub const ZERO: Self = Self(0);
    /// The largest amount a Kubernetes quantity can hold (`i64::MAX`).
    pub const MAX: Self = Self(i64::MAX as u64);

    /// `count` bytes; amounts beyond [`Bytes::MAX`] become [`Bytes::MAX`].
    pub const fn new(count: u64) -> Self {
        if count > Self::MAX.0 { Self::MAX } else { Self(count) }
    }

    /// `count` mebibytes.
    pub const fn mebi(count: u64) -> Self {
        Self::new(count.saturating_mul(1 << 20))
    }

    /// `count` gibibytes.
    pub const fn gibi(count: u64) -> Self {
        Self::new(count.saturating_mul(1 << 30))
    }

    /// The count of bytes.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The sum, at most [`Bytes::MAX`].
    pub const fn plus(self, other: Self) -> Self {
        Self::new(self.0.saturating_add(other.0))
    }

    /// The difference, or zero when `other` is larger.
    pub const fn minus_or_zero(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// `self × numerator ÷ denominator`, rounded up, at most [`Bytes::MAX`]; `None` when `denominator` is zero.
    pub const fn scaled_up(self, numerator: u64, denominator: u64) -> Option<Self> {
        if denominator == 0 {
            return None;
        }
        let product = (self.0 as u128).saturating_mul(numerator as u128);
        let rounded = product.div_ceil(denominator as u128);
        if rounded > Self::MAX.0 as u128 {
            return Some(Self::MAX);
        }
        // In range by the test above; `try_from` is not `const`.
        #[expect(clippy::cast_possible_truncation)]
        Some(Self(rounded as u64))
    }

    /// The least multiple of `unit` that is not below `self` (`self` itself when `unit` is zero).
    pub const fn rounded_up_to(self, unit: Self) -> Self {
        if unit.0 == 0 {
            return self;
        }
        match self.0.div_ceil(unit.0).checked_mul(unit.0) {
            Some(rounded) => Self::new(rounded),
            None => Self::MAX,
        }
    }

    /// The greatest multiple of `unit` that is not above `self` (`self` itself when `unit` is zero).
    pub const fn rounded_down_to(self, unit: Self) -> Self {
        if unit.0 == 0 {
            return self;
        }
        match self.0.checked_rem(unit.0) {
            Some(over) => self.minus_or_zero(Self(over)),
            None => self,
        }
    }
}

impl fmt::Display for Bytes {
    /// Writes the canonical Kubernetes quantity (`10Gi`, `1536Mi`, `71303168`).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::quantity::write_canonical(*self, f)
    }
}
