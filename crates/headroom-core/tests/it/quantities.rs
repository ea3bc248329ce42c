//! Kubernetes quantities: every suffix, every edge, and arbitrary digits against exact arithmetic.

use headroom_core::{
    Bytes,
    quantity::{ParseQuantityError, parse},
};
use proptest::prelude::*;

const MAX: u64 = i64::MAX as u64;

#[track_caller]
fn reads(text: &str, bytes: u64) {
    assert_eq!(parse(text).map(Bytes::get), Ok(bytes), "{text:?}");
}

#[test]
fn every_suffix_multiplies_as_in_kubernetes() {
    for (suffix, unit) in [
        ("", 1),
        ("k", 1_000),
        ("M", 1_000_000),
        ("G", 1_000_000_000),
        ("T", 1_000_000_000_000),
        ("P", 1_000_000_000_000_000),
        ("E", 1_000_000_000_000_000_000),
        ("Ki", 1 << 10),
        ("Mi", 1 << 20),
        ("Gi", 1 << 30),
        ("Ti", 1 << 40),
        ("Pi", 1 << 50),
        ("Ei", 1 << 60),
        ("e0", 1),
        ("e3", 1_000),
        ("E3", 1_000),
        ("e+3", 1_000),
        ("E+03", 1_000),
    ] {
        reads(&format!("3{suffix}"), 3 * unit);
        reads(&format!("+3{suffix}"), 3 * unit);
        reads(&format!("003{suffix}"), 3 * unit);
        reads(&format!("3.{suffix}"), 3 * unit);
        reads(&format!("3.000{suffix}"), 3 * unit);
        reads(&format!("0{suffix}"), 0);
        reads(&format!("-0{suffix}"), 0);
        reads(&format!(".0{suffix}"), 0);
    }
}

#[test]
fn parts_of_a_byte_are_rounded_up() {
    for (text, bytes) in [
        ("1n", 1),
        ("1u", 1),
        ("1m", 1),
        ("1000m", 1),
        ("1001m", 2),
        ("2000000u", 2),
        ("2000000001n", 3),
        ("0.1", 1),
        (".5", 1),
        ("1.5", 2),
        ("0.0000000000000000000001", 1),
        ("5e-1", 1),
        ("1E-30", 1),
        ("0.001k", 1),
        ("0.0011k", 2),
        ("0.5Ki", 512),
        ("0.001Ki", 2),
        ("0.5Gi", 512 << 20),
        ("1.5Gi", 1536 << 20),
        (".25Ti", 256 << 30),
        ("0.3Gi", 322_122_548),
        ("0.9999999999999999999999999Ki", 1024),
    ] {
        reads(text, bytes);
    }
}

#[test]
fn beyond_the_largest_amount_it_is_the_largest_amount() {
    reads("9223372036854775806", MAX - 1);
    reads("9223372036854775807", MAX);
    for text in [
        "9223372036854775808",
        "18446744073709551616",
        "99999999999999999999999999999999999999999",
        "8Ei",
        "10E",
        "1e19",
        "1e999",
        "1E9223372036854775807",
        "99999999999999999999999999Ki",
        "9223372036854775807.5",
    ] {
        reads(text, MAX);
    }
    reads("7.999Ei", 9_222_219_115_350_168_962);
    reads("1e-9223372036854775808", 1);
}

