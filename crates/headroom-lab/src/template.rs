//! Filling `@NAME@` in embedded files; an unknown or forgotten name is an error, never an empty string.

use anyhow::{Result, bail};

/// Replaces each `@NAME@` by its value.
pub(crate) fn fill(template: &str, values: &[(&str, &str)]) -> Result<String> {
    let mut text = template.to_owned();
    for (name, value) in values {
        let mark = format!("@{name}@");
        if !template.contains(&mark) {
            bail!("the template does not use {mark}");
        }
        text = text.replace(&mark, value);
    }
    if let Some(mark) = left_over(&text) {
        bail!("no value was given for {mark}");
    }
    Ok(text)
}

/// The first `@NAME@` (capitals and `_`) in a text.
fn left_over(text: &str) -> Option<&str> {
    let mut pieces = text.match_indices('@').map(|(at, _)| at).peekable();
    while let Some(start) = pieces.next() {
        let end = *pieces.peek()?;
        let name = text.get(start + 1..end)?;
        if !name.is_empty() && name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_') {
            return text.get(start..=end);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_mark_is_replaced() {
        assert_eq!(fill("a @X@ b @Y_Z@ @X@", &[("X", "1"), ("Y_Z", "2")]).unwrap(), "a 1 b 2 1");
    }

    #[test]
    fn a_forgotten_value_is_an_error_that_names_the_mark() {
        assert!(fill("@A@ @B@", &[("A", "x")]).unwrap_err().to_string().contains("@B@"));
    }

    #[test]
    fn a_value_without_a_mark_is_an_error() {
        assert!(fill("plain", &[("A", "x")]).is_err());
    }

    #[test]
    fn an_at_sign_in_ordinary_text_is_no_mark() {
        assert_eq!(fill("mail a@b.c, d@e.f @A@", &[("A", "1")]).unwrap(), "mail a@b.c, d@e.f 1");
    }
}
