//! Shrink (design §6): the space that a volume no longer needs is given back, instance by instance.

mod plain;
mod shape;
mod struck;
mod turned;
mod volumes;

pub(super) use plain::{again, plain, without_surge};
pub(super) use struck::{
    copies_again, crash, failover, fewer, killed, more, raised, reconciliation_off, reverted, switchover,
    unschedulable,
};
pub(super) use turned::{deleted, disabled, emergency};
pub(super) use volumes::{tablespace, wal};
