//! `p0_00_*`: the plain path of each growth rule (design §5), without a disturbance.
//!
//! Sizes. Claims of 1Gi carry an XFS file system of 960 MiB, and claim − 64 MiB at every later size (experiments G1), so a
//! wanted file system is converted by 1024 ÷ 960. Sizes are whole 64Mi because `limit` is below 8Gi.
//!
//! - 84 % of 960 MiB is 806 MiB. Buffer 20 + 2 points: 806 ÷ 0.78 × 1024 ÷ 960 = 1103 MiB; + 10 %: 1126.4 MiB; rounded up:
//!   **1152Mi**, up to 87.7 % used: 35 MiB of room for what a real server's WAL adds. Afterwards 806 of 1088 MiB are used:
//!   26 % free.
//! - An emergency adds max(25 %, 1Gi, what restores the buffer): **2Gi** whatever a 960 MiB file system holds.
//! - 88 % of 960 MiB is 845 MiB: at `limit` 1088Mi 17.5 % of 1024 MiB stay free, still below the buffer.

use crate::{Topology, scenario::Cell};

mod edge;
mod full;
mod held;
mod planned;

/// The scenarios of this family.
pub const FAMILY: [fn(Topology) -> Cell; 13] = [
    planned::in_window,
    held::outside_window,
    full::emergency_under_inserts,
    full::already_full,
    held::at_the_limit,
    held::out_of_budget,
    planned::tablespace,
    full::tablespace,
    full::data_beside_wal,
    planned::smaller_member,
    edge::canary_hangs,
    edge::stale_back_off,
    edge::silent_kubelet,
];
