//! Which sizes a volume may have.

use tonic::Status;

use crate::generated::csi::CapacityRange;

/// The smallest volume: `mkfs.xfs` refuses file systems below 300 MiB (xfsprogs 5.19 and later).
pub const SIZE_MIN: u64 = 300 << 20;

/// Sizes are multiples of this many bytes, the block size of XFS.
pub const SIZE_UNIT: u64 = 4096;

/// The size of a volume when the request names none, in bytes.
const SIZE_DEFAULT: u64 = 1 << 30;

/// A capacity range of a CSI request, checked. Sizes in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    required: u64,
    limit: Option<u64>,
}

impl Range {
    /// Reads a range. Absent and zero mean the same (CSI, `CapacityRange`).
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`: a negative size, or a limit below what is required.
    pub fn read(range: Option<&CapacityRange>) -> Result<Self, Status> {
        let size = |bytes: i64, what: &str| {
            u64::try_from(bytes).map_err(|_| Status::invalid_argument(format!("{what} is negative: {bytes}")))
        };
        let Some(range) = range else { return Ok(Self { required: 0, limit: None }) };
        let required = size(range.required_bytes, "required_bytes")?;
        let limit = Some(size(range.limit_bytes, "limit_bytes")?).filter(|limit| *limit > 0);
        if limit.is_some_and(|limit| limit < required) {
            return Err(Status::invalid_argument(format!(
                "limit_bytes is below required_bytes ({required})"
            )));
        }
        Ok(Self { required, limit })
    }

    /// The size that a volume made or grown for this range gets: what is required, rounded up to [`SIZE_UNIT`].
    ///
    /// # Errors
    /// `OUT_OF_RANGE`: below [`SIZE_MIN`], or the limit leaves no possible size.
    pub fn size(self) -> Result<u64, Status> {
        let wanted = match (self.required, self.limit) {
            (0, None) => SIZE_DEFAULT,
            (0, Some(limit)) => SIZE_DEFAULT.min(limit - limit % SIZE_UNIT),
            (required, _) => required,
        };
        if wanted < SIZE_MIN {
            return Err(Status::out_of_range(format!(
                "{wanted} bytes are too few: an XFS file system needs at least {SIZE_MIN} bytes; request 300Mi or more"
            )));
        }
        let size = wanted.checked_next_multiple_of(SIZE_UNIT).filter(|size| i64::try_from(*size).is_ok());
        let size = size.ok_or_else(|| Status::out_of_range(format!("{wanted} bytes are too many")))?;
        match self.limit {
            Some(limit) if size > limit => Err(Status::out_of_range(format!(
                "no multiple of {SIZE_UNIT} bytes lies between {wanted} and the limit {limit}"
            ))),
            Some(_) | None => Ok(size),
        }
    }

    /// As [`size`](Self::size), for a volume that is made of a snapshot of `least` bytes. Without a size it gets just these.
    ///
    /// # Errors
    /// `OUT_OF_RANGE`: also when the snapshot does not fit (CSI, `CreateVolume`: a volume must not be smaller than its
    /// source).
    pub fn size_for(self, least: u64) -> Result<u64, Status> {
        let asked = if self.required == 0 { self.limit.unwrap_or(least) } else { self.required };
        if asked < least {
            return Err(Status::out_of_range(format!(
                "{asked} bytes are fewer than the {least} bytes of the snapshot; request at least its restoreSize"
            )));
        }
        Self { required: self.required.max(least), ..self }.size()
    }

    /// Whether a volume that exists with this size is one that the range asks for.
    pub fn fits(self, size: u64) -> bool {
        self.required <= size && self.limit.is_none_or(|limit| size <= limit)
    }
}

/// A size as CSI writes it. Sizes that [`Range::size`] gave fit.
pub(crate) fn wire(size: u64) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    const MIB: i64 = 1 << 20;

    #[track_caller]
    fn check(required_bytes: i64, limit_bytes: i64, expected: Result<i64, Code>) {
        let range = CapacityRange { required_bytes, limit_bytes };
        let size = Range::read(Some(&range)).and_then(Range::size);
        assert_eq!(size.map(wire).map_err(|status| status.code()), expected);
    }

    #[test]
    fn a_volume_gets_exactly_what_is_required() {
        check(300 * MIB, 0, Ok(300 * MIB));
        check(1024 * MIB, 1024 * MIB, Ok(1024 * MIB));
        check(1024 * MIB, 4096 * MIB, Ok(1024 * MIB));
    }

    #[test]
    fn sizes_are_rounded_up_to_whole_blocks() {
        check(300 * MIB + 1, 0, Ok(300 * MIB + 4096));
        check(300 * MIB + 1, 300 * MIB + 4095, Err(Code::OutOfRange));
    }

    #[test]
    fn a_range_without_a_size_gives_the_default_within_its_limit() {
        check(0, 0, Ok(1024 * MIB));
        check(0, 2048 * MIB, Ok(1024 * MIB));
        check(0, 512 * MIB + 1, Ok(512 * MIB));
        assert_eq!(Range::read(None).and_then(Range::size).ok(), Some(1 << 30));
    }

    #[test]
    fn sizes_that_xfs_or_the_wire_cannot_hold_are_refused() {
        check(300 * MIB - 1, 0, Err(Code::OutOfRange));
        check(0, 299 * MIB, Err(Code::OutOfRange));
        check(i64::MAX, 0, Err(Code::OutOfRange));
    }

    #[test]
    fn a_volume_of_a_snapshot_is_at_least_as_large() {
        let check = |required, limit, expected: Result<i64, Code>| {
            let range = CapacityRange { required_bytes: required * MIB, limit_bytes: limit * MIB };
            let size = Range::read(Some(&range)).and_then(|range| range.size_for(1024 << 20));
            let size = size.map(|size| wire(size) / MIB).map_err(|status| status.code());
            assert_eq!(size, expected, "{required} {limit}");
        };
        check(0, 0, Ok(1024));
        check(0, 4096, Ok(1024));
        check(1024, 0, Ok(1024));
        check(2048, 0, Ok(2048));
        check(2048, 2048, Ok(2048));
        check(1023, 0, Err(Code::OutOfRange));
        check(1023, 4096, Err(Code::OutOfRange));
        check(0, 1023, Err(Code::OutOfRange));
    }

    #[test]
    fn a_range_that_contradicts_itself_is_refused() {
        check(-1, 0, Err(Code::InvalidArgument));
        check(0, -1, Err(Code::InvalidArgument));
        check(1024 * MIB, 1023 * MIB, Err(Code::InvalidArgument));
    }
}
