//! Shrink (design §6), with a toy CNPG: what it begins upon, what it does in which order, what it never does.

mod begins;
mod guards;
mod laws;
pub(crate) mod lint;
mod steps;
mod toy;
