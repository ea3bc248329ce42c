//! `p0_10_*`: the boundaries of the budget and of the provider.
//!
//! Sizes. 84 % of 960 MiB lead to 1152Mi, up to 1280Mi (see `p0_00`). A hand-made 1088Mi has a file system of 1024 MiB,
//! 88 % of which are 901 MiB. The *last* slot goes straight to what lasts until the next one: where no rate is known
//! that is max(150 %, + 2Gi), else max(125 %, + 1Gi, what the rate needs), and never above `limit`.
//!
//! - From 1088Mi: 1088 + 1024 = **2112Mi** at least, 1088 + 2048 = **3136Mi** where no rate is known.
//! - From 1152Mi to 1280Mi under inserts: at least 1152 + 1024 = **2176Mi**, at most the limit of 4Gi.

mod exhausted;
mod provider;
mod slots;

pub(super) use exhausted::{emergency_returns, raised};
pub(super) use provider::refuses;
pub(super) use slots::{last_planned, planned_returns, reserve};
