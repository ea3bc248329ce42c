//! Names of time zones that are similar to a wrong one.

/// The most similar name of the IANA database, if one is similar enough to be meant.
pub(super) fn similar(name: &str) -> Option<String> {
    let wanted = name.trim().to_lowercase();
    let nearest = jiff::tz::db()
        .available()
        .map(|candidate| {
            let candidate = candidate.to_string();
            let lower = candidate.to_lowercase();
            let city = lower.rsplit('/').next().unwrap_or(&lower);
            let distance = edits(&wanted, &lower).min(edits(&wanted, city));
            (distance, candidate)
        })
        .min()?;
    let (distance, candidate) = nearest;
    let allowed = if wanted.chars().count() <= 4 { 1 } else { 3 };
    (distance <= allowed).then_some(candidate)
}

/// Least number of single-character edits that turn one text into the other (Levenshtein).
fn edits(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (line, letter) in from.chars().enumerate() {
        let mut diagonal = line;
        let mut left = line + 1;
        let mut next = vec![left];
        for (column, other) in to.iter().enumerate() {
            let above = row.get(column + 1).copied().unwrap_or(usize::MAX - 1);
            let substituted = diagonal + usize::from(letter != *other);
            left = substituted.min(above + 1).min(left + 1);
            diagonal = above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, suggestion: Option<&str>) {
        assert_eq!(similar(name).as_deref(), suggestion, "{name}");
    }

    #[test]
    fn a_similar_zone_is_suggested() {
        check("Europe/Berln", Some("Europe/Berlin"));
        check("Berlin", Some("Europe/Berlin"));
        check("America/NewYork", Some("America/New_York"));
        check("Asia/Kolkatta", Some("Asia/Kolkata"));
    }

    #[test]
    fn nothing_is_suggested_for_what_resembles_nothing() {
        check("the time zone of my cat", None);
        check("", None);
    }

    #[test]
    fn edits_are_counted() {
        assert_eq!(edits("kitten", "sitting"), 3);
        assert_eq!(edits("", "abc"), 3);
        assert_eq!(edits("abc", ""), 3);
        assert_eq!(edits("same", "same"), 0);
    }
}
