//! Kubernetes quantities, exact.

use core::fmt;

use crate::Bytes;

/// Writes the canonical form: the largest binary suffix that divides the amount.
pub(crate) fn write_canonical(bytes: Bytes, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    const SUFFIXES: [(&str, u32); 6] =
        [("Ei", 60), ("Pi", 50), ("Ti", 40), ("Gi", 30), ("Mi", 20), ("Ki", 10)];
    for (suffix, shift) in SUFFIXES {
        let unit = 1_u64 << shift;
        if bytes.get() >= unit && bytes.get().is_multiple_of(unit) {
            return write!(f, "{}{suffix}", bytes.get() >> shift);
        }
    }
    write!(f, "{}", bytes.get())
}
