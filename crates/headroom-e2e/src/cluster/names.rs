//! What a cell's namespace is called.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// The longest name of a namespace.
const LONGEST: usize = 63;

/// A name of its own for each full id: `p0_01_operator_restart@t2/node-step` → `p0-01-operator-restart-t2-node-step`, with a
/// hash of the id at the end where it would be too long.
pub(crate) fn namespace(full_id: &str) -> String {
    let spelled: String = full_id
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
        .collect();
    let spelled = spelled.trim_matches('-');
    if spelled.len() <= LONGEST {
        return spelled.to_owned();
    }
    let mut hasher = DefaultHasher::new();
    full_id.hash(&mut hasher);
    let hash = format!("-{:08x}", hasher.finish() & 0xffff_ffff);
    let kept: String = spelled.chars().take(LONGEST - hash.len()).collect();
    format!("{}{hash}", kept.trim_end_matches('-'))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use headroom_scenario::{Cell, catalogue};

    use super::*;

    #[test]
    fn a_namespace_tells_scenario_topology_and_gate() {
        let expected = "p0-01-operator-restart-t2-node-step";
        assert_eq!(namespace("p0_01_operator_restart@t2/node-step"), expected);
    }

    #[test]
    fn a_long_id_ends_with_a_hash_and_stays_its_own() {
        let long = "p1_01_backup_and_drain_and_growth_of_a_tablespace_at_once@t3/before-completion";
        let (one, other) = (namespace(long), namespace(&long.replace("completion", "patch")));
        assert!(one.len() <= LONGEST && one.starts_with("p1-01-backup-and-drain"), "{one}");
        assert_ne!(one, other);
    }

    #[test]
    fn every_cell_of_the_catalogue_has_a_namespace_of_its_own_that_kubernetes_takes() {
        let ids: BTreeSet<String> = catalogue::all().iter().map(Cell::full_id).collect();
        let names: BTreeSet<String> = ids.iter().map(|id| namespace(id)).collect();
        assert_eq!(names.len(), ids.len());
        let label = |name: &String| {
            name.len() <= LONGEST
                && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
                && !name.starts_with('-')
                && !name.ends_with('-')
        };
        assert!(names.iter().all(label), "{names:?}");
    }
}
