//! Which cells to run.

use std::collections::{BTreeMap, BTreeSet};

use headroom_scenario::{Cell, Topology, catalogue};

use crate::args::{Args, WorldName};

/// The cells that were asked for.
///
/// # Errors
/// When the filter matches nothing; with the ids that come nearest.
pub fn cells(args: &Args) -> Result<Vec<Cell>, String> {
    let cells = matching(&args.filter, &args.topologies())?;
    let cells = if args.one_gate { one_gate(&cells) } else { cells };
    Ok(match args.world {
        WorldName::Sim => cells,
        WorldName::Cluster => cells.into_iter().map(Cell::on_cluster).collect(),
    })
}

/// The cells that one of the globs matches and none of those with `!` does.
fn matching(globs: &[String], topologies: &[Topology]) -> Result<Vec<Cell>, String> {
    let mut wanted = BTreeSet::new();
    let mut unwanted = BTreeSet::new();
    for glob in globs.iter().map(|glob| glob.trim()) {
        let (glob, set) = match glob.strip_prefix('!') {
            Some(glob) => (glob, &mut unwanted),
            None => (glob, &mut wanted),
        };
        let found = catalogue::select(glob, &Topology::ALL);
        if found.is_empty() {
            return Err(unknown(glob));
        }
        set.extend(found.iter().map(Cell::full_id));
    }
    let only_unwanted = globs.iter().all(|glob| glob.trim().starts_with('!'));
    let mut cells = catalogue::select("*", topologies);
    cells.retain(|cell| {
        let id = cell.full_id();
        (only_unwanted || wanted.contains(&id)) && !unwanted.contains(&id)
    });
    if cells.is_empty() {
        return Err(format!("--filter '{}' matches nothing in these topologies", globs.join(",")));
    }
    Ok(cells)
}

/// Of the gates of one scenario in one topology the next in turn: each scenario is met once, and each gate by some.
fn one_gate(cells: &[Cell]) -> Vec<Cell> {
    let mut turns: BTreeMap<Topology, usize> = BTreeMap::new();
    let same = |one: &Cell, other: &Cell| one.id() == other.id() && one.topology() == other.topology();
    let mut kept = Vec::new();
    for group in cells.chunk_by(same) {
        let runnable: Vec<&Cell> = group.iter().filter(|cell| matches!(cell, Cell::Scenario(_))).collect();
        if runnable.len() < 2 {
            kept.extend(runnable.first().copied().or(group.first()).cloned());
            continue;
        }
        let topology = group.first().map_or(Topology::T1, Cell::topology);
        let turn = turns.entry(topology).or_default();
        kept.extend(runnable.get(*turn % runnable.len()).copied().cloned());
        *turn += 1;
    }
    kept
}

fn unknown(glob: &str) -> String {
    let ids: BTreeSet<&str> = catalogue::all().iter().map(Cell::id).collect();
    let mut near: Vec<(usize, &str)> = ids.into_iter().map(|id| (distance(glob, id), id)).collect();
    near.sort_unstable();
    let near: Vec<&str> = near.into_iter().take(3).map(|(_, id)| id).collect();
    format!(
        "--filter '{glob}' matches no scenario; did you mean {}? `cargo e2e --list` shows all",
        near.join(", ")
    )
}

/// How many letters apart two words are (Levenshtein); stars of a glob cost nothing to drop.
fn distance(glob: &str, id: &str) -> usize {
    let wanted: Vec<char> = glob.chars().filter(|letter| *letter != '*').collect();
    let mut row: Vec<usize> = (0..=wanted.len()).collect();
    for (above, letter) in id.chars().enumerate() {
        let mut diagonal = above;
        let mut left = above + 1;
        for (at, known) in wanted.iter().enumerate() {
            let up = row.get(at + 1).copied().unwrap_or(usize::MAX);
            let best = (diagonal + usize::from(*known != letter)).min(left + 1).min(up.saturating_add(1));
            diagonal = up;
            if let Some(slot) = row.get_mut(at) {
                *slot = left;
            }
            left = best;
        }
        if let Some(slot) = row.last_mut() {
            *slot = left;
        }
    }
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use headroom_scenario::{Cell, Gate, Topology};

    use super::{distance, matching, one_gate};

    #[track_caller]
    fn check(glob: &str, id: &str, expected: usize) {
        assert_eq!(distance(glob, id), expected, "{glob} {id}");
    }

    #[test]
    fn the_distance_counts_letters_and_ignores_stars() {
        check("abc", "abc", 0);
        check("abc*", "abc", 0);
        check("abd", "abc", 1);
        check("", "abc", 3);
        check("kitten", "sitting", 3);
        check("abc", "", 3);
    }

    #[track_caller]
    fn chosen(globs: &[&str], expected: Result<usize, &str>) {
        let globs: Vec<String> = globs.iter().map(|glob| (*glob).to_owned()).collect();
        let found = matching(&globs, &[Topology::T2]).map(|cells| cells.len());
        let as_expected = match (&found, expected) {
            (Err(why), Err(part)) => why.contains(part),
            (found, expected) => *found == expected.map_err(str::to_owned),
        };
        assert!(as_expected, "{globs:?}: {found:?}");
    }

    #[test]
    fn several_globs_add_up_and_an_exclamation_mark_leaves_out() {
        let gates = 5;
        chosen(&["p0_01_operator_restart"], Ok(gates));
        chosen(&["p0_01_operator_restart", "p0_02_primary_pod_restart"], Ok(2 * gates));
        chosen(&["p0_01_operator_restart", "!*/node-step"], Ok(gates - 1));
        chosen(&["p0_01_operator_restart", "!*"], Err("matches nothing in these topologies"));
        chosen(&["p0_01_operator_restart@t1"], Err("matches nothing in these topologies"));
        chosen(
            &["p0_01_operator_restart", "p0_01_operator_restarts"],
            Err("did you mean p0_01_operator_restart,"),
        );
    }

    #[test]
    fn one_gate_leaves_each_scenario_once_in_each_topology_and_misses_no_gate() {
        let all = matching(&["p0_0*".to_owned()], &[Topology::T1, Topology::T3]).unwrap_or_default();
        let key = |cell: &Cell| (cell.id(), cell.topology());
        let before: BTreeSet<_> = all.iter().map(key).collect();
        let chosen = one_gate(&all);
        assert_eq!(chosen.iter().map(key).collect::<BTreeSet<_>>(), before);
        assert_eq!(chosen.len(), before.len());
        for gate in Gate::GROWTH {
            let ending = format!("@t3/{}", gate.name());
            assert!(
                chosen.iter().any(|cell| cell.full_id().ends_with(&ending)),
                "nothing strikes at {ending}"
            );
        }
    }
}
