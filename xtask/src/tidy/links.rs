//! Links of Markdown files to files of the repository, and the lines that the README promises.

use std::path::Path;

use super::{Breach, sources::Sources};

pub(super) fn check(root: &Path, sources: &Sources) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for file in sources.files.iter().filter(|file| file.has_extension("md")) {
        let folder = root.join(&file.path).parent().map_or_else(|| root.to_path_buf(), Path::to_path_buf);
        for (at, line) in file.text.lines().enumerate() {
            for target in targets(line) {
                let local = target.split('#').next().unwrap_or_default();
                if !local.is_empty() && !local.contains("://") && !folder.join(local).exists() {
                    breaches.push(Breach::new(
                        format!("{}:{}", file.path, at + 1),
                        format!("links to {target}, which is not there"),
                    ));
                }
            }
        }
    }
    breaches
}

/// The targets of `[text](target)` and `src="target"` in a line.
fn targets(line: &str) -> Vec<&str> {
    let markdown = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let html = line.split("src=\"").skip(1).filter_map(|rest| rest.split('"').next());
    markdown.chain(html).filter(|target| !target.starts_with('#') && !target.starts_with("mailto:")).collect()
}

#[cfg(test)]
mod tests {
    use super::targets;

    #[test]
    fn targets_of_markdown_and_html_are_found() {
        assert_eq!(targets("see [a](b.md#c) and ![d](e.svg)"), ["b.md#c", "e.svg"]);
        assert_eq!(targets("<img src=\"docs/x.svg\" width=\"3\">"), ["docs/x.svg"]);
        assert_eq!(targets("none (here) [at] all"), Vec::<&str>::new());
    }
}
