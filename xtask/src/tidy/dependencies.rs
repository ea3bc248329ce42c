//! The dependency table of ARCHITECTURE.md: who may use whom.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Context;

use super::Breach;

/// Our crates and those of ours that each may depend on (normal dependencies).
const TABLE: [(&str, &[&str]); 12] = [
    ("headroom-core", &[]),
    ("headroom-engine", &["headroom-core"]),
    ("headroom-api", &["headroom-core"]),
    ("headroom-kube", &["headroom-api", "headroom-core", "headroom-engine"]),
    ("headroom-operator", &["headroom-api", "headroom-core", "headroom-engine", "headroom-kube"]),
    ("headroom-scenario", &["headroom-api", "headroom-core"]),
    ("headroom-sim", &["headroom-api", "headroom-core", "headroom-engine", "headroom-scenario"]),
    (
        "headroom-e2e",
        &[
            "headroom-api",
            "headroom-core",
            "headroom-csi",
            "headroom-kube",
            "headroom-scenario",
            "headroom-sim",
        ],
    ),
    ("headroom-csi", &[]),
    ("headroom-lab", &["headroom-csi"]),
    ("headroom-standin", &["headroom-core", "headroom-sim"]),
    ("xtask", &[]),
];

/// Crates that a newcomer's first build must not contain: the default build of `headroom-e2e` stays quick.
const HEAVY: [&str; 3] = ["headroom-kube", "headroom-csi", "kube"];

pub(super) fn check(root: &Path) -> anyhow::Result<Vec<Breach>> {
    let table: BTreeMap<&str, BTreeSet<&str>> =
        TABLE.iter().map(|(name, allowed)| (*name, allowed.iter().copied().collect())).collect();
    let mut breaches = Vec::new();
    let mut manifests = vec![root.join("xtask/Cargo.toml")];
    for entry in std::fs::read_dir(root.join("crates")).context("cannot read crates/")? {
        manifests.push(entry.context("cannot read crates/")?.path().join("Cargo.toml"));
    }
    for path in manifests {
        let place = path.strip_prefix(root).unwrap_or(&path).display().to_string();
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {place}"))?;
        let manifest: toml::Table = text.parse().with_context(|| format!("{place} is not TOML"))?;
        breaches.extend(check_manifest(&place, &manifest, &table));
    }
    Ok(breaches)
}

fn check_manifest(
    place: &str,
    manifest: &toml::Table,
    table: &BTreeMap<&str, BTreeSet<&str>>,
) -> Vec<Breach> {
    let mut breaches = Vec::new();
    let name = manifest.get("package").and_then(|package| package.get("name")).and_then(toml::Value::as_str);
    let Some(allowed) = name.and_then(|name| table.get(name)) else {
        return vec![Breach::new(
            place,
            "this crate is not in the dependency table of xtask/src/tidy/dependencies.rs",
        )];
    };
    if manifest.get("lints").and_then(|lints| lints.get("workspace")).and_then(toml::Value::as_bool)
        != Some(true)
    {
        breaches.push(Breach::new(place, "needs `[lints] workspace = true`"));
    }
    let empty = toml::Table::new();
    let dependencies = manifest.get("dependencies").and_then(toml::Value::as_table).unwrap_or(&empty);
    for (dependency, value) in dependencies {
        if table.contains_key(dependency.as_str()) && !allowed.contains(dependency.as_str()) {
            breaches.push(Breach::new(place, format!("may not depend on {dependency} (dependency table)")));
        }
        let optional = value.get("optional").and_then(toml::Value::as_bool) == Some(true);
        if name == Some("headroom-e2e") && HEAVY.contains(&dependency.as_str()) && !optional {
            breaches.push(Breach::new(
                place,
                format!("{dependency} must be optional: the first build stays quick"),
            ));
        }
    }
    breaches
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_text(manifest: &str, expected: &[&str]) {
        let table = TABLE.iter().map(|(name, allowed)| (*name, allowed.iter().copied().collect())).collect();
        let found = check_manifest("x", &manifest.parse().unwrap(), &table);
        let found: Vec<&str> = found.iter().map(|breach| breach.what.as_str()).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn an_arrow_that_is_not_in_the_table_is_a_breach() {
        check_text(
            "[package]\nname = 'headroom-core'\n[dependencies]\nheadroom-api.workspace = true\n[lints]\nworkspace = true",
            &["may not depend on headroom-api (dependency table)"],
        );
    }

    #[test]
    fn the_kube_client_stays_out_of_the_first_build() {
        check_text(
            "[package]\nname = 'headroom-e2e'\n[dependencies]\nheadroom-kube.workspace = true\n[lints]\nworkspace = true",
            &["headroom-kube must be optional: the first build stays quick"],
        );
    }

    #[test]
    fn an_arrow_of_the_table_is_fine() {
        check_text(
            "[package]\nname = 'headroom-engine'\n[dependencies]\nheadroom-core.workspace = true\n[lints]\nworkspace = true",
            &[],
        );
    }
}
