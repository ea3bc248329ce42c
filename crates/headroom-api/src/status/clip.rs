//! Foreign text is bounded before it is stored, so that no driver's words can make a status unwritable.

/// Most characters of a message.
const MESSAGE_MAX: usize = 2_000;

/// Most characters of a condition's message, which joins several.
const CONDITION_MAX: usize = 8_000;

/// A message that fits the schema.
pub(super) fn message(text: String) -> String {
    clip(text, MESSAGE_MAX)
}

/// A condition's message that fits the schema.
pub(super) fn condition(text: String) -> String {
    clip(text, CONDITION_MAX)
}

fn clip(text: String, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text,
        Some((end, _)) => {
            let mut kept = text.get(..end).unwrap_or("").to_owned();
            kept.push('…');
            kept
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_cut_at_a_character() {
        assert_eq!(clip("äöü".to_owned(), 3), "äöü");
        assert_eq!(clip("äöü".to_owned(), 2), "äö…");
        assert_eq!(message("x".repeat(5_000)).chars().count(), MESSAGE_MAX + 1);
        assert_eq!(condition("x".repeat(9_000)).chars().count(), CONDITION_MAX + 1);
    }
}
