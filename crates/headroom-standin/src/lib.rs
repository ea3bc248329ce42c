//! A stand-in for CloudNativePG in the lab, for CI only.
//!
//! What is decided comes from the simulator's model of CloudNativePG (`headroom_sim::model::cnpg`), so that one set of rules,
//! checked against recorded traces, drives the simulator and this. Here is what carries it out on a real cluster: a thin
//! controller, and an instance manager that runs real PostgreSQL. It is not CloudNativePG, holds nothing of it, and says so
//! in every name that is its own to choose.

pub mod cluster;
pub mod controller;
pub mod instance;
pub mod names;
pub mod objects;
pub mod record;
