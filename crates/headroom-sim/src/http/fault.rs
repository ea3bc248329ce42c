//! What goes wrong with single calls.

use std::fmt;

use crate::model::Model;

/// What happens to a call.
pub enum Fault {
    /// It is refused and not done.
    Refuse {
        /// HTTP status.
        code: u16,
        /// The server's words.
        message: String,
        /// `Retry-After` in seconds.
        retry_after_s: Option<u32>,
    },
    /// The connection breaks before it is done.
    Lost,
    /// It is done, and the answer breaks off in the middle.
    Cut,
    /// Something else happens before it is done.
    Meanwhile(Box<dyn FnOnce(&mut Model) + Send>),
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refuse { .. } => "Refuse",
            Self::Lost => "Lost",
            Self::Cut => "Cut",
            Self::Meanwhile(_) => "Meanwhile",
        })
    }
}

/// A fault that waits for its call.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) method: &'static str,
    pub(super) part: String,
    pub(super) fault: Fault,
}
