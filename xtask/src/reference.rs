//! The generated parts of docs/reference.md: the words of the API and the metrics, with the sentence that stands beside
//! each in the code. What is between two markers is made anew; what is around them is written by hand.

mod metrics;
mod words;

use std::path::Path;

use anyhow::{Context, bail};

use metrics::Metrics;
use words::{Word, Words};

/// The page, relative to the root.
pub(crate) const PAGE: &str = "docs/reference.md";

/// The page as the code has it, made from the page as it is.
pub(crate) fn render(root: &Path, page: &str) -> anyhow::Result<String> {
    let api = read(root, "crates/headroom-api/src/names.rs")?;
    let report = read(root, "crates/headroom-core/src/report.rs")?;
    let labels = read(root, "crates/headroom-operator/src/metrics/labels.rs")?;
    let api = Words::parse(&api, "words")?;
    let metrics = Metrics::parse(
        &read(root, "crates/headroom-operator/src/metrics.rs")?,
        &labels,
        &Words::parse(&labels, "label")?,
    )?;
    let blocks = [
        ("conditions", table("condition", api.of("ConditionType")?)),
        ("states", table("state", &words::variants(&report, "State")?)),
        ("reasons", table("reason", api.of("ReasonName")?)),
        ("metrics", metrics.table()),
    ];
    blocks.iter().try_fold(page.to_owned(), |page, (name, content)| fill(&page, name, content))
}

fn read(root: &Path, path: &str) -> anyhow::Result<syn::File> {
    let text = std::fs::read_to_string(root.join(path)).with_context(|| format!("cannot read {path}"))?;
    syn::parse_file(&text).with_context(|| format!("{path} does not parse"))
}

fn table(head: &str, words: &[Word]) -> String {
    let rows = words.iter().map(|Word { word, says, .. }| format!("| `{word}` | {} |\n", cell(says)));
    format!("| {head} | meaning |\n|---|---|\n{}", rows.collect::<String>())
}

/// A sentence as it may stand in a table: without the full stop, and without what would end the cell.
fn cell(says: &str) -> String {
    says.trim().trim_end_matches('.').replace('|', "\\|")
}

/// The page with this content between the markers of that name.
fn fill(page: &str, name: &str, content: &str) -> anyhow::Result<String> {
    let (begin, end) = (format!("<!-- generated: {name} -->\n"), "<!-- end -->");
    let Some((before, rest)) = page.split_once(&begin) else {
        bail!("{PAGE} has no line `{}`", begin.trim_end());
    };
    let Some((_, after)) = rest.split_once(end) else {
        bail!("{PAGE} has no line `{end}` after `{}`", begin.trim_end());
    };
    Ok(format!("{before}{begin}{content}{end}{after}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn page() -> String {
        std::fs::read_to_string(crate::root().join(PAGE)).unwrap()
    }

    #[test]
    fn the_reference_says_what_the_code_says() {
        let fresh = render(&crate::root(), &page()).unwrap() == page();
        assert!(fresh, "{PAGE} is stale: run `cargo xtask codegen`");
    }

    /// The generator knows some ways in which a metric is registered; this knows none of them.
    #[test]
    fn every_name_under_which_something_is_registered_is_in_the_reference() {
        let page = page();
        let path = crate::root().join("crates/headroom-operator/src/metrics.rs");
        let code: String = std::fs::read_to_string(path).unwrap().split_whitespace().collect();
        let registers = ["(r,\"", "register(\""];
        let mut names = 0;
        for opening in registers {
            for rest in code.split(opening).skip(1) {
                let name = rest.split('"').next().unwrap();
                assert!(page.contains(&format!("`headroom_{name}")), "{name} is not in {PAGE}");
                names += 1;
            }
        }
        assert!(names > 20, "only {names} metrics were found in the code");
    }

    #[test]
    fn what_is_between_the_markers_is_made_anew_and_the_rest_stays() {
        let page =
            "a\n<!-- generated: x -->\nold\n<!-- end -->\nb\n<!-- generated: y -->\nkept\n<!-- end -->\n";
        let filled = fill(page, "x", "new\n").unwrap();
        assert_eq!(filled, page.replace("old", "new"));
        assert!(fill(page, "z", "new\n").is_err());
    }
}
