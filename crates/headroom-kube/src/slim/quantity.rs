//! A quantity as it is written.

use std::fmt;

use headroom_core::{Bytes, quantity};
use serde::{Deserialize, Deserializer, de::Visitor};

/// A quantity letter by letter (`10Gi`); a number is kept as its digits. Letters matter: a JSON-patch `test` compares
/// text, so `1024Mi` is not `1Gi` there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuantityText(pub String);

impl QuantityText {
    /// The amount; `None` when the text is no quantity.
    pub fn bytes(&self) -> Option<Bytes> {
        quantity::parse(&self.0).ok()
    }
}

impl<'de> Deserialize<'de> for QuantityText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct IntOrString;

        impl Visitor<'_> for IntOrString {
            type Value = QuantityText;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a quantity (text or number)")
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(QuantityText(text.to_owned()))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
                Ok(QuantityText(number.to_string()))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
                Ok(QuantityText(number.to_string()))
            }
        }

        deserializer.deserialize_any(IntOrString)
    }
}
