//! A Kubernetes quantity as users write it: `10Gi` or a number of bytes.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// An amount of storage: a string such as `10Gi`, or a number of bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Quantity {
    /// A number of bytes.
    Count(i64),
    /// A quantity with or without a suffix.
    Text(String),
}

impl Quantity {
    /// Longest accepted text; keeps the estimated cost of the CEL rules bounded.
    pub const TEXT_MAX: usize = 32;

    /// What `resource.Quantity` accepts, without a sign: no size is negative.
    pub const PATTERN: &'static str =
        r"^([0-9]+(\.[0-9]*)?|\.[0-9]+)(([KMGTPE]i)|[numkMGTPE]|([eE][+-]?[0-9]{1,2}))?$";
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl From<&str> for Quantity {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<headroom_core::Bytes> for Quantity {
    fn from(bytes: headroom_core::Bytes) -> Self {
        Self::Text(bytes.to_string())
    }
}

impl JsonSchema for Quantity {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Quantity".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "x-kubernetes-int-or-string": true,
            "minimum": 0,
            "maxLength": Self::TEXT_MAX,
            "pattern": Self::PATTERN,
        })
    }
}
