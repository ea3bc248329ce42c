//! House rules that a machine can hold. Run by `cargo xtask tidy` and by a test, so `cargo test --workspace` holds them.

mod dependencies;
mod guards;
mod length;
mod links;
mod sources;

use std::path::Path;

use anyhow::bail;

use sources::Sources;

/// One breach of a rule.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Breach {
    /// Path from the root, with a line where one is known.
    place: String,
    /// What is wrong and what to do.
    what: String,
}

impl Breach {
    fn new(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { place: place.into(), what: what.into() }
    }
}

/// Checks everything; the error lists each breach.
pub(crate) fn run(root: &Path) -> anyhow::Result<()> {
    let sources = Sources::read(root)?;
    let mut breaches = Vec::new();
    breaches.extend(dependencies::check(root)?);
    breaches.extend(length::check(&sources)?);
    breaches.extend(links::check(root, &sources));
    breaches.extend(guards::check(&sources));
    breaches.sort();
    if breaches.is_empty() {
        crate::say(&format!("tidy: {} files, nothing to object to", sources.files.len()));
        return Ok(());
    }
    let list: Vec<String> =
        breaches.iter().map(|breach| format!("{}: {}", breach.place, breach.what)).collect();
    bail!("tidy: {} breaches\n{}", list.len(), list.join("\n"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_repository_is_tidy() {
        if let Err(error) = super::run(&crate::root()) {
            assert_eq!(format!("{error:#}"), "");
        }
    }
}
