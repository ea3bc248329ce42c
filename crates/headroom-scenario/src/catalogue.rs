//! The scenarios. Sizes are literals, thought through by hand; nothing here calls the code under test.

use crate::{Topology, scenario::Cell};

mod glob;
pub mod p0_00;

/// Every cell of the matrix: scenario by scenario, T1, T2, T3.
pub fn all() -> Vec<Cell> {
    p0_00::FAMILY.into_iter().flat_map(|scenario| Topology::ALL.map(scenario)).collect()
}

/// The cells whose id, with or without topology, matches `glob` (`*` and `?`) and whose topology is in the list.
pub fn select(glob: &str, topologies: &[Topology]) -> Vec<Cell> {
    let wanted = |cell: &Cell| {
        topologies.contains(&cell.topology())
            && (glob::matches(glob, cell.id()) || glob::matches(glob, &cell.full_id()))
    };
    all().into_iter().filter(wanted).collect()
}
