//! Which cells to run.

use std::collections::BTreeSet;

use headroom_scenario::{Cell, catalogue};

use crate::args::{Args, WorldName};

/// The cells that were asked for.
///
/// # Errors
/// When the filter matches nothing; with the ids that come nearest.
pub fn cells(args: &Args) -> Result<Vec<Cell>, String> {
    let cells = catalogue::select(&args.filter, &args.topologies());
    if !cells.is_empty() {
        return Ok(match args.world {
            WorldName::Sim => cells,
            WorldName::Cluster => cells.into_iter().map(Cell::on_cluster).collect(),
        });
    }
    let elsewhere = catalogue::select(&args.filter, &headroom_scenario::Topology::ALL);
    if !elsewhere.is_empty() {
        return Err(format!("--filter '{}' matches nothing in these topologies", args.filter));
    }
    let ids: BTreeSet<&str> = catalogue::all().iter().map(Cell::id).collect();
    let mut near: Vec<(usize, &str)> = ids.into_iter().map(|id| (distance(&args.filter, id), id)).collect();
    near.sort_unstable();
    let near: Vec<&str> = near.into_iter().take(3).map(|(_, id)| id).collect();
    Err(format!(
        "--filter '{}' matches no scenario; did you mean {}? `cargo e2e --list` shows all",
        args.filter,
        near.join(", ")
    ))
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
    use super::distance;

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
}