#[test]
fn what_is_no_quantity_is_named() {
    use ParseQuantityError::{Negative, NoNumber, Unexpected, UnknownSuffix};
    let suffix = |suffix: &str| UnknownSuffix { suffix: suffix.into() };
    let unexpected = |character, offset| Unexpected { character, offset };
    for (text, error) in [
        ("", NoNumber),
        ("+", NoNumber),
        ("-", NoNumber),
        (".", NoNumber),
        ("Gi", NoNumber),
        ("+.Gi", NoNumber),
        (" 1", unexpected(' ', 0)),
        ("abc", unexpected('a', 0)),
        ("--1", unexpected('-', 1)),
        ("1 Gi", unexpected(' ', 1)),
        ("1Gi ", unexpected(' ', 3)),
        ("1.5.2", unexpected('.', 3)),
        ("1,5Gi", unexpected(',', 1)),
        ("10GB", unexpected('B', 3)),
        ("١Gi", unexpected('١', 0)),
        ("1e1.5", unexpected('.', 3)),
        ("1K", suffix("K")),
        ("1ki", suffix("ki")),
        ("1mi", suffix("mi")),
        ("1iG", suffix("iG")),
        ("1GiGi", suffix("GiGi")),
        ("1e", suffix("e")),
        ("1ee3", suffix("ee3")),
        ("1e3k", suffix("e3k")),
        ("1e99999999999999999999", suffix("e99999999999999999999")),
        ("-1Gi", Negative),
        ("-1n", Negative),
    ] {
        assert_eq!(parse(text), Err(error), "{text:?}");
    }
}

#[test]
fn errors_say_what_to_write() {
    let message = parse("10GB").unwrap_err().to_string();
    assert_eq!(message, "unexpected 'B' at byte 3; write an amount such as 10Gi or 1.5Ti");
    let message = parse("10K").unwrap_err().to_string();
    assert!(message.contains("unknown suffix \"K\"") && message.contains("Ki"), "{message}");
}

#[test]
fn the_canonical_form_is_the_largest_binary_suffix_that_divides() {
    for (bytes, text) in [
        (0, "0"),
        (1, "1"),
        (1023, "1023"),
        (1024, "1Ki"),
        (1025, "1025"),
        (1536, "1536"),
        (71_303_168, "68Mi"),
        (10 << 30, "10Gi"),
        (1536 << 20, "1536Mi"),
        (1 << 40, "1Ti"),
        (3 << 60, "3Ei"),
        (MAX, "9223372036854775807"),
    ] {
        assert_eq!(Bytes::new(bytes).to_string(), text);
    }
}

/// `digits[.digits]` and a factor, computed with plain long multiplication in `u128`.
fn exact(whole: u64, fraction: &str, factor: u128) -> u64 {
    let scale = 10_u128.pow(u32::try_from(fraction.len()).unwrap());
    let numerator = u128::from(whole) * scale + fraction.parse::<u128>().unwrap_or(0);
    u64::try_from((numerator * factor).div_ceil(scale)).unwrap_or(u64::MAX).min(MAX)
}

proptest! {
    #[test]
    fn writing_and_reading_again_gives_the_same(bytes in 0..=MAX) {
        prop_assert_eq!(parse(&Bytes::new(bytes).to_string()), Ok(Bytes::new(bytes)));
    }

    #[test]
    fn fractions_are_exact(whole in 0..2_000_000_u64, fraction in "[0-9]{1,9}", shift in 0..=4_u32) {
        let suffix = ["", "Ki", "Mi", "Gi", "Ti"][shift as usize];
        let bytes = exact(whole, &fraction, 1 << (10 * shift));
        prop_assert_eq!(parse(&format!("{whole}.{fraction}{suffix}")).map(Bytes::get), Ok(bytes));
        let suffix = ["", "k", "M", "G", "T"][shift as usize];
        let bytes = exact(whole, &fraction, 1000_u128.pow(shift));
        prop_assert_eq!(parse(&format!("{whole}.{fraction}{suffix}")).map(Bytes::get), Ok(bytes));
        let bytes = exact(whole, &fraction, 10_u128.pow(shift));
        prop_assert_eq!(parse(&format!("{whole}.{fraction}e{shift}")).map(Bytes::get), Ok(bytes));
    }

    #[test]
    fn any_text_is_read_or_refused_without_a_panic(text in ".{0,40}") {
        let _ = parse(&text).map(Bytes::get);
    }

    #[test]
    fn text_of_quantity_characters_is_read_or_refused(text in "[-+.0-9eEinumkKMGTP]{0,12}") {
        if let Ok(bytes) = parse(&text) {
            prop_assert!(bytes <= Bytes::MAX);
            prop_assert!(text.bytes().any(|byte| byte.is_ascii_digit()));
        }
    }
}
