//! What is said over a gate socket.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::code::Code;

/// The step that a gate stands before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// `ControllerExpandVolume`: the volume itself becomes larger. Asked for by csi-resizer.
    Controller,
    /// `NodeExpandVolume`: the file system becomes larger. Asked for by the kubelet.
    Node,
    /// `CreateSnapshot`: the volume is copied. Asked for by csi-snapshotter. Its gates select the volume, not the snapshot.
    Snapshot,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Controller => "controller",
            Self::Node => "node",
            Self::Snapshot => "snapshot",
        })
    }
}

/// Which volumes a gate is for. Written `any`, `handle:HANDLE` or `claim:NAMESPACE/NAME`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VolumeSelector {
    /// Every volume.
    Any,
    /// The volume with this CSI volume handle (`spec.csi.volumeHandle` of the PersistentVolume).
    Handle(String),
    /// Volumes that were created for this PersistentVolumeClaim.
    Claim {
        /// Namespace of the claim.
        namespace: String,
        /// Name of the claim.
        name: String,
    },
}

impl VolumeSelector {
    /// The volumes created for one PersistentVolumeClaim.
    pub fn claim(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self::Claim { namespace: namespace.into(), name: name.into() }
    }
}

impl fmt::Display for VolumeSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::Handle(handle) => write!(f, "handle:{handle}"),
            Self::Claim { namespace, name } => write!(f, "claim:{namespace}/{name}"),
        }
    }
}

/// The text names no volume.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} names no volume; write any, handle:HANDLE or claim:NAMESPACE/NAME")]
pub struct VolumeParseError(String);

impl FromStr for VolumeSelector {
    type Err = VolumeParseError;

    fn from_str(text: &str) -> Result<Self, VolumeParseError> {
        let refused = || VolumeParseError(text.to_owned());
        match text.split_once(':') {
            None if text == "any" => Ok(Self::Any),
            Some(("handle", handle)) if !handle.is_empty() => Ok(Self::Handle(handle.to_owned())),
            Some(("claim", claim)) => match claim.split_once('/') {
                Some((namespace, name))
                    if !namespace.is_empty() && !name.is_empty() && !name.contains('/') =>
                {
                    Ok(Self::claim(namespace, name))
                }
                Some(_) | None => Err(refused()),
            },
            Some(_) | None => Err(refused()),
        }
    }
}

impl Serialize for VolumeSelector {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for VolumeSelector {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// One line to the gate socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Hold the step of these volumes from now on. Holding twice is holding once.
    Hold {
        /// The step to hold.
        step: Step,
        /// Of these volumes.
        volume: VolumeSelector,
    },
    /// End the hold with exactly this step and selector; what waits passes. Failures stay.
    Release {
        /// The step that is held.
        step: Step,
        /// The selector it was held with.
        volume: VolumeSelector,
    },
    /// Answer a code instead of doing the step. Replaces an earlier failure with the same step and selector.
    Fail {
        /// The step that shall fail.
        step: Step,
        /// Of these volumes.
        volume: VolumeSelector,
        /// The code to answer.
        code: Code,
        /// The status message to answer.
        message: String,
        /// For how many calls; absent: until cleared.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        times: Option<u32>,
    },
    /// End all holds and failures.
    Clear,
    /// Name all holds and failures.
    List,
    /// What happened at the gates after the event with this number (0: from the start; the last 1,024 are kept).
    Events {
        /// Number of the last event already known.
        after: u64,
    },
    /// Answer when the hold or failure with this step and selector was met by so many calls, or when the time is over.
    WaitReached {
        /// The step of the gate.
        step: Step,
        /// The selector of the gate.
        volume: VolumeSelector,
        /// How many calls must have met it.
        #[serde(default = "one")]
        attempts: u32,
        /// How long to wait, in milliseconds.
        timeout_ms: u64,
    },
}

fn one() -> u32 {
    1
}

/// One line from the gate socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// Done.
    Done,
    /// This process does not serve the step.
    NotHere,
    /// The hold ended while so many calls waited at it.
    Released {
        /// Calls that waited at that moment.
        waiting: u32,
    },
    /// The answer to `list`.
    Gates {
        /// All holds and failures of this process.
        gates: Vec<Gate>,
    },
    /// The answer to `events`.
    Events {
        /// In the order in which they happened.
        events: Vec<Event>,
    },
    /// The gate was met by as many calls as asked.
    Reached {
        /// The gate as it is now.
        gate: Gate,
    },
    /// The time was over first.
    NotReached {
        /// The gate as it is now.
        gate: Gate,
    },
    /// The command could not be obeyed.
    Refused {
        /// Why, and what to do.
        why: String,
    },
}

/// What a gate does to a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It blocks.
    Hold,
    /// It answers a code.
    Fail,
}

/// A hold or a failure as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gate {
    /// What it does.
    pub kind: Kind,
    /// Before which step.
    pub step: Step,
    /// Of which volumes.
    pub volume: VolumeSelector,
    /// How many calls met it so far; a caller's retry counts again.
    pub attempts: u32,
    /// How many calls wait at it now.
    pub waiting: u32,
    /// When the first call met it, in milliseconds since 1970.
    pub reached_at_ms: Option<u64>,
    /// For how many further calls a failure still answers its code; absent: for all.
    pub remaining: Option<u32>,
}

/// Something that happened at the gates of one process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Counts from 1 in each process.
    pub number: u64,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// The step that was called.
    pub step: Step,
    /// Handle of the volume.
    pub handle: String,
    /// `NAMESPACE/NAME` of its claim, when the driver knows it.
    pub claim: Option<String>,
    /// What happened.
    pub what: Happened,
}

/// What happened to one call at the gates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Happened {
    /// A hold stopped the call.
    Held,
    /// The call waited and its caller gave up.
    GaveUp,
    /// A failure answered its code.
    Failed,
    /// The call went on to do the step.
    Passed,
}
