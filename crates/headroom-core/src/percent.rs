//! Whole percents.

/// A whole percent from 0 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percent(u8);

impl Percent {
    /// The percent, or `None` above 100.
    pub const fn new(value: u8) -> Option<Self> {
        if value > 100 { None } else { Some(Self(value)) }
    }

    /// The percent; values above 100 become 100.
    pub const fn clamped(value: u8) -> Self {
        if value > 100 { Self(100) } else { Self(value) }
    }

    /// The number, 0 to 100.
    pub const fn get(self) -> u8 {
        self.0
    }

    /// `100 − self`.
    pub const fn complement(self) -> Self {
        Self(100_u8.saturating_sub(self.0))
    }
}
