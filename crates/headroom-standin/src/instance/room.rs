//! Whether the volume that holds pg_wal has room for one more segment.

use std::path::Path;

use super::pgdata;
use crate::names;

/// A WAL segment.
const SEGMENT: u64 = 16 << 20;

/// Whether a segment fits where pg_wal is.
pub(super) fn for_a_segment() -> bool {
    let wal = Path::new(names::WAL);
    let place = if wal.exists() { wal } else { pgdata() };
    // A place that cannot be measured is left to the server, which says what is wrong with it.
    available(place).is_none_or(|available| available >= SEGMENT)
}

fn available(place: &Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(place).ok()?;
    stat.f_bavail.checked_mul(stat.f_frsize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_system_tells_its_room_and_an_absent_place_nothing() {
        assert!(available(&std::env::temp_dir()).is_some_and(|bytes| bytes > 0));
        assert_eq!(available(Path::new("/absent")), None);
    }
}
