//! Kubernetes quantities of storage, read as bytes.
//!
//! The driver is the world that the product is tested in, so it does not read sizes with the product's code.

/// Suffixes and the powers that they stand for: base and exponent.
const SUFFIXES: [(&str, u128, u32); 12] = [
    ("Ki", 1024, 1),
    ("Mi", 1024, 2),
    ("Gi", 1024, 3),
    ("Ti", 1024, 4),
    ("Pi", 1024, 5),
    ("Ei", 1024, 6),
    ("k", 1000, 1),
    ("M", 1000, 2),
    ("G", 1000, 3),
    ("T", 1000, 4),
    ("P", 1000, 5),
    ("E", 1000, 6),
];

/// Reads `1Gi`, `1.5G`, `1e9` or `1073741824` as bytes, rounded up as Kubernetes does.
///
/// # Errors
/// No quantity, below nothing, or more than CSI can say; as a sentence.
pub(super) fn bytes(text: &str) -> Result<i64, String> {
    let unreadable = || format!("{text:?} is no size of a volume");
    let suffix =
        SUFFIXES.iter().find_map(|(suffix, base, power)| Some((text.strip_suffix(suffix)?, *base, *power)));
    let (number, base, power) = match suffix {
        Some(found) => found,
        None => match text.strip_suffix('m') {
            // Thousandths: one more digit group behind the point.
            Some(number) => return scaled(number, 1, 1000).ok_or_else(unreadable),
            None => match text.split_once(['e', 'E']) {
                Some((number, exponent)) => (number, 10, exponent.parse().map_err(|_| unreadable())?),
                None => (text, 1, 0),
            },
        },
    };
    let factor = base.checked_pow(power).ok_or_else(unreadable)?;
    scaled(number, factor, 1).ok_or_else(unreadable)
}

/// A decimal number times a factor, divided by a divisor, rounded up.
fn scaled(number: &str, factor: u128, divisor: u128) -> Option<i64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let places = 10_u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let value = digits.parse::<u128>().ok()?.checked_mul(factor)?.div_ceil(places.checked_mul(divisor)?);
    i64::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<i64>) {
        assert_eq!(bytes(text).ok(), expected, "{text}");
    }

    #[test]
    fn sizes_are_read_with_each_suffix() {
        check("1073741824", Some(1 << 30));
        check("1Gi", Some(1 << 30));
        check("10240Mi", Some(10 << 30));
        check("1048576Ki", Some(1 << 30));
        check("2Ti", Some(2 << 40));
        check("1Pi", Some(1 << 50));
        check("1Ei", Some(1 << 60));
        check("1k", Some(1_000));
        check("1M", Some(1_000_000));
        check("1G", Some(1_000_000_000));
        check("1T", Some(1_000_000_000_000));
        check("1P", Some(1_000_000_000_000_000));
        check("1E", Some(1_000_000_000_000_000_000));
        check("1e9", Some(1_000_000_000));
        check("1E3", Some(1_000));
    }

    #[test]
    fn fractions_are_rounded_up_to_whole_bytes() {
        check("1.5Gi", Some(3 << 29));
        check("0.1", Some(1));
        check("1500m", Some(2));
        check(".5Ki", Some(512));
        check("5.Ki", Some(5120));
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in ["", "Gi", "-1Gi", "1 Gi", "1gi", "1e", "1e99", "16Ei", "one", "1.2.3"] {
            check(text, None);
        }
    }
}
