//! Shrink (design §6): the space that a volume no longer needs is given back, instance by instance.

mod copies;
mod guarded;
mod month;
mod nodes;
mod peak;
mod plain;
mod shape;
mod struck;
mod turned;
mod volumes;

pub(super) use copies::{
    born_right, born_too_small, fails, given_up, marked_is_elected, primary_lost, primary_lost_before_pod,
};
pub(super) use guarded::{
    archive_broken, disruptions_forbidden, from_snapshots, old_primary_broken, supervised, without_hints,
};
pub(super) use month::calm;
pub(super) use nodes::{backed_up, cordoned, drained};
pub(super) use peak::remembered;
pub(super) use plain::{again, plain, without_surge};
pub(super) use struck::{
    cnpg_away, crash, failover, fewer, killed, lowered, more, paused, raised, reconciliation_off, reverted,
    switchover, unschedulable,
};
pub(super) use turned::{deleted, disabled, emergency};
pub(super) use volumes::{tablespace, two, wal};
