//! `*` and `?`, for scenario ids.

/// Whether `text` matches `glob` as a whole: `*` stands for any text, `?` for one byte.
pub(super) fn matches(glob: &str, text: &str) -> bool {
    let (glob, text) = (glob.as_bytes(), text.as_bytes());
    let (mut g, mut t) = (0_usize, 0_usize);
    // Where to go on when the text behind the last star must be one byte longer.
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match (glob.get(g), text.get(t)) {
            (Some(b'*'), _) => {
                retry = Some((g, t));
                g += 1;
            }
            (Some(pattern), Some(byte)) if *pattern == b'?' || pattern == byte => {
                g += 1;
                t += 1;
            }
            _ => {
                let Some((star, from)) = retry else { return false };
                retry = Some((star, from + 1));
                (g, t) = (star + 1, from + 1);
            }
        }
    }
    glob.iter().skip(g).all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[track_caller]
    fn check(glob: &str, text: &str, expected: bool) {
        assert_eq!(matches(glob, text), expected, "{glob} against {text}");
    }

    #[test]
    fn a_star_stands_for_any_text_and_the_whole_text_must_match() {
        check("*", "", true);
        check("p0_00_*", "p0_00_at_the_limit", true);
        check("p0_00_*", "p0_01_restart", false);
        check("*limit*@t2", "p0_00_at_the_limit@t2", true);
        check("*limit*@t2", "p0_00_at_the_limit@t1", false);
        check("p0_00", "p0_00_at_the_limit", false);
        check("*a*b", "aab", true);
        check("*a*b", "aabc", false);
        check("p?_*", "p0_", true);
        check("p?_*", "p_", false);
        check("", "p0", false);
    }
}
