//! Digests of statuses: equal exactly when writing would change nothing but transition times. They are compared within
//! one process and stored nowhere.

use std::hash::{Hash, Hasher};

use headroom_core::{Record, Report};

use super::{Refusal, conditions, render, signed};
use crate::{
    names::{ConditionType, ReasonName},
    v1alpha1::{Condition, DynamicStorageStatus},
};

/// Digest of what [`super::write`] would store.
pub fn digest(record: &Record, report: &Report) -> u64 {
    of_decided(&render(record, report))
}

/// Digest of what [`super::write_refusal`] would store. Volumes are not part of it: a refusal leaves them alone.
pub fn refusal_digest(refusal: &Refusal<'_>, generation: u64) -> u64 {
    of_refused(Some(signed(generation)), &conditions::of_refusal(refusal, generation))
}

/// Digest of a stored status, comparable with both of the others.
pub fn stored_digest(status: &DynamicStorageStatus) -> u64 {
    let undated = DynamicStorageStatus { conditions: undated(&status.conditions), ..status.clone() };
    let refused = undated
        .conditions
        .iter()
        .find(|condition| condition.type_ == ConditionType::Stalled.as_str())
        .and_then(|condition| ReasonName::from_word(&condition.reason))
        .is_some_and(ReasonName::is_refusal);
    if refused { of_refused(undated.observed_generation, &undated.conditions) } else { of_decided(&undated) }
}

fn undated(conditions: &[Condition]) -> Vec<Condition> {
    conditions.iter().map(|condition| Condition { last_transition_time: None, ..condition.clone() }).collect()
}

fn of_decided(undated: &DynamicStorageStatus) -> u64 {
    hash(&("decided", undated))
}

fn of_refused(generation: Option<i64>, undated: &[Condition]) -> u64 {
    hash(&("refused", generation, undated))
}

fn hash(value: &impl Hash) -> u64 {
    let mut state = Fnv(0xcbf2_9ce4_8422_2325);
    value.hash(&mut state);
    state.finish()
}

/// FNV-1a, 64 bits. Numbers go in as eight little-endian bytes, so that every machine gives the same digest.
struct Fnv(u64);

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    fn write_i32(&mut self, number: i32) {
        self.write_i64(i64::from(number));
    }

    fn write_i64(&mut self, number: i64) {
        self.write(&number.to_le_bytes());
    }

    fn write_usize(&mut self, number: usize) {
        self.write(&(number as u64).to_le_bytes());
    }

    fn write_isize(&mut self, number: isize) {
        self.write(&(number as i64).to_le_bytes());
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
