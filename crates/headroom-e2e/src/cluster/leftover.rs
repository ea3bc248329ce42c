//! Marks on what a run changes in the cluster itself, so that the next run can undo what a killed one left behind.

use std::path::Path;

/// Label or annotation; its value is the number of the run's process on this machine.
pub(crate) const PROCESS: &str = "e2e.headroom.dev/process";

/// The mark of this run.
pub(crate) fn mark() -> String {
    std::process::id().to_string()
}

/// Whether the run that left this mark is over. A run elsewhere looks like one that is over: matrices of two machines do
/// not share a cluster.
pub(crate) fn is_over(mark: Option<&String>) -> bool {
    mark.is_none_or(|process| !Path::new("/proc").join(process).exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_run_is_not_over_and_one_that_never_was_is() {
        assert!(!is_over(Some(&mark())));
        // No process has a number beyond 2^22.
        assert!(is_over(Some(&"4999999".to_owned())) && is_over(None));
    }
}
