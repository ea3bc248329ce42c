//! The sixteen gRPC status codes that are not OK.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A gRPC status code other than OK, by its number in the gRPC specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(u8);

/// Names in the order of their numbers; number 1 is first.
const NAMES: [&str; 16] = [
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// The text is not the name of a gRPC code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a gRPC code other than OK; one of {list}", list = NAMES.join(", "))]
pub struct UnknownCode(String);

impl Code {
    /// Every code, by number.
    pub fn all() -> impl Iterator<Item = Self> {
        (1..=16).map(Self)
    }

    /// The code's name as the gRPC specification writes it, for example `RESOURCE_EXHAUSTED`.
    pub fn name(self) -> &'static str {
        NAMES[usize::from(self.0) - 1]
    }

    /// The same code in tonic's type.
    pub fn to_tonic(self) -> tonic::Code {
        tonic::Code::from(i32::from(self.0))
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Code {
    type Err = UnknownCode;

    /// Reads a name with or without underscores or hyphens, in any case: `RESOURCE_EXHAUSTED`, `ResourceExhausted`.
    fn from_str(text: &str) -> Result<Self, UnknownCode> {
        let plain = |text: &str| text.replace(['_', '-'], "").to_ascii_uppercase();
        Self::all().find(|code| plain(code.name()) == plain(text)).ok_or_else(|| UnknownCode(text.to_owned()))
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
