//! Usage samples of a claim's file system.

pub mod shape;
pub mod share;
pub mod slope;

use alloc::vec::Vec;

use crate::{
    Bytes, Span, Timestamp,
    observation::{ClaimSeen, ResizeStep},
};

/// A sample older than this, by the kubelet's own time, is stale (design §5 rule 4): three minutes are one missed
/// poll at the stock 60 to 120 s.
pub const STALE_AFTER: Span = Span::minutes(5);

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

/// What `samples` say of `claim` at `now`.
///
/// A file system larger than its claim, or smaller than 80 percent of it less 128 MiB, was not made by that claim (a
/// path of the node's own disk, for example); while the claim is being resized the two may differ.
pub fn classify(claim: &ClaimSeen, samples: Option<&Samples>, now: Timestamp) -> Usage {
    let Some(newest) = samples.and_then(Samples::newest) else {
        return Usage::Never;
    };
    if newest.at.plus(STALE_AFTER) < now {
        return Usage::Stale(newest);
    }
    match claim.capacity {
        Some(capacity) if !resizing(claim) && !sized_by(capacity, newest.capacity) => Usage::Mismatch(newest),
        Some(_) | None => Usage::Fresh(newest),
    }
}

/// Whether a file system of `file_system` bytes can stand on a claim of `claim` bytes.
pub(crate) fn sized_by(claim: Bytes, file_system: Bytes) -> bool {
    let least = claim.scaled_up(80, 100).map_or(claim, |most| most.minus_or_zero(Bytes::mebi(128)));
    file_system > Bytes::ZERO && file_system <= claim && file_system >= least
}

/// Whether a resize of the claim is under way.
fn resizing(claim: &ClaimSeen) -> bool {
    let moving = match claim.resize.step {
        ResizeStep::ControllerInProgress | ResizeStep::NodePending | ResizeStep::NodeInProgress => true,
        ResizeStep::None
        | ResizeStep::ControllerInfeasible
        | ResizeStep::NodeInfeasible
        | ResizeStep::Other(_) => false,
    };
    moving
        || claim.resize.file_system_pending
        || claim.resize.in_progress
        || claim.capacity.is_some_and(|capacity| claim.requested > capacity)
}
