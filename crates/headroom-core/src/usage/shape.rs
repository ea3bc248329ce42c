//! From file-system bytes to device bytes and back (design §3: a target is converted by that member's ratio).

use crate::Bytes;

/// How much of a claim its file system can use, as measured on one member.
///
/// XFS made at 1Gi and grown loses a constant 64 MiB, ext4 loses 1.6 to 5 percent: a ratio errs on the large side for
/// the one and is right for the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    claim: Bytes,
    file_system: Bytes,
}

impl Shape {
    /// For a member whose file system has never been seen at its claim's present size: nine tenths usable.
    pub const UNKNOWN: Self = Self { claim: Bytes::new(10), file_system: Bytes::new(9) };

    /// The shape of a file system of `file_system` bytes on a claim of `claim` bytes; [`Shape::UNKNOWN`] when the two
    /// cannot belong together (the sample is older than the claim's size).
    pub fn measured(claim: Bytes, file_system: Bytes) -> Self {
        let least = claim.scaled_up(85, 100).map_or(claim, |most| most.minus_or_zero(Bytes::mebi(64)));
        if file_system == Bytes::ZERO || file_system > claim || file_system < least {
            Self::UNKNOWN
        } else {
            Self { claim, file_system }
        }
    }

    /// The claim that holds a file system of `file_system` bytes, rounded up.
    pub fn device_for(self, file_system: Bytes) -> Bytes {
        file_system.scaled_up(self.claim.get(), self.file_system.get()).unwrap_or(Bytes::MAX)
    }

    /// The file system on a claim of `device` bytes, rounded down.
    pub fn file_system_on(self, device: Bytes) -> Bytes {
        let product = u128::from(device.get()).saturating_mul(u128::from(self.file_system.get()));
        let bytes = product.checked_div(u128::from(self.claim.get())).unwrap_or(0);
        Bytes::new(u64::try_from(bytes).unwrap_or(u64::MAX))
    }
}
