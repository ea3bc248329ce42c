//! Runs that once went wrong, one a line: cell, seed, plan. What follows a `#` is a remark.

use std::{fmt, str::FromStr};

use super::plan::Plan;

/// A run as it can be run again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kept {
    /// The cell: `p0_00_at_the_limit@t2`.
    pub id: String,
    /// The seed.
    pub seed: u64,
    /// Conditions and faults.
    pub plan: Plan,
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.id, self.seed, self.plan)
    }
}

impl FromStr for Kept {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [id, seed, plan] = words.as_slice() else {
            return Err(format!("{line:?} is not a cell, a seed and faults"));
        };
        let seed = seed.parse().map_err(|_| format!("{seed:?} is not a seed"))?;
        Ok(Self { id: (*id).to_owned(), seed, plan: plan.parse()? })
    }
}

/// All runs of a file.
///
/// # Errors
/// The first line that cannot be read.
pub fn read(text: &str) -> Result<Vec<Kept>, String> {
    let line = |line: &str| {
        let line = line.split('#').next().unwrap_or("").trim();
        (!line.is_empty()).then(|| line.parse())
    };
    text.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn a_file_holds_runs_and_remarks() {
        let text = "# why\n\np0_00_at_the_limit@t2 7 stock-kubelet,crash-after@12 # once\nx@t1 1 none\n";
        let runs = read(text).expect("runs and remarks");
        let shown: Vec<String> = runs.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["p0_00_at_the_limit@t2 7 stock-kubelet,crash-after@12", "x@t1 1 none"]);
        assert!(
            read("x@t1 one none").is_err() && read("x@t1 1").is_err() && read("x@t1 1 nonsense").is_err()
        );
    }
}
