//! Usage samples of a claim's file system.

use alloc::vec::Vec;

use crate::{Bytes, Timestamp};

/// One measurement of a file system by the kubelet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sample {
    /// The kubelet's own time of the measurement (not of the poll).
    pub at: Timestamp,
    /// Size of the file system.
    pub capacity: Bytes,
    /// What an unprivileged writer can still use.
    pub available: Bytes,
}

/// The newest samples of one claim with distinct times, oldest first, at most [`Samples::KEPT`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Samples {
    list: Vec<Sample>,
}

impl Samples {
    /// How many samples are kept: ten minutes at the lab's 10 s period, well over ten at the stock 60 s.
    pub const KEPT: usize = 24;

    /// No samples yet.
    pub const fn none() -> Self {
        Self { list: Vec::new() }
    }

    /// Takes a sample in. One that is not newer than the newest is dropped: answers `false`.
    pub fn push(&mut self, sample: Sample) -> bool {
        if self.list.last().is_some_and(|last| sample.at <= last.at) {
            return false;
        }
        if self.list.len() >= Self::KEPT {
            self.list.remove(0);
        }
        self.list.push(sample);
        true
    }

    /// Oldest first.
    pub fn as_slice(&self) -> &[Sample] {
        &self.list
    }

    /// The newest sample.
    pub fn newest(&self) -> Option<Sample> {
        self.list.last().copied()
    }
}

/// What the samples say at a given time. Unknown is a value, never a default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// A sample not older than five minutes whose capacity agrees with the claim.
    Fresh(Sample),
    /// The newest sample is older than that.
    Stale(Sample),
    /// The file system's size disagrees with the claim while nothing resizes.
    Mismatch(Sample),
    /// No sample has been seen.
    Never,
}
