//! What a user can mend by themselves, told in one line with the next step.

use std::process::ExitCode;

/// Something the lab needs is missing; `next` is what the user does about it.
#[derive(Debug, thiserror::Error)]
#[error("{missing}; next: {next}")]
pub(crate) struct PrerequisiteError {
    /// What is missing, as a clause.
    pub(crate) missing: String,
    /// The one next step.
    pub(crate) next: String,
}

impl PrerequisiteError {
    pub(crate) fn new(missing: impl Into<String>, next: impl Into<String>) -> Self {
        Self { missing: missing.into(), next: next.into() }
    }
}

/// The lab is not up (or not whole) although the command needs it.
#[derive(Debug, thiserror::Error)]
#[error("no lab is up in {dir}; next: cargo lab up")]
pub(crate) struct NotUpError {
    /// The state directory that was looked at.
    pub(crate) dir: String,
}

/// 3 for a missing prerequisite or bad usage, 4 when no lab is up, 1 for every failure.
pub(crate) fn exit_code(error: &anyhow::Error) -> ExitCode {
    if error.downcast_ref::<PrerequisiteError>().is_some() {
        ExitCode::from(3)
    } else if error.downcast_ref::<NotUpError>().is_some() {
        ExitCode::from(4)
    } else {
        ExitCode::FAILURE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prerequisite_is_one_line_that_ends_in_the_next_step() {
        let error = PrerequisiteError::new("not running as root", "sudo -E cargo lab up");
        assert_eq!(error.to_string(), "not running as root; next: sudo -E cargo lab up");
    }

    #[test]
    fn exit_codes_tell_prerequisites_from_a_lab_that_is_not_up() {
        let code = |error: anyhow::Error| format!("{:?}", exit_code(&error));
        let three = format!("{:?}", ExitCode::from(3));
        let four = format!("{:?}", ExitCode::from(4));
        assert_eq!(code(PrerequisiteError::new("a", "b").into()), three);
        assert_eq!(code(NotUpError { dir: "/x".into() }.into()), four);
        assert_eq!(code(anyhow::anyhow!("other")), format!("{:?}", ExitCode::FAILURE));
    }
}
