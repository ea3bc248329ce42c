//! `p0_04_*`: the user changes the spec while a growth runs. The newer intent wins: what is not patched yet is derived
//! anew, what is patched is kept (design §5 rule 3), and a target that should be higher is the next operation.
//!
//! Sizes, with 806 MiB used (84 % of 960 MiB, see `p0_00`), up to 931 MiB (97 %) on a real server:
//!
//! - Buffer 30: 806 ÷ 0.68 × 1024 ÷ 960 = 1265 MiB; + 10 % of 1152: 1267.2 MiB; rounded up **1280Mi**; at most
//!   931 ÷ 0.68 × 1024 ÷ 960 = 1461, rounded up **1472Mi**.
//! - 88 % are 845 MiB. At `limit` 1088Mi 17.5 % of 1024 MiB are free: when the limit is raised, + 10 % of 1088 is
//!   1196.8, rounded up **1216Mi**; at most 931 ÷ 0.78 × 1024 ÷ 960 = 1274, rounded up **1280Mi**.

mod cluster;
mod instances;
mod policy;

pub(super) use cluster::{above_limit, racing, reconciliation_off};
pub(super) use instances::{fewer, more};
pub(super) use policy::{buffer_lowered, buffer_raised, limit_lowered, limit_raised};
