//! Kubernetes quantities, exact.
//!
//! The grammar is that of `k8s.io/apimachinery/pkg/api/resource`: `[+-]digits[.digits]` and one suffix out of
//! `n u m k M G T P E`, `Ki Mi Gi Ti Pi Ei`, or a decimal exponent `e3`, `E-2`. Amounts are rounded up to whole bytes and
//! end at [`Bytes::MAX`], as there. One difference: a text without any digit is no zero here but an error.

use alloc::{string::String, vec::Vec};
use core::fmt;

use crate::Bytes;

/// Why a text is no storage amount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParseQuantityError {
    /// It has no digit.
    NoNumber,
    /// A character that no quantity has, at this byte offset.
    Unexpected {
        /// The character.
        character: char,
        /// Where it stands, in bytes from the start.
        offset: usize,
    },
    /// The number is fine and the suffix is none of Kubernetes'.
    UnknownSuffix {
        /// The suffix as written.
        suffix: String,
    },
    /// Below zero: no size.
    Negative,
}

impl fmt::Display for ParseQuantityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoNumber => f.write_str("no number; write an amount such as 10Gi"),
            Self::Unexpected { character, offset } => {
                write!(f, "unexpected {character:?} at byte {offset}; write an amount such as 10Gi or 1.5Ti")
            }
            Self::UnknownSuffix { suffix } => write!(
                f,
                "unknown suffix {suffix:?}; use Ki, Mi, Gi, Ti, Pi, Ei, or k, M, G, T, P, E for powers of ten"
            ),
            Self::Negative => f.write_str("a size below zero; write an amount such as 10Gi"),
        }
    }
}

impl core::error::Error for ParseQuantityError {}

/// Reads a quantity as bytes, rounded up; amounts beyond [`Bytes::MAX`] become [`Bytes::MAX`].
///
/// # Errors
/// See [`ParseQuantityError`].
pub fn parse(text: &str) -> Result<Bytes, ParseQuantityError> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, rest) = leading_digits(unsigned);
    let (fraction, suffix) = match rest.strip_prefix('.') {
        Some(rest) => leading_digits(rest),
        None => ("", rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return Err(match unsigned.chars().next() {
            Some(character) if !is_suffix_character(character) && character != '.' => {
                ParseQuantityError::Unexpected {
                    character,
                    offset: text.len().saturating_sub(unsigned.len()),
                }
            }
            Some(_) | None => ParseQuantityError::NoNumber,
        });
    }
    let amount = match scale(suffix, text.len().saturating_sub(suffix.len()))? {
        Scale::Decimal(exponent) => decimal(whole, fraction, exponent),
        Scale::Binary(doublings) => binary(whole, fraction, doublings),
    };
    if text.starts_with('-') && amount > Bytes::ZERO {
        return Err(ParseQuantityError::Negative);
    }
    Ok(amount)
}

/// What a suffix multiplies with.
enum Scale {
    /// A power of ten.
    Decimal(i64),
    /// A power of two.
    Binary(u32),
}

fn scale(suffix: &str, offset: usize) -> Result<Scale, ParseQuantityError> {
    Ok(match suffix {
        "n" => Scale::Decimal(-9),
        "u" => Scale::Decimal(-6),
        "m" => Scale::Decimal(-3),
        "" => Scale::Decimal(0),
        "k" => Scale::Decimal(3),
        "M" => Scale::Decimal(6),
        "G" => Scale::Decimal(9),
        "T" => Scale::Decimal(12),
        "P" => Scale::Decimal(15),
        "E" => Scale::Decimal(18),
        "Ki" => Scale::Binary(10),
        "Mi" => Scale::Binary(20),
        "Gi" => Scale::Binary(30),
        "Ti" => Scale::Binary(40),
        "Pi" => Scale::Binary(50),
        "Ei" => Scale::Binary(60),
        other => return exponent(other, offset),
    })
}

/// `e3`, `E-2`.
fn exponent(suffix: &str, offset: usize) -> Result<Scale, ParseQuantityError> {
    let number = suffix.strip_prefix(['e', 'E']);
    if let Some(exponent) = number.and_then(|number| number.parse().ok()) {
        return Ok(Scale::Decimal(exponent));
    }
    let stray = suffix.char_indices().find(|(_, character)| {
        !is_suffix_character(*character) && !matches!(character, '0'..='9' | '+' | '-')
    });
    Err(match stray {
        Some((at, character)) => {
            ParseQuantityError::Unexpected { character, offset: offset.saturating_add(at) }
        }
        None => ParseQuantityError::UnknownSuffix { suffix: String::from(suffix) },
    })
}

fn is_suffix_character(character: char) -> bool {
    "eEinumkKMGTP".contains(character)
}

/// The digits at the start of `text`, and what follows.
fn leading_digits(text: &str) -> (&str, &str) {
    let end = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// `whole.fraction × 10^exponent` by moving the point: exact for any length.
fn decimal(whole: &str, fraction: &str, exponent: i64) -> Bytes {
    let digits = || whole.bytes().chain(fraction.bytes()).map(|digit| digit.saturating_sub(b'0'));
    let count = i64::try_from(whole.len().saturating_add(fraction.len())).unwrap_or(i64::MAX);
    let point = i64::try_from(whole.len()).unwrap_or(i64::MAX).saturating_add(exponent);
    let mut amount = 0_u64;
    let mut position = 0_i64;
    let mut rest = false;
    for digit in digits() {
        if position < point {
            amount = amount.saturating_mul(10).saturating_add(u64::from(digit));
        } else {
            rest |= digit > 0;
        }
        position = position.saturating_add(1);
    }
    // Zeros that the exponent adds behind the last digit; 20 of them are beyond any amount.
    for _ in 0..point.saturating_sub(count).clamp(0, 20) {
        amount = amount.saturating_mul(10);
    }
    Bytes::new(amount.saturating_add(u64::from(rest)))
}

/// `whole.fraction × 2^doublings`: the fraction is doubled digit by digit, exact for any length.
fn binary(whole: &str, fraction: &str, doublings: u32) -> Bytes {
    let mut digits: Vec<u8> = fraction.bytes().map(|digit| digit.saturating_sub(b'0')).collect();
    let mut from_fraction = 0_u64;
    for _ in 0..doublings {
        let mut carry = 0_u8;
        for digit in digits.iter_mut().rev() {
            let doubled = digit.saturating_mul(2).saturating_add(carry);
            carry = doubled / 10;
            *digit = doubled % 10;
        }
        from_fraction = from_fraction.saturating_mul(2).saturating_add(u64::from(carry));
    }
    let rest = digits.iter().any(|digit| *digit > 0);
    let whole = whole.bytes().fold(0_u64, |sum, digit| {
        sum.saturating_mul(10).saturating_add(u64::from(digit.saturating_sub(b'0')))
    });
    let amount = whole.saturating_mul(1_u64.checked_shl(doublings).unwrap_or(u64::MAX));
    Bytes::new(amount.saturating_add(from_fraction).saturating_add(u64::from(rest)))
}

/// Writes the canonical form: the largest binary suffix that divides the amount.
pub(crate) fn write_canonical(bytes: Bytes, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    const SUFFIXES: [(&str, u32); 6] =
        [("Ei", 60), ("Pi", 50), ("Ti", 40), ("Gi", 30), ("Mi", 20), ("Ki", 10)];
    for (suffix, shift) in SUFFIXES {
        let unit = 1_u64 << shift;
        if bytes.get() >= unit && bytes.get().is_multiple_of(unit) {
            return write!(f, "{}{suffix}", bytes.get() >> shift);
        }
    }
    write!(f, "{}", bytes.get())
}
